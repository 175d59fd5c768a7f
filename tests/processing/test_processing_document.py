"""DocumentProcessor: tokens of mentions, markers, windows, padding, saving, and what is refused."""

from __future__ import annotations

import copy
import json
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from transformers import AutoProcessor

from hf_relation.data import candidate_pairs, check_document
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.processing import DocumentProcessor
from tests.common.tiny_documents import document, sample_documents
from tests.common.tiny_models import tiny_kernel_re
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, tiny_tokenizer


TYPES = ["PERSON", "ORG"]
POLICIES = ("none", "entity", "typed")
EACH_KIND = pytest.mark.parametrize("kind", TOKENIZER_KINDS)
EACH_CASE = pytest.mark.parametrize(("kind", "policy"), [(k, p) for k in TOKENIZER_KINDS for p in POLICIES])
PROCESSORS: dict = {}


def processor_of(kind: str = "bert", policy: str = "none", max_length: int = 128) -> DocumentProcessor:
    key = (kind, policy, max_length)
    if key not in PROCESSORS:
        types = TYPES if policy == "typed" else ()
        PROCESSORS[key] = DocumentProcessor(tiny_tokenizer(kind), policy, types, max_length)
    return PROCESSORS[key]


def row_of(text: str, spans: list[tuple[int, int]], types: list[str | None] | None = None):
    """A document in which every span is an entity of its own."""
    row = {
        "text": text,
        "mentions": [{"start": start, "end": end} for start, end in spans],
        "entities": [{"mentions": [i], "type": types[i] if types else None} for i in range(len(spans))],
    }
    return check_document(row, index=0)


def tokens_of(processor: DocumentProcessor, window) -> list[str]:
    return processor.tokenizer.convert_ids_to_tokens(window.input_ids)


# Which tokens


@st.composite
def any_documents(draw: st.DrawFn):
    letters = st.sampled_from("ab .,é\u0301🚀👩\u200d北京\n\u00a0ש[]E/")
    text = draw(st.text(st.one_of(letters, st.characters(codec="utf-8")), min_size=1, max_size=25))
    assume(text.strip())
    cuts = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), max_size=4))
    spans = [(min(cut), max(cut)) for cut in cuts if cut[0] != cut[1] and text[min(cut) : max(cut)].strip()]
    try:
        return row_of(text, spans, draw(st.lists(st.sampled_from([None, "org", "X"]), min_size=4, max_size=4)))
    except InvalidRowError:
        assume(False)


@EACH_CASE
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(row=any_documents())
def test_tokens_of_a_mention_are_those_that_share_a_character_with_it(kind, policy, row):
    processor = processor_of(kind, policy)
    before = copy.deepcopy(row)
    try:
        (window,) = processor.encode([row])
    except InvalidRowError as error:
        assert "the tokenizer has no token for" in str(error) and "row 0" in str(error)
        return
    assert row == before and window.complete and window.mentions == list(range(len(row["mentions"])))
    for (first, last), mention in zip(window.mention_spans, row["mentions"], strict=True):
        span = row["text"][mention["start"] : mention["end"]]
        start = mention["start"] + len(span) - len(span.lstrip())
        end = mention["end"] - len(span) + len(span.rstrip())
        places = range(len(window.offsets))
        sharing = [
            i for i in places if window.offsets[i] and window.offsets[i][0] < end and window.offsets[i][1] > start
        ]
        assert (first, last) == (sharing[0], sharing[-1] + 1)
    # Without special tokens and markers, the text alone is left, whatever the markers.
    plain = processor_of(kind).tokenizer(
        row["text"], add_special_tokens=False, split_special_tokens=True, verbose=False
    )["input_ids"]
    kept = [token for token, inside in zip(window.input_ids, window.text_token_mask, strict=True) if inside]
    specials = set(processor_of(kind).tokenizer.all_special_ids) - {processor.tokenizer.unk_token_id}
    assert not specials & set(kept)
    assert kept == plain or specials & set(plain)
    # Markers are balanced: as a pair of brackets around every mention.
    markers = [token for token in tokens_of(processor, window) if token in processor.marker_tokens]
    assert len(markers) == (0 if policy == "none" else 2 * len(row["mentions"]))
    assert sum(token.startswith("[/") for token in markers) * 2 == len(markers)


@EACH_KIND
@pytest.mark.parametrize("policy", POLICIES)
def test_spans_decode_to_the_mentions(kind, policy):
    processor = processor_of(kind, policy)
    rows = [
        *sample_documents(),
        document("Die 🚀-Firma Orbit🛰️Works von Jörg Müßig.", "Orbit🛰️Works", "Jörg Müßig"),
        document("Cafe\u0301 Zoe\u0308 in Zu\u0308rich", "Cafe\u0301 Zoe\u0308", "Zu\u0308rich"),
        document("王小明出生于北京，在上海。", "王小明", "北京", "上海"),
    ]

    def plain(text: str) -> str:  # the BERT tokenizer drops case and accents, and puts spaces around signs
        kept = unicodedata.normalize("NFD", text.casefold())
        return "".join(c for c in kept if not c.isspace() and unicodedata.category(c) != "Mn")

    for row, window in zip(rows, processor.encode(rows), strict=True):
        for (first, last), mention in zip(window.mention_spans, row["mentions"], strict=True):
            places = [place for place in range(first, last) if window.offsets[place]]
            covered = row["text"][window.offsets[places[0]][0] : window.offsets[places[-1]][1]]
            expected = row["text"][mention["start"] : mention["end"]]
            decoded = processor.tokenizer.decode([window.input_ids[place] for place in places])
            if row["text"].isascii():
                assert covered.strip() == expected
            assert plain(expected) in plain(covered)  # a token of several Chinese characters may cross the edge
            if processor.tokenizer.unk_token not in decoded and "\ufffd" not in decoded:  # nor half a character
                assert plain(decoded) == plain(covered)


# Markers


def test_markers_of_nested_adjacent_crossing_and_identical_mentions():
    processor = processor_of("bert", "entity")
    text = "ada in the north of the city"

    def marked(*names_or_spans) -> str:
        spans = [(text.index(name), text.index(name) + len(name)) for name in names_or_spans]
        (window,) = processor.encode([row_of(text, spans)])
        for (first, last), (start, end) in zip(window.mention_spans, spans, strict=True):
            assert window.offsets[first][0] == start and window.offsets[last - 1][1] == end
        return processor.tokenizer.decode(window.input_ids[1:-1])

    assert marked("north of the city", "city") == "ada in the [E] north of the [E] city [/E] [/E]"
    assert marked("north", "north of the city") == "ada in the [E] [E] north [/E] of the city [/E]"
    assert marked("ada in", "the north") == "[E] ada in [/E] [E] the north [/E] of the city"
    assert marked("ada in the", "the north of") == "[E] ada in [E] the [/E] north of [/E] the city"
    assert marked("north", "north") == "ada in the [E] [E] north [/E] [/E] of the city"


def test_typed_markers_know_declared_types_and_others_are_plain():
    processor = processor_of("bert", "typed")
    assert processor.marker_tokens == ["[E]", "[/E]", "[E:PERSON]", "[/E:PERSON]", "[E:ORG]", "[/E:ORG]"]
    row = document("ada in the north of kelo", ("ada", "person"), ("north", "PLACE"), "kelo")
    (window,) = processor.encode([row])
    found = [token for token in tokens_of(processor, window) if token in processor.marker_tokens]
    assert found == ["[E:PERSON]", "[/E:PERSON]", "[E]", "[/E]", "[E]", "[/E]"]


@EACH_KIND
def test_markers_and_special_tokens_in_the_text_stay_text(kind):
    processor = processor_of(kind, "entity")
    special = " ".join(t for t in processor.tokenizer.all_special_tokens if t != processor.tokenizer.unk_token)
    row = document(f"[E] Ada [/E] met {special} Bob", "Ada", "Bob")
    (window,) = processor.encode([row])
    ids = set(processor.tokenizer.convert_tokens_to_ids(["[E]", "[/E]"]))
    assert sum(token in ids for token in window.input_ids) == 4
    own = set(processor.tokenizer.all_special_ids) - {processor.tokenizer.unk_token_id} - ids
    places = [place for place, token in enumerate(window.input_ids) if token in own]
    assert places == [0, window.length - 1]


# Padding


@EACH_KIND
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_moves_spans_with_their_tokens(kind, side):
    processor = DocumentProcessor(tiny_tokenizer(kind), "entity", max_length=128)
    processor.tokenizer.padding_side = side
    windows = processor.encode(sample_documents())
    batch = processor.pad(windows, pad_to_multiple_of=8)
    assert set(batch) == set(processor.model_input_names)
    assert all(value.dtype == torch.int64 for value in batch.values()) and batch["input_ids"].shape[1] % 8 == 0
    width = batch["input_ids"].shape[1]
    for row, window in enumerate(windows):
        start = width - window.length if side == "left" else 0
        kept = batch["attention_mask"][row].bool()
        assert kept.nonzero()[:, 0].tolist() == list(range(start, start + window.length))
        assert batch["input_ids"][row][kept].tolist() == window.input_ids
        assert (batch["input_ids"][row][~kept] == processor.tokenizer.pad_token_id).all()
        assert batch["text_token_mask"][row][kept].tolist() == window.text_token_mask
        count = len(window.mention_spans)
        spans = batch["mention_spans"][row]
        assert (spans[:count] - start).tolist() == [list(span) for span in window.mention_spans]
        assert (spans[count:] == -1).all() and (batch["pairs"][row, len(window.pairs) :] == -1).all()
        assert batch["pairs"][row, : len(window.pairs)].tolist() == [list(pair) for pair in window.pairs]


def test_kinds_of_tensors():
    processor = processor_of()
    rows = sample_documents()[:2]
    pt, np_, plain = (processor(rows, return_tensors=kind) for kind in ("pt", "np", None))
    for name in processor.model_input_names:
        assert isinstance(np_[name], np.ndarray) and isinstance(plain[name], list)
        assert pt[name].tolist() == np_[name].tolist() == plain[name]


def test_token_types_only_where_the_tokenizer_makes_them():
    assert "token_type_ids" in processor_of("bert")(sample_documents())
    assert "token_type_ids" not in processor_of("roberta")(sample_documents())


# Saving


@EACH_CASE
def test_save_and_load_with_auto_processor(kind, policy, tmp_path):
    model, _ = tiny_kernel_re(kind)
    model.config.save_pretrained(tmp_path)
    types = TYPES if policy == "typed" else ()
    processor = DocumentProcessor(tiny_tokenizer(kind), policy, types, max_length=40)
    processor.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path)
    assert type(again) is DocumentProcessor
    assert (again.marker_policy, tuple(again.entity_types), again.max_length) == (policy, tuple(types), 40)
    assert again.encode(sample_documents()) == processor.encode(sample_documents())
    again.save_pretrained(tmp_path / "second")
    for name in ("processor_config.json", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_overrides_while_loading_stay_out_of_the_tokenizer(tmp_path):
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=40)
    processor.save_pretrained(tmp_path)
    again = DocumentProcessor.from_pretrained(
        tmp_path, max_length=64, marker_policy="typed", entity_types=["PERSON"], local_files_only=True
    )
    assert (again.max_length, again.marker_policy, again.entity_types) == (64, "typed", ("PERSON",))
    again.save_pretrained(tmp_path / "second")
    settings = json.loads((tmp_path / "second" / "tokenizer_config.json").read_text())
    assert not {"max_length", "marker_policy", "entity_types"} & set(settings)


# Windows


def long_document(words: int = 300, every: int = 29):
    text, spans = "", []
    for number in range(words):
        word = "kelo" if number % every == 5 else ("and", "the", "of", "river")[number % 4]
        text += " " * bool(text)
        if word == "kelo":
            spans.append((len(text), len(text) + 4))
        text += word
    return row_of(text, spans)


@EACH_CASE
@pytest.mark.parametrize("cover", [False, True])
def test_windows_of_a_long_text_hold_every_pair_once(kind, policy, cover):
    processor = processor_of(kind, policy, 48)
    row = long_document()
    short = document("Ada met Bob.", "Ada", "Bob")
    windows = processor.encode([short, row], cover=cover)
    assert windows[0].complete and not any(window.complete for window in windows[1:])
    assert [window.document for window in windows] == [0] + [1] * (len(windows) - 1)
    assert all(window.length <= 48 for window in windows)
    of_long = windows[1:]
    assert sorted(pair for window in of_long for pair in window.pair_entities) == candidate_pairs(row)
    seen = set()
    for window in of_long:
        for (head, tail), entities in zip(window.pairs, window.pair_entities, strict=True):
            assert (window.mentions[head], window.mentions[tail]) == entities  # an entity has one mention here
        for (first, last), mention in zip(window.mention_spans, window.mentions, strict=True):
            span = row["mentions"][mention]
            assert (window.offsets[first][0], window.offsets[last - 1][1]) == (span["start"], span["end"])
        seen |= {characters for characters in window.offsets if characters}
    whole = copy.copy(processor)
    whole.max_length = 5_000
    (everything,) = whole.encode([row])
    assert not cover or seen == {characters for characters in everything.offsets if characters}


def test_a_long_text_without_pairs_is_still_windows():
    processor = processor_of("bert", "none", 48)
    row = row_of(long_document()["text"], [])
    for options in ({}, {"pairs": "none"}, {"cover": True}):
        windows = processor.encode([row], **options)
        assert len(windows) > 1 and all(window.length <= 48 and not window.pairs for window in windows)


def test_pairs_may_be_chosen():
    processor = processor_of()
    rows = sample_documents()[:2]
    assert [w.pair_entities for w in processor.encode(rows, pairs="labelled")] == [[(0, 1), (2, 0)], [(0, 1), (1, 0)]]
    assert [w.pair_entities for w in processor.encode(rows, pairs="none")] == [[], []]
    given_pairs = [[(2, 1), (0, 1)], []]
    assert [w.pair_entities for w in processor.encode(rows, pairs=given_pairs)] == given_pairs
    far = processor_of("bert", "entity", 48).encode([long_document()], pairs=[[(9, 0), (0, 9), (0, 1)]])
    assert sorted(pair for window in far for pair in window.pair_entities) == [(0, 1), (0, 9), (9, 0)]
    assert processor(rows, pairs=given_pairs)["pairs"].tolist() == [[[2, 1], [0, 1]], [[-1, -1], [-1, -1]]]


def test_a_pair_is_judged_by_its_nearest_mentions():
    text = "Ada met Bob. Bob met Ada."
    row = {
        "text": text,
        "mentions": [{"start": 0, "end": 3}, {"start": 13, "end": 16}, {"start": 21, "end": 24}],
        "entities": [{"mentions": [0, 2]}, {"mentions": [1]}],
    }
    (window,) = processor_of().encode([row])
    assert window.pairs == [(2, 1), (1, 2)] and window.pair_entities == [(0, 1), (1, 0)]


# What is refused


def test_more_pairs_or_fewer_than_documents_are_refused():
    processor, rows = processor_of(), sample_documents()[:2]
    with pytest.raises(UsageError, match="`pairs` has 1 lists, but there is a document 1"):
        processor.encode(rows, pairs=[[]])
    with pytest.raises(UsageError, match=r"one list a document \(2\), got 3"):
        processor.encode(rows, pairs=[[], [], []])
    for pair in ((0, 2), (-1, 0)):
        with pytest.raises(UsageError, match=r"`pairs`\[1\] has .* 2 entities"):
            processor.encode(rows, pairs=[[], [pair]])
    for wrong in ("some", iter([])):
        with pytest.raises(UsageError, match="`pairs` must be 'all'"):
            processor.encode([], pairs=wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"mentions": [{"start": 0, "end": 99}]},
        {"mentions": [{"start": 2, "end": 2}]},
        {"entities": [{"mentions": [3]}]},
        {"text": None},
        {"text": "   "},
        {"text": ""},
        {"relations": [{"head": 0, "tail": 9, "label": "x"}]},
    ],
)
def test_bad_documents_are_refused_with_their_row(change):
    good = {"text": "Ada met Bob.", "mentions": [{"start": 0, "end": 3}], "entities": [{"mentions": [0]}]}
    with pytest.raises(InvalidRowError, match="row 8"):
        processor_of().encode([good, good | change], first_index=7)


def test_one_document_or_a_string_is_refused():
    for wrong in (sample_documents()[0], "Ada met Bob.", 3):
        with pytest.raises(UsageError, match="Put a single document in a list"):
            processor_of().encode(wrong)


def test_a_mention_that_the_tokenizer_drops_is_refused_with_its_row():
    row = row_of("Ada \ufffd met Bob", [(4, 5), (0, 3)])
    with pytest.raises(InvalidRowError, match=r"row 5: the tokenizer has no token for `mentions\[0\]`"):
        processor_of().encode([row], first_index=5)


def test_mentions_that_do_not_fit_are_refused_with_their_row():
    row = row_of(" ".join(["river"] * 100), [(0, 29), (120, 299)])  # two pieces a word
    with pytest.raises(
        InvalidRowError, match=r"row 0: entities 0 and 1 have mentions of 10 and 60 tokens.*`max_length` 32"
    ):
        processor_of("bert", "none", 32).encode([row])


def test_nothing_to_pad_and_unknown_tensors_are_refused():
    processor = processor_of()
    with pytest.raises(UsageError, match="no windows"):
        processor([])
    windows = processor.encode(sample_documents()[:1])
    with pytest.raises(UsageError, match="`return_tensors`"):
        processor.pad(windows, "tf")
    with pytest.raises(UsageError, match="`pad_to_multiple_of`"):
        processor.pad(windows, pad_to_multiple_of=0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"marker_policy": "all"}, "`marker_policy`"),
        ({"marker_policy": "typed"}, "needs the types"),
        ({"entity_types": ["X"]}, "`entity_types`"),
        ({"max_length": 3}, "`max_length` must be at least 4"),
        ({"max_length": 7, "marker_policy": "entity"}, "`max_length` must be at least 8"),
        ({"max_length": 10_000}, "`max_length` is 10000"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        DocumentProcessor(tiny_tokenizer("bert"), **settings)
