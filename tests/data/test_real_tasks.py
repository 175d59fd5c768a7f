"""Every file of tagged sentences and labelled texts at hand: as many rows and tokens as its README says."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    GLUE_LABELS,
    MELD_LABELS,
    SNIPS_INTENTS,
    UD_TAGS,
    iob_spans,
    read_conllu,
    read_glue,
    read_iob2corpus,
    read_meld,
    read_snips,
    read_stsb,
    read_weibo_ner,
    read_wnut17,
    to_misc,
)


pytestmark = pytest.mark.real_data

UD = {
    "en_ewt-ud-train.rebuilt": 12_544, "en_ewt-ud-dev": 2_001, "en_ewt-ud-test": 2_077, "de_gsd-ud-dev": 799,
    "de_gsd-ud-test": 977, "nl_alpino-ud-dev": 718, "nl_alpino-ud-test": 596, "zh_gsd-ud-dev": 500, "zh_gsd-ud-test": 500,
    "zh_gsd-ud-train.v1": 3_997, "zh_gsd-ud-dev.v1": 500, "zh_gsd-ud-test.v1": 500, "ja_gsd-ud-dev": 507,
    "ja_gsd-ud-test": 543, "fa_seraji-ud-dev": 599, "fa_seraji-ud-test": 600, "ur_udtb-ud-dev": 552, "ur_udtb-ud-test": 535,
    "he_htb-ud-dev": 484, "he_htb-ud-test": 491, "ar_padt-ud-dev.v1": 786, "ar_padt-ud-test.v1": 704,
}  # fmt: skip
ENTITIES = {
    "wnut17/wnut17train.conll": (read_wnut17, 3_394, 62_730),
    "wnut17/emerging.dev.conll": (read_wnut17, 1_009, 15_733),
    "wnut17/emerging.test.annotated": (read_wnut17, 1_287, 23_394),
    "ner_zh_weibo/weiboNER_2nd_conll.train": (read_weibo_ner, 1_350, 73_778),
    "ner_zh_weibo/weiboNER_2nd_conll.dev": (read_weibo_ner, 270, 14_509),
    "ner_zh_weibo/weiboNER_2nd_conll.test": (read_weibo_ner, 270, 14_842),
}
JAPANESE = {"hironsan.txt": (500, 15_520), "ja.wikipedia.conll": (1_000, 142_364)}
SNIPS_TRAIN = dict(zip(SNIPS_INTENTS, (1_942, 1_973, 2_000, 2_000, 1_956, 1_954, 1_959), strict=True))
GLUE: dict[str, tuple[Any, int, bool]] = {
    "CoLA/train.tsv": ("cola", 7_250, True), "CoLA/val.tsv": ("cola", 1_301, True), "CoLA/dev.tsv": ("cola", 1_043, True),
    "CoLA/test.tsv": ("cola", 1_063, False), "WNLI/train.tsv": ("wnli", 518, True), "WNLI/val.tsv": ("wnli", 117, True),
    "WNLI/dev.tsv": ("wnli", 71, True), "WNLI/test.tsv": ("wnli", 146, False), "SST-2/train.tsv.gz": ("sst2", 60_614, True),
    "SST-2/dev.tsv": ("sst2", 6_735, True), "SST-2/test.tsv": ("sst2", 872, True), "QNLI/dev.tsv": ("qnli", 5_463, True),
}  # fmt: skip


def num_tokens(rows: list[Any]) -> int:
    return sum(len(row["tokens"]) for row in rows)


def unique_ids(rows: list[Any]) -> bool:
    return len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("name", UD)
def test_treebanks(real_data_dir: Path, name: str) -> None:
    path = real_data_dir / "ud" / f"{name}.conllu.gz"
    rows = list(read_conllu(path, version=1 if name.endswith(".v1") else 2))
    assert len(rows) == UD[name] and unique_ids(rows)
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        words = [columns for line in stream if len(columns := line.split("\t")) == 10 and columns[0].isdecimal()]
    assert [word[1] for word in words] == [token for row in rows for token in row["tokens"]]
    assert {tag for row in rows for tag in row["tags"]} <= set(UD_TAGS)
    if "train.rebuilt" in name:
        assert len(words) == 204_577


@pytest.mark.parametrize("name", ENTITIES)
def test_entities(real_data_dir: Path, name: str) -> None:
    read, sentences, tokens = ENTITIES[name]
    rows = list(read(real_data_dir / name))
    assert (len(rows), num_tokens(rows)) == (sentences, tokens) and unique_ids(rows)
    for row in rows:
        kept = to_misc(row["tags"])
        assert [span[:2] for span in iob_spans(kept)] == [span[:2] for span in iob_spans(row["tags"])]
    if "weibo" in name:
        assert {len(token) for row in rows for token in row["tokens"]} <= {1, 2}


@pytest.mark.parametrize("name", JAPANESE)
def test_japanese_entities(real_data_dir: Path, name: str) -> None:
    path = real_data_dir / "ner_ja_iob2corpus" / name
    blocks, sentences = list(read_iob2corpus(path, split_sentences=False)), list(read_iob2corpus(path))
    assert (len(blocks), num_tokens(blocks)) == JAPANESE[name]
    assert unique_ids(sentences)
    for key in ("tokens", "tags"):
        whole, split = ([item for row in rows for item in row[key]] for rows in (blocks, sentences))  # type: ignore[literal-required]
        assert whole == split
    assert not any(row["tags"][0].startswith("I-") for row in sentences)
    assert len(sentences) >= len(blocks)


@pytest.mark.parametrize("intent", SNIPS_INTENTS)
def test_snips(real_data_dir: Path, intent: str) -> None:
    folder = real_data_dir / "snips" / intent
    for name, count in ((f"train_{intent}_full.json.gz", SNIPS_TRAIN[intent]), (f"validate_{intent}.json", 100)):
        slots, intents = list(read_snips(folder / name)), list(read_snips(folder / name, task="intent"))
        assert len(slots) == len(intents) == count
        assert {row["label"] for row in intents} == {intent}
        for sentence, text in zip(slots, intents, strict=True):
            assert sentence["id"] == text["id"]
            assert "".join(sentence["tokens"]) == "".join(text["text"].split())


def test_the_playlist_with_an_emoji(real_data_dir: Path) -> None:
    rows = list(read_snips(real_data_dir / "snips" / "PlayMusic" / "train_PlayMusic_full.json.gz"))
    tokens = {token for row in rows for token in row["tokens"]}
    assert "\U0001f355" in tokens and not any("Ã" in token for token in tokens)


@pytest.mark.parametrize("name", GLUE)
def test_glue(real_data_dir: Path, name: str) -> None:
    task, count, labelled = GLUE[name]
    rows = list(read_glue(real_data_dir / "glue" / name, task))
    assert len(rows) == count and unique_ids(rows)
    assert {row["label"] for row in rows} == (set(GLUE_LABELS[task]) if labelled else {None})


@pytest.mark.parametrize(("name", "count"), {"train": 1_000, "dev": 375, "test": 375}.items())
def test_similarities(real_data_dir: Path, name: str, count: int) -> None:
    rows = list(read_stsb(real_data_dir / "glue" / "STS-B-cc" / f"sts-{name}.csv"))
    assert len(rows) == count and all(isinstance(row["label"], float) and row["text_pair"] for row in rows)


@pytest.mark.parametrize(("name", "count"), {"train": 9_989, "dev": 1_109, "test": 2_610}.items())
@pytest.mark.parametrize("label", MELD_LABELS)
def test_meld(real_data_dir: Path, name: str, count: int, label: Any) -> None:
    rows = list(read_meld(real_data_dir / "meld" / f"{name}_sent_emo.csv", label=label))
    assert len(rows) == count and {row["label"] for row in rows} == set(MELD_LABELS[label])
