"""JSON files that try to make a loader run code, open a pickle or ask the Hub, at every depth."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any


CANARY = "canary-ran"
EVIL: dict[str, Any] = {
    "trust_remote_code": True,
    "auto_map": {
        "AutoConfig": "evil_code.Evil",
        "AutoModel": "evil_code.Evil",
        "AutoProcessor": "evil_code.Evil",
        "AutoTokenizer": ["evil_code.Evil", "evil_code.Evil"],
    },
    "_attn_implementation": "evil/kernel",
    "_attn_implementation_internal": "evil/kernel",
    "_experts_implementation_internal": "evil/kernel",
    "attn_implementation": "evil/kernel",
    "_name_or_path": "evil/base",
    "name_or_path": "evil/base",
    "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "custom_pipelines": {
        "open-relation-discovery": {"impl": "evil_code.Evil", "pt": ["AutoModel"]},
        "relation-extraction": {"impl": "evil_code.Evil", "pt": ["AutoModel"]},
    },
    "backbone": "evil/base",
    "backbone_kwargs": {"out_indices": [0]},
    "use_timm_backbone": True,
    "use_pretrained_backbone": True,
    "use_kernels": True,
    "fusion_config": {"patch_embeddings": True},
}
# Encoders that are made of others, which transformers would build as their configs say.
COMPOSITES: dict[str, dict[str, Any]] = {
    "detr": {
        "model_type": "detr",
        "backbone": "evil/base",
        "use_pretrained_backbone": True,
        "use_timm_backbone": True,
    },
    "encoder-decoder": {"model_type": "encoder-decoder", "encoder": {"model_type": "bert"}, "decoder": EVIL},
    "llava": {"model_type": "llava", "text_config": {"model_type": "bert"} | EVIL, "vision_config": EVIL},
    "more": {"model_type": "more", "backbone_config": {"model_type": "bert"} | EVIL},
    "timm_wrapper": {"model_type": "timm_wrapper", "architecture": "hf-hub:evil/base"},
}


def poisoned(value: Any, *, lists: bool = True) -> Any:
    """Every object inside, and the value itself, with `EVIL` in it; what it says already stays."""
    if isinstance(value, dict):
        inner = {key: poisoned(part, lists=lists) for key, part in value.items()}
        return EVIL | inner if "model_type" in value or not value else inner
    return [poisoned(part) for part in value] if lists and isinstance(value, list) else value


def poison_config(folder: Path) -> None:
    """`config.json`: at the top, in the encoder, and in configs inside the encoder."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    nested = config.get("backbone_config", config)
    nested |= {"text_config": {"model_type": "llava"} | EVIL, "quantization_config": EVIL, "extra": {"deeper": [EVIL]}}
    path.write_text(json.dumps(poisoned(config)))


def poison_others(folder: Path, names: Iterable[str] = ("tokenizer_config.json", "processor_config.json")) -> None:
    """Other JSON files: at the top."""
    for name in names:
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text())
            (folder / name).write_text(json.dumps(EVIL | content))


def plant_code(folder: Path, canary: Path) -> None:
    """A module that leaves a file when it is imported, and pickles that do when they are opened."""
    code = f"from pathlib import Path\nPath({str(canary)!r}).write_text('ran')\nclass Evil: pass\n"
    (folder / "evil_code.py").write_text(code)
    for name in ("pytorch_model.bin", "training_args.bin", "adapter_model.bin", "discovery.pkl", "model.pt"):
        if not (folder / name).exists():
            Canary(canary).write(folder / name)


def copied(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


class Canary:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, file: Path) -> None:
        """A pickle of it."""
        file.write_bytes(pickle.dumps(self))

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "ran")
