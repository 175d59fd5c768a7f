"""What the corpora of tasks beside relations are made of: parts of speech, named entities, slots, classes, similarity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from .conll_columns import read_conll_columns
from .conllu import read_conllu
from .files import rows_naming_file
from .glue import GlueTask, read_glue, read_stsb
from .iob import to_misc
from .kinds import Kind
from .locations import corpus_file
from .meld import read_meld
from .named_entities import read_iob2corpus, read_weibo_ner, read_wnut17
from .recipe import Configuration, Recipe, Split, file_split
from .snips import SNIPS_INTENTS, read_snips
from .task_schema import TaggedSentence


UD_SOURCE = "https://universaldependencies.org (or the repository UniversalDependencies/UD_<language>-<treebank>)"
UD_TREEBANKS: Mapping[str, str] = {
    "en_ewt": "English, EWT. CC BY-SA 4.0.",
    "de_gsd": "German, GSD. CC BY-SA 4.0.",
    "nl_alpino": "Dutch, Alpino. CC BY-SA 4.0.",
    "zh_gsd": "Chinese, GSD. CC BY-SA 4.0.",
    "ja_gsd": "Japanese, GSD. CC BY-SA 4.0.",
    "fa_seraji": "Persian, Seraji. CC BY-SA 4.0.",
    "ur_udtb": "Urdu, UDTB. CC BY-NC-SA 4.0.",
    "he_htb": "Hebrew, HTB. CC BY-NC-SA 4.0.",
    "ar_padt": "Arabic, PADT. CC BY-NC-SA 3.0.",
}
UD_V1_TREEBANKS: Mapping[str, str] = {
    "zh_gsd_v1": "Chinese, GSD by version 1, CONJ renamed CCONJ; there is no SCONJ. Do not mix with `zh_gsd`. CC BY-SA 4.0.",
    "ar_padt_v1": "Arabic, PADT by version 1, CONJ renamed CCONJ; fully vocalised. CC BY-NC-SA 3.0.",
}

_GLUE_SOURCE = "https://gluebenchmark.com/tasks"
_GLUE_FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("train.tsv",),
    "held_out": ("val.tsv",),
    "validation": ("dev.tsv",),
    "test": ("test.tsv",),
}
_GLUE_SPLITS = "`train`, `validation` and `test` are train.tsv, dev.tsv and test.tsv; `held_out` is val.tsv, which some copies cut off train."
_AS_PUBLISHED = "IOB2, the types as published."
_MISC = "IOB2 with CoNLL's types: PER, ORG, LOC, and MISC for all others."

Read = Callable[[Path], Iterator[Any]]


def _splits(files: Mapping[str, tuple[str, ...]], source: str, read: Read) -> dict[str, Split]:
    return {split: file_split(names, source, read, optional=True) for split, names in files.items()}


def _one(about: str, files: Mapping[str, tuple[str, ...]], source: str, read: Read, kind: Kind) -> Configuration:
    return Configuration(about, _splits(files, source, read), kind)


def _treebank(name: str, about: str, version: Literal[1, 2]) -> Configuration:
    stem = name.removesuffix("_v1")
    variants = {1: (".v1",), 2: ("", ".rebuilt")}[version]
    files = {
        split: tuple(f"{stem}-ud-{part}{variant}.conllu" for variant in variants)
        for split, part in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    return _one(about, files, UD_SOURCE, partial(read_conllu, version=version, prefix=f"ud/{name}"), "tagged")


def _as_misc(read: Read) -> Read:
    def rows(path: Path) -> Iterator[TaggedSentence]:
        return ({"id": row["id"], "tokens": row["tokens"], "tags": to_misc(row["tags"])} for row in read(path))

    return rows


def _entities(files: Mapping[str, tuple[str, ...]], source: str, read: Read) -> dict[str, Configuration]:
    return {
        "ner": _one(_AS_PUBLISHED, files, source, read, "tagged"),
        "ner_misc": _one(_MISC, files, source, _as_misc(read), "tagged"),
    }


def _snips(task: Literal["slots", "intent"]) -> dict[str, Split]:
    source = "https://github.com/sonos/nlu-benchmark (2017-06-custom-intent-engines/)"

    def split(pattern: str) -> Split:
        def files(folder: Path) -> list[Path]:
            # As upstream, a folder for each intent; or all files in one.
            return [
                corpus_file(
                    inner if (inner := folder / intent).is_dir() else folder, pattern.format(intent), source=source
                )
                for intent in SNIPS_INTENTS
            ]

        return Split(
            files,
            lambda folder: (
                row for path in files(folder) for row in rows_naming_file(path, partial(read_snips, task=task))
            ),
            True,
        )

    return {"train": split("train_{}_full.json"), "validation": split("validate_{}.json")}


def _glue(task: GlueTask, title: str, about: str, licence: str, licence_text: str, free: bool) -> Recipe:
    read = partial(read_glue, task=task)
    return Recipe(
        name=task,
        title=title,
        about=about,
        source=_GLUE_SOURCE,
        licence=licence,
        licence_text=licence_text,
        configurations={task: _one(_GLUE_SPLITS, _GLUE_FILES, _GLUE_SOURCE, read, "text")},
        redistributable=free,
        folders=(title, f"glue/{title}", f"glue_data/{title}"),
    )


def _meld(label: Literal["emotion", "sentiment"], about: str) -> Configuration:
    return _one(about, MELD_FILES, MELD_SOURCE, partial(read_meld, label=label), "text")


WNUT17_SOURCE = "https://github.com/leondz/emerging_entities_17"
WEIBO_SOURCE = "https://github.com/hltcoe/golden-horse (data/)"
IOB2CORPUS_SOURCE = "https://github.com/Hironsan/IOB2Corpus"
STSB_SOURCE = "the STS benchmark's page, http://ixa2.si.ehu.eus/stswiki/index.php/STSbenchmark"
MELD_SOURCE = "https://github.com/declare-lab/MELD (data/MELD/)"
MELD_FILES: Mapping[str, tuple[str, ...]] = {
    split: (f"{part}_sent_emo.csv",) for split, part in (("train", "train"), ("validation", "dev"), ("test", "test"))
}
SLOT_FILES: Mapping[str, tuple[str, ...]] = {
    split: tuple(f"{name}{end}" for name in names for end in (".conll", ".txt", ".tsv"))
    for split, names in (("train", ("train",)), ("validation", ("validation", "valid", "dev")), ("test", ("test",)))
}


TASK_RECIPES: dict[str, Recipe] = {
    "ud": Recipe(
        name="ud",
        title="Universal Dependencies",
        about="Words and their universal parts of speech, one configuration for each treebank. Nivre et al., LREC 2020.",
        source=UD_SOURCE,
        licence="other",
        licence_text="each treebank has its own, named with its configuration; those with NC are for non-commercial use",
        configurations={
            **{name: _treebank(name, about, 2) for name, about in UD_TREEBANKS.items()},
            **{name: _treebank(name, about, 1) for name, about in UD_V1_TREEBANKS.items()},
        },
    ),
    "wnut17": Recipe(
        name="wnut17",
        title="WNUT-17",
        about="Named entities that are new or rare, in English of social media. Derczynski et al., W-NUT 2017.",
        source=WNUT17_SOURCE,
        licence="cc-by-4.0",
        licence_text="CC BY 4.0 (the repository's README)",
        configurations=_entities(
            {
                "train": ("wnut17train.conll",),
                "validation": ("emerging.dev.conll",),
                "test": ("emerging.test.annotated",),
            },
            WNUT17_SOURCE,
            read_wnut17,
        ),
    ),
    "weibo_ner": Recipe(
        name="weibo_ner",
        title="Weibo NER",
        about="Named and nominal mentions in Chinese messages, by characters. Peng and Dredze, EMNLP 2015; He and Sun, EACL 2017.",
        source=WEIBO_SOURCE,
        licence="other",
        licence_text="the annotations are CC BY-SA 3.0; the messages follow Weibo's terms of service (the repository's README)",
        redistributable=False,
        folders=("ner_zh_weibo", "golden-horse/data"),
        configurations=_entities(
            {
                split: (f"weiboNER_2nd_conll.{part}",)
                for split, part in (("train", "train"), ("validation", "dev"), ("test", "test"))
            },
            WEIBO_SOURCE,
            read_weibo_ner,
        ),
    ),
    "iob2corpus": Recipe(
        name="iob2corpus",
        title="IOB2Corpus",
        about="Named entities in Japanese: `wikinews` (500 sentences of Wikinews) and `wikipedia` (1,000 paragraphs, split into "
        "sentences).",
        source=IOB2CORPUS_SOURCE,
        licence="other",
        licence_text="the text of Wikinews is CC BY 2.5, that of Wikipedia CC BY-SA; no licence of the annotation is stated",
        redistributable=False,
        folders=("ner_ja_iob2corpus", "IOB2Corpus"),
        configurations=_entities(
            {"wikinews": ("hironsan.txt",), "wikipedia": ("ja.wikipedia.conll",)}, IOB2CORPUS_SOURCE, read_iob2corpus
        ),
    ),
    "snips": Recipe(
        name="snips",
        title="SNIPS",
        about="What people ask of a voice assistant: slots and 7 intents. Coucke et al., 2018.",
        source="https://github.com/sonos/nlu-benchmark (2017-06-custom-intent-engines/)",
        licence="cc0-1.0",
        licence_text="CC0 1.0 (the repository)",
        configurations={
            "slots": Configuration("Tokens with slots as IOB2.", _snips("slots"), "tagged"),
            "intent": Configuration("The text with its intent.", _snips("intent"), "text"),
        },
    ),
    "cola": _glue(
        "cola",
        "CoLA",
        "Whether a sentence is acceptable English. Warstadt et al., TACL 2019.",
        "other",
        "none stated; the sentences are from published linguistics texts",
        False,
    ),
    "sst2": _glue(
        "sst2",
        "SST-2",
        "Whether a phrase of a film review is positive. Socher et al., EMNLP 2013.",
        "other",
        "none stated",
        False,
    ),
    "wnli": _glue(
        "wnli",
        "WNLI",
        "Whether a sentence with its pronoun resolved follows from the one before. Levesque et al., KR 2012.",
        "cc-by-4.0",
        "CC BY 4.0 (the Winograd schemas)",
        True,
    ),
    "qnli": _glue(
        "qnli",
        "QNLI",
        "Whether a sentence answers a question of SQuAD. Rajpurkar et al., EMNLP 2016; Wang et al., ICLR 2019.",
        "cc-by-sa-4.0",
        "CC BY-SA 4.0 (SQuAD)",
        True,
    ),
    "stsb": Recipe(
        name="stsb",
        title="STS-B",
        about="How similar two sentences are, from 0 to 5. Cer et al., SemEval 2017.",
        source=STSB_SOURCE,
        licence="other",
        licence_text="the scores are CC BY-SA 4.0; the texts have licences of their own by genre, some of which forbid publishing",
        redistributable=False,
        folders=("STS-B", "stsbenchmark", "glue/STS-B", "glue/STS-B-cc"),
        configurations={
            "stsb": _one(
                "Every genre that the files have.",
                {"train": ("sts-train.csv",), "validation": ("sts-dev.csv",), "test": ("sts-test.csv",)},
                STSB_SOURCE,
                read_stsb,
                "score",
            )
        },
    ),
    "meld": Recipe(
        name="meld",
        title="MELD",
        about="Emotions and sentiments of the utterances of a television series. Poria et al., ACL 2019.",
        source=MELD_SOURCE,
        licence="gpl-3.0",
        licence_text="the repository states GPL-3.0; the text are lines of a television series",
        redistributable=False,
        configurations={
            "emotion": _meld("emotion", "Seven emotions."),
            "sentiment": _meld("sentiment", "Neutral, positive, negative."),
        },
    ),
    "conll_slots": Recipe(
        name="conll_slots",
        title="Slots",
        about="Files of one's own with a token and its IOB tag on each line, such as ATIS or MultiATIS++: train, valid (or dev, "
        "validation) and test, ending in .conll, .txt or .tsv.",
        source="its publisher (ATIS and MultiATIS++: the Linguistic Data Consortium)",
        licence="other",
        licence_text="that of your files",
        redistributable=False,
        configurations={
            "slots": _one(
                "The first column is the token, the last its tag, normalised to IOB2.",
                SLOT_FILES,
                "its publisher",
                partial(read_conll_columns, prefix="conll_slots"),
                "tagged",
            )
        },
    ),
}
"""The corpora of tagged sentences and labelled texts, by name."""
