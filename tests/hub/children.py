"""Child processes that talk to the local Hub: `HF_ENDPOINT` is read when huggingface_hub is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.hub.server import LocalHub


REPOSITORY = Path(__file__).resolve().parents[2]


def environment(
    hub: LocalHub, folder: Path, *, token: str | None = "hf_local", offline: bool = False, **more: str
) -> dict[str, str]:
    """Environment of a child process that knows the local Hub and nothing else.

    Args:
        hub: the running (or, with `offline`, perhaps stopped) server.
        folder: where all caches lie; a fresh folder is a clean cache, the same one again a filled cache.
        token: `HF_TOKEN`; `None` for nobody.
        offline: whether `HF_HUB_OFFLINE` is set.
        more: further variables.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    settings = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": str(int(offline)),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_RELATION_CACHE": str(folder / "hf_relation"),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    folder.mkdir(parents=True, exist_ok=True)
    return kept | settings | ({"HF_TOKEN": token} if token else {}) | more


def run_child(
    code: str | Path | list[str],
    env: dict[str, str],
    *,
    cwd: Path | None = None,
    check: bool = True,
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run Python code, a script, or a script with arguments, and fail with what it wrote where it fails.

    Args:
        code: source text; or a path; or a list whose first item is a path (or `"-m"`) and the rest arguments.
        env: as [`environment`] gives it.
        cwd: working folder; without it the folder of the caches.
        check: whether an exit code other than 0 is an error.
        timeout: seconds, against hangs.
    """
    arguments = [str(code)] if isinstance(code, Path) else code if isinstance(code, list) else ["-c", code]
    command = [sys.executable, *map(str, arguments)]
    where = cwd or Path(env["HOME"])
    result = subprocess.run(command, env=env, cwd=where, capture_output=True, text=True, timeout=timeout)
    if check and result.returncode != 0:
        raise AssertionError(f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result
