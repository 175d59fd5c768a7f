"""Train a tiny multilingual encoder from scratch on the words of treebanks, for machines that cannot reach the Hub.

A WordPiece tokenizer (cased, accents kept, Chinese characters apart, as in multilingual BERT) and a small BERT learn from the
training and development parts of Universal Dependencies by masked language modelling; parts of speech are not looked at. Test
parts are opened only to leave out sentences that are also in them. Languages are drawn by words ** --exponent. The result lets
cross-lingual examples run; from a few hundred thousand words it learns far too little to stand for mBERT or XLM-R.

--output_dir gets a BertModel and its tokenizer (AutoModel and AutoTokenizer load them; no pooler), README.md, and
pretraining.json with all figures. It appears when all is done; a run takes minutes and cannot be resumed.

Examples:
  python examples/pretrain_multilingual.py --data_dir data --num_threads 2
  python examples/pretrain_multilingual.py --data_dir data --languages en,de,nl --max_steps 500 --output_dir runs/germanic
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markdown import Markdown
from transformers import BertConfig, DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed

from hf_relation.cards import table_row
from hf_relation.data.atomic import atomic_folder
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs import tiny_encoder
from hf_relation.runs.task_arguments import names_in
from hf_relation.runs.task_data import LANGUAGES
from hf_relation.runs.task_training import quiet_loading
from hf_relation.runs.tiny_encoder import by_frequency, by_model, held_out_loss, pack, read_sentences
from hf_relation.training import library_versions, write_json


FIGURES = "pretraining.json"
NUMBERS: Mapping[str, tuple[float, str]] = {
    "vocab_size": (12_000, "pieces"),
    "hidden_size": (256, "dimensions"),
    "num_layers": (4, "layers"),
    "num_heads": (8, "attention heads of a layer"),
    "max_length": (128, "longest input in pieces; training packs sentences of a language to this length"),
    "batch_tokens": (2048, "pieces of a batch"),
    "num_train_epochs": (10, "as many drawn inputs as so many passes"),
    "max_steps": (-1, "stop after so many steps, whatever the epochs"),
    "seed": (0, "of what is held out, weights, draws and masks"),
    "learning_rate": (1e-3, "highest, after a tenth of the steps"),
    "exponent": (0.5, "0: all languages alike, 1: as many as there are words"),
    "held_out_share": (0.02, "of the sentences, for the losses in README.md"),
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", default=",".join(LANGUAGES["pos"]), help="with commas; default: %(default)s")
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--output_dir", default="runs/multilingual", help="new or empty; default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="delete the encoder in --output_dir, folder and all")
    for name, (default, about) in NUMBERS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{about}; default: {default}")
    parser.add_argument("--num_threads", type=int, help="CPU threads; default: what torch takes")
    args = parser.parse_args(argv)
    if args.hidden_size % args.num_heads or not 8 <= args.max_length <= args.batch_tokens:
        raise UsageError("--hidden_size must be a multiple of --num_heads, --max_length 8 to --batch_tokens.")
    if not 0 < args.held_out_share < 1:
        raise UsageError(f"`--held_out_share` must be above 0 and below 1, got {args.held_out_share}.")
    folder = Path(args.output_dir)
    if args.overwrite and folder.is_dir() and any(folder.iterdir()) and not (folder / FIGURES).is_file():
        raise UsageError(
            f"{folder} has no {FIGURES}: it is no encoder of this script, and --overwrite leaves it alone."
        )
    return args


CARD = """# A tiny multilingual encoder

Trained from scratch in {minutes:.0f} minutes on {words:,} words of treebanks, by masked language modelling: {steps:,} steps of at most
{batch_tokens:,} pieces, {num_layers} layers of {num_heads} heads, {parameters:,} weights. It exists so that cross-lingual code can run where no
published weights can be had. It is **no substitute for multilingual BERT or XLM-R**, whose texts are thousands of times as
large: what holds for its heads need not hold for theirs.

Training and development parts were read, without their parts of speech; sentences that are also in a test part were left out.
The losses are those at masked pieces of held-out sentences: of new weights, of knowing nothing but how frequent pieces are in
the language, and after training. How far the last is below the second is what was learned of context.

{table}

Made with seed {seed} by

    {command}

It reads {max_length} pieces at most and has no pooler. Licences are those of the treebanks; mind those with NC.
"""


def pretrain(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Read, train, and write all but the card into a folder; gives the figures."""
    read = [read_sentences(name, args.data_dir) for name in names_in(args.languages, "languages")]
    most = max(about["words"] for about, _ in read)
    draw = torch.Generator().manual_seed(args.seed)
    kept, held_out, spelled = [], [], []
    for about, sentences in read:
        order = torch.randperm(len(sentences), generator=draw).tolist()
        aside = min(len(order) - 1, max(1, round(args.held_out_share * len(order))))
        held_out.append([sentences[place] for place in order[:aside]])
        kept.append([sentences[place] for place in sorted(order[aside:])])
        spelled += kept[-1] * round((most / about["words"]) ** (1 - args.exponent))
    tokenizer = tiny_encoder.train_tokenizer(spelled, args.vocab_size, args.max_length)
    packed = [pack(sentences, tokenizer) for sentences in kept]
    weights = [
        about["words"] ** args.exponent / len(rows)
        for (about, _), rows in zip(read, packed, strict=True)
        for _ in rows
    ]
    rows = [row for rows in packed for row in rows]
    drawn = torch.multinomial(torch.tensor(weights), args.num_train_epochs * len(rows), True, generator=draw)
    set_seed(args.seed)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=args.hidden_size, intermediate_size=4 * args.hidden_size,
        num_hidden_layers=args.num_layers, num_attention_heads=args.num_heads, max_position_embeddings=args.max_length,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,  # costs a quarter of the time; few passes overfit little
    )  # fmt: skip
    model = tiny_encoder.MaskedBert(config)
    trainer = Trainer(
        model,
        TrainingArguments(
            str(folder), max_steps=args.max_steps, num_train_epochs=1, train_sampling_strategy="sequential",
            per_device_train_batch_size=args.batch_tokens // args.max_length, learning_rate=args.learning_rate,
            warmup_steps=0.1, weight_decay=0.01, seed=args.seed, save_strategy="no", logging_steps=50, report_to=[],
            remove_unused_columns=False, dataloader_pin_memory=False,
        ),
        DataCollatorForLanguageModeling(tokenizer),
        [rows[place] for place in drawn.tolist()],
    )  # fmt: skip
    tests = [pack(sentences, tokenizer) for sentences in held_out]
    for (about, _), test, rows in zip(read, tests, packed, strict=True):
        about["loss_before"] = held_out_loss(by_model(model), test, tokenizer)
        about["loss_of_frequencies"] = held_out_loss(by_frequency(rows, tokenizer), test, tokenizer)
    done = trainer.train()
    for (about, _), test in zip(read, tests, strict=True):
        about["loss_after"] = held_out_loss(by_model(model), test, tokenizer)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1
    with quiet_loading():
        model.bert.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {
        "languages": [about for about, _ in read],
        "settings": {name: getattr(args, name) for name in ("languages", *NUMBERS)},
        "words": sum(about["words"] for about, _ in read),
        "steps": done.global_step,
        "seconds": done.metrics["train_runtime"],
        "parameters": model.bert.num_parameters(),
        "versions": library_versions(),
    }


def card(results: Mapping[str, Any]) -> str:
    """README.md: what it is, what it is not, losses, the command."""
    settings, usual = results["settings"], parse([])
    changed = [f"--{name} {value}" for name, value in settings.items() if value != getattr(usual, name)]
    header = ("language", "treebank", "read", "words", "loss before", "of frequencies", "after")
    table = [table_row(header), "| --- " * len(header) + "|"]
    for each in results["languages"]:
        losses = [f"{each[f'loss_{name}']:.2f}" for name in ("before", "of_frequencies", "after")]
        table.append(
            table_row([each["language"], each["about"], "; ".join(each["parts"]), f"{each['words']:,}", *losses])
        )
    return CARD.format(
        **settings | results,
        minutes=results["seconds"] / 60,
        table="\n".join(table),
        command=" ".join(["python examples/pretrain_multilingual.py", *changed]),
    )


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    with atomic_folder(args.output_dir, overwrite=args.overwrite) as folder:
        results = pretrain(args, folder)
        write_json(folder / FIGURES, results)
        (folder / "README.md").write_text(card(results), encoding="utf-8")
    console = Console()
    console.print(Markdown(card(results)))
    console.print(f"Encoder: {args.output_dir}", markup=False)
    return results


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
