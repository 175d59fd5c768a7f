"""Looking at weight files before anything is loaded: safetensors, in the folder, whole, and of the right kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from hf_relation.beside_weights import read_folder_json
from hf_relation.errors import CheckpointError


_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_FLOATING = ("F64", "F32", "F16", "BF16")
_ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILE = "adapter_model.safetensors"
# Missing weights are made anew, which takes memory; this many numbers at least may be missing before that is refused.
_SMALL = 50_000_000


@dataclass(frozen=True)
class StoredTensor:
    """What the header of a safetensors file says of a tensor: the file, its shape, its dtype (`"F32"` and so on)."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def check_weight_files(folder: Path, variant: str | None = None) -> None:
    """Refuse a folder from which transformers would not load whole safetensors files.

    Args:
        folder (`Path`): with `config.json` and weights; untrusted.
        variant (`str`, *optional*): as for `from_pretrained`.

    Raises:
        CheckpointError: pickled weights only, no weights, a config or index that names other files, or a file that is
            missing or damaged.
    """
    if (folder / "config.json").is_file():
        named = read_folder_json(folder / "config.json").get("transformers_weights")
        if named is not None:
            raise CheckpointError(
                f"{folder / 'config.json'} names the weights itself (`transformers_weights`: {named!r}). Call the file "
                "model.safetensors and leave the setting out."
            )
    if (folder / _ADAPTER_CONFIG).is_file() and (folder / "config.json").is_file():
        check_adapter_files(folder)
    ending = "" if variant is None else f".{variant}"
    weights, index = folder / f"model{ending}.safetensors", folder / f"model.safetensors.index{ending}.json"
    if weights.is_file():
        stored_tensors([weights])
    elif index.is_file():
        check_index(index)
    elif not any(folder.glob("shard-*.safetensors")):
        _refuse_without(folder, weights)


def check_adapter_files(folder: Path) -> None:
    """Refuse a folder of adapters without whole safetensors.

    Raises:
        CheckpointError: pickled weights only, no weights, or a damaged file.
    """
    read_folder_json(folder / _ADAPTER_CONFIG)
    if not (folder / ADAPTER_FILE).is_file():
        _refuse_without(folder, folder / ADAPTER_FILE)
    stored_tensors([folder / ADAPTER_FILE])


def _refuse_without(folder: Path, wanted: Path) -> None:
    pickles = sorted(path for path in folder.iterdir() if path.suffix in _PICKLES and path.is_file())
    pickles += sorted(folder.glob("*.bin.index.json"))
    if not pickles:
        raise CheckpointError(f"{wanted} is missing: {folder} holds no weights. Get or save the checkpoint again.")
    raise CheckpointError(
        f"{wanted} is missing, and {pickles[0]} is a pickle, which can run code when it is opened: it is never read. If you "
        f"trust where it is from, convert it once: save_file(torch.load('{pickles[0].name}', map_location='cpu', "
        f"weights_only=True), '{wanted.name}', metadata={{'format': 'pt'}}) with save_file of safetensors.torch."
    )


def check_index(index: Path, *, here: bool = True) -> None:
    """Check the list of the parts that weights are split into.

    Args:
        index (`Path`): `model.safetensors.index.json`; untrusted.
        here (`bool`, defaults to `True`): whether the parts are in its folder, to be looked at.

    Raises:
        CheckpointError: the list is damaged, or names a file outside the folder, of another kind, missing or damaged, or a
            tensor that its file lacks.
    """
    content = read_folder_json(index)
    parts = content.get("weight_map")
    if not isinstance(parts, dict) or not parts or not isinstance(content.get("metadata", {}), dict):
        raise CheckpointError(f"{index} is damaged: `weight_map` must say in which file every tensor is.")
    for key, name in parts.items():
        if not isinstance(name, str) or Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{index} says that '{key}' is in {name!r}. It must name a .safetensors file of its own folder."
            )
        if here and not (index.parent / name).is_file():
            raise CheckpointError(f"{index.parent / name} is missing, which {index.name} names for '{key}'.")
    if "metadata" not in content:
        raise CheckpointError(f"{index} is damaged: it has no `metadata`. Get or save the checkpoint again.")
    if here:
        found = stored_tensors(index.parent / name for name in sorted(set(parts.values())))
        for key, name in parts.items():
            if key not in found or found[key].file.name != name:
                raise CheckpointError(f"{index.parent / name} lacks '{key}', which {index.name} says is in it.")


def stored_tensors(files: Iterable[Path]) -> dict[str, StoredTensor]:
    """Read the headers of safetensors files; no tensor is read.

    Raises:
        CheckpointError: a file is damaged, or of another kind.
    """
    found: dict[str, StoredTensor] = {}
    for file in files:
        if file.suffix != ".safetensors":
            raise CheckpointError(f"{file} is not a .safetensors file; no other kind of weights is read.")
        try:
            with safe_open(file, framework="pt") as stream:
                for key in stream.keys():
                    part = stream.get_slice(key)
                    found[key] = StoredTensor(file, tuple(part.get_shape()), str(part.get_dtype()))
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{file} is damaged: {error}. Get or save the checkpoint again.") from error
    return found


def read_tensors(stored: Mapping[str, StoredTensor]) -> dict[str, torch.Tensor]:
    """Read the tensors that [`stored_tensors`] found, or some of them: name -> tensor.

    Raises:
        CheckpointError: a file is damaged.
    """
    found: dict[str, torch.Tensor] = {}
    for file in sorted({part.file for part in stored.values()}):
        try:
            with safe_open(file, framework="pt") as stream:
                found |= {key: stream.get_tensor(key) for key, part in stored.items() if part.file == file}
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{file} is damaged: {error}. Get or save the checkpoint again.") from error
    return found


def check_tensors(
    stored: Mapping[str, StoredTensor], wanted: Mapping[str, torch.Tensor], *, allow_other_shapes: bool = False
) -> None:
    """Compare what is stored with what a model needs, before memory is taken for it.

    Args:
        stored (`Mapping[str, StoredTensor]`): the headers.
        wanted (`Mapping[str, torch.Tensor]`): the tensors of the model, which may be on the meta device.
        allow_other_shapes (`bool`, defaults to `False`): leave shapes to transformers.

    Raises:
        CheckpointError: a tensor with another shape or kind of number, or far fewer numbers than the config says.
    """
    for key, tensor in wanted.items():
        if key not in stored:
            continue
        there = stored[key]
        if there.shape != tuple(tensor.shape) and not allow_other_shapes:
            raise CheckpointError(
                f"{there.file}: '{key}' has the shape {there.shape}, and config.json asks for {tuple(tensor.shape)}. They do "
                "not belong together; get or save the checkpoint again."
            )
        if tensor.is_floating_point() != (there.dtype in _FLOATING):
            raise CheckpointError(
                f"{there.file}: '{key}' holds {there.dtype} numbers, which cannot be {tensor.dtype} weights. Get or save the "
                "checkpoint again."
            )
    available = sum(math.prod(part.shape) for part in stored.values())
    missing = {key: tensor.numel() for key, tensor in wanted.items() if key not in stored}
    # Names may differ between the file and the model, but the numbers of an encoder are all there.
    if sum(missing.values()) > 4 * available + _SMALL:
        largest = max(missing, key=missing.__getitem__)
        file = next(iter(stored.values())).file if stored else "the weights"
        raise CheckpointError(
            f"{file} holds {available:,} numbers; config.json asks for {sum(missing.values()):,} more, {missing[largest]:,} of "
            f"them in '{largest}'. They do not belong together; get or save the checkpoint again."
        )
