"""Choose which auxiliary tasks to train together with a primary one, by the attention heads that tasks need (GradTS).

Classification, regression and labelling of tokens mix freely. Beside GradTS, by tasks and by instances, the run trains what
it is compared with: the primary task alone, all tasks, random sets, and a selection after AutoSeM. Prints a table of scores
and seconds and writes, under --output_dir, results.json and a heatmap of Kendall correlations between the heads of all tasks.

Examples:
  python examples/select_auxiliary_tasks.py --primary cola --max_train_rows 2000 --data_dir data --output_dir runs/cola
  python examples/select_auxiliary_tasks.py --primary wnut17,cola --selections single gradts all --data_dir data
"""

from __future__ import annotations

import sys

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.select_tasks import main


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
