"""`hf-relation convert CORPUS ...`: the converters of `dataset_scripts/`, for those who have no repository."""

from __future__ import annotations

import typer


# name -> what it is, and options that can be pasted. Spelled out here so that `--help` reads no recipe; a test compares
# the names.
CORPORA = {
    "fewrel": (
        "FewRel: 80 Wikidata relations in Wikipedia sentences.",
        "--data-dir data/fewrel --output-dir out/fewrel --config openre",
    ),
    "wiki80": ("Wiki80: FewRel's 80 relations, split within each.", "--data-dir data/wiki80 --output-dir out/wiki80"),
    "semeval2010_task8": (
        "SemEval-2010 Task 8: nine relations between nominals, and Other.",
        "--data-dir data/semeval2010_task8 --output-dir out/semeval",
    ),
    "redocred": (
        "Re-DocRED: 96 relations across the sentences of documents.",
        "--data-dir data/redocred --output-dir out/redocred",
    ),
    "tacred": (
        "TACRED: 41 relations of persons and organisations (your own licensed files).",
        "--data-dir data/tacred --output-dir out/tacred --config openre",
    ),
    "nyt_fb": (
        "NYT+FB: New York Times sentences with Freebase relations (your own licensed file).",
        "--data-dir data/nyt_fb --output-dir out/nyt_fb --config sup",
    ),
    "webnlg": (
        "WebNLG: sentences with overlapping triples, whole entities.",
        "--data-dir data/webnlg --output-dir out/webnlg",
    ),
    "webnlg_star": (
        "WebNLG*: the same with the last word of each entity, as CasRel has it.",
        "--data-dir data/webnlg_star --output-dir out/webnlg_star",
    ),
    "nyt_triples": (
        "NYT: New York Times sentences with overlapping triples (your own licensed files).",
        "--data-dir data/nyt_triples --output-dir out/nyt_triples",
    ),
    "ud": (
        "Universal Dependencies: words and parts of speech in many languages.",
        "--data-dir data/ud --output-dir out/ud --config en_ewt",
    ),
    "wnut17": (
        "WNUT-17: new and rare named entities in English.",
        "--data-dir data/wnut17 --output-dir out/wnut17",
    ),
    "weibo_ner": (
        "Weibo: named entities in Chinese messages.",
        "--data-dir data/weibo_ner --output-dir out/weibo_ner",
    ),
    "iob2corpus": (
        "IOB2Corpus: named entities in Japanese.",
        "--data-dir data/iob2corpus --output-dir out/iob2corpus",
    ),
    "snips": (
        "SNIPS: slots and intents of a voice assistant.",
        "--data-dir data/snips --output-dir out/snips",
    ),
    "cola": (
        "CoLA: whether a sentence is acceptable English.",
        "--data-dir data/cola --output-dir out/cola",
    ),
    "sst2": (
        "SST-2: whether a phrase of a film review is positive.",
        "--data-dir data/sst2 --output-dir out/sst2",
    ),
    "wnli": (
        "WNLI: Winograd schemas as pairs of sentences.",
        "--data-dir data/wnli --output-dir out/wnli",
    ),
    "qnli": (
        "QNLI: whether a sentence answers a question.",
        "--data-dir data/qnli --output-dir out/qnli",
    ),
    "stsb": (
        "STS-B: how similar two sentences are.",
        "--data-dir data/stsb --output-dir out/stsb",
    ),
    "meld": (
        "MELD: emotions and sentiments in dialogues.",
        "--data-dir data/meld --output-dir out/meld",
    ),
    "conll_slots": (
        "Slot files of your own, one token and its IOB tag a line (ATIS, MultiATIS++).",
        "--data-dir data/conll_slots --output-dir out/conll_slots",
    ),
    "jsonl": ("JSONL files of your own.", "train=train.jsonl test=test.jsonl --output-dir out/mine"),
}

app = typer.Typer(
    name="convert",
    help="Convert a corpus to Parquet and a dataset card, as `datasets.load_dataset` and the Hub read them.",
    epilog="Example: hf-relation convert jsonl train=train.jsonl --output-dir out/mine",
    no_args_is_help=True,
)


def _add(name: str, about: str, options: str) -> None:
    command = f"hf-relation convert {name}"

    @app.command(
        name,
        help=about,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    def convert(context: typer.Context) -> None:
        from hf_relation.data.convert_command import converter

        converter(name, example=f"{command} {options}")(context.args, prog_name=command)


for _name, (_about, _options) in CORPORA.items():
    _add(_name, _about, _options)
