"""The local Hub as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.server import LocalHub, running_hub


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    """A fresh, empty Hub; see `tests.hub.server` and, for processes that use it, `tests.hub.children`."""
    with running_hub() as running:
        yield running
