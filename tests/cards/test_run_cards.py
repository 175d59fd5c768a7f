"""Cards written from the results of runs, of every method: one structure, valid metadata, harmless strings, and never replaced by a save."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard
from hypothesis import example, given, settings

from hf_relation.cards import classification_card_text, extraction_card_text, model_card_text, write_model_card
from hf_relation.cards.pruning_card import pruning_card_text
from hf_relation.data.markdown import one_line
from tests.cards.markdown_reader import HOSTILE, addresses, hostile_strings, run_snippets, skeleton, split, tables
from tests.cards.test_classification_card import results as classification_results
from tests.cards.test_extraction_card import results as extraction_results
from tests.cards.test_model_card import results as discovery_results
from tests.common.tiny_models import tiny_more, tiny_multitask


METHODS = ("MORE", "RoCORE", "Siamese-URE")


def discovery(method: str = "MORE", value: str = "known-name", **settings) -> str:
    content = discovery_results(
        method=method,
        dataset=value,
        encoder=value,
        word_vectors=value,
        counts={value: 3, "train": 80},
        relations={"known": [value], "held_out": [value], "novel": [value]},
        settings={"key": value},
        versions={"torch": value},
    )
    given = {"name": value, "base_model": value, "license": value, "data_license": value, "limits": [value]}
    return model_card_text(content, seed=4, relation_names={value: value}, languages=[value], **(given | settings))


def extraction(value: str = "known-name") -> str:
    content = extraction_results(
        dataset=value,
        encoder=value,
        relations=[value],
        unseen_relations={value: 2},
        validation_from=value,
        counts={value: 3},
        settings={"key": value},
    )
    return extraction_card_text(
        content, name=value, base_model=value, license=value, data_license=value, languages=[value], limits=[value]
    )


def classification(value: str = "known-name") -> str:
    content = classification_results(
        dataset=value,
        encoders={value: value},
        relations=[value],
        unseen_relations={value: 2},
        validation_from=value,
        counts={value: 3},
        settings={"key": value},
    )
    content["summary"] = {value: content["summary"]["base"]}
    given = {"base_model": value, "license": value, "data_license": value, "languages": [value], "limits": [value]}
    return classification_card_text(content, name=value, encoder=value, **given)


@pytest.mark.parametrize("method", METHODS)
def test_a_card_of_discovery_has_all_that_a_reader_must_know(method: str) -> None:
    text = model_card_text(discovery_results(method=method), name="m", seed=4)
    header, body = split(text)
    card = ModelCard(text)
    scored = {(result.dataset_split, result.metric_type) for result in card.data.eval_results}
    assert {
        (part, figure) for part in ("test", "validation") for figure in ("bcubed_f1", "v_measure", "ari")
    } <= scored
    assert {result.dataset_name for result in card.data.eval_results} == {
        "fewrel: novel relations",
        "fewrel: held-out known relations",
    }
    headings = [line for line in body.splitlines() if line.startswith("## ")]
    assert headings == [
        *(
            "## Use",
            "## Figures",
            "## Beside published figures",
            "## Data",
            "## Relations",
            "## Training",
            "## Limits",
            "## Licence",
        ),
        "## Citation",
    ]
    published = next(table for table in tables(body) if table[0][0] == "system")
    assert [row[0] for row in published[1:]] == ["RW-HAC", "SelfORE", "RSN", "RSN-BERT", "RoCORE", "this model"]
    assert "±" in published[-1][3], "our row has the spread over seeds"
    assert "license" not in header and "Weights: not stated." in body
    assert "CC BY-SA 4.0" in body[body.index("## Licence") :], "the licence of a corpus that is known"
    assert header["language"] == ["en"] and header["datasets"] == ["fewrel"]


def test_nothing_is_said_of_files_of_ones_own_that_nobody_said() -> None:
    text = model_card_text(discovery_results(dataset="jsonl", published=None), name="m")
    header, body = split(text)
    assert not {"license", "language", "datasets", "base_model"} & set(header)
    assert "Training data (jsonl): not stated." in body and "Beside published" not in body
    assert ModelCard(text).data.eval_results


def test_a_card_of_extraction_tells_known_from_unseen_relations() -> None:
    text = extraction_card_text(extraction_results(unseen_relations={"spouse": 2, "ruler": 1}), name="m", seed=0)
    header, body = split(text)
    assert "**Known (trained on, 2):** born in;" in body
    assert "**Novel (in the test, not in training, 2):** spouse; ruler. Their 3 triples count as missed" in body
    assert "license" not in header and header["datasets"] == ["webnlg"] and "CC BY-NC-SA 4.0" in body
    assert ModelCard(text).data.eval_results[0].metric_type == "f1"
    assert "**Novel (in the test, not in training, 0):** none" in extraction_card_text(extraction_results(), name="m")


def test_a_single_sign_is_no_address_and_an_address_is_found():
    assert not addresses(extraction(value="@"))
    assert addresses("---\nlicense: mit\n---\n\nWrite to a@b, please.\n") == ["a@b"]


@pytest.mark.parametrize("make", [discovery, extraction, classification])
@settings(max_examples=25, deadline=None)
@given(hostile_strings)
@example("0")  # a name that makes a list of what follows it
@example(HOSTILE)
def test_strings_of_a_run_are_text(make, value: str) -> None:
    check_strings(make(value=value if one_line(value) else "x"), make(value="harmless"))


@pytest.mark.parametrize("method", METHODS[1:])
def test_strings_of_other_methods_are_text(method: str) -> None:
    check_strings(discovery(method, HOSTILE), discovery(method, "harmless"))


def check_strings(hostile: str, harmless: str) -> None:
    found = skeleton(split(hostile)[1])
    assert found == skeleton(split(harmless)[1])
    assert not {"html_inline", "link_open", "image"} & set(found["inline"]) and not addresses(hostile)
    assert set(split(hostile)[0]) == set(split(harmless)[0])
    hostile.encode("utf-8")


@pytest.mark.parametrize("algorithm", ["kmeans", "mean_shift", "hdbscan", "agglomerative", "adaptive"])
def test_the_snippet_suits_the_algorithm_of_the_run(algorithm: str, tmp_path, capsys) -> None:
    from hf_relation import RelationDiscovery

    model, processor = tiny_more()
    RelationDiscovery(model, processor, algorithm=algorithm).save_pretrained(tmp_path)
    content = discovery_results()
    content["evaluation"] |= {"algorithm": algorithm}
    write_model_card(tmp_path, content)
    assert run_snippets(tmp_path) == 1 and "[" in capsys.readouterr().out


def test_a_save_leaves_a_card_with_figures_alone(tmp_path) -> None:
    model, processor = tiny_more()
    model.save_pretrained(tmp_path)
    path = write_model_card(tmp_path, discovery_results())
    text = path.read_text(encoding="utf-8")
    model.save_pretrained(tmp_path)
    assert path.read_text(encoding="utf-8") == text and "B-cubed" in text


def pruning(value: str) -> str:
    scores = {"unpruned": {"validation": 0.8, "test": {value: 0.75}}}
    job = {"name": value, **scores, "searches": {"lowest": {"num_heads": 3, "validation": 0.85, "test": {value: 0.7}}}}
    figure = {"mean": 0.7, "sd": 0.01}
    found = {"unpruned": figure, "lowest": {"pruned": figure, "gain": figure}}
    corpus = {"corpus": value, "counts": {"train": 9, "validation": 3, "test": 2}}
    results = {
        **{"task": value, "encoder": value, "metric": value, "setting": value, "sources": [value]},
        "corpora": {value: corpus},
        "summary": {value: {"targets": {value: found}}},
        "runs": [{"seed": 3, "jobs": [job]}, {"seed": 4, "jobs": []}],
        "settings": {"key": value},
        "versions": {"torch": value},
    }
    config = tiny_multitask()[0].config
    return pruning_card_text(config, results, seed=3, job=value, pruned=True)


def test_a_card_of_a_pruning_run_shows_both_scores_and_the_spread() -> None:
    text = pruning("en")
    assert [result.metric_value for result in ModelCard(text).data.eval_results] == [0.7]
    assert ["en", "70.0", "70.0 ± 1.0", "70.0 ± 1.0", "70.0 ± 1.0"] in sum(tables(split(text)[1]), [])
    assert "over 2 training seeds. 3 heads are gone" in text and "80.0 before, 85.0 after" in text


@pytest.mark.parametrize("value", ["0", HOSTILE])
def test_strings_of_a_pruning_run_are_text(value: str) -> None:
    check_strings(pruning(value), pruning("harmless"))
