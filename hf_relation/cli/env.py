"""`hf-relation env`: what runs here, and which checkpoint is the default; to look up, and for bug reports."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import typer

from hf_relation.cli.console import results
from hf_relation.cli.options import AsJson, Debug


_PACKAGES = ("torch", "transformers", "datasets", "evaluate", "accelerate", "peft", "huggingface-hub", "scikit-learn")


def command(as_json: AsJson = False, debug: Debug = False) -> None:
    """Show versions, the cache folder, and which model is the default and why.

    A model that is named (--model, from_pretrained, pipeline) always wins. Without one it is $HF_RELATION_MODEL (with
    $HF_RELATION_REVISION), else "model" (with "revision") in the config file, else the shipped checkpoint.
    """
    from hf_relation.checkpoints import cache_dir
    from hf_relation.default_model import config_file, default_model
    from hf_relation.version import __version__

    default, config = default_model(), config_file()
    found = {
        "hf_relation": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(name) for name in _PACKAGES},
        "cache folder": str(cache_dir()),
        "config file": f"{config}{'' if config.is_file() else ' (none there)'}",
        "default model": default.name + (f" at {default.revision}" if default.revision else ""),
        "default model by": default.source,
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    width = max(map(len, found))
    for name, value in found.items():
        results().print(f"{name:{width}}  {value}", markup=False, highlight=False, soft_wrap=True)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
