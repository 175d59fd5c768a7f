"""`extraction.json`: what decides over scores, beside the weights of a checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hf_relation.beside_weights import check_digests, read_versioned_json
from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import digest_of_file
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.extraction import calibrations
from hf_relation.extraction.decisions import DecisionRules
from hf_relation.extraction.symmetry import SymmetricRelations
from hf_relation.extraction.thresholds import Thresholds
from hf_relation.extraction.type_constraints import TypeConstraints
from hf_relation.model_origin import folder_of_model


T = TypeVar("T")

FORMAT_VERSION = 1
JSON_FILE = "extraction.json"
_PARTS = ("thresholds", "calibration", "type_constraints", "symmetric")
_VALUES = ("top_k", "reflexive_pairs")
_WEIGHTS = ("model*.safetensors", "adapter_model.safetensors")


def write_rules(folder: str | os.PathLike[str], rules: DecisionRules) -> None:
    """Write the rules into a checkpoint folder that holds the weights already.

    The file records the sha256 of the weights, so that a half-replaced checkpoint is noticed.

    Args:
        folder (`str` or `PathLike`): an existing folder.
        rules ([`DecisionRules`]): what decides.
    """
    content: dict[str, Any] = {"format_version": FORMAT_VERSION}
    content |= {name: getattr(rules, name) for name in _VALUES}
    for name in _PARTS:
        value = getattr(rules, name)
        content[name] = None if value is None else value.to_dict()
    weights = sorted(path for pattern in _WEIGHTS for path in Path(folder).glob(pattern))
    content["sha256"] = {path.name: digest_of_file(path) for path in weights}
    with atomic_file(Path(folder) / JSON_FILE) as stream:
        stream.write(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False).encode("utf-8") + b"\n")


def read_rules(folder: str | os.PathLike[str]) -> DecisionRules:
    """Read what [`write_rules`] wrote; the default rules where there is no such file. Every value is checked.

    Args:
        folder (`str` or `PathLike`): a checkpoint folder.

    Returns:
        [`DecisionRules`].

    Raises:
        CheckpointError: the file is damaged, from a newer version, or the weights are not those it was written with.
    """
    path = Path(folder) / JSON_FILE
    if not path.is_file():
        return DecisionRules()
    content = read_versioned_json(path, FORMAT_VERSION)
    unknown = sorted(set(content) - {*_PARTS, *_VALUES, "format_version", "sha256"})
    if unknown:
        raise CheckpointError(f"{path} is damaged: there is no rule '{unknown[0]}'.")
    if not content.get("sha256"):
        raise CheckpointError(f"{path} is damaged: `sha256` must name the weights that it belongs to.")
    check_digests(
        path,
        content["sha256"],
        remedy=f"Get or save the checkpoint again; or delete {JSON_FILE} to use these weights with a threshold of 0.5 and no other "
        "rule.",
    )

    def part(name: str, make: Callable[[Any], T]) -> T | None:
        return None if content.get(name) is None else make(content[name])

    try:
        return DecisionRules(
            thresholds=part("thresholds", Thresholds.from_dict) or Thresholds(),
            calibration=part("calibration", calibrations.calibration_from_dict),
            type_constraints=part("type_constraints", TypeConstraints),
            symmetric=part("symmetric", SymmetricRelations.from_dict),
            **{name: content[name] for name in _VALUES if name in content},
        )
    except (UsageError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def rules_of_model(model: Any) -> DecisionRules:
    """What is stored beside the checkpoint that a model came from; the default rules where it came from none.

    Args:
        model (`PreTrainedModel`): as transformers loaded it, or made in memory.

    Returns:
        [`DecisionRules`].

    Raises:
        CheckpointError: as [`read_rules`], or the Hub did not give the files.
    """
    folder = folder_of_model(model, JSON_FILE, _WEIGHTS)
    return DecisionRules() if folder is None else read_rules(folder)
