"""Store with a checkpoint what it knows: the relations of its training by name, for `fit(known="checkpoint")`.

Embeds labelled rows and pairs without a relation made from their sentences, fits an OpenWorldGate, and writes it into the
checkpoint's discovery.json and discovery.safetensors (float16; about 150 kB for 64 relations of 1,152 columns). Only the mean of
every relation, the detector of pairs without a relation and a few numbers are kept: no text, no row.

With --dataset fewrel the rows are FewRel's known relations and get their Wikidata names; sentences of evaluation sets are left out.
Give only relations that the encoder was trained on or that you want it to know; relations held out for choosing must not come
in: --held_out_relations and --split_seed of the training leave them out.

Examples:
  python examples/fit_gate.py runs/more/seed-0 --data_dir data --per_relation 100
  python examples/fit_gate.py runs/mine/seed-0 --dataset jsonl --train_file known.jsonl --held_out_relations 8
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hf_relation.clustering.rows import normalize_rows
from hf_relation.data import relation_names, shuffled_pair_negatives
from hf_relation.discovery import OpenWorldGate, RelationDiscovery
from hf_relation.discovery.state import read_state, write_state
from hf_relation.errors import CheckpointError, HfRelationError, UsageError
from hf_relation.training import ExperimentArguments, load_experiment_data, single_relation
from hf_relation.training.evaluation import limit_per_relation


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint whose discovery.json gets the gate")
    parser.add_argument(
        "--encoder", help="where to load the weights from, if not from that folder; 'shipped': the shipped ones"
    )
    parser.add_argument("--dataset", choices=["fewrel", "jsonl"], default="fewrel", help="default: fewrel")
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--train_file", nargs="+", help="JSONL files with labelled rows, for --dataset jsonl")
    parser.add_argument("--held_out_relations", type=int, default=0, help="as in training; default: 0")
    parser.add_argument("--split_seed", type=int, default=0, help="as in training; default: 0")
    parser.add_argument("--per_relation", type=int, default=100, help="rows of each relation; default: 100")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn rows and pairs; default: 0")
    parser.add_argument("--dtype", default="auto", help="precision of the encoder; default: auto")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> OpenWorldGate:
    """Fit the gate and write it; gives it back."""
    options = parse(argv)
    state = read_state(options.checkpoint)
    if state is None:
        raise CheckpointError(f"{options.checkpoint} holds no discovery.json; train it with examples/train_more.py.")
    if options.per_relation < 2:
        raise UsageError(f"`per_relation` must be at least 2, got {options.per_relation}.")
    data = load_experiment_data(
        ExperimentArguments(
            dataset=options.dataset,
            data_dir=options.data_dir,
            train_file=options.train_file,
            held_out_relations=options.held_out_relations,
            split_seed=options.split_seed,
        )
    )
    rows = limit_per_relation(data.train, options.per_relation, options.seed)
    made = shuffled_pair_negatives(rows, seed=options.seed)
    encoder = None if options.encoder == "shipped" else options.encoder or str(options.checkpoint)
    discovery = RelationDiscovery.from_pretrained(encoder, dtype=options.dtype, progress=True)
    readable = relation_names(options.data_dir) if options.dataset == "fewrel" else {}
    names = [str(single_relation(row)) for row in rows]

    def embedded(instances: Sequence[dict[str, object]]) -> np.ndarray:
        found = discovery.embed(instances)
        return normalize_rows(found) if state.whitening is None else state.whitening.transform(found)

    gate = OpenWorldGate(seed=options.seed).fit(
        embedded(rows),
        [readable.get(name, name) for name in names],
        negatives=embedded(made.instances),
        negative_sources=made.sources,
    )
    state.gate = gate
    write_state(options.checkpoint, state)
    size = sum(array.nbytes for array in gate.get_state(dtype="float16", space=False)[1].values())
    print(
        f"{len(gate.relations)} relations, {len(rows):,} rows, {len(made.instances):,} pairs without a relation "
        f"({made.without_candidate} rows gave none); {size / 1000:,.0f} kB in {options.checkpoint}."
    )
    return gate


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
