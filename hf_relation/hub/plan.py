"""What of a folder would be sent to the Hub: decided, and shown, before anything is."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import CHECKPOINT_FILES
from hf_relation.data.files import parse_json
from hf_relation.discovery.state import CORPUS_FILE, JSON_FILE
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.remote_code import CODE_FILE
from hf_relation.uploading import RepoType


_ALLOWED: dict[RepoType, tuple[str, ...]] = {
    "model": (*CHECKPOINT_FILES, CODE_FILE),
    "dataset": ("*.parquet", "README.md", "dataset_info.json"),
    "space": ("*.py", "*.txt", "*.md", "*.json", "*.jsonl", "*.csv", "*.toml", "*.whl"),
}
_HOLDS = ("config.json", "adapter_config.json", "discovery.json")
# What a trainer keeps beside the weights to go on from; of no use to others, and it names the machine.
_OF_THE_RUN = ("trainer_state.json", "run.json", "all_results.json")


@dataclass(frozen=True)
class PushPlan:
    """What [`plan_push`] returns.

    Args:
        folder (`Path`): the folder.
        repo_type (`str`): `"model"`, `"dataset"` or `"space"`.
        files (`dict[str, int]`): path in folder and repository -> size in bytes.
        left_out (`dict[str, str]`): path in the folder -> why it is not sent.
        corpus (`bool`): whether texts of a discovery's corpus go along.
        without_texts (`bool`): whether the folder is a discovery with texts (its corpus, or example texts of its relations), and is
            saved anew without them before it is sent.
    """

    folder: Path
    repo_type: RepoType
    files: dict[str, int]
    left_out: dict[str, str] = field(default_factory=dict)
    corpus: bool = False
    without_texts: bool = False

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """The plan, JSON-able."""
        return {
            "folder": str(self.folder),
            "repo_type": self.repo_type,
            "files": self.files,
            "left_out": self.left_out,
            "corpus": self.corpus,
        }


def plan_push(folder: str | os.PathLike[str], *, repo_type: RepoType | None = None, corpus: bool = False) -> PushPlan:
    """Decide which files of a folder are published.

    Of a model: safetensors, JSON, tokenizer files and the card; never a pickle, a hidden file, or what training keeps to be
    resumed. The corpus of a saved discovery, and the example texts of its relations, are left out unless asked for.

    Args:
        folder (`str` or `PathLike`): a checkpoint, adapter, discovery or extractor; a converted corpus; or a Space.
        repo_type (`str`, *optional*): `"model"`, `"dataset"` or `"space"`; by default what the folder is: a model has
            `config.json`, `adapter_config.json` or `discovery.json`; a dataset Parquet files; a Space `app.py`.
        corpus (`bool`, defaults to `False`): publish the texts and vectors of a discovery's corpus, and its example texts, too.

    Returns:
        [`PushPlan`].

    Raises:
        UsageError: there is no such folder, it is none of these, or its weights are only pickles.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> from hf_relation.hub import plan_push
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("app.py", "README.md", ".env"):
    ...     _ = (folder / name).write_text("")
    >>> plan = plan_push(folder)
    >>> plan.repo_type, sorted(plan.files), plan.left_out
    ('space', ['README.md', 'app.py'], {'.env': 'hidden'})

    ```
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}. Name one that save_pretrained or a converter wrote.")
    found = sorted(path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in found}
    kind = repo_type or _kind(root, names)
    files, left_out = {}, {}
    for name, path in names.items():
        reason = _reason(name, path, root, kind, corpus)
        if reason is None:
            files[name] = path.stat().st_size
        else:
            left_out[name] = reason
    if kind == "model":
        _check_model(root, files, left_out)
    if not files:
        raise UsageError(f"Nothing in {root} would be published as a {kind}.")
    has_texts = kind == "model" and (CORPUS_FILE in names or _has_examples(root))
    return PushPlan(root, kind, files, left_out, corpus=corpus and has_texts, without_texts=has_texts and not corpus)


def _has_examples(root: Path) -> bool:
    """Whether a discovery holds example texts; what cannot be read may hold some."""
    path = root / JSON_FILE
    if not path.is_file():
        return False
    content = parse_json(path.read_bytes(), what=str(path))  # strict JSON, as was checked
    try:
        return any(relation["examples"] for relation in (content.get("fitted") or {}).get("relations", []))
    except (AttributeError, KeyError, TypeError):
        return True


def _kind(root: Path, names: dict[str, Path]) -> RepoType:
    if any(name in names for name in _HOLDS):
        return "model"
    if "app.py" in names:
        return "space"
    if any(name.endswith(".parquet") for name in names):
        return "dataset"
    raise UsageError(
        f"{root} is neither a model ({', '.join(_HOLDS)}), nor a dataset (Parquet files), nor a Space (app.py). Say what it is with "
        "`repo_type` (--type)."
    )


def _reason(name: str, path: Path, root: Path, kind: RepoType, corpus: bool) -> str | None:
    """Why a file is not published, `None` if it is."""
    parts = name.split("/")
    if any(part.startswith(".") for part in parts):
        return "hidden"
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        return "a link to another folder"
    if "__pycache__" in parts:
        return "made by Python"
    if kind == "model":
        if len(parts) > 1:
            return "in a sub-folder"
        if name == CORPUS_FILE:
            return None if corpus else "texts of the corpus"
        if name in _OF_THE_RUN:
            return "of the training run"
    if not any(fnmatch.fnmatchcase(parts[-1], pattern) for pattern in _ALLOWED[kind]):
        return f"no file of a {kind}"
    return None


def _check_model(root: Path, files: dict[str, int], left_out: dict[str, str]) -> None:
    if not any(name in files for name in _HOLDS):
        raise UsageError(f"{root} holds no model: none of {', '.join(_HOLDS)}.")
    if "config.json" in files or "adapter_config.json" in files:
        if not any(name.endswith(".safetensors") and not name.startswith("discovery") for name in files):
            others = sorted(name for name in left_out if name.endswith((".bin", ".pt", ".pkl")))
            also = f" {others[0]} is a pickle, which is not published." if others else ""
            raise UsageError(f"{root} holds no weights in safetensors.{also} Save the model with save_pretrained.")
    for name in files:
        if name.endswith(".json"):
            try:
                parse_json((root / name).read_bytes(), what=str(root / name))
            except InvalidRowError as error:
                raise UsageError(f"{root / name} is damaged: {error} Save the model again.") from error
