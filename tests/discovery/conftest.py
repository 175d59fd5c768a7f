from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.common.faces import FACES, Outcome
from tests.common.tiny_checkpoints import save_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model and settings (three relations); not to be altered."""
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path)
    return path


@pytest.fixture(params=FACES)
def discover(request: pytest.FixtureRequest, tmp_path: Path, tiny_checkpoint: Path) -> Callable[..., Outcome]:
    """Discover by estimator, pipeline and command line in turn."""
    face = FACES[request.param]

    def call(rows: Any, model: Path = tiny_checkpoint, **options: Any) -> Outcome:
        return face(model, rows, tmp_path, **options)

    return call
