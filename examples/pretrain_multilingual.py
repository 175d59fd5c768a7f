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
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markdown import Markdown
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast, Trainer, TrainingArguments, set_seed
from transformers import DataCollatorForLanguageModeling as MaskingCollator
from transformers.modeling_outputs import MaskedLMOutput

from hf_relation.cards import table_row
from hf_relation.data.atomic import atomic_folder
from hf_relation.data.recipe import available_splits
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.task_arguments import names_in
from hf_relation.runs.task_data import LANGUAGES, TRAINED_ON, read_wanted
from hf_relation.runs.task_training import quiet_loading
from hf_relation.training import library_versions, write_json


SPECIAL: list[str] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
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
Words = Sequence[str]


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


def read_sentences(name: str, data_dir: str | None) -> tuple[dict[str, Any], list[Words]]:
    """What there is to say of a language's treebank, and the words of its sentences: each once, none of a test part."""
    wanted = read_wanted(name, "pos")
    recipe, found, parts = RECIPES[wanted.corpus], [], []
    folder, seen = recipe.folder(wanted.folder or data_dir), set()
    # Two versions of one treebank have the same sentences, with other punctuation; the newer lacks a training part.
    corpora = list(dict.fromkeys((wanted.full_name, TRAINED_ON.get(wanted.full_name, wanted.full_name))))
    for full_name in corpora:
        configuration = recipe.configuration(full_name.partition("/")[2])
        if configuration.kind != "tagged":
            known = ", ".join(LANGUAGES["pos"].values())
            raise UsageError(f"{name!r} has whole texts. Words are needed, as in {known}.")
        for part, split in available_splits(recipe, full_name.partition("/")[2], folder).items():
            rows: list[Words] = [row["tokens"] for row in split.rows(folder)]
            if part == "test":
                seen |= set(map(letters, rows))
            else:
                found.append(rows)
                parts.append(f"{part} of {full_name}")
    sentences = []
    for words in (words for rows in found for words in rows):
        if letters(words) not in seen:
            seen.add(letters(words))
            sentences.append(words)
    if len(sentences) < 2:
        raise UsageError(f"{name!r} has no sentences to train on in {folder.name}/: test parts are for testing alone.")
    about = recipe.configuration(corpora[0].partition("/")[2]).about
    counts = {"sentences": len(sentences), "words": sum(map(len, sentences))}
    return {"language": wanted.name, "about": about, "parts": parts, **counts}, sentences


def letters(words: Words) -> str:
    """What sentences are compared by."""
    return "".join(each for each in unicodedata.normalize("NFKC", "".join(words)) if each.isalnum())


def train_tokenizer(sentences: Sequence[Words], vocab_size: int, max_length: int) -> BertTokenizerFast:
    """A cased WordPiece tokenizer; the same sentences give the same one."""
    normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    splitter = pre_tokenizers.BertPreTokenizer()
    texts = [normalizer.normalize_str(word) for words in sentences for word in words]
    words = [word for text in texts for word, _ in splitter.pre_tokenize_str(text)]
    # The trainer numbers what it is not told beforehand as its hash maps have it, and breaks ties by these numbers.
    counts = Counter(character for word in words for character in word)
    alphabet = sorted(sorted(counts, key=lambda character: (-counts[character], character))[: vocab_size // 2])
    inside = [f"##{each}" for each in sorted({each for word in words for each in word[1:]} & set(alphabet))]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIAL, *inside],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.train_from_iterator(texts, trainer)
    vocab = tokenizer.get_vocab()
    return BertTokenizerFast(vocab=vocab, do_lower_case=False, strip_accents=False, model_max_length=max_length)


def pack(sentences: Sequence[Words], tokenizer: BertTokenizerFast) -> list[dict[str, list[int]]]:
    """Inputs of as many sentences as fit: `[CLS] a [SEP] b [SEP]`. A sentence that is longer loses its end."""
    packed: list[list[int]] = []
    length, special = tokenizer.model_max_length, (tokenizer.cls_token_id, tokenizer.sep_token_id)
    encoded = tokenizer(list(sentences), is_split_into_words=True, add_special_tokens=False, verbose=False)
    for pieces in encoded["input_ids"]:
        if not packed or len(packed[-1]) + len(pieces) + 1 > length:
            packed.append([special[0]])
        packed[-1] += [*pieces[: length - 2], special[1]]
    return [{"input_ids": ids, "special_tokens_mask": [int(each in special) for each in ids]} for ids in packed]


class MaskedBert(BertForMaskedLM):
    """Scores pieces at masked places alone, which saves most of a large vocabulary's work."""

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any, **ignored: Any) -> MaskedLMOutput:
        masked = labels != -100
        scores = self.cls(self.bert(input_ids, attention_mask=attention_mask).last_hidden_state[masked])
        return MaskedLMOutput(torch.nn.functional.cross_entropy(scores, labels[masked]), scores)


@torch.no_grad()
def masked_loss(model: MaskedBert, rows: Sequence[Any], tokenizer: BertTokenizerFast) -> float:
    """The mean loss at masked places; the same places at every call."""
    collate, losses, counts = MaskingCollator(tokenizer, seed=0), [], []
    for start in range(0, len(rows), 8):
        batch = collate([dict(row) for row in rows[start : start + 8]]).to(model.device)
        losses.append(model.eval()(**batch).loss.nan_to_num().item())
        counts.append(int((batch["labels"] != -100).sum()))
    return sum(loss * count for loss, count in zip(losses, counts, strict=True)) / max(1, sum(counts))


CARD = """# A tiny multilingual encoder

Trained from scratch in {minutes:.0f} minutes on {words:,} words of treebanks, by masked language modelling: {steps:,} steps of at most
{batch_tokens:,} pieces, {num_layers} layers of {num_heads} heads, {parameters:,} weights. It exists so that cross-lingual code can run where no
published weights can be had. It is **no substitute for multilingual BERT or XLM-R**, whose texts are thousands of times as
large: what holds for its heads need not hold for theirs.

Training and development parts were read, without their parts of speech; sentences that are also in a test part were left out.
The losses are those at masked pieces of held-out sentences, with new weights and after training.

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
    tokenizer = train_tokenizer(spelled, args.vocab_size, args.max_length)
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
    model = MaskedBert(config)
    trainer = Trainer(
        model,
        TrainingArguments(
            str(folder), max_steps=args.max_steps, num_train_epochs=1, train_sampling_strategy="sequential",
            per_device_train_batch_size=args.batch_tokens // args.max_length, learning_rate=args.learning_rate,
            warmup_steps=0.1, weight_decay=0.01, seed=args.seed, save_strategy="no", logging_steps=50, report_to=[],
            remove_unused_columns=False, dataloader_pin_memory=False,
        ),
        MaskingCollator(tokenizer),
        [rows[place] for place in drawn.tolist()],
    )  # fmt: skip
    tests = [pack(sentences, tokenizer) for sentences in held_out]
    before = [masked_loss(model, test, tokenizer) for test in tests]
    done = trainer.train()
    for (about, _), test, loss in zip(read, tests, before, strict=True):
        about |= {"loss_before": loss, "loss_after": masked_loss(model, test, tokenizer)}
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
    header = ("language", "treebank", "read", "words", "loss before", "loss after")
    table = [table_row(header), "| --- " * len(header) + "|"]
    for each in results["languages"]:
        losses = (f"{each['loss_before']:.2f}", f"{each['loss_after']:.2f}")
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
