"""A run in a process of its own, whose workers or which itself is killed by the test: FOLDER WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from hf_relation.errors import HfRelationError
from hf_relation.sharded import ShardedSettings, discover_sharded


def main(folder: Path, workers: int) -> int:
    settings = ShardedSettings(shard_rows=20, num_relations=3, num_centers=12, n_init=3)
    try:
        discover_sharded(
            [folder / "part0.jsonl", folder / "part1.jsonl"],
            folder / "work",
            settings=settings,
            embeddings=[folder / "part0.npy", folder / "part1.npy"],
            workers=workers,
        )
    except HfRelationError as error:
        print(error, file=sys.stderr)
        return 1
    heavy = {"torch", "transformers"} & set(sys.modules)
    if heavy:  # a worker needs them only where it embeds with a model
        print(f"Imported without need: {sorted(heavy)}", file=sys.stderr)
    return len(heavy)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
