"""Load everything that was pushed; run as a child process with the working folder of `push.py`, and `online` or `offline`.

Writes `online.json` or `offline.json` there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hub.outcomes import write_outcomes
from tests.hub.scripts.load_data import data_checks
from tests.hub.scripts.load_models import model_checks


if __name__ == "__main__":
    work, network = Path(sys.argv[1]), sys.argv[2]
    checks = model_checks(work, offline=network == "offline") | data_checks(offline=network == "offline")
    write_outcomes(checks, work / f"{network}.json")
