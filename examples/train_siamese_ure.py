"""Train Siamese-URE on text without labels, and score it on held-out text of the same relations.

For every training seed: score the encoder at its start, train it (two dropout views of a sentence predict each other, and a
sentence and its nearest neighbours share a cluster), score it again. Labels of the corpus are read for the scores alone.
Prints tables and writes, under --output_dir, a checkpoint with its model card for every seed, and results.json with all
figures, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Examples:
  python examples/train_siamese_ure.py --preset siamese-ure-minilm --dataset fewrel --data_dir data --output_dir runs/siamese
  python examples/train_siamese_ure.py --preset siamese-ure-minilm --dataset jsonl --unlabeled_file text.jsonl \\
      --test_file labelled.jsonl --output_dir runs/mine
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.siamese_ure import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
