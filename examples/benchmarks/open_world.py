"""Known, novel and none in one set: how well are they told apart, and how well are the novel ones clustered?

The set holds rows of known relations, rows of FewRel's 16 novel relations (or of --test_file), and as many pairs without a
relation, made from sentences of both (see hf_relation.data.shuffled_pair_negatives; some of them do express a relation). A method
gets labelled rows of the known relations, 5 or 30 of each, and pairs without a relation made from the sentences of these; then
it decides every row of the set. What it calls novel is clustered with k-means and the gold number.

Two parts:
  unseen  the known relations are those that were held out when the encoder was trained. Nobody has seen the rows of the set.
  seen    the known relations are those that the encoder was trained on. Rows of the set were in its training, but not among the
          labelled rows.
--checkpoint must have been trained with the same --held_out_relations and --split_seed, which is checked where its run has left
a results.json. Every seed draws other rows and starts k-means elsewhere.

Figures: known F1 = 2 TP / (gold known + called known), TP the known rows called by their right name. Novel B-cubed F1: over the
rows that are truly novel; such a row called known is in the "cluster" of that name, one called none is alone. None F1: of the
kind. False positives: share of the pairs without a relation called known or novel. ECE: of the probability of the kind that is
called, ten bins of equal width, over equally many rows of every kind (the shares that the gate's default prior states).

Methods: gate = OpenWorldGate fitted on the labelled rows and their negatives; gate, detector of the checkpoint = the same with a
base fitted on the relations of the encoder's training (part "unseen" only); thresholds = a row is known where its cosine to the
nearest known centroid is at least what nine in ten labelled rows reach, else none if it is in the third of the rows farthest
from their k-means centre; threshold 0.5 = both cosines at 0.5; classifier = logistic regression over the known relations and
"none", novel where its highest probability is below 0.5.

Writes open_world.md and open_world.json to --output; embeddings are kept there.

Examples:
  python examples/train_more.py --preset minilm --held_out_relations 16 --split_seed 7 --num_seeds 1 --output_dir runs/more48
  python examples/benchmarks/open_world.py --checkpoint runs/more48/seed-0 --held_out_relations 16 --split_seed 7 \\
      --output runs/open_world
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from experiment import HelpFormatter, run_script
from open_world_methods import METHODS, Labelled, Rows, figures_of
from reporting import command_line, digest, markdown_table, mean_sd, shown, write_report
from rich.console import Console
from transformers import HfArgumentParser

from hf_relation.data import sentence_key, shuffled_pair_negatives
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import read_state
from hf_relation.errors import UsageError
from hf_relation.runs.records import fingerprint
from hf_relation.training import ExperimentArguments, load_experiment_data, single_relation
from hf_relation.training.evaluation import limit_per_relation


COLUMNS = {
    "known_f1": "known F1",
    "novel_bcubed_f1": "novel B³ F1",
    "none_f1": "none F1",
    "false_positives": "false positives",
    "kind_macro_f1": "kinds, macro F1",
    "ece": "ECE",
}


@dataclass
class Arguments(ExperimentArguments):
    output: str = field(default="runs/open_world", metadata={"help": "folder of the report and the embeddings"})
    checkpoint: str = field(default="runs/more48/seed-0", metadata={"help": "trained with relations held out"})
    labelled: list[int] = field(
        default_factory=lambda: [5, 30], metadata={"help": "labelled rows of each known relation; one table part each"}
    )
    test_per_relation: int = field(default=40, metadata={"help": "rows of each known relation in the set, at most"})
    novel_per_relation: int = field(default=100, metadata={"help": "rows of each novel relation in the set, at most"})
    seen_per_relation: int = field(
        default=60, metadata={"help": "rows to embed of each relation of the encoder's training"}
    )
    dtype: str = field(default="auto", metadata={"help": "precision of the encoder"})


@dataclass(frozen=True)
class Pool:
    """Embedded rows of one origin, and the pairs without a relation made from them."""

    instances: list[Any]
    names: np.ndarray
    vectors: np.ndarray
    negatives: np.ndarray
    sources: np.ndarray

    def negatives_of(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Negatives made from rows, and which of these each is from."""
        place = np.full(len(self.names), -1)
        place[positions] = np.arange(len(positions))
        kept = place[self.sources] >= 0
        return self.negatives[kept], place[self.sources[kept]]


class Encoder:
    """Embeddings of a checkpoint, whitened, kept in files."""

    def __init__(self, arguments: Arguments, console: Console) -> None:
        self.folder, self.console = Path(arguments.output), console
        self.discovery = RelationDiscovery.from_pretrained(arguments.checkpoint, dtype=arguments.dtype)
        state = read_state(Path(arguments.checkpoint))
        if state is None or state.whitening is None:
            raise UsageError(f"{arguments.checkpoint} has no whitening; train it with --whitening_per_relation 100.")
        self.whitening = state.whitening
        # The whitening was fitted on this encoder, so it tells encoders apart.
        self.about = {"checkpoint": str(Path(arguments.checkpoint).resolve()), "dtype": arguments.dtype}
        self.about["mean"] = state.whitening.mean_.tobytes().hex()[:64]

    def pool(self, instances: list[Any]) -> Pool:
        made = shuffled_pair_negatives(instances, seed=0)
        names = np.array([single_relation(row) for row in instances])
        vectors, negatives = self._embed(instances), self._embed(made.instances)
        self.console.print(f"{len(instances):,} rows; {made.without_candidate} gave no pair without a relation.")
        return Pool(instances, names, vectors, negatives, np.array(made.sources, dtype=np.int64))

    def _embed(self, instances: list[Any]) -> np.ndarray:
        path = self.folder / "vectors" / f"{digest({**self.about, 'rows': fingerprint(instances)})}.npy"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, self.discovery.embed(instances))
        return self.whitening.transform(np.load(path, allow_pickle=False))


def draw(known: Pool, novel: Pool, labelled: int, arguments: Arguments, seed: int) -> tuple[Labelled, Rows]:
    """Labelled rows, and the set to decide; no sentence of the labelled rows is in the set."""
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    tested: list[int] = []
    most = max(arguments.labelled)
    for name in sorted(set(known.names)):
        places = generator.permutation(np.flatnonzero(known.names == name))
        chosen += places[:labelled].tolist()
        tested += places[most : most + arguments.test_per_relation].tolist()
    taken = {sentence_key(known.instances[place]["text"]) for place in chosen}
    tested = [place for place in tested if sentence_key(known.instances[place]["text"]) not in taken]
    new = np.concatenate(
        [
            generator.permutation(np.flatnonzero(novel.names == name))[: arguments.novel_per_relation]
            for name in sorted(set(novel.names))
        ]
    )
    none = np.concatenate([known.negatives_of(np.array(tested))[0], novel.negatives_of(new)[0]])
    none = none[generator.permutation(len(none))[: (len(tested) + len(new)) // 2]]
    negatives, sources = known.negatives_of(np.array(chosen))
    kinds = np.repeat(["known", "novel", "none"], [len(tested), len(new), len(none)])
    return (
        Labelled(known.vectors[chosen], known.names[chosen].tolist(), negatives, sources),
        Rows(
            np.concatenate([known.vectors[tested], novel.vectors[new], none]),
            kinds,
            np.concatenate([known.names[tested], novel.names[new], np.full(len(none), "")]),
        ),
    )


def check_checkpoint(arguments: Arguments, held_out: Sequence[str]) -> None:
    """Refuse a checkpoint that was trained with other relations held out."""
    results = Path(arguments.checkpoint).parent / "results.json"
    if results.is_file():
        stated = json.loads(results.read_text(encoding="utf-8")).get("relations", {}).get("held_out")
        if stated is not None and sorted(stated) != sorted(held_out):
            raise UsageError(
                f"{arguments.checkpoint} was trained with {len(stated)} relations held out that are not the {len(held_out)} of these "
                "options. Give --held_out_relations and --split_seed of its training."
            )


def measure(arguments: Arguments, console: Console) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """All rows of the table, and the data in figures."""
    data = load_experiment_data(arguments)
    check_checkpoint(arguments, data.held_out_relations)
    if not data.validation or not data.test:
        raise UsageError("Held-out known relations and novel ones are needed: --held_out_relations, --test_file.")
    encoder = Encoder(arguments, console)
    unseen, novel = encoder.pool(data.validation), encoder.pool(data.test)
    seen = encoder.pool(limit_per_relation(data.train, arguments.seen_per_relation))
    base_rows = Labelled(seen.vectors, seen.names.tolist(), seen.negatives, seen.sources)
    rows = []
    for part, known, base in (("unseen", unseen, base_rows), ("seen", seen, None)):
        for labelled in arguments.labelled:
            found: dict[str, list[dict[str, float | None]]] = {}
            for seed in range(arguments.num_seeds):
                given, asked = draw(known, novel, labelled, arguments, seed)
                methods: Mapping[str, Callable[..., Any]] = METHODS
                for name, method in methods.items():
                    decided = method(given, asked.vectors, len(set(novel.names)), base, seed, arguments)
                    if decided is not None:
                        found.setdefault(name, []).append(figures_of(asked, decided, arguments, seed))
                console.print(f"{part}, {labelled} rows a relation, seed {seed}", markup=False)
            rows += [
                {"part": part, "labelled": labelled, "method": name, "seeds": each} for name, each in found.items()
            ]
    return rows, {
        **data.counts,
        "set": {kind: int((asked.kinds == kind).sum()) for kind in ("known", "novel", "none")},
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown, means and deviations over the seeds."""
    cells = []
    for row in rows:
        values = {name: [each[name] for each in row["seeds"] if each[name] is not None] for name in COLUMNS}
        texts = [shown(*mean_sd(values[name])) if values[name] else "" for name in COLUMNS]
        cells.append([row["part"], str(row["labelled"]), row["method"], *texts])
    return markdown_table(["part", "labelled rows", "method", *COLUMNS.values()], cells, text_columns=3)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    given = list(sys.argv[1:] if argv is None else argv)
    parser = HfArgumentParser((Arguments,), description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)  # type: ignore[arg-type]
    (arguments,) = parser.parse_args_into_dataclasses(args=given)
    if arguments.num_seeds < 1 or min(arguments.labelled, default=0) < 1:
        raise UsageError("`num_seeds` and every number of `labelled` must be at least 1.")
    console = Console(stderr=True)
    rows, about = measure(arguments, console)
    command = command_line("examples/benchmarks/open_world.py", given)
    sections = [
        "# Known, novel and none",
        f"    {command}",
        f"{arguments.num_seeds} seeds; k-means with the gold number of novel relations, {arguments.n_init} restarts, after PCA to "
        f"{arguments.pca_components} dimensions. The set of the last part: {json.dumps(about['set'])}.",
        table(rows),
    ]
    content = {"benchmark": "open_world", "command": command, "data": about, "rows": rows}
    markdown, _ = write_report(Path(arguments.output), "open_world", sections, content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    return content


if __name__ == "__main__":
    run_script(main)
