"""Stage "embed": instances to vectors, or the rows of ready ones that belong to a shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.data.jsonl import read_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.sharded.devices import own_device, tokens_that_fit
from hf_relation.sharded.stages.arrays import save_npy
from hf_relation.sharded.urls import RemoteRows, is_url


if TYPE_CHECKING:
    from hf_relation.embedding import Encoder

_OF_ENCODER = ("backend", "dtype", "max_tokens_per_batch", "device")


def embed_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Embed the instances of a shard with the one encoder loop, in one thread on a CPU, or cut them out of ready embeddings.

    On accelerators every process of a machine takes its own device, batches begin as large as its memory allows, and are halved
    where they do not fit.

    Args:
        sources (`Sequence[Path]`): the instances.
        out (`Path`), shard (`str`): `SHARD.npy`, `(n, d)`, float32.
        settings (`Mapping`): `model`, `backend`, `dtype` (not `"auto"`), `max_tokens_per_batch`, `device`; or `embeddings` (a `.npy` file),
            `first_row` and `rows`.

    Returns:
        `tuple`: number of rows, and `{"columns": d}`.

    Raises:
        UsageError, InvalidRowError, CheckpointError: as the encoder; or embeddings that are no matrix, too few, or not finite.
    """
    place = out / f"{shard}.npy"
    if settings.get("embeddings") is not None:
        array = _ready(settings)
        save_npy(place, array)
        return len(array), {"columns": int(array.shape[1])}
    encoder = _encoder(*(settings[name] for name in ("model", *_OF_ENCODER)))
    try:
        with _one_torch_thread():
            rows = encoder.embed(read_jsonl(sources[0], unique_ids=False), out=place)
    except InvalidRowError as error:
        if error.index is None:
            raise
        instances = read_jsonl(sources[0], unique_ids=False)
        bad = next(row["id"] for number, row in enumerate(instances) if number == error.index)
        raise InvalidRowError(f"the instance {bad[:60]!r}: {error.reason}") from error
    return len(rows), {"columns": int(rows.shape[1])}


def _ready(settings: Mapping[str, Any]) -> np.ndarray:
    from hf_relation.clustering.rows import check_matrix

    whole = open_embeddings(settings["embeddings"])
    first, number = settings["first_row"], settings["rows"]
    try:
        return check_matrix(np.array(whole[first : first + number]), name=str(settings["embeddings"]))
    except InvalidRowError as error:
        raise InvalidRowError(error.reason, index=None if error.index is None else first + error.index) from None


def open_embeddings(path: str | Path) -> np.ndarray | RemoteRows:
    """A `.npy` file of embeddings as a read-only memory map; at a URL rows are read as they are asked for.

    Raises:
        UsageError: it is no such file, or not a matrix.
    """
    if is_url(path):
        return RemoteRows(str(path))
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(
            f"{path} is no .npy file of numbers ({error}). Save the embeddings with numpy.save."
        ) from error
    if array.ndim != 2:
        raise UsageError(f"{path} must hold a matrix (rows, columns), got shape {array.shape}.")
    return array


@lru_cache(maxsize=1)
def _encoder(model: str, backend: Any, dtype: Any, max_tokens_per_batch: int | None, device: str | None) -> Encoder:
    from hf_relation.discovery.encoder import load_encoder
    from hf_relation.embedding import make_encoder

    quiet_in_a_worker()
    loaded, processor = load_encoder(model)
    device = own_device(device)
    tokens = max_tokens_per_batch or tokens_that_fit(loaded, device, dtype)
    return make_encoder(loaded, processor, backend=backend, dtype=dtype, max_tokens_per_batch=tokens, device=device)


def quiet_in_a_worker() -> None:
    """Keep the bars of libraries out of the way of those of the run, in a process of a pool."""
    if parent_process() is not None:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    # Threads share out sums in other ways, and the last bits would depend on how many there are.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
