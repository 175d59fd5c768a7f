"""`discovery.json` and the files beside it: the steps that come with a checkpoint, and a fitted discovery."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.beside_weights import check_digests, read_versioned_json
from hf_relation.clustering.whitening import WithinClassWhitening
from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import digest_of_file, parse_json, read_lines
from hf_relation.data.validation import check_instances
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.discovery.steps import whitening_state
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError


FORMAT_VERSION = 2
JSON_FILE = "discovery.json"
ARRAY_FILE = "discovery.safetensors"
CORPUS_FILE = "discovery_corpus.jsonl"
SETTINGS = (
    "num_relations",
    "algorithm",
    "algorithm_kwargs",
    "n_init",
    "transform",
    "pca_components",
    "pair_weighting",
    "num_relations_calibration",
    "seed",
    "dtype",
    "max_tokens_per_batch",
)
# Settings of the algorithms that a file may carry. Not all that scikit-learn takes: `memory`, say, names a folder of
# pickles.
SAFE_ALGORITHM_KWARGS = frozenset(
    """algorithm allow_single_cluster alpha bandwidth bandwidth_quantile bin_seeding cluster_all cluster_selection_epsilon
    cluster_selection_method compute_full_tree distance_threshold init leaf_size linkage max_cluster_size max_iter metric
    min_bin_freq min_cluster_size min_samples tol""".split()
)


@dataclass
class DiscoveryState:
    """What the files hold.

    Args:
        settings (`dict`): arguments of [`~hf_relation.RelationDiscovery`], by name; a subset of `SETTINGS`.
        whitening ([`~hf_relation.clustering.WithinClassWhitening`], *optional*): fitted on known relations.
        fitted (`dict`, *optional*): JSON-able part of a fitted discovery.
        arrays (`dict[str, np.ndarray]`): arrays of a fitted discovery.
        gate ([`~hf_relation.discovery.OpenWorldGate`], *optional*): of the relations that the encoder was trained on.
        rows (`Sequence[Mapping]`, *optional*): the instances of the fitted corpus, or `{"id"}` each; a file of its own.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    whitening: WithinClassWhitening | None = None
    fitted: dict[str, Any] | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] | None = None
    gate: OpenWorldGate | None = None


def write_state(folder: str | os.PathLike[str], state: DiscoveryState) -> None:
    """Write the files into a checkpoint folder, the JSON file last.

    The JSON file records the sha256 of the weights, arrays and instances in the folder, so that a half-replaced checkpoint is
    noticed.

    Args:
        folder (`str` or `PathLike`): an existing folder, which holds the model already (if it will).
        state ([`DiscoveryState`]): what to write.

    Raises:
        UsageError: a setting cannot be stored.
    """
    from safetensors.numpy import save

    target = Path(folder)
    _check_settings(state.settings, UsageError)
    arrays = {f"fitted.{key}": np.ascontiguousarray(value) for key, value in state.arrays.items()}
    if state.whitening is not None:
        stored = whitening_state(state.whitening)
        arrays |= {f"whitening.{key}": np.ascontiguousarray(value) for key, value in stored.items()}
    content = {"format_version": FORMAT_VERSION, **state.settings}
    if state.gate is not None:
        content["gate"], of_gate = state.gate.get_state(dtype="float16", space=False)
        arrays |= {f"gate.{key}": np.ascontiguousarray(value) for key, value in of_gate.items()}
    if state.fitted is not None:
        content["fitted"] = state.fitted
    if arrays:
        with atomic_file(target / ARRAY_FILE) as stream:
            stream.write(save(arrays))
    else:
        (target / ARRAY_FILE).unlink(missing_ok=True)
    if state.rows is None:
        (target / CORPUS_FILE).unlink(missing_ok=True)
    else:
        with atomic_file(target / CORPUS_FILE) as stream:
            for row in state.rows:
                stream.write(json.dumps(row, allow_nan=False).encode("ascii") + b"\n")
    weights = sorted(
        path for path in target.glob("*.safetensors") if path.name.startswith(("model", "adapter_model", "discovery"))
    )
    weights += [path for path in (target / CORPUS_FILE,) if path.is_file()]
    content["sha256"] = {path.name: digest_of_file(path) for path in weights}
    try:
        text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"A setting of this discovery cannot be stored as JSON: {error}.") from error
    with atomic_file(target / JSON_FILE) as stream:
        stream.write(text.encode("utf-8") + b"\n")


def read_state(folder: str | os.PathLike[str]) -> DiscoveryState | None:
    """Read what [`write_state`] wrote. Only JSON and safetensors are read, and every value is checked.

    Args:
        folder (`str` or `PathLike`): a checkpoint folder.

    Returns:
        [`DiscoveryState`] or `None` where the folder has no `discovery.json`.

    Raises:
        CheckpointError: a file is damaged, incomplete, altered since, or from a newer version.
    """
    path = Path(folder) / JSON_FILE
    if not path.is_file():
        return None
    content = read_versioned_json(path, FORMAT_VERSION)
    checksums, fitted, gate = content.pop("sha256", {}), content.pop("fitted", None), content.pop("gate", None)
    content.pop("format_version")
    _check_settings(content, CheckpointError, where=f"{path}: ")
    remedy = f"Save the discovery again, or delete {JSON_FILE} and {ARRAY_FILE} to use the bare encoder."
    check_digests(path, checksums, remedy=remedy)
    arrays = _read_arrays(path.parent / ARRAY_FILE)
    whitening = part_of(arrays, "whitening")
    if fitted is not None and not isinstance(fitted, dict):
        raise CheckpointError(f"{path} is damaged: `fitted` must be an object.")
    return DiscoveryState(
        settings=content,
        whitening=WithinClassWhitening.from_state(whitening) if whitening else None,
        fitted=fitted,
        arrays=part_of(arrays, "fitted"),
        # A corpus that the JSON file does not vouch for is of another discovery.
        gate=None if gate is None else OpenWorldGate.from_state(gate, part_of(arrays, "gate")),
        rows=_read_rows(path.parent / CORPUS_FILE) if CORPUS_FILE in checksums else None,
    )


def read_checkpoint(folder: Path) -> tuple[str | None, DiscoveryState | None]:
    """What of a discovery is in a checkpoint folder.

    Args:
        folder (`Path`): a checkpoint folder.

    Returns:
        `tuple`: the folder as the name of the model, or `None` where it holds none; and what [`read_state`] gives.

    Raises:
        CheckpointError: it holds neither, or a file is damaged, incomplete, altered since, or from a newer version.
    """
    state = read_state(folder)
    has_model = any((folder / file).is_file() for file in ("config.json", "adapter_config.json"))
    if state is None and not has_model:
        raise CheckpointError(f"{folder} holds neither a model (config.json) nor a discovery (discovery.json).")
    return str(folder) if has_model else None, state


def _check_settings(settings: Mapping[str, Any], error: type[Exception], where: str = "") -> None:
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise error(f"{where}unknown setting '{unknown[0]}'; the settings are {', '.join(SETTINGS)}.")
    if settings.get("transform") not in (None, "whitening"):
        raise error(f"{where}`transform` must be null or 'whitening', got {settings['transform']!r}.")
    kwargs = settings.get("algorithm_kwargs")
    if kwargs is None:
        return
    if not isinstance(kwargs, Mapping):
        raise error(f"{where}`algorithm_kwargs` must be an object or null, got {kwargs!r}.")
    refused = sorted(set(kwargs) - SAFE_ALGORITHM_KWARGS)
    if refused:
        raise error(
            f"{where}`algorithm_kwargs` in a file may not hold '{refused[0]}'. Pass it to the constructor instead."
        )


def part_of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `name` and a full stop, without that."""
    return {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}


def _read_rows(path: Path) -> list[Mapping[str, Any]]:
    rows: list[Any] = []
    try:
        for line, content in read_lines(path):
            rows.append(parse_json(content, line=line))
        if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
            raise InvalidRowError("every row must be an object with an `id`")
        return rows if all(set(row) == {"id"} for row in rows) else [*check_instances(rows)]
    except InvalidRowError as error:
        raise CheckpointError(f"{path} is damaged: {error}. Get or save the checkpoint again.") from error


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        return {}
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Get or save the checkpoint again.") from error
