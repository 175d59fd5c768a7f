"""Wrong labels on purpose, and the texts of corpora."""

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.extraction_arguments import ExtractionDataArguments
from hf_relation.runs.extraction_data import load_data
from hf_relation.runs.finecl_arguments import FineCLArguments
from hf_relation.runs.finecl_data import load_pretraining_data, replace_labels
from tests.common.tiny_corpora import write_redocred


NAMES = ["a", "b", "c", "d"]


def rows(number=50):
    entries = [[{"head": 0, "tail": 1, "label": "a"}, {"head": 0, "tail": 1, "label": "b"}] for _ in range(number)]
    return [{"id": str(i), "relations": relations} for i, relations in enumerate(entries)]


def test_the_share_is_exact_and_every_replaced_label_is_another_that_the_pair_had_not():
    before = rows()
    after, wrong = replace_labels(before, NAMES, 0.3, seed=1)
    changed = [
        (old["label"], new["label"])
        for d, e in zip(before, after, strict=True)
        for old, new in zip(d["relations"], e["relations"], strict=True)
        if old != new
    ]
    assert len(changed) == sum(map(sum, wrong)) == 30
    assert all(new != old for old, new in changed)
    for document in after:
        labels = [relation["label"] for relation in document["relations"]]
        assert len(set(labels)) == len(labels)
    assert before == rows()  # not altered
    assert replace_labels(before, NAMES, 0.3, seed=1)[0] == after
    assert replace_labels(before, NAMES, 0.3, seed=2)[0] != after


def test_spared_texts_keep_their_labels_and_one_relation_cannot_be_exchanged():
    before = rows()
    after, wrong = replace_labels(before, NAMES, 1.0, spare=range(40))
    assert after[:40] == before[:40] and sum(map(sum, wrong[:40])) == 0 and sum(map(sum, wrong)) == 20
    with pytest.raises(UsageError, match="at least 2 relations"):
        replace_labels(before, ["a"], 0.5)


def test_the_test_texts_of_redocred_are_not_trained_on(tmp_path):
    write_redocred(tmp_path, "dev_revised.json")
    script = FineCLArguments(corpora=["redocred"], data_dir=str(tmp_path))
    data = load_pretraining_data(script)
    evaluation = load_data(ExtractionDataArguments(dataset="redocred", data_dir=str(tmp_path)))
    trained = {document["text"] for document in [*data.train, *data.validation]}
    assert trained == {document["text"] for document in evaluation.train}
    assert not trained & {document["text"] for document in [*evaluation.test, *evaluation.validation]}
