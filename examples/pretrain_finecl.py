"""Pre-train an encoder with FineCL on documents whose relation labels may be wrong.

Stage 1 records when a classifier learns each label, stage 2 pre-trains with labels weighed by it: relation discrimination, entity
discrimination, masked words. Labels come from the corpora, from your files, or from a list of facts (--facts). Writes the pre-trained
model, learning_order.jsonl, a picture of what was learned by when, and results.json under --output_dir. Runs under `python` and
`accelerate launch`; --resume goes on after an interruption.

Examples:
  python examples/pretrain_finecl.py --preset finecl-minilm --corpora redocred --data_dir data --output_dir runs/finecl
  python examples/pretrain_finecl.py --preset finecl-minilm --train_file documents.jsonl --facts facts.tsv --output_dir runs/mine
  accelerate launch --config_file examples/accelerate_cpu2.yaml examples/pretrain_finecl.py --corpora redocred --output_dir runs/two
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.finecl import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
