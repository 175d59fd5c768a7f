"""Train KernelRE to extract named relations between entities, and score its triples.

For every training seed: train on documents with entities and labelled pairs, keep the weights that are best on validation
documents, fit thresholds and calibration there, score the test once: micro precision, recall and F1 of triples with all candidate
pairs and with the gold pairs given, by overlap and number of triples; the official metric for SemEval-2010 Task 8; entities and
triples from raw text with a tagger (--entity_types). Writes checkpoints with their cards, pictures and results.json under
--output_dir. Runs under `python` and `accelerate launch`.

Examples:
  python examples/train_kernel_re.py --preset kernel-re-minilm --dataset semeval --data_dir data --output_dir runs/semeval
  python examples/train_kernel_re.py --preset kernel-re-minilm --dataset webnlg --data_dir data --output_dir runs/webnlg
  python examples/train_kernel_re.py --dataset jsonl --train_file train.jsonl --test_file test.jsonl --output_dir runs/mine
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.kernel_re import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
