"""The card of a low-rank adapter, in the place of the empty template that peft writes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.beside_weights import read_folder_json
from hf_relation.cards.config_card import LICENCE, NOT_EVALUATED, limits_section, settings_section
from hf_relation.cards.families import ADAPTER_TAGS, FAMILIES
from hf_relation.cards.generated import write_generated
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import use_section
from hf_relation.data.markdown import table_row
from hf_relation.errors import CheckpointError


CONFIG = "adapter_config.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_CODE = """from peft import PeftConfig, PeftModel
from transformers import AutoModel

import hf_relation  # makes its models known to transformers

base = AutoModel.from_pretrained(PeftConfig.from_pretrained(".").base_model_name_or_path)
model = PeftModel.from_pretrained(base, ".")
merged = model.merge_and_unload()  # a plain model again: merged.save_pretrained(folder)
print(type(merged).__name__)"""
_NO_BASE = (
    "## Use\n\nThe files do not name the model that this adapter was trained on. It fits a model of the settings below, started from "
    "the same encoder: build that, then `PeftModel.from_pretrained(base, folder)` attaches the adapter, and `merge_and_unload()` "
    "makes one plain model of both."
)
_LIMIT = "Without its base model an adapter is of no use, and with another one it gives nonsense without a warning."


def write_adapter_card(
    folder: str | os.PathLike[str],
    *,
    config: Any = None,
    base_model: str | None = None,
    license: str | None = None,
    tags: Sequence[str] = (),
) -> bool:
    """Write the card of an adapter as `README.md`, after `PeftModel.save_pretrained`, unless somebody wrote one.

    Args:
        folder (`str` or `PathLike`): what `PeftModel.save_pretrained` wrote.
        config (`PreTrainedConfig`, *optional*): of the model that the adapter belongs to (`peft_model.get_base_model().config`), for
            the settings in the card.
        base_model (`str`, *optional*): Hub id of that model; by default what `adapter_config.json` says, if that is no folder
            of this machine.
        license (`str`, *optional*): of the adapter; unstated by default.
        tags (`Sequence[str]`): further tags.

    Returns:
        `bool`: whether it was written.

    Raises:
        CheckpointError: the folder holds no adapter, or its `adapter_config.json` is damaged.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> from hf_relation.cards import write_adapter_card
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8, "base_model_name_or_path": "user/model"}')
    >>> write_adapter_card(folder)
    True
    >>> (folder / "README.md").read_text().splitlines()[1:3]
    ['library_name: peft', 'base_model: user/model']

    ```
    """
    stored = _read(Path(folder) / CONFIG)
    named = str(stored.get("base_model_name_or_path") or "")
    # A folder of this machine says nothing to others, and may say too much.
    shown = base_model or (named if _REPOSITORY.fullmatch(named) and not Path(named).exists() else None)
    family = FAMILIES.get(getattr(config, "model_type", ""))
    header = {
        "license": license,
        "library_name": "peft",
        "base_model": shown,
        "tags": [*ADAPTER_TAGS, *(family.tags if family else ()), *tags],
    }
    over = family.name if family else "a model"
    parts = [
        f"# Adapter for {over}\n\nA low-rank adapter: what training changed of a model, to be put on that model."
        + (f" {family.about}" if family else ""),
        use_section(_CODE) if named else _NO_BASE,
        _adapter_section(stored, shown),
        "" if config is None else settings_section(config),
        f"## Data and figures\n\n{NOT_EVALUATED}",
        limits_section(family, _LIMIT),
        f"## Licence\n\n{LICENCE if license is None else 'See the header; the base model has one of its own.'}",
        citation_section("lora", getattr(config, "model_type", "")),
    ]
    return write_generated(folder, header, "\n\n".join(part for part in parts if part))


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise CheckpointError(
            f"{path.parent} holds no adapter: there is no {CONFIG}. Save it with PeftModel.save_pretrained."
        )
    return read_folder_json(path)


def _adapter_section(stored: Mapping[str, Any], base_model: str | None) -> str:
    rows: list[tuple[str, object]] = [("base model", base_model or "not on the Hub, or not stated")]
    for label, key in (
        ("kind", "peft_type"),
        ("rank", "r"),
        ("alpha", "lora_alpha"),
        ("dropout", "lora_dropout"),
        ("adapted layers", "target_modules"),
        ("trained in full", "modules_to_save"),
    ):
        value = stored.get(key)
        if value not in (None, [], ""):
            rows.append((label, ", ".join(map(str, sorted(value, key=str))) if isinstance(value, list) else value))
    tokens = stored.get("trainable_token_indices")
    if isinstance(tokens, dict):
        rows.append(
            ("trained rows of word embeddings", sum(len(each) for each in tokens.values() if isinstance(each, list)))
        )
    return "## The adapter\n\n" + "\n".join([table_row(["setting", "value"]), "|---|---|", *map(table_row, rows)])
