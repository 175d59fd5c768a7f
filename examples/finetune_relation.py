"""Fine-tune a classifier of entity pairs on all or a small share of a corpus, from one encoder or several to compare.

For every training seed, encoder and share of the training texts: train, score the test once; micro, macro and weighted F1, and Ign F1
for documents. Writes checkpoints and results.json under --output_dir. Runs under `python` and `accelerate launch`; --resume goes on
after an interruption.

Examples:
  python examples/finetune_relation.py --preset pair-classification-minilm --dataset semeval --data_dir data --output_dir runs/semeval
  python examples/finetune_relation.py --preset pair-classification-minilm --dataset wiki80 --train_shares 0.01 --share_epochs 20 \\
      --encoders base finecl=runs/finecl/seed-42 --output_dir runs/wiki80
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.pair_classification import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
