"""How much memory a process holds, or held at most."""

from __future__ import annotations

from pathlib import Path


STATUS = Path("/proc/self/status")


def status_bytes(name: str, status: Path = STATUS) -> int:
    """A line of Linux's /proc/self/status, in bytes: `VmRSS` (resident now) or `VmHWM` (resident at most)."""
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{status} has no {name}")


def peak_resident() -> int | None:
    """The most bytes this process has held since it began; `None` where Linux's /proc is missing.

    Unlike `resource.getrusage`, it says nothing of the process that started this one.
    """
    return status_bytes("VmHWM") if STATUS.exists() else None
