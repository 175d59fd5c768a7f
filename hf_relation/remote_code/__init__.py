"""The one file of code that a repository of the Hub may carry, so that programs find this package there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from hf_relation.beside_weights import read_folder_json
from hf_relation.data.atomic import atomic_file
from hf_relation.errors import UsageError


CODE_FILE = "hf_relation_hub.py"
_SOURCE = Path(__file__).parent / CODE_FILE
_MODULE = CODE_FILE.removesuffix(".py")


class Family(NamedTuple):
    """The classes of a `model_type`, by name, and the task that its checkpoints do."""

    config: str
    model: str
    processor: str | None
    task: str | None
    pipeline: str | None
    pretraining: str | None = None


_DISCOVERY = ("open-relation-discovery", "OpenRelationDiscoveryPipeline")
_EXTRACTION = ("relation-extraction", "RelationExtractionPipeline")
FAMILIES = {
    "finecl": Family("FineCLConfig", "FineCLModel", "DocumentProcessor", None, None, "FineCLForPreTraining"),
    "kernel_re": Family("KernelREConfig", "KernelREModel", "DocumentProcessor", *_EXTRACTION),
    "more": Family("MOREConfig", "MOREModel", "RelationProcessor", *_DISCOVERY),
    "multitask": Family("MultiTaskConfig", "MultiTaskModel", None, None, None),
    "pair_classification": Family(
        "PairClassificationConfig", "PairClassificationModel", "DocumentProcessor", *_EXTRACTION
    ),
    "relation_cnn": Family("RelationCNNConfig", "RelationCNNModel", "RelationProcessor", None, None),
    "rocore": Family("RoCOREConfig", "RoCOREModel", "RelationProcessor", *_DISCOVERY),
    "siamese_ure": Family("SiameseUREConfig", "SiameseUREModel", "RelationProcessor", *_DISCOVERY),
}


def add_remote_code(folder: str | os.PathLike[str]) -> None:
    """Let programs that never import this package load a saved model and its pipeline, with `trust_remote_code=True`.

    Writes `hf_relation_hub.py`, a few lines that import this package, and entries that point at it: `auto_map` and
    `custom_pipelines` in `config.json`, `auto_map` in `processor_config.json`. Then

    - `pipeline("open-relation-discovery", model=folder, trust_remote_code=True)` works where nothing imported hf_relation;
    - it says `pip install hf_relation` where the package is not installed;
    - a program that did `import hf_relation` loads the folder as before, without `trust_remote_code` and without running the file.

    `save_pretrained` and `push_to_hub` do this only with `remote_code=True`. A folder of data alone is what most want to get: the
    Hub marks repositories with code, some organisations refuse them, and `import hf_relation` does the same without.

    Args:
        folder (`str` or `PathLike`): with a model of this package as `save_pretrained` left it.

    Raises:
        UsageError: the folder holds no model of this package.
        CheckpointError: a file is damaged.

    Example:

    ```python
    >>> import json, pathlib, tempfile
    >>> from hf_relation.remote_code import add_remote_code
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "config.json").write_text('{"model_type": "more"}')
    >>> add_remote_code(folder)
    >>> json.loads((folder / "config.json").read_text())["auto_map"]["AutoModel"]
    'hf_relation_hub.MOREModel'
    >>> sorted(path.name for path in folder.iterdir())
    ['config.json', 'hf_relation_hub.py']

    ```
    """
    target = Path(folder)
    config = read_folder_json(target / "config.json") if (target / "config.json").is_file() else {}
    family = FAMILIES.get(config.get("model_type", ""))
    if family is None:
        raise UsageError(
            f"{target} holds no model of this package (config.json with a `model_type` among {', '.join(FAMILIES)}), so that no "
            "code can be added. Of an adapter, merge it into its model first."
        )
    names = {
        "AutoConfig": family.config,
        "AutoModel": family.model,
        "AutoModelForPreTraining": family.pretraining,
        "AutoProcessor": family.processor,
    }
    config["auto_map"] = {auto: f"{_MODULE}.{name}" for auto, name in names.items() if name is not None}
    if family.task is not None:
        config["custom_pipelines"] = {family.task: {"impl": f"{_MODULE}.{family.pipeline}", "pt": ["AutoModel"]}}
    with atomic_file(target / CODE_FILE) as stream, _SOURCE.open("rb") as source:
        shutil.copyfileobj(source, stream)
    processor = target / "processor_config.json"
    if family.processor is not None and processor.is_file():
        _write(
            processor, read_folder_json(processor) | {"auto_map": {"AutoProcessor": f"{_MODULE}.{family.processor}"}}
        )
    _write(target / "config.json", config)


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_file(path) as stream:
        stream.write(json.dumps(content, indent=2, sort_keys=True).encode("utf-8") + b"\n")
