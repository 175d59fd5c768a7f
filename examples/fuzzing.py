"""Fuzz the readers, offsets, settings and saved files of hf_relation, guided by coverage.

Each target is a function of bytes in tests/fuzz/targets that raises where a promise is broken: a reader that fails with another
error than its own, a lost row, an offset that marks other words, a damaged file that loads. The fuzzer (atheris, which is
libFuzzer for Python) changes small valid files and keeps those that reach new code. `make test` runs the same targets with a few
hundred fixed examples; this script is for hours of it. It needs Linux or macOS, and: pip install 'hf_relation[fuzz]'

What is found is saved as a file, and the exit status is 1. Then make it a test: look at it with --replay, cut it down to what
matters, add that to tests/fuzz/test_found.py, see it fail, and correct the package.

Exit status: 0 nothing found, 1 something found, 2 a wrong argument or a missing package.

Examples:
  python examples/fuzzing.py --list
  python examples/fuzzing.py --target docred --seconds 300
  python examples/fuzzing.py --target readers --target spans --seconds 60 --corpus out/fuzz-corpus
  python examples/fuzzing.py --target docred --replay out/fuzzing/docred/crash-1f0c...
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple


REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from hf_relation.compat import import_optional  # noqa: E402
from hf_relation.errors import HfRelationError, UsageError  # noqa: E402


_LONGEST_INPUT = 16_384
_SECONDS_PER_INPUT = 25  # longer counts as a hang
_MEGABYTES = 6_000  # torch and transformers take about one of them
_START = 180  # seconds for imports and the first run over the corpus, beyond --seconds


class Outcome(NamedTuple):
    """What came of one target."""

    target: str
    executions: int
    coverage: int
    found: list[Path]
    message: str


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--target", action="append", metavar="NAME", help="a target or a group, may be repeated; default: all targets"
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--corpus", type=Path, help="folder that keeps inputs that reach new code; default: forgotten")
    parser.add_argument(
        "--output", type=Path, default=Path("out/fuzzing"), help="folder for what is found; default: out/fuzzing"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the changes, at least 1; default: 1")
    parser.add_argument("--list", action="store_true", help="list groups and their targets")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="run one target on a file, and show what it raises"
    )
    parser.add_argument("--worker", metavar="NAME", help=argparse.SUPPRESS)
    options, libfuzzer = parser.parse_known_args(argv)
    if libfuzzer and options.worker is None:
        raise UsageError(f"There is no argument {libfuzzer[0]!r}; see --help.")
    options.libfuzzer = libfuzzer
    return options


def chosen(names: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """Group and name of every target that is asked for.

    Args:
        names: targets and groups; all where `None`.

    Raises:
        UsageError: there is no such target.
    """
    from tests.fuzz.targets import GROUPS, load_targets

    all_targets = {group: list(load_targets(group)) for group in GROUPS}
    for name in names or GROUPS:
        if name in all_targets:
            yield from ((name, target) for target in all_targets[name])
            continue
        group = next((group for group, targets in all_targets.items() if name in targets), None)
        if group is None:
            raise UsageError(
                f"There is no target {name!r}. --list shows them: {', '.join(GROUPS)} are groups of targets."
            )
        yield group, name


def run(group: str, name: str, options: argparse.Namespace) -> Outcome:
    """Fuzz one target in a process of its own.

    Args:
        group: the target's group.
        name: the target.
        options: of the command line.
    """
    from tests.fuzz.targets import load_seeds

    found = options.output / name
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    with tempfile.TemporaryDirectory(prefix="hf-relation-fuzz-") as scratch:
        corpus = Path(scratch) if options.corpus is None else options.corpus / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(load_seeds(group).get(name, [])):
            (corpus / f"seed-{number}").write_bytes(seed)
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--worker",
            f"{group}/{name}",
            f"-seed={options.seed}",
        ]
        command += [
            f"-max_total_time={options.seconds}",
            f"-artifact_prefix={found.resolve()}/",
            str(corpus.resolve()),
        ]
        command += [f"-timeout={_SECONDS_PER_INPUT}", f"-rss_limit_mb={_MEGABYTES}", f"-max_len={_LONGEST_INPUT}"]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TMPDIR": scratch}
        try:
            done = subprocess.run(
                [*command, "-print_final_stats=1"],
                capture_output=True,
                env=environment,
                timeout=options.seconds + _START,
                check=False,
            )
            status, output = done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")
        except subprocess.TimeoutExpired as error:
            status, output = 1, (error.stderr or b"").decode("utf-8", "replace") + "\nthe fuzzer did not stop in time"
    new = sorted(set(found.iterdir()) - before)
    executions = re.findall(r"stat::number_of_executed_units: (\d+)", output) or re.findall(r"^#(\d+)\t", output, re.M)
    coverage = re.findall(r" cov: (\d+) ", output)
    message = "" if status == 0 else _what(output)
    return Outcome(name, int((executions or ["0"])[-1]), int((coverage or ["0"])[-1]), new, message)


def _what(output: str) -> str:
    """The end of what the fuzzer said before its own statistics: the exception and where it came from."""
    lines = [
        line
        for line in output.splitlines()
        if not re.match(r"#\d+\t|stat::|INFO:|MS: |0x|artifact_prefix|Base64:", line)
    ]
    start = next(
        (place for place, line in enumerate(lines) if "Uncaught Python exception" in line), max(len(lines) - 12, 0)
    )
    return "\n".join(lines[start : start + 40])[-4_000:]


def worker(place: str, libfuzzer: Sequence[str]) -> None:
    """Fuzz one target in this process, which ends with it.

    Args:
        place: group and target, with a slash between.
        libfuzzer: arguments of libFuzzer.
    """
    atheris: Any = import_optional("atheris", extra="fuzz")
    group, name = place.split("/")
    with atheris.instrument_imports(include=["hf_relation"], enable_loader_override=False):
        from tests.fuzz.targets import load_seeds, load_targets
        from tests.fuzz.targets.mutations import mutated

        target = load_targets(group)[name]

    def change(content: bytes, most: int, seed: int) -> bytes:
        generator = random.Random(seed)
        if generator.random() < 0.5:
            return bytes(mutated(content, generator.randrange)[:most])
        return bytes(atheris.Mutate(content, most))

    settings: dict[str, Any] = {"custom_mutator": change} if load_seeds(group).get(name) else {}
    atheris.Setup([sys.argv[0], *libfuzzer], target, **settings)
    atheris.Fuzz()


def replay(group: str, name: str, path: Path) -> int:
    """Run a target on a saved file; 1 where it raises."""
    from tests.fuzz.targets import load_targets

    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    try:
        load_targets(group)[name](path.read_bytes())
    except Exception:
        traceback.print_exc()
        return 1
    print(f"{name}: nothing is wrong with {path}.")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the targets one after the other; gives the exit status."""
    options = parse(argv)
    if options.worker is not None:
        worker(options.worker, options.libfuzzer)
        return 0
    if options.seconds < 1 or options.seed < 1:
        raise UsageError("--seconds and --seed must be at least 1.")
    targets = list(chosen(options.target))
    if options.list:
        for group in dict.fromkeys(group for group, _ in targets):
            print(f"{group}: {', '.join(name for of, name in targets if of == group)}")
        return 0
    if options.replay is not None:
        if len(targets) != 1:
            raise UsageError("--replay needs the one --target that the file was found with.")
        return replay(*targets[0], options.replay)
    import_optional("atheris", extra="fuzz")
    outcomes = []
    print(f"{'target':<20}{'executions':>12}{'coverage':>10}  found", flush=True)
    for group, name in targets:
        outcome = run(group, name, options)
        outcomes.append(outcome)
        shown = ", ".join(map(str, outcome.found)) or ("see below" if outcome.message else "-")
        print(f"{name:<20}{outcome.executions:>12,}{outcome.coverage:>10,}  {shown}", flush=True)
        if outcome.message:
            print(outcome.message, file=sys.stderr, flush=True)
    bad = [outcome for outcome in outcomes if outcome.found or outcome.message]
    total = sum(outcome.executions for outcome in outcomes)
    print(f"{total:,} executions of {len(outcomes)} targets; {len(bad)} with something found.")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (HfRelationError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
