"""Rules that hold for any text, checked on generated texts for every tokenizer family and marker policy."""

from __future__ import annotations

import functools
import unicodedata

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hf_relation.data.validation import check_instance
from hf_relation.errors import InvalidRowError
from hf_relation.processing import RelationProcessor
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, tiny_tokenizer


FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TYPES = ["PERSON", "ORG"]
MARKERS = {"none": 0, "entity": 4, "typed": 4}
CASES = [(kind, policy) for kind in TOKENIZER_KINDS for policy in MARKERS]
each_case = pytest.mark.parametrize(("kind", "policy"), CASES, ids=[f"{kind}-{policy}" for kind, policy in CASES])

# Letters that every tiny tokenizer can spell, and strings that only the processor may turn into special tokens.
words = st.text("abcdefghiklmnorstuABCEMN0189.,-'&üö", min_size=1, max_size=9)
tricky = st.sampled_from(["[E1]", "[/E1]", "[E2:ORG]", "[MASK]", "[SEP]", "[PAD]", "<s>", "</s>", "<mask>", "<pad>"])
types = st.sampled_from([None, "PERSON", "org", "unheard of"])


@functools.cache
def processor_of(kind: str, policy: str, max_length: int = 128, long_text: str = "window") -> RelationProcessor:
    return RelationProcessor(
        tiny_tokenizer(kind), policy, TYPES if policy == "typed" else (), max_length=max_length, long_text=long_text
    )


@st.composite
def word_instances(draw: st.DrawFn, max_words: int = 12) -> dict:
    """Words with single spaces; two separate runs of words are the mentions."""
    drawn = draw(st.lists(st.one_of(words, words, tricky), min_size=2, max_size=max_words))
    cuts = sorted(draw(st.lists(st.integers(0, len(drawn)), min_size=4, max_size=4)))
    assume(cuts[0] < cuts[1] and cuts[2] < cuts[3])
    starts, text = [], ""
    for word in drawn:
        text += " " if text else ""
        starts.append((len(text), len(text) + len(word)))
        text += word
    spans = [(starts[a][0], starts[b - 1][1]) for a, b in (cuts[:2], cuts[2:])]
    head, tail = spans if draw(st.booleans()) else spans[::-1]
    return {
        "text": text,
        "head": {"start": head[0], "end": head[1], "type": draw(types)},
        "tail": {"start": tail[0], "end": tail[1], "type": draw(types)},
    }


@st.composite
def any_instances(draw: st.DrawFn) -> dict:
    """Any text with any two spans that the data contract allows."""
    text = draw(
        st.text(
            st.one_of(st.sampled_from("ab .é\u0301🚀👩\u200d北\r\n\x00‏ש"), st.characters(codec="utf-8")),
            min_size=2,
            max_size=25,
        )
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    row = {
        "text": text,
        "head": {"start": cuts[0], "end": cuts[1], "type": None},
        "tail": {"start": cuts[2], "end": cuts[3], "type": None},
    }
    if draw(st.booleans()):
        row["head"], row["tail"] = row["tail"], row["head"]
    try:
        check_instance(row)
    except InvalidRowError:
        assume(False)
    return row


def plain(text: str, kind: str) -> str:
    """What is left of a text after tokenizing and decoding: no spaces; for BERT no case and no accents."""
    if kind == "bert":
        text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    return "".join(text.split())


def spelled(processor: RelationProcessor, ids: list[int], kind: str) -> str:
    tokens = processor.tokenizer.convert_ids_to_tokens(ids)
    if kind == "bert":
        return "".join(token.removeprefix("##") for token in tokens)
    if kind == "xlm-roberta":
        return "".join(tokens).replace("▁", "")
    return "".join(processor.tokenizer.convert_tokens_to_string(tokens).split())


def masked(encoded, mask: list[int]) -> list[int]:
    return [token for token, flag in zip(encoded.input_ids, mask, strict=True) if flag]


def special_positions(processor: RelationProcessor, encoded) -> list[int]:
    special = set(processor.tokenizer.all_special_ids) - {processor.tokenizer.unk_token_id}
    return [i for i, token in enumerate(encoded.input_ids) if token in special]


def check_structure(processor: RelationProcessor, encoded, policy: str) -> None:
    """Special tokens only where the processor puts them; masks apart from them and from one another."""
    head = [i for i, flag in enumerate(encoded.head_token_mask) if flag]
    tail = [i for i, flag in enumerate(encoded.tail_token_mask) if flag]
    between = [i for i, flag in enumerate(encoded.between_token_mask) if flag]
    for run in (head, tail):
        assert run == list(range(run[0], run[-1] + 1))
    expected = {0, encoded.length - 1}
    if policy == "none":
        assert (encoded.head_marker_index, encoded.tail_marker_index) == (head[0], tail[0])
    else:
        assert (encoded.head_marker_index, encoded.tail_marker_index) == (head[0] - 1, tail[0] - 1)
        expected |= {head[0] - 1, head[-1] + 1, tail[0] - 1, tail[-1] + 1}
    assert special_positions(processor, encoded) == sorted(expected)
    first, second = sorted([head, tail])
    gap = 0 if policy == "none" else 1
    assert between == list(range(first[-1] + 1 + gap, second[0] - gap))


@each_case
@given(instance=word_instances())
@FAST
def test_decoded_tokens_are_the_mentions_and_the_words_around_them(kind, policy, instance):
    processor = processor_of(kind, policy)
    encoded = processor.encode([instance])[0]
    check_structure(processor, encoded, policy)
    text, spans = (
        instance["text"],
        {name: (instance[name]["start"], instance[name]["end"]) for name in ("head", "tail")},
    )
    for name, mask in (("head", encoded.head_token_mask), ("tail", encoded.tail_token_mask)):
        assert spelled(processor, masked(encoded, mask), kind) == plain(text[slice(*spans[name])], kind)
    first, second = sorted(spans.values())
    between = masked(encoded, encoded.between_token_mask)
    assert spelled(processor, between, kind) == plain(text[first[1] : second[0]], kind)
    special = set(special_positions(processor, encoded))
    rest = [token for i, token in enumerate(encoded.input_ids) if i not in special]
    assert spelled(processor, rest, kind) == plain(text, kind)


@pytest.mark.parametrize("kind", TOKENIZER_KINDS)
@given(instance=word_instances())
@FAST
def test_typed_markers_name_the_type_of_their_mention(kind, instance):
    processor = processor_of(kind, "typed")
    encoded = processor.encode([instance])[0]
    tokens = processor.tokenizer.convert_ids_to_tokens(encoded.input_ids)
    for name, role, mask, start in (
        ("head", "E1", encoded.head_token_mask, encoded.head_marker_index),
        ("tail", "E2", encoded.tail_token_mask, encoded.tail_marker_index),
    ):
        suffix = {"PERSON": ":PERSON", "org": ":ORG"}.get(instance[name]["type"], "")
        assert tokens[start] == f"[{role}{suffix}]"
        assert tokens[start + sum(mask) + 1] == f"[/{role}{suffix}]"


@each_case
@given(instance=any_instances())
@settings(FAST, max_examples=40)
def test_any_text_is_encoded_or_refused_for_a_mention_without_tokens(kind, policy, instance):
    processor = processor_of(kind, policy)
    try:
        encoded = processor.encode([instance])[0]
    except InvalidRowError as error:
        assert "no token for the" in str(error) and kind == "bert"  # the others have a token for everything
        return
    check_structure(processor, encoded, policy)
    backend = processor.tokenizer.backend_tokenizer
    reference = backend.encode(instance["text"], add_special_tokens=False)
    special = set(special_positions(processor, encoded))
    text_positions = [i for i in range(encoded.length) if i not in special]
    if [encoded.input_ids[i] for i in text_positions] != reference.ids:
        return  # tokenized in pieces, because one token covered both mentions
    # An oracle of the tokenizers library: the first token of each character of a mention is a mention token.
    for name, mask in (("head", encoded.head_token_mask), ("tail", encoded.tail_token_mask)):
        mention = range(instance[name]["start"], instance[name]["end"])
        for position in mention:
            token = reference.char_to_token(position)
            if token is not None and not instance["text"][position].isspace():
                assert mask[text_positions[token]] == 1
        for i, flag in zip(text_positions, [mask[i] for i in text_positions], strict=True):
            start, end = reference.offsets[text_positions.index(i)]
            if flag and end > start:
                assert start < mention.stop and end > mention.start


@each_case
@given(instance=word_instances(max_words=30), room=st.integers(2, 40))
@FAST
def test_window_keeps_both_mentions_within_the_length(kind, policy, instance, room):
    full_processor = processor_of(kind, policy)
    max_length = room + 2 + MARKERS[policy]
    processor = processor_of(kind, policy, max_length)
    # The same text without a limit; these texts stay below the 128 tokens of the tiny tokenizers.
    full = _unlimited(kind, policy).encode([instance])[0]
    mention_tokens = sum(full.head_token_mask) + sum(full.tail_token_mask)
    if mention_tokens > room:
        with pytest.raises(InvalidRowError, match="row 0: the mentions are too long"):
            processor.encode([instance])
        return
    encoded = processor.encode([instance])[0]
    check_structure(processor, encoded, policy)
    assert encoded.length == min(max_length, full.length)
    assert encoded.truncated == (full.length > max_length)
    for name in ("head_token_mask", "tail_token_mask"):
        assert masked(encoded, getattr(encoded, name)) == masked(full, getattr(full, name))
    kept, whole = _contexts(encoded, policy), _contexts(full, policy)
    assert whole[0][len(whole[0]) - len(kept[0]) :] == kept[0]
    assert whole[2][: len(kept[2])] == kept[2]
    middle_cuts = [
        kept[1][:i] == whole[1][:i] and kept[1][i:] == whole[1][len(whole[1]) - (len(kept[1]) - i) :]
        for i in range(len(kept[1]) + 1)
    ]
    assert any(middle_cuts)
    assert full_processor.max_length == 128


@functools.cache
def _unlimited(kind: str, policy: str) -> RelationProcessor:
    tokenizer = tiny_tokenizer(kind)
    tokenizer.model_max_length = 10_000
    return RelationProcessor(tokenizer, policy, TYPES if policy == "typed" else (), max_length=10_000)


def _contexts(encoded, policy: str) -> tuple[list[int], list[int], list[int]]:
    """Text tokens before the first mention, between the mentions and after the second one."""
    gap = 0 if policy == "none" else 1
    ones = [i for i, (a, b) in enumerate(zip(encoded.head_token_mask, encoded.tail_token_mask, strict=True)) if a or b]
    return (
        encoded.input_ids[1 : ones[0] - gap],
        masked(encoded, encoded.between_token_mask),
        encoded.input_ids[ones[-1] + 1 + gap : -1],
    )
