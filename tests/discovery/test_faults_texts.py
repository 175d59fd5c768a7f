"""Rows 14 to 21 of the fault plan, by estimator, pipeline and command line (`discover`): odd texts and offsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.common.faces import Outcome
from tests.common.tiny_tokenizers import make_instance, sample_instances


Discover = Callable[..., Outcome]
pytestmark = pytest.mark.timeout(120)
GOOD = sample_instances()[0]


def names_the_row(outcome: Outcome, row: int = 2) -> bool:
    """In memory rows are counted from 0; in a file, lines from 1."""
    where = f"line {row + 1}" if outcome.code else f"row {row}"
    return outcome.content is None and where in outcome.message.lower() and outcome.code in (None, 1)


BAD: dict[str, dict[str, Any]] = {
    "14 no text": {"text": None},
    "14 a number": {"text": 7},
    "14 a list": {"text": ["Ada"]},
    "15 an empty text": {"text": ""},
    "15 a blank text": {"text": "     "},
    "18 half a character": {"text": "Ada \ud800 met Bob"},
    "19 reversed": {"head": {"start": 3, "end": 0}},
    "19 negative": {"head": {"start": -2, "end": 3}},
    "19 past the end": {"tail": {"start": 0, "end": 10_000}},
    "19 zero width": {"tail": {"start": 1, "end": 1}},
    "19 floats": {"head": {"start": 0.0, "end": 3.0}},
    "20 one span twice": {"tail": GOOD["head"]},
    "20 no tail": {"tail": None},
}


@pytest.mark.parametrize("name", BAD)
def test_faults_14_to_20_a_bad_row_is_named(discover: Discover, name: str) -> None:
    rows = sample_instances()
    rows[2] = {**rows[2], "id": "bad", **BAD[name]}
    assert names_the_row(discover(rows)), discover(rows).message


def test_fault_20_the_same_word_in_two_places_is_fine(discover: Discover) -> None:
    rows = [*sample_instances(), make_instance("<h>Ada</h> married <t>Ada</t>", id="same")]
    assert discover(rows).labels["same"] >= 0


def test_fault_16_a_megabyte_of_text_is_cut_around_the_mentions(discover: Discover) -> None:
    pair = make_instance("<h>Ada</h> married <t>Bob</t>", id="long")
    for filler in ("a" * 1_000_000, "met " * 250_000):
        for before in ("", f"{filler} "):
            spans = {
                side: {
                    **pair[side],
                    "start": pair[side]["start"] + len(before),
                    "end": pair[side]["end"] + len(before),
                }
                for side in ("head", "tail")
            }
            text = f"{before}{pair['text']}" if before else f"{pair['text']} {filler}"
            outcome = discover([*sample_instances()[:4], {**pair, **spans, "text": text}], num_relations=2)
            assert outcome.labels["long"] >= 0


def test_fault_17_an_entity_beyond_the_cut_is_kept_or_refused_by_row(discover: Discover) -> None:
    rows = [*sample_instances()[:4], make_instance("met " * 3000 + "<h>Ada</h> married <t>Bob</t>", id="late")]
    assert discover(rows, num_relations=2).labels["late"] >= 0
    rows[-1] = make_instance("<h>Ada</h> " + "met " * 3000 + "<t>Bob</t>", id="apart")
    outcome = discover(rows, num_relations=2)
    assert outcome.content is not None or names_the_row(outcome, 4)


UNICODE = {
    "combining marks": "<h>José</h> met <t>Bob</t>",
    "emoji": "<h>Ada 👩‍🔬</h> met 👍🏽 <t>Bob</t>",
    "right to left": "<h>עדה</h> פגשה את <t>בוב</t>",
    "zero width": "<h>A​da</h> met <t>Bob</t>",
    "line ends": "<h>Ada</h>\r\nmet\r\n<t>Bob</t>",
    "nul": "<h>Ada</h> met \0 <t>Bob</t>",
}


def test_fault_18_mentions_are_cut_from_the_text_as_it_is(discover: Discover) -> None:
    rows = [make_instance(text, id=name) for name, text in UNICODE.items()]
    outcome = discover(rows, num_relations=1)
    if outcome.content is None:  # a tiny tokenizer may drop a mention altogether, which is an error that names it
        pytest.fail(outcome.message)
    examples = {one["id"]: one for relation in outcome.content["relations"] for one in relation["examples"]}
    for row in rows:
        if row["id"] in examples:
            assert examples[row["id"]]["head"] == row["text"][row["head"]["start"] : row["head"]["end"]]
            assert examples[row["id"]]["text"] == row["text"]
    assert len(outcome.labels) == len(UNICODE) and len(examples) == 5


def test_fault_21_markers_in_the_text_are_text(discover: Discover) -> None:
    marked = "[E1] <h>Ada</h> [/E1] <e1> [MASK] [SEP] [CLS] </s> met <t>Bob</t> [E2]"
    outcome = discover([make_instance(marked, id="marked")], num_relations=1)
    assert outcome.content is not None, outcome.message
    example = outcome.content["relations"][0]["examples"][0]
    assert (example["head"], example["tail"], example["text"]) == (
        "Ada",
        "Bob",
        marked.replace("<h>", "").replace("</h>", "").replace("<t>", "").replace("</t>", ""),
    )
