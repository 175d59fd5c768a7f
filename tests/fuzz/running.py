"""Targets under hypothesis: a few examples, always the same, or many with HYPOTHESIS_PROFILE=long."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import load_seeds, load_targets
from tests.fuzz.targets.mutations import mutated


LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
_MORE = 100  # how many times as many examples the long profile has


@st.composite
def files(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the files, changed."""
    return mutated(draw(st.sampled_from(seeds)), lambda number: draw(st.integers(0, number - 1)))


def fuzz(group: str, name: str, examples: int, *, shrink: bool = True) -> None:
    """Run a target on its files as they are, then on changed ones and on any bytes.

    Args:
        group: one of `GROUPS`.
        name: one of the group's targets.
        examples: how many, in the short profile.
        shrink: make an input that fails smaller before it is shown.
    """
    target, seeds = load_targets(group)[name], load_seeds(group).get(name, [])
    for seed in seeds:
        target(seed)
    changed = (
        st.one_of(files(seeds), files(seeds), files(seeds), st.binary(max_size=80))
        if seeds
        else st.binary(max_size=250)
    )
    run = given(changed)(lambda content: target(content))
    settings(
        max_examples=examples * (_MORE if LONG else 1),
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
    )(run)()


def each_target(group: str) -> pytest.MarkDecorator:
    """A test for each target of a group, by its name."""
    return pytest.mark.parametrize("name", list(load_targets(group)))
