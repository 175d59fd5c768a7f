"""Which pairs, labels and masked words a batch of pre-training has."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.processing import DocumentProcessor
from hf_relation.training import PretrainingCollator, PretrainingDataset
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import tiny_tokenizer


DOCUMENTS = sample_documents()
LABELS = {"born_in": 0, "founded_by": 1, "flows_into": 2, "none": 3}
DOCUMENTS[1]["relations"].append({"head": 0, "tail": 1, "label": "founded_by"})  # two relations of one pair
ORDERS = [[index + 1 for index in range(len(document["relations"]))] for document in DOCUMENTS]


def processor_of(kind="bert"):
    return DocumentProcessor(tiny_tokenizer(kind), max_length=128, mention_entities=True)


def dataset(processor=None, **settings):
    return PretrainingDataset(
        DOCUMENTS, processor or processor_of(), LABELS, **({"learning_order": ORDERS} | settings)
    )


def batch_of(rows, **settings):
    return PretrainingCollator(processor_of(), **settings)([rows[row] for row in range(len(rows))])


def entries(rows, batch, row):
    """(head entity, tail entity, class, epoch) of every pair of a row of a batch."""
    spans, window = batch["mention_spans"][row].tolist(), rows.rows[row].window
    found = []
    for pair, label, order in zip(
        batch["pairs"][row].tolist(), batch["labels"][row].tolist(), batch["learning_order"][row].tolist(), strict=True
    ):
        if label != -100:
            assert spans[pair[0]] == list(window.mention_spans[pair[0]])
            found.append((*(window.mention_entities[mention] for mention in pair), label, order))
        else:
            assert pair == [-1, -1] and order == -1
    return found


def test_every_label_is_an_entry_with_its_epoch():
    rows = dataset()
    batch = batch_of(rows, mask_share=0)
    assert "mlm_labels" not in batch
    for row, each in enumerate(rows.rows):
        document = DOCUMENTS[each.window.document]
        expected = [
            (relation["head"], relation["tail"], LABELS[relation["label"]], order)
            for relation, order in zip(document["relations"], ORDERS[each.window.document], strict=True)
        ]
        assert sorted(entries(rows, batch, row)) == sorted(expected)
    assert rows.num_pairs == sum(len(document["relations"]) for document in DOCUMENTS) and rows.num_left_out == 0


def test_without_an_order_all_are_never_learned():
    batch = batch_of(dataset(learning_order=None))
    assert (batch["learning_order"] == -1).all()


def test_given_weights_stand_beside_their_labels_and_pairs_without_a_relation_count_one():
    given = [[0.1 + place + row for place in range(len(d["relations"]))] for row, d in enumerate(DOCUMENTS)]
    rows = dataset(learning_order=None, weights=given, na_relation="none", na_pairs=1)
    batch = batch_of(rows)
    for row, each in enumerate(rows.rows):
        document = DOCUMENTS[each.window.document]
        of_label = {
            (r["head"], r["tail"], LABELS[r["label"]]): weight
            for r, weight in zip(document["relations"], given[each.window.document], strict=True)
        }
        for place, (head, tail, label, _) in enumerate(entries(rows, batch, row)):
            expected = of_label.get((head, tail, label), 1.0)
            assert batch["pair_weights"][row, place].item() == pytest.approx(expected)
    assert "pair_weights" not in batch_of(dataset())


def test_pairs_without_a_relation_are_drawn_with_a_class_of_their_own():
    rows = dataset(na_relation="none", na_pairs=3)
    batch = batch_of(rows)
    for row, each in enumerate(rows.rows):
        document = DOCUMENTS[each.window.document]
        labelled = {(relation["head"], relation["tail"]) for relation in document["relations"]}
        free = len(document["entities"]) * (len(document["entities"]) - 1) - len(labelled)
        drawn = [entry for entry in entries(rows, batch, row) if entry[2] == 3]
        assert len(drawn) == min(3, free) and all(entry[3] == -1 for entry in drawn)
        assert not {entry[:2] for entry in drawn} & labelled
    again = dataset(na_relation="none", na_pairs=3)
    assert [each.pairs for each in again.rows] == [each.pairs for each in rows.rows], "the same seed, the same pairs"
    assert [each.window.pair_entities for each in again.rows] == [each.window.pair_entities for each in rows.rows]


def test_the_number_of_pairs_of_a_document_is_bounded_and_what_is_left_out_is_counted():
    rows = dataset(max_pairs=1)
    assert all(
        len({(label, place) for place, label in zip(each.pairs, each.labels, strict=True)}) <= 2 for each in rows.rows
    )
    kept = sum(len(set(each.pairs)) for each in rows.rows)
    labelled = sum(len({(r["head"], r["tail"]) for r in document["relations"]}) for document in DOCUMENTS)
    assert rows.num_left_out == labelled - kept > 0


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_masked_are_words_outside_mentions_alone(kind):
    processor = processor_of(kind)
    rows = dataset(processor)
    plain = PretrainingCollator(processor, mask_share=0)([rows[row] for row in range(len(rows))])
    batch = PretrainingCollator(processor, mask_share=1.0, seed=5)([rows[row] for row in range(len(rows))])
    text = plain["text_token_mask"].bool()
    inside = torch.zeros_like(text)
    for row, spans in enumerate(plain["mention_spans"].tolist()):
        for start, end in spans:
            if start >= 0:
                inside[row, start:end] = True
    guessed = batch["mlm_labels"] != -100
    assert torch.equal(guessed, text & ~inside), "with a share of one, all that may be masked is"
    assert torch.equal(batch["mlm_labels"][guessed], plain["input_ids"][guessed])
    assert torch.equal(batch["input_ids"][~guessed], plain["input_ids"][~guessed])
    special = torch.tensor(sorted(set(processor.tokenizer.all_special_ids) - {processor.tokenizer.mask_token_id}))
    assert not torch.isin(batch["input_ids"][guessed], special).any()


def test_four_in_five_are_masks_one_in_ten_random_and_the_draw_is_of_seed_and_rows():
    processor = processor_of()
    rows = dataset(processor)
    many = [rows[row % len(rows)] for row in range(700)]
    batch = PretrainingCollator(processor, mask_share=0.5, seed=1)(many)
    guessed = batch["mlm_labels"] != -100
    shown, wanted = batch["input_ids"][guessed], batch["mlm_labels"][guessed]
    masks = (shown == processor.tokenizer.mask_token_id).float().mean().item()
    same = (shown == wanted).float().mean().item()
    assert masks == pytest.approx(0.8, abs=0.03) and same == pytest.approx(0.1, abs=0.03)
    again = PretrainingCollator(processor, mask_share=0.5, seed=1)(many)
    other = PretrainingCollator(processor, mask_share=0.5, seed=2)(many)
    assert torch.equal(again["input_ids"], batch["input_ids"]) and not torch.equal(
        other["input_ids"], batch["input_ids"]
    )
    counted = np.mean([(row != -100).float().mean().item() for row in batch["mlm_labels"]])
    assert 0 < counted < 0.5


def test_wrong_use_is_refused():
    plain = DocumentProcessor(tiny_tokenizer("bert"), max_length=128)
    alone = [document for document in DOCUMENTS if len(document["entities"]) < 2]
    for call, said in (
        (lambda: dataset(plain), "`mention_entities=True`"),
        (lambda: PretrainingDataset(alone, processor_of(), LABELS), "None of the 2 documents has two entities"),
        (
            lambda: PretrainingDataset(DOCUMENTS, processor_of(), {"born_in": 0}),
            "'founded_by', which is not among the 1",
        ),
        (lambda: dataset(na_relation="nothing"), "'nothing', which is not in `label2id`"),
        (lambda: dataset(na_pairs=2), "needs a `na_relation`"),
        (lambda: dataset(max_pairs=0), "`max_pairs`"),
        (lambda: dataset(learning_order=ORDERS[:2]), r"one list a document \(7\), got 2"),
        (lambda: dataset(learning_order=[[1], *ORDERS[1:]]), "of document 0 has 1 entries for 2 relations"),
        (lambda: dataset(learning_order=None, weights=[[1.0]]), r"`weights` must have one list a document \(7\)"),
        (
            lambda: dataset(weights=[[0.0] * len(document["relations"]) for document in DOCUMENTS]),
            "`weights` of document 0 must be finite and above 0",
        ),
        (lambda: PretrainingCollator(plain, mask_share=1.5), "`mask_share`"),
    ):
        with pytest.raises(UsageError, match=said):
            call()
