"""Load everything that was pushed; run as a child process with the working folder of `push.py`, and `online` or `offline`.

Writes `online.json` or `offline.json` there. Offline, no connection can be made.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hub.scripts.blocking import attempts, block


if __name__ == "__main__":
    work, offline = Path(sys.argv[1]), sys.argv[2] == "offline"
    if offline:
        block()

    from tests.hub.outcomes import write_outcomes
    from tests.hub.scripts.load_data import data_checks
    from tests.hub.scripts.load_models import model_checks

    checks = model_checks(work, offline=offline) | {"attempts": attempts} | data_checks(offline=offline)
    write_outcomes(checks, work / f"{sys.argv[2]}.json")
