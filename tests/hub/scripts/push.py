"""Push everything that can be pushed; run as a child process with a working folder, where `pushed.json` is written."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hub.outcomes import write_outcomes
from tests.hub.scripts.push_data import data_checks
from tests.hub.scripts.push_models import model_checks


if __name__ == "__main__":
    work = Path(sys.argv[1])
    write_outcomes(model_checks(work) | data_checks(work), work / "pushed.json")
