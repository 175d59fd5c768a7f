"""Windows with the relations of their pairs, BIO tags, and the batches made of them."""

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.processing import bio_labels
from hf_relation.training import ExtractionCollator, ExtractionDataset, LengthBatchSampler, chosen_pairs
from tests.common.tiny_documents import document, labelled_windows, sample_documents
from tests.common.tiny_models import tiny_kernel_re


NUMBERS = {"born_in": 0, "founded_by": 1, "flows_into": 2}
DOCUMENTS = sample_documents()


def dataset(documents=DOCUMENTS, **options):
    return ExtractionDataset(documents, tiny_kernel_re()[1], NUMBERS, **options)


def test_batches_hold_what_a_slow_loop_over_the_documents_gives():
    _, processor = tiny_kernel_re()
    rows = dataset()
    batch = ExtractionCollator(processor, 3)([rows[row] for row in range(len(rows))])
    slow = labelled_windows(processor, DOCUMENTS, list(NUMBERS))
    assert batch.keys() == slow.keys()
    for name in slow:
        assert torch.equal(batch[name], slow[name]), name


def test_both_relations_of_a_pair_and_a_relation_listed_twice():
    row = document(
        "Ada met Bob.", "Ada", "Bob", relations=((0, 1, "born_in"), (0, 1, "founded_by"), (0, 1, "born_in"))
    )
    assert dataset([row]).windows[0].relations == [[0, 1], []]


def test_windows_of_a_long_document_share_out_its_pairs():
    _, processor = tiny_kernel_re()
    processor.max_length = 40
    text = "Ada Brenner was born in Lindau. " + "It rained and rained. " * 30 + "Jonas Weil was born in Orn."
    row = document(
        text, "Ada Brenner", "Lindau", "Jonas Weil", "Orn", relations=((0, 1, "born_in"), (2, 3, "born_in"))
    )
    found = ExtractionDataset([row], processor, NUMBERS)
    assert found.num_cut == 1 and len(found) > 2 and set(found.instance_ids) == {row["id"]}
    assert sum(len(window.relations) for window in found.windows) == 12
    assert sum(relations == [0] for window in found.windows for relations in window.relations) == 2


@pytest.mark.parametrize("types, expected", [(["X"], "X"), (["LOCATION", "ORG", "PERSON"], None)])
def test_tags_mark_the_mentions_and_nothing_else(types, expected):
    labels = bio_labels(types)
    rows = dataset([DOCUMENTS[0]], tagger_labels=labels)
    window = rows.windows[0].window
    found = {}
    for token, tag in enumerate(rows.windows[0].tags):
        characters = window.offsets[token]
        if characters is None:
            assert tag == -100
        elif labels[tag] != "O":
            found.setdefault(labels[tag], []).append(DOCUMENTS[0]["text"][slice(*characters)])
    begins = {name[2:]: words for name, words in found.items() if name.startswith("B-")}
    if expected:
        assert [word.lower() for word in begins["X"]] == sorted(
            (word.lower() for word in begins["X"]), key=DOCUMENTS[0]["text"].lower().index
        )
        assert len(begins["X"]) == 3
    else:
        assert {name: len(words) for name, words in begins.items()} == {"PERSON": 1, "LOCATION": 1, "ORG": 1}


def test_nested_mentions_are_counted_and_tags_are_padded_on_both_sides():
    _, processor = tiny_kernel_re()
    rows = dataset(DOCUMENTS[:3], tagger_labels=bio_labels(["X"]))
    assert rows.num_nested == 1  # "Orn" in "Lake of Orn" or "Kelo of Orn"
    for side in ("right", "left"):
        processor.tokenizer.padding_side = side
        batch = ExtractionCollator(processor, 3)([rows[row] for row in range(3)])
        assert torch.equal(batch["tags"] >= 0, batch["text_token_mask"] == 1)
        for row in range(3):
            inside = batch["attention_mask"][row] == 1
            assert batch["tags"][row][inside].tolist() == rows.windows[row].tags


def test_a_relation_or_a_type_that_is_unknown_is_an_error_with_its_place():
    with pytest.raises(UsageError, match=r"document 1 .*'met', which is not among the 3"):
        dataset([DOCUMENTS[0], document("Ada met Bob.", "Ada", "Bob", relations=((0, 1, "met"),))])
    with pytest.raises(UsageError, match="a mention has the type 'ORG'"):
        dataset([DOCUMENTS[0]], tagger_labels=bio_labels(["PERSON", "LOCATION"]))


def test_candidate_pairs_by_rule():
    assert chosen_pairs(DOCUMENTS[:2], "all") == "all"
    assert chosen_pairs(DOCUMENTS[:2], "first") == [[(0, 1)], [(0, 1)]]
    assert sorted(chosen_pairs([DOCUMENTS[1]], "all_and_self")[0]) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    with pytest.raises(UsageError, match="document 4 has fewer than two entities"):
        chosen_pairs([*DOCUMENTS[:3], DOCUMENTS[0], DOCUMENTS[4]], "first")


# LengthBatchSampler


def test_every_row_comes_once_but_those_left_over_and_epochs_differ():
    sampler = LengthBatchSampler(list(range(1, 24)), batch_size=4, seed=3)
    first = [tuple(batch) for batch in sampler]
    assert len(first) == len(sampler) == 5 and len({row for batch in first for row in batch}) == 20
    assert [tuple(batch) for batch in sampler] == first
    sampler.set_epoch(1)
    assert [tuple(batch) for batch in sampler] != first


def test_batches_hold_rows_of_similar_length():
    lengths = [10, 100] * 20
    for batch in LengthBatchSampler(lengths, batch_size=4):
        assert len({lengths[row] for row in batch}) == 1


def test_few_rows_make_one_batch_and_too_few_are_refused():
    assert [sorted(batch) for batch in LengthBatchSampler([5, 6, 7], batch_size=8)] == [[0, 1, 2]]
    sampler = LengthBatchSampler([5] * 5, batch_size=8, num_processes=2)
    assert (sampler.batch_size, sampler.num_batches) == (2, 2)
    with pytest.raises(UsageError, match="too few for 2"):
        LengthBatchSampler([5], num_processes=2)
    for wrong in ({"batch_size": 0}, {"seed": -1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            LengthBatchSampler([5], **wrong)
