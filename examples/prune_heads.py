"""Rank the attention heads of a fine-tuned encoder, prune the least important ones, and test every language before and after.

For parts of speech, named entities, slots and classes of texts, over any transformers encoder; cross-lingual and
multi-lingual, with one source language or several. Prints a table and writes, under --output_dir, rankings and their
heatmaps, the pruned models, pictures, and results.json with all figures, settings, versions and data counts.

Examples:
  python examples/prune_heads.py --task pos --source en --targets en,de,zh --data_dir data --output_dir runs/pos
  python examples/prune_heads.py --task slots --source en --rankings lowest random highest --curve 6 12 24 --data_dir data
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.prune_heads import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
