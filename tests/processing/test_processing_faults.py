"""Bad and extreme input. The numbers are those of the project's table of fault cases."""

from __future__ import annotations

import time

import pytest

from hf_relation.errors import InvalidRowError
from hf_relation.processing import RelationProcessor
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, make_instance, sample_instances, tiny_tokenizer


each_kind = pytest.mark.parametrize("kind", TOKENIZER_KINDS)


def mention_ids(encoded, name: str) -> list[int]:
    mask = getattr(encoded, f"{name}_token_mask")
    return [token for token, flag in zip(encoded.input_ids, mask, strict=True) if flag]


def refused(rows: list, kind: str = "bert", **kwargs) -> str:
    with pytest.raises(InvalidRowError) as caught:
        RelationProcessor(tiny_tokenizer(kind), **kwargs).encode(rows)
    return str(caught.value)


@pytest.mark.parametrize("text", [None, b"Ada met Bob.", 3, ["Ada", "met", "Bob"]])
def test_fault_14_text_that_is_no_string(text):
    good = make_instance("<h>Ada</h> met <t>Bob</t>.")
    message = refused([good, {**good, "id": "1", "text": text}])
    assert message.startswith("row 1:") and type(text).__name__ in message


def test_fault_15_blank_text_among_others():
    good = make_instance("<h>Ada</h> met <t>Bob</t>.")
    assert refused([good, {**good, "id": "1", "text": "  "}]).startswith("row 1:")


@each_kind
@pytest.mark.parametrize("filler", ["a" * 1_000_000, "word " * 200_000], ids=["one-letter", "words"])
def test_fault_16_a_megabyte_of_text(kind, filler):
    processor = RelationProcessor(tiny_tokenizer(kind))
    text = f"Ada {filler} Bob"
    row = {"text": text, "head": {"start": 0, "end": 3}, "tail": {"start": len(text) - 3, "end": len(text)}}
    started = time.process_time()
    encoded = processor.encode([row])[0]
    assert time.process_time() - started < 5
    assert encoded.length <= processor.max_length
    assert encoded.truncated == (encoded.length == processor.max_length)  # BERT makes one token of a very long word
    alone = processor.encode([make_instance("<h>Ada</h> x <t>Bob</t>")])[0]
    assert mention_ids(encoded, "head") == mention_ids(alone, "head")
    assert mention_ids(encoded, "tail") == mention_ids(alone, "tail")


@each_kind
@pytest.mark.parametrize("policy", ["none", "entity"])
def test_fault_17_entity_beyond_the_cut_stays_inside_the_window(kind, policy):
    processor = RelationProcessor(tiny_tokenizer(kind), policy, max_length=32)
    near = processor.encode([make_instance("near <h>Ada Brenner</h> and <t>Lindau</t> here")])[0]
    for marked in (
        "filler words " * 200 + "near <h>Ada Brenner</h> and <t>Lindau</t> here" + " more of it" * 200,
        "near <h>Ada Brenner</h> and " + "filler words " * 200 + "and <t>Lindau</t> here",
        "near <t>Lindau</t> and " + "filler words " * 200 + "and <h>Ada Brenner</h>",
    ):
        encoded = processor.encode([make_instance(marked)])[0]
        assert encoded.truncated and encoded.length == 32
        assert mention_ids(encoded, "head") == mention_ids(near, "head")
        assert mention_ids(encoded, "tail") == mention_ids(near, "tail")
        assert sum(encoded.between_token_mask) > 0


@each_kind
def test_fault_17_error_when_asked_for(kind):
    long_row = make_instance("<h>Ada</h> and " + "filler " * 200 + "<t>Bob</t>")
    short_row = make_instance("<h>Ada</h> and <t>Bob</t>")
    message = refused([short_row, long_row], kind, max_length=32, long_text="error")
    assert (
        message.startswith("row 1: the text has ") and "more than `max_length` 32" in message and "'window'" in message
    )


@each_kind
def test_fault_17_mentions_longer_than_the_model_are_refused(kind):
    message = refused([make_instance("<h>" + "very " * 50 + "long</h> and <t>Bob</t>")], kind, max_length=32)
    assert message.startswith("row 0: the mentions are too long: head ") and "`max_length` 32" in message


UNICODE_MENTIONS = {
    "combining marks": "Jose\u0301 Mu\u0308ller",
    "composed": "José Müller",
    "emoji": "🚀",
    "emoji sequence": "👩\u200d🚀",
    "flag": "🇨🇭",
    "right to left": "שרה כהן",
    "zero-width joiner": "می\u200cخواهم",
    "zero-width space": "Ada\u200bBrenner",
    "line break": "Ada\r\nBrenner",
    "NUL": "Ada\x00Brenner",
    "Chinese": "北京市",
    "outside the basic plane": "𝔄𝔡𝔞",
}


@each_kind
@pytest.mark.parametrize("mention", UNICODE_MENTIONS.values(), ids=UNICODE_MENTIONS)
def test_fault_18_unicode_mentions_are_found(kind, mention):
    """The mention's tokens are those by which the tokens of "left <mention>" exceed the tokens of "left"."""
    tokenizer = tiny_tokenizer(kind)
    processor = RelationProcessor(tokenizer, "none")
    before = f"🛰️ é left {mention} right "
    text = before + "Bob end"
    start = text.index(mention)
    row = {
        "text": text,
        "head": {"start": start, "end": start + len(mention)},
        "tail": {"start": len(before), "end": len(before) + 3},
    }
    encoded = processor.encode([row])[0]

    def ids(piece: str) -> list[int]:
        return tokenizer(piece, add_special_tokens=False)["input_ids"]

    left = "🛰️ é left"
    expected = ids(f"{left} {mention}")[len(ids(left)) :]
    space = tokenizer.convert_tokens_to_ids("Ġ")  # the space before the mention, where it is a token of its own
    if kind == "roberta" and expected[0] == space:
        expected = expected[1:]
    assert mention_ids(encoded, "head") == expected
    assert mention_ids(encoded, "tail") == mention_ids(
        processor.encode([make_instance("a <h>c</h> <t>Bob</t>")])[0], "tail"
    )


def test_fault_18_lone_surrogates_are_refused():
    assert refused([make_instance("<h>Ada</h> met <t>B\ud800b</t>.")]).startswith("row 0:")


def test_fault_18_a_mention_that_the_tokenizer_drops_is_refused():
    # The replacement character is one of those that BERT's normaliser removes.
    message = refused(
        [make_instance("<h>Ada</h> met <t>Bob</t>"), {**make_instance("<h>\ufffd</h> met <t>Bob</t>"), "id": "1"}]
    )
    assert message.startswith("row 1: the tokenizer has no token for the head '\ufffd'")


@pytest.mark.parametrize(
    "span", [(3, 0), (-3, -1), (8, 400), (4, 4), (3, 4), (True, 3), (0.0, 3.0), ("0", "3"), (None, 3)]
)
def test_fault_19_bad_offsets(span):
    row = {"text": "Ada met Bob.", "head": {"start": span[0], "end": span[1]}, "tail": {"start": 8, "end": 11}}
    message = refused([row])
    assert message.startswith("row 0:") and "character" in message


def test_fault_19_overlapping_mentions():
    assert "overlap" in refused(
        [{"text": "Ada met Bob.", "head": {"start": 0, "end": 5}, "tail": {"start": 4, "end": 7}}]
    )


def test_fault_20_same_span_twice_and_missing_tail():
    assert refused(
        [{"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 0, "end": 3}}]
    ).startswith("row 0:")
    message = refused([*sample_instances(2), {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}}])
    assert message.startswith("row 2:") and "tail" in message


SPECIAL_STRINGS = "[E1] [/E1] [E2] [/E2] [E1:ORG] [CLS] [SEP] [PAD] [MASK] [UNK] <s> </s> <pad> <mask> <unk>".split()


@each_kind
@pytest.mark.parametrize("policy", ["none", "entity", "typed"])
def test_fault_21_marker_strings_in_the_text_are_text(kind, policy):
    processor = RelationProcessor(tiny_tokenizer(kind), policy, ["ORG"] if policy == "typed" else ())
    tokenizer = processor.tokenizer
    special_ids = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for string in SPECIAL_STRINGS:
        rows = [
            make_instance(f"a {string} b <h>Ada</h> c{string}c <t>Bob</t> {string}"),
            make_instance(f"<h>{string}</h> met <t>Bob {string}</t>"),
        ]
        for row in rows:
            encoded = processor.encode([row])[0]
            special = [i for i, token in enumerate(encoded.input_ids) if token in special_ids]
            assert len(special) == (2 if policy == "none" else 6), string
            for name in ("head", "tail"):
                assert not set(mention_ids(encoded, name)) & special_ids


def test_fault_21_unigram_control_pieces_are_spelled_letter_by_letter():
    # The Unigram model itself answers "</s>" with the id that ends a sequence: its best-scored piece.
    tokenizer = tiny_tokenizer("xlm-roberta")
    assert (
        tokenizer.eos_token_id in tokenizer("a</s>", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    )
    encoded = RelationProcessor(tokenizer).encode([make_instance("<h>a</s></h> met <t>Bob</t>")])[0]
    assert tokenizer.convert_ids_to_tokens(mention_ids(encoded, "head")) == ["▁a", "<", "/", "s", ">"]


def test_fault_21_markers_known_to_the_tokenizer_before():
    tokenizer = tiny_tokenizer("bert")
    tokenizer.add_tokens(["[E1]", "[/E1]"])  # as ordinary tokens, which are matched inside texts
    processor = RelationProcessor(tokenizer)
    encoded = processor.encode([make_instance("[E1] <h>Ada</h> [/E1] met <t>Bob</t>")])[0]
    marker_ids = tokenizer.convert_tokens_to_ids(["[E1]", "[/E1]"])
    assert [encoded.input_ids.count(marker) for marker in marker_ids] == [1, 1]


def test_rows_known_to_be_good_may_skip_the_checks_and_keep_their_numbers():
    processor = RelationProcessor(tiny_tokenizer("bert"))
    assert processor.encode(sample_instances(12), validate=False) == processor.encode(sample_instances(12))
    with pytest.raises(InvalidRowError, match="^row 107:"):
        processor.encode([*sample_instances(7), {"text": None}], first_index=100)
