"""Saved pipelines of both tasks load again, with and without code beside the weights, and never run that code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModel, AutoModelForPreTraining, AutoProcessor, pipeline

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.pipelines import EXTRACTION_TASK, TASK
from hf_relation.remote_code import CODE_FILE, FAMILIES, add_remote_code
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


CANARY = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\npathlib.Path({path!r}).touch()\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    save_tiny_checkpoint(root / "discovery", pca_components=8)
    save_tiny_extractor(root / "extraction", entity_types=["PERSON", "PLACE"])
    return {TASK: root / "discovery", EXTRACTION_TASK: root / "extraction"}


def answers(task: str, folder: Path, **options: Any) -> Any:
    rows = sample_instances() if task == TASK else sample_documents()
    return pipeline(task, model=str(folder), device="cpu", **options)(rows)


@pytest.mark.parametrize("task", [TASK, EXTRACTION_TASK])
@pytest.mark.parametrize("remote_code", [False, True])
def test_a_saved_pipeline_loads_again(task: str, remote_code: bool, folders: dict[str, Path], tmp_path: Path) -> None:
    expected = answers(task, folders[task])
    pipeline(task, model=str(folders[task]), device="cpu").save_pretrained(tmp_path / "saved", remote_code=remote_code)
    assert answers(task, tmp_path / "saved") == expected
    code = [path.name for path in (tmp_path / "saved").glob("*.py")]
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert code == ([CODE_FILE] if remote_code else [])
    assert ("auto_map" in config, "custom_pipelines" in config) == (remote_code, remote_code)
    # What was loaded is saved as data alone, unless asked for again.
    pipeline(task, model=str(tmp_path / "saved"), device="cpu").save_pretrained(tmp_path / "again")
    assert not list((tmp_path / "again").glob("*.py"))
    files = [path.read_text() for path in (tmp_path / "again").glob("*.json")]
    assert not any("auto_map" in text or "custom_pipelines" in text for text in files)


@pytest.mark.parametrize("task", [TASK, EXTRACTION_TASK])
@pytest.mark.parametrize("trust", [None, True])
def test_code_beside_the_weights_is_not_run_where_the_package_is_imported(
    task: str, trust: bool | None, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder, ran = tmp_path / "folder", tmp_path / "ran"
    shutil.copytree(folders[task], folder)
    add_remote_code(folder)
    (folder / CODE_FILE).write_text(CANARY.format(path=str(ran)))
    options = {} if trust is None else {"trust_remote_code": trust}
    assert answers(task, folder, **options) == answers(task, folders[task])
    loaded = [auto.from_pretrained(folder, **options) for auto in (AutoConfig, AutoModel, AutoProcessor)]
    assert all(type(part).__module__.startswith("hf_relation.") for part in loaded)
    assert not ran.exists() and not (folder / "ran").exists()


def test_the_table_of_families_is_what_transformers_knows() -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    import hf_relation.remote_code.hf_relation_hub as code

    known = {
        name: cls for name, cls in CONFIG_MAPPING._extra_content.items() if cls.__module__.startswith("hf_relation.")
    }
    assert set(FAMILIES) == set(known)
    named = set()
    for model_type, family in FAMILIES.items():
        config_class = known[model_type]
        assert family.config == config_class.__name__
        assert family.model == AutoModel._model_mapping[config_class].__name__
        processor = PROCESSOR_MAPPING._extra_content.get(config_class)
        assert family.processor == (None if processor is None else processor.__name__)
        pretraining = AutoModelForPreTraining._model_mapping._extra_content.get(config_class)
        assert family.pretraining == (None if pretraining is None else pretraining.__name__)
        named |= {family.config, family.model, family.processor, family.pipeline, family.pretraining} - {None}
    assert set(code.__all__) == named and all(hasattr(code, name) for name in named)


def test_code_is_added_to_models_of_this_package_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no model of this package"):
        add_remote_code(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UsageError, match="holds no model of this package"):
        add_remote_code(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        add_remote_code(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
