# ruff: noqa: B023, what a loop binds is used at once
"""Loads poisoned folders in a process of its own, without sockets: `python -m tests.security.attack_child FOLDER`.

Prints JSON: for every loader "loaded", "same" or the error; which canaries ran; how often a socket was asked for.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModel, AutoProcessor, AutoTokenizer, BertConfig, BertModel, pipeline

import hf_relation  # noqa: F401, makes the classes known
from hf_relation import RelationDiscovery, RelationExtractor
from hf_relation.embedding import TextEncoder
from hf_relation.extraction.entity_sources import load_entity_source
from hf_relation.heads import load_pruned, save_pruned
from hf_relation.models.loading import load_model
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.relation_cnn import cnn_from_encoder
from hf_relation.runs.task_checkpoint import load_task_checkpoint
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
from tests.security.poison import COMPOSITES, EVIL, copied, plant_code, poison_config, poison_others


ROOT, CANARY = Path(), Path()
ATTEMPTS: list[str] = []
RESULTS: dict[str, str] = {}


def _blocked(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **_: Any) -> Any:
        ATTEMPTS.append(f"{name} {args[-1] if args else ''}")
        raise OSError(f"{name} is blocked")

    return refuse


def attempt(name: str, load: Callable[[], Any], clean: Any = None) -> None:
    """Run a loader; note what it gave. A model must hold the weights of the clean one, and follow no setting."""
    try:
        loaded = load()
        model = getattr(loaded, "model", loaded)
        config = getattr(model, "config", model)
        text = json.dumps(config.to_dict(), default=str) if hasattr(config, "to_dict") else ""
        nested = getattr(config, "backbone_config", config)
        kinds = {str(getattr(part, "_attn_implementation", None)) for part in (config, nested)}
        RESULTS[name] = (
            "loaded" if "evil/kernel" not in kinds and "evil" not in text else f"follows evil: {kinds} {text}"
        )
        if clean is not None and RESULTS[name] == "loaded":
            one, two = clean.state_dict(), model.state_dict()
            same = one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
            RESULTS[name] = "same" if same else "other weights"
    except Exception as error:
        RESULTS[name] = f"{type(error).__name__}: {error}"
    if CANARY.exists():
        RESULTS[name] = f"RAN CODE ({RESULTS[name]})"
        CANARY.unlink()


def build() -> dict[str, tuple[Any, Path]]:
    """A clean folder and its model for every class."""
    made = {}
    for name, make in {
        "more": tiny_more,
        "more_cnn": tiny_more_cnn,
        "rocore": tiny_rocore,
        "siamese_ure": tiny_siamese_ure,
        "kernel_re": tiny_kernel_re,
        "finecl": tiny_finecl,
        "pair_classification": tiny_pair_classification,
        "multitask": tiny_multitask,
    }.items():
        model, processor = make()
        made[name] = model, ROOT / "clean" / name
        model.save_pretrained(made[name][1])
        processor.save_pretrained(made[name][1])
    cnn, folder = made["more_cnn"][0].backbone, ROOT / "clean" / "relation_cnn"
    cnn.save_pretrained(folder)
    made["relation_cnn"] = cnn, folder
    return made


def attack_classes(made: dict[str, tuple[Any, Path]]) -> None:
    for name, (model, clean) in made.items():
        folder = copied(clean, ROOT / "hostile" / name)
        poison_config(folder)
        poison_others(folder)
        plant_code(folder, CANARY)
        attempt(f"{name} AutoConfig", lambda: AutoConfig.from_pretrained(folder))
        attempt(f"{name} AutoModel", lambda: AutoModel.from_pretrained(folder), model)
        attempt(f"{name} AutoModel trusting", lambda: AutoModel.from_pretrained(folder, trust_remote_code=True), model)
        attempt(f"{name} own class", lambda: type(model).from_pretrained(folder), model)
        attempt(f"{name} load_model", lambda: load_model(folder), model)
        if name == "relation_cnn":
            continue
        if name != "multitask":
            attempt(f"{name} AutoProcessor", lambda: AutoProcessor.from_pretrained(folder))
        config = json.loads((clean / "config.json").read_text())
        for kind, settings in COMPOSITES.items():
            (folder / "config.json").write_text(json.dumps(config | {"backbone_config": settings}))
            attempt(f"{name} in it {kind}", lambda: AutoModel.from_pretrained(folder))


def attack_tasks(made: dict[str, tuple[Any, Path]]) -> None:
    rows = sample_instances(20)
    for task, saver in (
        ("open-relation-discovery", save_tiny_checkpoint),
        ("relation-extraction", save_tiny_extractor),
    ):
        clean = ROOT / "clean" / task
        saver(clean)
        model = AutoModel.from_pretrained(clean)
        folder = copied(clean, ROOT / "hostile" / task)
        poison_config(folder)
        poison_others(folder)
        plant_code(folder, CANARY)
        attempt(f"{task} pipeline", lambda: pipeline(task, model=str(folder)), model)
        if task == "relation-extraction":
            attempt(f"{task} loader", lambda: RelationExtractor.from_pretrained(folder), model)
        else:
            attempt(f"{task} loader", lambda: RelationDiscovery.from_pretrained(folder).fit(rows) and None)
        beside = "extraction.json" if task == "relation-extraction" else "discovery.json"
        poison_others(folder, [beside])
        loader = RelationExtractor if task == "relation-extraction" else RelationDiscovery
        attempt(f"{task} {beside}", lambda: loader.from_pretrained(folder))
        content = json.loads((clean / beside).read_text())
        part = "thresholds" if task == "relation-extraction" else "gate"
        (folder / beside).write_text(json.dumps(content | {part: EVIL | (content.get(part) or {})}))
        attempt(f"{task} {part}", lambda: loader.from_pretrained(folder))
    multitask = ROOT / "hostile" / "multitask"
    copied(made["multitask"][1], ROOT / "hostile" / "task")
    poison_config(ROOT / "hostile" / "task")
    plant_code(multitask, CANARY)
    attempt("multitask heads", lambda: load_task_checkpoint(ROOT / "hostile" / "task"), made["multitask"][0])


def attack_encoders() -> None:
    """Folders of other libraries' models, which our loaders start from."""
    _, processor = tiny_more()
    settings = tiny_backbone("bert", processor.vocab_size)
    settings.pop("model_type")
    encoder = BertModel(BertConfig(**settings))
    folder = ROOT / "hostile" / "bert"
    save_pruned(encoder, folder)
    processor.tokenizer.save_pretrained(folder)
    poison_config(folder)
    poison_others(folder, ["tokenizer_config.json"])
    plant_code(folder, CANARY)
    attempt("bert from_backbone", lambda: MOREModel.from_backbone(folder).backbone, encoder)
    attempt("bert TextEncoder", lambda: TextEncoder.from_pretrained(folder), encoder)
    attempt("bert load_pruned", lambda: load_pruned(folder), encoder)
    attempt("bert cnn_from_encoder", lambda: cnn_from_encoder(folder, seed=0)[0])
    attempt("bert entities", lambda: load_entity_source(str(folder)))
    attempt("bert load_model", lambda: load_model(folder))
    attempt("bert AutoTokenizer", lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
    source, processor = tiny_kernel_re()
    saved = ROOT / "hostile" / "kernel_re_backbone"
    source.save_pretrained(saved)
    poison_config(saved)
    plant_code(saved, CANARY)
    attempt("kernel_re from_backbone", lambda: MOREModel.from_backbone(saved).backbone, source.backbone)
    for kind, config in COMPOSITES.items():
        inside = json.loads((saved / "config.json").read_text()) | {"backbone_config": config}
        (saved / "config.json").write_text(json.dumps(inside))
        attempt(f"kernel_re in it {kind} from_backbone", lambda: MOREModel.from_backbone(saved))
        (folder / "config.json").write_text(json.dumps(config))
        attempt(f"bert as {kind} from_backbone", lambda: MOREModel.from_backbone(folder))
        attempt(f"bert as {kind} TextEncoder", lambda: TextEncoder.from_pretrained(folder))
        attempt(f"bert as {kind} load_model", lambda: load_model(folder))
        attempt(f"bert as {kind} config", lambda config=config: MOREConfig(backbone_config=config))


def attack_adapters(made: dict[str, tuple[Any, Path]]) -> None:
    base = ROOT / "clean" / "more"
    adapted = add_adapters(AutoModel.from_pretrained(base), r=2)
    clean = ROOT / "clean" / "adapter"
    adapted.save_pretrained(clean)
    path = clean / "adapter_config.json"
    config = (
        EVIL
        | json.loads(path.read_text())
        | {"auto_mapping": {"base_model_class": "Evil", "parent_library": "evil_code"}}
    )
    for name, foreign in (("adapter", str(base)), ("foreign adapter", "evil/base")):
        folder = copied(clean, ROOT / "hostile" / name)
        (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": foreign}))
        plant_code(folder, CANARY)
        attempt(
            f"{name} PeftModel", lambda: PeftModel.from_pretrained(AutoModel.from_pretrained(base), folder) and None
        )
        attempt(f"{name} load_adapter", lambda: AutoModel.from_pretrained(base).load_adapter(folder) and None)
        if foreign != "evil/base":  # for a name, transformers asks the Hub: that is what a base is named for
            attempt(f"{name} AutoModel", lambda: AutoModel.from_pretrained(folder) and None)
    inside = copied(base, ROOT / "hostile" / "inside")
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        (inside / file).write_bytes((ROOT / "hostile" / "foreign adapter" / file).read_bytes())
    attempt("foreign adapter inside a model", lambda: AutoModel.from_pretrained(inside) and None)


def control() -> None:
    """What the attack does where nothing stops it, so that its silence elsewhere says something."""
    time.sleep = lambda _: None  # the client of the Hub tries again and again
    folder = ROOT / "control"
    folder.mkdir()
    plant_code(folder, CANARY)
    (folder / "config.json").write_text(json.dumps({"model_type": "of-nobody"} | EVIL))
    attempt("control code", lambda: AutoConfig.from_pretrained(folder, trust_remote_code=True))
    attempt("control pickle", lambda: torch.load(folder / "pytorch_model.bin", weights_only=False))
    attempt("control network", lambda: AutoModel.from_pretrained(ROOT / "hostile" / "foreign adapter"))


if __name__ == "__main__":
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _blocked(name))
    socket.getaddrinfo = _blocked("getaddrinfo")
    ROOT = Path(sys.argv[1])
    CANARY = ROOT / "canary"
    made = build()
    attack_classes(made)
    attack_tasks(made)
    attack_encoders()
    attack_adapters(made)
    silent = list(ATTEMPTS)
    control()
    print("RESULTS " + json.dumps({"results": RESULTS, "attempts": silent, "control": len(ATTEMPTS) - len(silent)}))
