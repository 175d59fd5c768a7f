"""Tagged sentences and labelled texts as rows of a multi-task model: kinds, labels, windows, what is cut and left out."""

from __future__ import annotations

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.models.multitask.task_heads import read_tasks
from hf_relation.training import encode_task_rows, task_settings
from tests.common.tiny_tokenizers import tiny_tokenizer


TAGGED = [
    {"id": "a", "tokens": ["The", "New", "York", "mayor"], "tags": ["O", "B-LOC", "I-LOC", "O"]},
    {"id": "b", "tokens": ["river"], "tags": ["B-PER"]},
]


def text(words, label, pair=None):
    return {"id": "x", "text": words, "text_pair": pair, "label": label}


def task(kind, labels=()):
    return read_tasks({"t": {"kind": kind, "labels": list(labels)}}, 0.1)["t"]


@pytest.mark.parametrize(
    ("rows", "kind", "expected"),
    [
        (TAGGED, "tagged", {"kind": "tokens", "labels": ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]}),
        (
            [{"tokens": ["a", "b"], "tags": ["NOUN", "B-side"]}],  # a tag of parts of speech may begin with B-
            "tagged",
            {"kind": "tokens", "labels": ["B-side", "NOUN"]},
        ),
        (
            [text("a", "yes"), text("b", "no"), text("c", None)],
            "text",
            {"kind": "classification", "labels": ["no", "yes"]},
        ),
        ([text("a", 1.5)], "score", {"kind": "regression", "labels": []}),
    ],
)
def test_what_a_model_must_know_of_a_task(rows, kind, expected):
    assert task_settings(rows, kind) == expected


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([text("a", "yes"), text("b", "yes")], "text", "at least two different labels .* only 'yes'"),
        ([text("a", None)], "text", "the rows have none"),
        ([{"tokens": ["a"], "tags": ["O"]}], "tagged", "only 'O'"),
        ([], "instance", "kind tagged, text, score"),
    ],
)
def test_tasks_with_nothing_to_learn(rows, kind, message):
    with pytest.raises(UsageError, match=message):
        task_settings(rows, kind)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_long_sentences_become_windows_and_no_word_is_lost(kind):
    tokenizer = tiny_tokenizer(kind)
    tokens = ["the", "river", "of"] * 20
    numbers = [place % 3 for place in range(60)]
    labels = ["DET", "NOUN", "ADP"]
    row = {"id": "a", "tokens": tokens, "tags": [labels[number] for number in numbers]}
    found = encode_task_rows([row], task("tokens", labels), tokenizer, max_length=16)
    assert found.num_extra == len(found.rows) - 1 > 0 == found.num_cut
    assert max(len(each["input_ids"]) for each in found.rows) <= 16
    labelled = [label for each in found.rows for label in each["labels"] if label != -100]
    assert labelled == [labels.index(labels[number]) for number in numbers]
    assert all(len(each["input_ids"]) == len(each["labels"]) for each in found.rows)


def test_a_word_longer_than_a_window_is_counted():
    row = {"id": "a", "tokens": ["the", "q" * 60, "the"], "tags": ["X", "Y", "X"]}
    found = encode_task_rows([row], task("tokens", "XY"), tiny_tokenizer("bert"), max_length=12)
    assert found.num_cut == 1
    assert [label for each in found.rows for label in each["labels"] if label != -100] == [0, 1, 0]


def test_texts_that_are_cut_and_rows_without_a_label_are_counted():
    tokenizer = tiny_tokenizer("bert")
    rows = [text("the river", "no"), text("the river " * 30, "yes"), text("the", None)]
    found = encode_task_rows(rows, task("classification", ["no", "yes"]), tokenizer, max_length=10)
    assert (found.num_cut, found.num_unlabelled, found.num_extra) == (1, 1, 0)
    assert [each["labels"] for each in found.rows] == [0, 1]
    assert [len(each["input_ids"]) for each in found.rows][1] == 10


def test_pairs_are_told_apart_and_scores_are_numbers():
    tokenizer = tiny_tokenizer("bert")
    found = encode_task_rows([text("the river", 3.5, "the city")], task("regression"), tokenizer)
    (row,) = found.rows
    assert row["labels"] == 3.5 and row["input_ids"].count(tokenizer.sep_token_id) == 2
    first = row["input_ids"].index(tokenizer.sep_token_id)
    assert row["token_type_ids"] == [0] * (first + 1) + [1] * (len(row["input_ids"]) - first - 1)


def test_special_tokens_in_a_text_stay_letters():
    tokenizer = tiny_tokenizer("bert")
    found = encode_task_rows([text("the [SEP] river", "a")], task("classification", "ab"), tokenizer)
    assert found.rows[0]["input_ids"].count(tokenizer.sep_token_id) == 1


def test_unknown_labels_name_the_row():
    with pytest.raises(InvalidRowError, match="no label 'B-ORG'") as caught:
        encode_task_rows(
            [TAGGED[1], {"id": "c", "tokens": ["x"], "tags": ["B-ORG"]}],
            task("tokens", ["B-PER", "I-PER", "O"]),
            tiny_tokenizer("bert"),
        )
    assert caught.value.index == 1


def test_unknown_classes_name_the_row_also_behind_rows_without_a_label():
    rows = [text("a", None), text("b", "yes"), text("c", "maybe")]
    with pytest.raises(InvalidRowError, match="^row 2: task 't' has no label 'maybe'; it has no, yes") as caught:
        encode_task_rows(rows, task("classification", ["no", "yes"]), tiny_tokenizer("bert"))
    assert caught.value.index == 2


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_special_tokens_spelled_in_pairs_and_words_stay_letters(kind):
    tokenizer = tiny_tokenizer(kind)
    separator, start = tokenizer.sep_token, tokenizer.cls_token
    plain = encode_task_rows([text("the", "a", "river")], task("classification", "ab"), tokenizer).rows[0]["input_ids"]
    spelled = [text(f"the {separator} river", "a", f"{start} was {tokenizer.mask_token}")]
    ids = encode_task_rows(spelled, task("classification", "ab"), tokenizer).rows[0]["input_ids"]
    for token in (tokenizer.sep_token_id, tokenizer.cls_token_id, tokenizer.mask_token_id):
        assert ids.count(token) == plain.count(token)
    sentence = {"tokens": ["the", separator, start, "river"], "tags": ["X", "Y", "Y", "X"]}
    (row,) = encode_task_rows([sentence], task("tokens", "XY"), tokenizer).rows
    assert [label for label in row["labels"] if label != -100] == [0, 1, 1, 0]
    assert (row["input_ids"][0], row["input_ids"].count(tokenizer.sep_token_id)) == (tokenizer.cls_token_id, 1)


def test_a_pair_that_is_too_long_loses_the_end_of_the_longer_text():
    tokenizer = tiny_tokenizer("bert")
    found = encode_task_rows([text("the " * 40, 1.0, "river")], task("regression"), tokenizer, max_length=12)
    (row,) = found.rows
    the, river = (tokenizer(word, add_special_tokens=False)["input_ids"] for word in ("the", "river"))
    assert found.num_cut == 1 and len(row["input_ids"]) == 12 and len(the) == 1
    assert row["input_ids"][-1 - len(river) : -1] == river and row["input_ids"].count(the[0]) == 12 - 3 - len(river)


@pytest.mark.parametrize("length", [3, 500, 8.0])
def test_lengths_out_of_range_are_told(length):
    with pytest.raises(UsageError, match="max_length"):
        encode_task_rows(
            [text("a", "x", "b")], task("classification", "xy"), tiny_tokenizer("bert"), max_length=length
        )


def test_no_rows_are_no_rows():
    found = encode_task_rows([], task("tokens", "XY"), tiny_tokenizer("bert"))
    assert (found.rows, found.num_cut, found.num_extra, found.num_unlabelled) == ([], 0, 0, 0)


def test_texts_that_spell_special_tokens_are_cut_and_have_types_like_others():
    for kind in ("bert", "xlm-roberta"):
        tokenizer = tiny_tokenizer(kind)
        rows = [text(f"{'the ' * 30}{tokenizer.sep_token} x", 1.0, "river"), text("the " * 32, 1.0, "river")]
        found = encode_task_rows(rows, task("regression"), tokenizer, max_length=16)
        one, other = found.rows
        assert found.num_cut == 2 and len(one["input_ids"]) == 16 and one == other
    short = encode_task_rows([text("a </s>", 1.0, "b")], task("regression"), tiny_tokenizer("xlm-roberta"))
    assert short.num_cut == 0
    letters = tiny_tokenizer("xlm-roberta").convert_ids_to_tokens(short.rows[0]["input_ids"])
    assert "".join(letters).replace("\u2581", "") == "<s>a</s></s></s>b</s>" and letters.count("</s>") == 3
