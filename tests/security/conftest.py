"""Child processes in which loaders meet hostile files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


REPOSITORY = Path(__file__).resolve().parents[2]


def run_module(module: str, *arguments: str, timeout: float = 300, **environment: str) -> Any:
    """The JSON after "RESULTS" in the output of a module of these tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=kept | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULTS ")]
    assert found, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(found[0].removeprefix("RESULTS "))


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of loading poisoned folders, with the network allowed and every socket blocked."""
    folder = tmp_path_factory.mktemp("attack")
    places = {"HF_HOME": str(folder / "home"), "HF_MODULES_CACHE": str(folder / "modules")}
    found: dict[str, Any] = run_module(
        "tests.security.attack_child", str(folder), HF_ENDPOINT="http://hub.invalid", HF_HUB_OFFLINE="0", **places
    )
    return found
