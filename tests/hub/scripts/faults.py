"""What goes wrong between a Hub and a loader; run as a child process with a folder of local checkpoints (`model`, `extractor`).

First these are loaded while no connection can be made; then every call must fail. Writes `outcomes.json` there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.hub.scripts.blocking import attempts, block, failing, unblock


if __name__ == "__main__":
    given = Path(sys.argv[1])
    block()

    from tests.hub.outcomes import write_outcomes
    from tests.hub.scripts.fault_calls import hub_calls, load_local

    checks: dict[str, Callable[[], Any]] = {"local": partial(load_local, given), "attempts": attempts, "": unblock}
    checks |= {name: partial(failing, call) for name, call in hub_calls().items()}
    write_outcomes(checks, given / "outcomes.json")
