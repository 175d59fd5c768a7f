"""Train MORE on known relations and score it on relations it has never seen.

For every training seed: train with class-balanced batches, keep the weights that cluster the held-out *known* relations
best, then read the test set once. Prints a table and writes, under --output_dir, a checkpoint with its model card for every
seed, and results.json with all figures, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Examples:
  python examples/train_more.py --dataset fewrel --data_dir data --output_dir runs/more --max_steps 240
  python examples/train_more.py --dataset jsonl --train_file known.jsonl --test_file novel.jsonl --output_dir runs/mine
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.more import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
