"""Texts: normal form, names, strings, sentences and tokens stand where it is said."""

from __future__ import annotations

import unicodedata

from hf_relation.data import EntityDictionary, join_tokens, locate_strings, split_sentences
from hf_relation.data.normal_text import is_border, normal_text
from tests.fuzz.targets.source import Source
from tests.fuzz.targets.spans import TYPES


def normal_form(data: bytes) -> None:
    """Normal text is in form C piece by piece, and every character leads back to the stretch it stands for."""
    source = Source(data)
    text = source.text(60)
    for ignore_case in (False, True):
        found = normal_text(text, ignore_case=ignore_case)
        length = len(found.characters)
        starts = [found.start_of(place) for place in range(length)]
        ends = [found.end_of(place) for place in range(length)]
        assert (
            starts == sorted(starts) and ends == sorted(ends) and all(a < b for a, b in zip(starts, ends, strict=True))
        )
        stretches = sorted(set(zip(starts, ends, strict=True)))
        # The stretches lie side by side; letters that a fold takes away altogether are the only gaps.
        assert all(a[1] <= b[0] for a, b in zip(stretches, stretches[1:], strict=False))
        for start, end in stretches:
            part = text[start:end]
            made = "".join(c for c, s in zip(found.characters, starts, strict=True) if s == start)
            plain = " " if part.isspace() else unicodedata.normalize("NFC", part)
            if ignore_case and plain != " ":
                plain = unicodedata.normalize("NFC", plain.casefold())
            assert made in (plain, unicodedata.normalize("NFC", part.lower()) if ignore_case else plain)
        missing = set(range(len(text))) - {place for start, end in stretches for place in range(start, end)}
        assert not missing or ignore_case
        for place in range(length + 1):
            is_border(found, place)


def dictionary(data: bytes) -> None:
    """What a list of names finds is one of the names, in order, and no two overlap."""
    source = Source(data)
    names: dict[str, str | None] = {}
    for _ in range(source.number(1, 4)):
        name = source.text(6).strip()
        if name and name not in names:
            names[name] = source.choice(TYPES)
    ignore_case = source.flag()
    try:
        find = EntityDictionary(names.items(), ignore_case=ignore_case)
    except ValueError:
        return
    pieces = [source.choice(list(names)) if source.flag() else source.text(8) for _ in range(source.number(0, 6))]
    text = (" " if source.flag() else "").join(pieces)
    last = 0
    keys = {normal_text(name, ignore_case=ignore_case).characters: kind for name, kind in names.items()}
    for span in find([text])[0]:
        assert last <= span.start < span.end <= len(text)
        last = span.end
        key = normal_text(text[span.start : span.end], ignore_case=ignore_case).characters
        assert key.strip() in {name.strip() for name in keys} and span.type in keys.values()


def locating(data: bytes) -> None:
    """Places of strings spell the strings, but for case and blanks; a string that stands in the text is found."""
    source = Source(data)
    text = source.text(60)
    strings = [source.text(5) for _ in range(3)]
    if text:
        start, end = source.span(len(text))
        strings.append(text[start:end])
    found = locate_strings(text, strings)
    for string in strings:
        assert (string in found) or not string.strip() or string.strip() not in text
    for string, located in found.items():
        last = 0
        for start, end in located.places:
            assert last <= start < end <= len(text)
            last = end
            words = text[start:end]
            if located.how == "exact":
                assert words == string.strip()
            else:
                assert len("".join(words.split())) == len("".join(string.split()))


def sentences(data: bytes) -> None:
    """Sentences are stretches in order that leave out nothing but white space."""
    source = Source(data)
    how = source.choice(("en", "lines", "text", "zh", "de", "ar"))
    text = source.text(250)
    place = 0
    for start, end in split_sentences(text, how):
        assert place <= start < end <= len(text) and not text[place:start].strip()
        assert text[start:end] == text[start:end].strip()
        place = end
    assert not text[place:].strip()


def tokens(data: bytes) -> None:
    """Joined tokens stand where it says."""
    source = Source(data)
    listed = [source.text(5) for _ in range(source.number(0, 8))]
    text, spans = join_tokens(listed)
    assert len(spans) == len(listed)
    for token, (start, end) in zip(listed, spans, strict=True):
        assert text[start:end] == (token if token.strip() else "")
    assert text == " ".join(token for token in listed if token.strip())


TEXT_TARGETS = {
    "normal-text": normal_form,
    "dictionary": dictionary,
    "locating": locating,
    "sentences": sentences,
    "tokens": tokens,
}
