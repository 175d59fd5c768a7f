"""What encoders share that run a graph of the model in another library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_relation.embedding.batched_encoder import BatchedEncoder
from hf_relation.embedding.devices import model_device
from hf_relation.embedding.forward import BatchFunction, inference_state, torch_run
from hf_relation.embedding.graph_files import graph_of, make_graph, probe_rows
from hf_relation.embedding.precision import weights_version
from hf_relation.errors import UsageError


# How far a graph may be from the model, in lengths of the embedding: float32; one minus the cosine: bfloat16.
FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 1e-2
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate memory", "out of memory")


class GraphEncoder(BatchedEncoder):
    """A [`BatchedEncoder`] over the ONNX file of a model; a subclass says how the file is run.

    The graph is made (or taken from the cache) at the first call of `embed`, and again when the weights have changed. It is
    compared with the model on a few texts first.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._loaded: dict[Any, BatchFunction] = {}
        self._loaded_of: Any = None
        if self.dtype == "bfloat16":
            self._check_bfloat16()

    def _check_bfloat16(self) -> None:
        """Refuse bfloat16 where it cannot be had."""

    def _load(self, file: Path, device: torch.device, *, bfloat16: bool) -> BatchFunction:
        """Make the graph ready to run."""
        raise NotImplementedError

    @contextmanager
    def _running(self, device: torch.device, *, bfloat16: bool) -> Iterator[BatchFunction]:
        # Threads: both libraries fix their number when they load.
        made_of = (device, torch.get_num_threads(), weights_version(self.model))
        if self._loaded_of != made_of:
            self._loaded, self._loaded_of = {}, made_of
        if bfloat16 not in self._loaded:
            self._loaded[bfloat16] = self._checked(device, bfloat16=bfloat16)
        yield self._loaded[bfloat16]

    def _checked(self, device: torch.device, *, bfloat16: bool) -> BatchFunction:
        file = graph_of(self.model, self.processor)
        run = self._load(file, device, bfloat16=bfloat16)
        if not self._agrees(run, bfloat16=bfloat16):
            # What the name of a file in the cache does not tell apart, such as hooks: make it anew, once.
            del run
            make_graph(self.model, self.processor, file.parent)
            run = self._load(file, device, bfloat16=bfloat16)
            if not self._agrees(run, bfloat16=bfloat16):
                raise UsageError(
                    f"The graph of {type(self.model).__name__} does not compute what the model does: on a few texts "
                    f"{self.backend} and torch are further apart than "
                    + (f"a cosine of {1 - BFLOAT16_TOLERANCE:g}" if bfloat16 else f"{FLOAT32_TOLERANCE:g}")
                    + ". Use backend='torch'"
                    + (" or dtype='float32'." if bfloat16 else ".")
                )
        return run

    def _agrees(self, run: BatchFunction, *, bfloat16: bool) -> bool:
        batch = self.processor.pad(probe_rows(self.processor), return_tensors="np")
        home = model_device(self.model)
        with inference_state(self.model, home):
            expected = torch_run(self.model, home)(batch).astype(np.float64)
        found = run(batch).astype(np.float64)
        if found.shape != expected.shape or not np.isfinite(found).all():
            return False
        lengths = np.linalg.norm(expected, axis=1).clip(1e-12)
        if bfloat16:
            cosines = (found * expected).sum(1) / lengths / np.linalg.norm(found, axis=1).clip(1e-12)
            return bool((cosines >= 1 - BFLOAT16_TOLERANCE).all())
        return bool((np.abs(found - expected).max(1) <= FLOAT32_TOLERANCE * lengths).all())


def with_memory_errors(run: BatchFunction) -> BatchFunction:
    """A function whose library says in words alone that the memory does not hold, so that it raises `MemoryError`.

    Args:
        run (`Callable`): the function.
    """

    def checked(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        try:
            return run(columns)
        except Exception as error:
            if any(words in str(error).lower() for words in _OUT_OF_MEMORY):
                raise MemoryError(str(error)) from error
            raise

    return checked
