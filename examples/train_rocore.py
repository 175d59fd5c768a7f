"""Train RoCORE on known relations and on unlabelled text of novel ones, and discover the novel ones.

For every training seed: pre-train the autoencoder; in every epoch then cluster the unlabelled text and train encoder and
classifiers with the clusters as pseudo labels, beside the labels of the known relations. The test set is read once at the
end. Prints a table and writes, under --output_dir, a checkpoint with its model card for every seed, and results.json with
all figures, learning curves, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Examples:
  python examples/train_rocore.py --dataset fewrel --data_dir data --output_dir runs/rocore --preset rocore-minilm
  python examples/train_rocore.py --dataset fewrel --data_dir data --output_dir runs/held-out --novel held-out
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.rocore import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
