"""What is fuzzed: functions that take bytes and raise where a promise of the package is broken.

`GROUPS` are sets of targets that need the same; `load_targets` and `load_seeds` import one set and give its functions, and files
to start from.
Hypothesis runs them in the tests of this folder, and `examples/fuzzing.py` under the guidance of coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


Target = Callable[[bytes], None]

GROUPS = ("rows", "inputs", "readers", "spans", "demo", "processors", "configs", "states", "models")


def load_targets(group: str) -> dict[str, Target]:
    """Targets of a group by name.

    Args:
        group: one of `GROUPS`.
    """
    targets: dict[str, Target] = {}
    if group == "rows":
        from tests.fuzz.targets.rows import JSONL_TARGETS as targets
    elif group == "inputs":
        from tests.fuzz.targets.inputs import INPUT_TARGETS as targets
    elif group == "readers":
        from tests.fuzz.targets.lists import LIST_TARGETS
        from tests.fuzz.targets.readers import READER_TARGETS

        targets = READER_TARGETS | LIST_TARGETS
    elif group == "spans":
        from tests.fuzz.targets.spans import SPAN_TARGETS
        from tests.fuzz.targets.texts import TEXT_TARGETS

        targets = SPAN_TARGETS | TEXT_TARGETS
    elif group == "demo":
        from tests.fuzz.targets.demo import DEMO_TARGETS as targets
    elif group == "processors":
        from tests.fuzz.targets.processors import PROCESSOR_TARGETS as targets
    elif group == "configs":
        from tests.fuzz.targets.configs import CONFIG_TARGETS as targets
    elif group == "states":
        from tests.fuzz.targets.states import STATE_TARGETS as targets
    elif group == "models":
        from tests.fuzz.targets.models import MODEL_TARGETS as targets
    return dict(targets)


def load_seeds(group: str) -> Mapping[str, list[bytes]]:
    """Files to start from, by the target's name; targets that make their input from any bytes have none.

    Args:
        group: one of `GROUPS`.
    """
    if group == "processors":
        from tests.fuzz.targets.processors import processor_seeds

        return processor_seeds()
    if group == "configs":
        from tests.fuzz.targets.configs import CONFIG_SEEDS

        return CONFIG_SEEDS
    if group == "states":
        from tests.fuzz.targets.states import state_seeds

        return state_seeds()
    if group == "models":
        from tests.fuzz.targets.models import model_seeds

        return model_seeds()
    from tests.fuzz.targets.seeds import SEEDS

    return SEEDS
