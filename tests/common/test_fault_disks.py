"""Row 32 of the fault plan, on disks that are full or read-only: the older version stays, no half file, and an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_relation.data import write_jsonl
from hf_relation.data.convert import convert
from hf_relation.data.recipe import jsonl_recipe
from hf_relation.discovery import RelationDiscovery
from hf_relation.embedding import embed_instances
from hf_relation.errors import CheckpointError
from hf_relation.extraction import RelationExtractor
from hf_relation.models.more import MOREModel
from hf_relation.training import RelationTrainer, RelationTrainingArguments, is_complete, last_complete_checkpoint
from tests.common.disks import read_only, small_disk
from tests.common.faces import run_command
from tests.common.planted import planted_corpus
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_kernel_re, tiny_more
from tests.common.tiny_tokenizers import sample_instances


Write = Callable[[Path], Any]
MB = 2**20


def discovery() -> RelationDiscovery:
    instances, embeddings, _ = planted_corpus()
    return RelationDiscovery(*tiny_more(), num_relations=3, n_init=2).fit(instances, embeddings)


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Write]:
    """Everything that is written, by name; each takes its target."""
    rows = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_jsonl(rows, sample_instances(20))
    fitted, more, kernel_re = discovery(), tiny_more(), tiny_kernel_re()
    result = fitted.result()
    recipe = jsonl_recipe({"train": rows})
    return {
        "discovery": fitted.save_pretrained,
        "extractor": RelationExtractor(*kernel_re).save_pretrained,
        "model": more[0].save_pretrained,
        "processor": more[1].save_pretrained,
        "result": result.save,
        "result.parquet": result.export,
        "result.neo4j": result.export,
        "rows.jsonl": lambda path: write_jsonl(path, sample_instances(20)),
        "rows.npy": lambda path: embed_instances(*more, sample_instances(20), out=path),
        "converted": lambda path: convert(recipe, path, overwrite=True),
    }


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill_up(folder: Path) -> Path:
    """A file that takes all the space there is."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as stream:
        try:
            while stream.write(bytes(4096)):
                pass
        except OSError:
            pass
    return path


def test_fault_32_a_full_disk(writers: dict[str, Write], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        for name, write in writers.items():
            write(disk / name)
        before = content_of(disk)
        filler = fill_up(disk)
        for name, write in writers.items():
            for target in (disk / name, disk / f"new-{name}"):  # over an older version, and fresh
                # tokenizers, torch and pyarrow have words of their own for what the system said
                with pytest.raises(Exception, match=r"(?i)no space left|write|iostream error|unexpected pos"):
                    write(target)
        filler.unlink()
        assert content_of(disk) == before
        for name, write in writers.items():
            write(disk / name)  # when there is space again
        assert content_of(disk).keys() == before.keys()


def test_fault_32_and_34_a_training_run_on_a_full_disk(tmp_path: Path) -> None:
    def trainer() -> RelationTrainer:
        model, processor = tiny_more(loss="sup_con")
        args = RelationTrainingArguments(
            output_dir=str(tmp_path / "disk" / "run"),
            **{
                "use_cpu": True,
                "disable_tqdm": True,
                "classes_per_batch": 2,
                "instances_per_class": 2,
                "max_steps": 3,
            },
            **{"save_strategy": "steps", "save_steps": 1, "dataloader_pin_memory": False},
        )
        return RelationTrainer(model, args, processor, train_dataset=sample_instances(12))

    with small_disk(tmp_path / "disk", "3m") as disk:
        reserve = disk / "reserve"
        reserve.write_bytes(bytes(MB + MB // 2))
        with pytest.raises(Exception, match=r"(?i)no space left|write|iostream error|unexpected pos"):
            trainer().train()
        last = last_complete_checkpoint(disk / "run")
        unfinished = [path for path in (disk / "run").iterdir() if not is_complete(path)]
        assert len(unfinished) == 1 and unfinished[0].name > last.name
        reserve.unlink()
        resumed = trainer()
        resumed.train(resume_from_checkpoint=True)
        assert resumed.state.global_step == 3 and is_complete(disk / "run" / "checkpoint-3")


def test_fault_32_a_read_only_disk(writers: dict[str, Write], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    for name, write in writers.items():
        write(disk / name)
    save_tiny_checkpoint(disk / "checkpoint")
    rows = disk / "corpus.jsonl"
    write_jsonl(rows, sample_instances())
    killed = disk / "model" / ".saved"  # a save was killed here before
    killed.mkdir()
    (killed / ".order.json").write_text('{"last": "config.json", "outdated": []}')
    (killed / "config.json").write_text("{}")
    with read_only(disk):
        before = content_of(disk)
        for name, write in writers.items():
            if os.geteuid() != 0 and name in ("discovery", "extractor", "model", "processor", "result"):
                continue  # the folders in it are not read-only there
            for target in (disk / name, disk / f"new-{name}"):
                with pytest.raises((OSError, CheckpointError), match=r"(?i)read-only|permission|cannot be completed"):
                    write(target)
        command = [
            "discover",
            str(rows),
            "--model",
            str(disk / "checkpoint"),
            "--output",
            str(disk / "out"),
            "--quiet",
        ]
        outcome = run_command(command)
        assert outcome.code == 1 and str(disk) in outcome.message
        outcome = run_command(["convert", "jsonl", f"train={rows}", "--output-dir", str(disk / "out")])
        assert outcome.code == 1 and str(disk) in outcome.message
        with pytest.raises(CheckpointError, match="cut short, and cannot be completed"):
            MOREModel.from_pretrained(disk / "model")
        # What is there can be read.
        found = RelationDiscovery.from_pretrained(disk / "checkpoint").fit_predict(sample_instances())
        assert len(found) == 12 and content_of(disk) == before


def test_a_folder_that_is_a_disk_of_its_own_can_be_saved_to(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        for _ in range(2):
            discovery().save_pretrained(disk)
            assert np.array_equal(RelationDiscovery.from_pretrained(disk).labels_, discovery().labels_)
        assert not [path for path in disk.iterdir() if path.name.startswith(".")]
