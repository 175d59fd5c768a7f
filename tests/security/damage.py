"""Ways in which a file of weights can be damaged or wrong; every one takes the file and changes it in place."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def _rewrite(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        save_file(change(load_file(path)), path, metadata={"format": "pt"})

    return damage


def first_key(path: Path) -> str:
    """The tensor that the damages below are done to: the first floating one with several numbers."""
    tensors = load_file(path)
    return next(key for key in sorted(tensors) if tensors[key].is_floating_point() and tensors[key].numel() > 4)


def _first(tensors: dict[str, torch.Tensor]) -> str:
    return next(key for key in sorted(tensors) if tensors[key].is_floating_point() and tensors[key].numel() > 4)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def _cut_header(path: Path) -> None:
    os.truncate(path, 60)


def _flip_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(b'"shape"')
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


def _huge_header(path: Path) -> None:
    """A header that says, and has, 200 MB; the file is sparse."""
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", 200_000_000) + b'{"a":')
        stream.truncate(200_000_100)


def _overlap(path: Path) -> None:
    """Two tensors share their bytes."""
    tensors = {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("one", "two")}
    header = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)


#: Files that are no safetensors any more: the message names the file.
BROKEN: dict[str, Callable[[Path], object]] = {
    "no bytes": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "cut short": _cut,
    "cut in the header": _cut_header,
    "a flipped byte of the header": _flip_header,
    "a header of 200 MB": _huge_header,
    "tensors that overlap": _overlap,
    "a pickle by that name": lambda path: torch.save({"a": torch.zeros(1)}, path),
}
#: Whole files with other content: the message names the file and the tensor.
WRONG: dict[str, Callable[[Path], object]] = {
    "a missing key": _rewrite(lambda tensors: {key: t for key, t in tensors.items() if key != _first(tensors)}),
    "another key": _rewrite(
        lambda tensors: {f"other.{key}" if key == _first(tensors) else key: t for key, t in tensors.items()}
    ),
    "another shape": _rewrite(lambda tensors: tensors | {_first(tensors): torch.zeros(3, 5)}),
    "whole numbers": _rewrite(lambda tensors: tensors | {_first(tensors): tensors[_first(tensors)].to(torch.int32)}),
    "complex numbers": _rewrite(
        lambda tensors: tensors | {_first(tensors): tensors[_first(tensors)].to(torch.complex64)}
    ),
}
