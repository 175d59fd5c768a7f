"""What the speed benchmark shares: contestants timed in turn, ratios with their spread, peak memory, tables."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from memory import status_bytes
from reporting import markdown_table
from rich.table import Table


@dataclass
class Samples:
    """Seconds of one contestant, one entry a round.

    Args:
        cpu (`list[float]`): processor seconds of this process, all threads together.
        wall (`list[float]`): seconds on the clock.
        calls (`int`): calls in one round; the seconds are those of one call.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    calls: int = 1

    def seconds(self, clock: str) -> list[float]:
        return self.cpu if clock == "cpu" else self.wall

    def to_dict(self) -> dict[str, Any]:
        return {"cpu_seconds": self.cpu, "wall_seconds": self.wall, "calls_per_round": self.calls}


def interleave(
    contestants: Mapping[str, Callable[[], object]], rounds: int, *, least_seconds: float = 0.05
) -> dict[str, Samples]:
    """Time every contestant once in every round, in turn: what else the machine does then strikes all of them alike.

    Args:
        contestants: name to what is timed.
        rounds: at least 1.
        least_seconds: short contestants are called so often in a round that they take about this long; for this each is
            called once or twice before the first round. With 0 each is called once in a round, and not before.

    Returns:
        `dict[str, Samples]`: in the order given.
    """
    samples = {name: Samples() for name in contestants}
    for name, call in contestants.items():
        if least_seconds == 0:
            continue
        seconds = timed(call, 1)[1]
        if seconds < least_seconds:  # the first call of all may have been slow for other reasons
            seconds = timed(call, 1)[1]
        samples[name].calls = max(round(least_seconds / max(seconds, 1e-9)), 1)
    for _ in range(rounds):
        for name, call in contestants.items():
            cpu, wall = timed(call, samples[name].calls)
            samples[name].cpu.append(cpu)
            samples[name].wall.append(wall)
    return samples


def timed(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Processor seconds and seconds on the clock of one of several calls."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        call()
    return (time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls


def shown_time(seconds: Sequence[float]) -> str:
    """The median, with its unit."""
    median = statistics.median(seconds)
    return f"{median * 1e3:.3g} ms" if median < 1 else f"{median:.3g} s"


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """How many times as long the one took as the other, round by round."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def shown_ratio(values: Sequence[float]) -> str:
    """The median and, after more than one round, the range."""
    middle = f"{statistics.median(values):.3g}x"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g}-{max(values):.3g})"


def peak_allocated(call: Callable[[], object], *, warm_up: bool = True) -> int:
    """The most bytes that torch's tensors took at one time during a call, beyond those that were there before it.

    `warm_up` calls it once before, for what only a first call allocates. From the memory events of `torch.profiler`: every allocation of torch's CPU allocator, none of Python's or of a
    library's own workspace.
    """
    if warm_up:
        call()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted(
        (event["args"]["Ev Idx"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]"
    )
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def peak_resident_growth(call: Callable[[], object]) -> int | None:
    """How many bytes the process's resident memory grew at most during a call; `None` where Linux's /proc is missing."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists() or not os.access(reset, os.W_OK):
        return None
    reset.write_text("5", encoding="ascii")  # the peak starts anew from what is resident now
    before = status_bytes("VmRSS")
    call()
    return status_bytes("VmHWM") - before


def processor_name() -> str:
    """The name of the CPU, as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@dataclass
class Part:
    """One part of the benchmark: a table, what to know about it, and every raw figure.

    Args:
        title (`str`): above the table.
        columns (`list[str]`): their names.
        rows (`list[list[str]]`): the cells.
        text_columns (`int`): so many columns are text; the others hold figures.
        notes (`list[str]`): sentences under the table.
        raw (`dict`): JSON-able.
    """

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    text_columns: int = 1
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def rich(self) -> Table:
        """For the console."""
        table = Table(title=self.title, caption="\n".join(self.notes), caption_justify="left", title_justify="left")
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="left" if i < self.text_columns else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a file."""
        sections = [f"## {self.title}"]
        if self.rows:
            sections.append(markdown_table(self.columns, self.rows, text_columns=self.text_columns))
        return "\n\n".join([*sections, *(f"- {note}" for note in self.notes)])
