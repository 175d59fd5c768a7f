"""Row 26: a damaged or wrong file of weights is an error with file and tensor, and nothing is loaded; row 27: no pickle is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForPreTraining, BertConfig, BertModel, pipeline

from hf_relation import RelationDiscovery, RelationExtractor
from hf_relation.embedding import TextEncoder
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.extraction.entity_sources import load_entity_source
from hf_relation.heads import load_pruned, save_pruned
from hf_relation.models.loading import load_model
from hf_relation.models.more import MOREModel
from hf_relation.models.relation_cnn import cnn_from_encoder
from hf_relation.runs.task_checkpoint import load_task_checkpoint
from hf_relation.training.averaging import AVERAGE_FILE, WeightAverage
from hf_relation.training.resumed_weights import check_resumed_weights
from hf_relation.training.trainable import add_adapters
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_models import (
    tiny_backbone,
    tiny_finecl,
    tiny_kernel_re,
    tiny_more,
    tiny_more_cnn,
    tiny_multitask,
    tiny_pair_classification,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import sample_instances
from tests.security.damage import BROKEN, WRONG, first_key
from tests.security.poison import Canary, copied


MAKERS = {
    "more": tiny_more,
    "more_cnn": tiny_more_cnn,
    "rocore": tiny_rocore,
    "siamese_ure": tiny_siamese_ure,
    "kernel_re": tiny_kernel_re,
    "finecl": tiny_finecl,
    "finecl_pretraining": lambda: tiny_finecl(pretraining=True),
    "pair_classification": tiny_pair_classification,
    "multitask": tiny_multitask,
}
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
Load = Callable[[Path], Any]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of every class, of a plain encoder, of both tasks, and of adapters."""
    root = tmp_path_factory.mktemp("clean")
    for name, make in MAKERS.items():
        model, processor = make()
        model.save_pretrained(root / name)
        processor.save_pretrained(root / name)
        if name == "more_cnn":
            model.backbone.save_pretrained(root / "relation_cnn")
    save_tiny_checkpoint(root / "discovery")
    save_tiny_extractor(root / "extraction")
    _, processor = tiny_more()
    settings = {
        key: value for key, value in tiny_backbone("bert", processor.vocab_size).items() if key != "model_type"
    }
    save_pruned(BertModel(BertConfig(**settings)), root / "bert")
    processor.tokenizer.save_pretrained(root / "bert")
    add_adapters(AutoModel.from_pretrained(root / "more"), r=2).save_pretrained(root / "adapter")
    return root


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`torch.load` fails the test."""
    called: list[Any] = []

    def refuse(*args: Any, **_: Any) -> Any:
        called.append(args)
        raise RuntimeError("torch.load was called")

    monkeypatch.setattr(torch, "load", refuse)
    yield
    assert not called


def refused(load: Load, folder: Path, *parts: str) -> None:
    """It raises a `CheckpointError` that names all these parts; `transformers.pipeline` wraps it, and quotes it in full."""
    with pytest.raises((CheckpointError, ValueError)) as caught:
        load(folder)
    assert isinstance(caught.value, CheckpointError) or "hf_relation.errors.CheckpointError" in str(caught.value)
    assert all(part in str(caught.value) for part in parts), (parts, str(caught.value))


LOADERS: dict[str, tuple[str, Load]] = {
    **{f"{name} AutoModel": (name, AutoModel.from_pretrained) for name in (*MAKERS, "relation_cnn")},
    "finecl_pretraining AutoModel": ("finecl_pretraining", AutoModelForPreTraining.from_pretrained),
    "more own class": ("more", MOREModel.from_pretrained),
    "more load_model": ("more", load_model),
    "multitask heads": ("multitask", load_task_checkpoint),
    "bert from_backbone": ("bert", MOREModel.from_backbone),
    "bert load_pruned": ("bert", load_pruned),
    "discovery pipeline": ("discovery", lambda folder: pipeline("open-relation-discovery", model=str(folder))),
    "extraction pipeline": ("extraction", lambda folder: pipeline("relation-extraction", model=str(folder))),
}


@pytest.mark.parametrize("name", LOADERS)
def test_fault_26_wrong_weights_are_named_by_file_and_tensor(name: str, clean: Path, tmp_path: Path) -> None:
    kind, load = LOADERS[name]
    for what, damage in WRONG.items():
        folder = copied(clean / kind, tmp_path / what)
        key = first_key(folder / WEIGHTS)
        damage(folder / WEIGHTS)
        refused(load, folder, str(folder), WEIGHTS, key)


@pytest.mark.parametrize("name", [*LOADERS, "bert TextEncoder", "bert cnn", "bert entities"])
def test_fault_26_damaged_weights_are_named_by_file(name: str, clean: Path, tmp_path: Path) -> None:
    more: dict[str, tuple[str, Load]] = {
        "bert TextEncoder": ("bert", TextEncoder.from_pretrained),
        "bert cnn": ("bert", lambda folder: cnn_from_encoder(folder, seed=0)),
        "bert entities": ("bert", lambda folder: load_entity_source(str(folder))),
    }
    kind, load = (LOADERS | more)[name]
    for what, damage in BROKEN.items():
        folder = copied(clean / kind, tmp_path / what)
        damage(folder / WEIGHTS)
        refused(load, folder, str(folder / WEIGHTS))


def test_fault_26_a_flipped_byte_of_a_tensor_is_found_where_checksums_are_kept(clean: Path, tmp_path: Path) -> None:
    for kind, loader, use in (
        ("discovery", RelationDiscovery, lambda found: found.fit(sample_instances(20))),
        ("extraction", RelationExtractor, lambda found: found.extract([])),
    ):
        folder = copied(clean / kind, tmp_path / kind)
        content = bytearray((folder / WEIGHTS).read_bytes())
        content[-9] ^= 0xFF
        (folder / WEIGHTS).write_bytes(bytes(content))
        refused(lambda folder, loader=loader, use=use: use(loader.from_pretrained(folder)), folder, WEIGHTS, "sha256")


INDICES: dict[str, tuple[Callable[[dict[str, Any], str, str], Any], str]] = {
    "outside": (lambda index, key, _: index["weight_map"].update({key: f"../{WEIGHTS}"}), "own folder"),
    "absolute": (lambda index, key, _: index["weight_map"].update({key: f"/tmp/{WEIGHTS}"}), "own folder"),
    "a pickle": (lambda index, key, _: index["weight_map"].update({key: "pytorch_model.bin"}), "own folder"),
    "only pickles": (
        lambda index, *_: index["weight_map"].update(dict.fromkeys(index["weight_map"], "pytorch_model.bin")),
        "own folder",
    ),
    "no text": (lambda index, key, _: index["weight_map"].update({key: 3}), "own folder"),
    "a missing part": (lambda index, key, _: index["weight_map"].update({key: "model-9.safetensors"}), "is missing"),
    "another part": (
        lambda index, key, part: index["weight_map"].update(
            {key: next(other for other in index["weight_map"].values() if other != part)}
        ),
        "lacks",
    ),
    "a key of nobody": (lambda index, _, part: index["weight_map"].update({"no.such": part}), "lacks 'no.such'"),
    "no map": (lambda index, *_: index.pop("weight_map"), "weight_map"),
    "no metadata": (lambda index, *_: index.pop("metadata"), "metadata"),
}


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("name", INDICES)
def test_fault_26_a_list_of_parts_that_is_wrong(name: str, clean: Path, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(clean / "more")
    folder = tmp_path / "parts"
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len([*folder.glob("model-*.safetensors")]) > 1 and AutoModel.from_pretrained(folder)
    index = json.loads((folder / INDEX).read_text())
    key, part = sorted(index["weight_map"].items())[0]
    change, message = INDICES[name]
    change(index, key, part)
    (tmp_path / WEIGHTS).write_bytes((clean / "more" / WEIGHTS).read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / INDEX).write_text(json.dumps(index))
    for load in (
        AutoModel.from_pretrained,
        load_model,
        lambda folder: pipeline("open-relation-discovery", str(folder)),
    ):
        refused(load, folder, message)


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("file", ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pkl"])
@pytest.mark.parametrize("name", [name for name in LOADERS if "own" not in name])
def test_fault_27_a_pickle_instead_of_weights_is_named_and_never_read(
    name: str, file: str, clean: Path, tmp_path: Path
) -> None:
    kind, load = LOADERS[name]
    folder = copied(clean / kind, tmp_path / "pickled")
    (folder / WEIGHTS).unlink()
    Canary(tmp_path / "canary").write(folder / file)
    refused(load, folder, str(folder / WEIGHTS), str(folder / file), "never read", "safetensors.torch")
    assert not (tmp_path / "canary").exists()


@pytest.mark.usefixtures("no_pickle")
def test_fault_27_a_pickle_beside_the_weights_is_never_read(clean: Path, tmp_path: Path) -> None:
    for kind, load in LOADERS.values():
        folder = copied(clean / kind, tmp_path / kind) if not (tmp_path / kind).exists() else tmp_path / kind
        for file in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin", "model.pkl"):
            Canary(tmp_path / "canary").write(folder / file)
        load(folder)
    assert not (tmp_path / "canary").exists()
    with pytest.raises(UsageError, match="use_safetensors"):
        AutoModel.from_pretrained(tmp_path / "more", use_safetensors=False)


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("name", ["adapter_model.bin", "../model.safetensors", "pytorch_model.bin"])
def test_fault_27_a_config_that_names_its_weights_itself(name: str, clean: Path, tmp_path: Path) -> None:
    folder = copied(clean / "more", tmp_path / "more")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"transformers_weights": name}))
    refused(AutoModel.from_pretrained, folder, "transformers_weights", name)


def adapted(clean: Path) -> dict[str, Load]:
    def attach(folder: Path) -> Any:
        model = AutoModel.from_pretrained(clean / "more")
        before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        try:
            return model.load_adapter(folder)
        except CheckpointError:
            after = model.state_dict()
            assert all(torch.equal(before[key], after[key]) for key in before)
            raise

    return {"AutoModel": AutoModel.from_pretrained, "load_adapter": attach}


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("loader", ["AutoModel", "load_adapter"])
def test_faults_26_and_27_adapters(loader: str, clean: Path, tmp_path: Path) -> None:
    load, file = adapted(clean)[loader], "adapter_model.safetensors"
    config = json.loads((clean / "adapter" / "adapter_config.json").read_text())
    for what, damage in (BROKEN | WRONG).items():
        folder = copied(clean / "adapter", tmp_path / what)
        (folder / "adapter_config.json").write_text(
            json.dumps(config | {"base_model_name_or_path": str(clean / "more")})
        )
        key = first_key(folder / file).removeprefix("base_model.model.").rsplit(".", 1)[0]
        damage(folder / file)
        refused(load, folder, file, *([key] if what in ("a missing key", "another key") else []))
    (folder / file).unlink()
    Canary(tmp_path / "canary").write(folder / "adapter_model.bin")
    refused(load, folder, file, "adapter_model.bin", "never read")
    assert not (tmp_path / "canary").exists()


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("what", [*BROKEN, *WRONG, "a pickle instead"])
def test_faults_26_and_27_weights_of_a_run_that_goes_on(what: str, clean: Path, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(clean / "more")
    for kind, part, file in (
        ("more", model, WEIGHTS),
        ("adapter", add_adapters(AutoModel.from_pretrained(clean / "more"), r=2), "adapter_model.safetensors"),
    ):
        folder = copied(clean / kind, tmp_path / kind)
        check_resumed_weights(folder, part)
        key = first_key(folder / file)
        if what == "a pickle instead":
            (folder / file).unlink()
            Canary(tmp_path / "canary").write(
                folder / file.replace(".safetensors", ".bin").replace("model.", "pytorch_model.")
            )
        else:
            (BROKEN | WRONG)[what](folder / file)
        refused(
            lambda folder, part=part: check_resumed_weights(folder, part),
            folder,
            file,
            *([key] if what in WRONG else []),
        )


@pytest.mark.parametrize("what", [*BROKEN, *WRONG])
def test_fault_26_averaged_weights_of_a_run_that_goes_on(what: str, tmp_path: Path) -> None:
    model = torch.nn.Linear(8, 8)
    average = WeightAverage(model, 0.9)
    average.save(tmp_path)
    (BROKEN | WRONG)[what](tmp_path / AVERAGE_FILE)
    before = {key: tensor.clone() for key, tensor in average._average.items()}
    refused(average.load, tmp_path, AVERAGE_FILE)
    assert all(torch.equal(tensor, average._average[key]) for key, tensor in before.items())
