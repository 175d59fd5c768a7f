"""examples/benchmarks/cold_start.py: the time of a child is its own, the table is computed from the times, the script runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hf_relation.errors import HfRelationError


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
BUSY = ("-c", "import time\nwhile time.process_time() < 0.4: pass")
ASLEEP = ("-c", "import time\ntime.sleep(0.4)")


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        import cold_start

        yield cold_start
    finally:
        sys.path.remove(str(FOLDER))


def test_processor_time_is_that_of_the_child(script):
    busy, asleep = script.start(BUSY), script.start(ASLEEP)
    assert script.start(("-c", "print(0.25, 0.5)"), inside=True) == (0.25, 0.5)
    assert busy[0] >= 0.39  # the system counts in hundredths
    assert asleep[1] >= 0.4 and asleep[0] < asleep[1] - 0.2


def test_a_child_that_fails_is_an_error_with_its_message(script):
    with pytest.raises(HfRelationError, match="(?s)failed with 1.*no such thing"):
        script.start(("-c", "raise ValueError('no such thing')"))


def test_differences_ratios_and_targets(script):
    def samples(*cpu: float):
        return script.Samples(list(cpu), [2 * seconds for seconds in cpu])

    times = {
        script.REGISTRY: samples(4.0, 5.0, 4.0),
        script.AFTER: samples(4.2, 5.1, 4.3),  # 0.2, 0.1 and 0.3 more
        script.BEFORE: samples(5.0, 5.4, 4.6),  # 1.0, 0.4 and 0.6 more
        script.INSIDE: samples(0.5, 0.6, 0.1),
        "hf-relation --help": samples(0.3, 0.2, 0.25),
        "hf-relation --version": samples(1.2, 0.9, 1.0),  # the median is not below a second
    }
    part = script.table(times)
    assert part.raw["added_seconds"][script.AFTER] == pytest.approx([0.2, 0.1, 0.3])
    assert part.raw["ratios"][script.AFTER] == pytest.approx([1.05, 1.02, 1.075])
    rows = {row[0]: row[1:] for row in part.rows}
    assert rows[script.AFTER] == [
        "4.3 s",
        "8.6 s",
        "0.20 s (0.10 to 0.30)",
        "1.05x (1.02-1.07)",
        "added < 0.5 s reached",
    ]
    assert rows[script.BEFORE][2::2] == ["0.60 s (0.40 to 1.00)", "added < 0.5 s missed"]
    assert rows[script.INSIDE] == ["500 ms", "1 s", "500 ms", "", "added < 0.5 s missed"]
    assert rows["hf-relation --help"] == ["250 ms", "500 ms", "", "", "< 1 s reached"]
    assert rows["hf-relation --version"][-1] == "< 1 s missed"


def test_the_script_runs_every_command_once_more_than_it_counts(script, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(script, "start", lambda arguments, inside: started.append(arguments) or (0.5, 1.0))
    output, markdown = tmp_path / "new" / "times.json", tmp_path / "new" / "times.md"
    script.main(["--rounds", "2", "--output", str(output), "--markdown", str(markdown)])
    assert started == [*script.COMMANDS.values()] * 3
    results = json.loads(output.read_text(encoding="utf-8"))
    assert set(results["times"]) == set(script.COMMANDS)
    assert all(times["cpu_seconds"] == [0.5, 0.5] for times in results["times"].values())
    text = markdown.read_text(encoding="utf-8")
    assert str(tmp_path) not in text + results["command"]
    assert text.startswith("`python examples/benchmarks/cold_start.py --rounds 2 --output FILE --markdown FILE`")


def test_rounds_below_one_are_refused(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--rounds", "0"])
    assert "--rounds must be at least 1, got 0" in capsys.readouterr().err
