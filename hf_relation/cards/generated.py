"""Which card a folder gets when a checkpoint is saved or pushed: a generated one, unless somebody wrote one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_relation.cards.families import OWN_TAGS
from hf_relation.cards.header import is_generated, read_card, signed, without_versions
from hf_relation.data.atomic import atomic_file


CARD = "README.md"
# In the cards that transformers and peft fill in by themselves; a template of huggingface_hub makes the rest of them.
_DESCRIPTION = "@@description@@"


def may_replace(text: str | None) -> bool:
    """Whether a card may give way to a generated one: there is none, we generated it, or it is an empty template.

    Args:
        text (`str`, *optional*): the card that stands there; `None` where there is none.

    Returns:
        `bool`: false for everything that somebody wrote or changed, and for cards written from the results of a run.
    """
    return text is None or is_generated(text) or _is_template(text)


def read_standing(folder: str | os.PathLike[str]) -> str | None:
    """The card in a folder; `None` where there is none.

    Args:
        folder (`str` or `PathLike`): a folder, or one that is not there.
    """
    path = Path(folder) / CARD
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def write_generated(folder: str | os.PathLike[str], header: Mapping[str, Any], body: str) -> bool:
    """Write a generated card as `README.md`, unless a card of somebody's stands there.

    Args:
        folder (`str` or `PathLike`): an existing folder.
        header (`Mapping`): fields of the header.
        body (`str`): the text.

    Returns:
        `bool`: whether it was written.

    Raises:
        UsageError: the folder does not exist.
    """
    there = read_standing(folder)
    if not may_replace(there):
        return False
    with atomic_file(Path(folder) / CARD) as stream:
        stream.write(signed(_with_tags(header, there), body).encode("utf-8"))
    return True


def give_way(folder: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Take the generated card out of a folder whose files will be moved to another, where a card of somebody's stands.

    Args:
        folder (`str` or `PathLike`): the new files.
        target (`str` or `PathLike`): where they go; it need not be there yet.
    """
    if not may_replace(read_standing(target)):
        (Path(folder) / CARD).unlink(missing_ok=True)


def _with_tags(header: Mapping[str, Any], there: str | None) -> dict[str, Any]:
    """The header with the tags that a user asked for when pushing."""
    read = None if there is None else read_card(there)
    tags = [] if read is None else read[0].get("tags") or []
    found = [tag for tag in tags if isinstance(tag, str) and tag not in OWN_TAGS and not tag.startswith("base_model:")]
    return {**header, "tags": list(dict.fromkeys([*header.get("tags", []), *found]))}


def _is_template(text: str) -> bool:
    """Whether this is a card that transformers or peft made from huggingface_hub's template, with nothing in it."""
    read = read_card(text)
    if read is None or "[More Information Needed]" not in read[1]:
        return False
    from huggingface_hub import ModelCard, ModelCardData

    try:
        empty = ModelCard.from_template(ModelCardData(), model_description=_DESCRIPTION).text
        plain = ModelCard.from_template(ModelCardData()).text
    except ImportError:  # jinja2 is not installed, so no such card was made here
        return False
    body = without_versions(read[1]).strip()
    before, _, after = empty.strip().partition(_DESCRIPTION)
    described = body.startswith(before) and body.endswith(after) and "automatically generated" in body
    return body == without_versions(plain).strip() or described
