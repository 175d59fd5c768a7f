"""A demo with a tiny model, served for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hf_relation.demo import DemoLimits, DiscoveryWorker, build_demo, launch_demo
from tests.common.tiny_checkpoints import save_tiny_checkpoint


LIMITS = DemoLimits(max_rows=300, max_chars=400, max_bytes=100_000)


@dataclass
class Served:
    """A running demo.

    Args:
        url (`str`): of its page, without the last slash.
        worker (`DiscoveryWorker`): does its runs.
    """

    url: str
    worker: DiscoveryWorker


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path)
    return path


@pytest.fixture(scope="session")
def served(tiny_model: Path) -> Iterator[Served]:
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    pytest.importorskip("plotly", reason="needs the extra `demo`")
    worker = DiscoveryWorker(tiny_model, timeout=100)
    demo = build_demo(worker=worker, limits=LIMITS)
    url = launch_demo(demo, limits=LIMITS, block=False)
    worker.start()
    yield Served(url.rstrip("/"), worker)
    demo.close()
    worker.close()
