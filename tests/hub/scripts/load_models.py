"""Load models and what belongs to them, with the calls a user makes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModel, AutoProcessor, AutoTokenizer, pipeline

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.encoder import state_of_model
from hf_relation.errors import CheckpointError
from hf_relation.extraction import RelationExtractor
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances
from tests.hub.scripts.blocking import failing
from tests.hub.scripts.families import FAMILIES, answers, longest


def load_family(name: str, revision: str | None = None) -> dict[str, Any]:
    model = AutoModel.from_pretrained(f"user/{name}", revision=revision)
    auto = AutoTokenizer if name == "multitask" else AutoProcessor
    processor = auto.from_pretrained(f"user/{name}", revision=revision)
    return {
        "class": type(model).__name__,
        "range": model.config.initializer_range,
        "longest": longest(processor),
        "answers": answers("more" if name == "trained" else name, model, processor),
    }


def load_adapter(way: str) -> list[float]:
    processor = AutoProcessor.from_pretrained("user/more")
    if way == "peft":
        model = PeftModel.from_pretrained(AutoModel.from_pretrained("user/more"), "user/adapter")
    elif way == "auto":
        model = AutoModel.from_pretrained("user/adapter")
    else:
        model = pipeline("open-relation-discovery", model="user/adapter").model
    return answers("more", model, processor)


def start_from(repository: str) -> dict[str, Any]:
    """A model whose encoder is that of another model on the Hub."""
    stored = AutoModel.from_pretrained(repository).backbone.state_dict()
    model = MOREModel.from_backbone(repository, projection_dim=7)
    started = model.backbone.state_dict()
    return {
        "same": all(torch.equal(started[name], weight) for name, weight in stored.items()),
        "class": model.config.method,
    }


def discover(repository: str, revision: str | None = None) -> dict[str, Any]:
    discovery = RelationDiscovery.from_pretrained(f"user/{repository}", revision=revision)
    labels = discovery.predict(sample_instances(20)).labels.tolist()
    return {"labels": labels, "keywords": [relation.keywords for relation in discovery.relations_]}


def run_pipeline(repository: str, revision: str | None = None) -> dict[str, Any]:
    found = pipeline("open-relation-discovery", model=f"user/{repository}", revision=revision)(sample_instances(20))
    return {
        "labels": [row["label"] for row in found["instances"]],
        "keywords": [row["keywords"] for row in found["relations"]],
    }


def extract(revision: str | None = None) -> dict[str, Any]:
    extractor = RelationExtractor.from_pretrained("user/extractor", revision=revision)
    by_pipeline = pipeline("relation-extraction", model="user/extractor", revision=revision)
    found = [extractor.extract(sample_documents()), by_pipeline(sample_documents())]
    return {"threshold": extractor.rules.thresholds.value, "found": found}


def run_with_token(cache: Path) -> dict[str, Any]:
    """A private repository, the token given to the call alone, and a cache of its own."""
    given: dict[str, Any] = {"token": "hf_other", "cache_dir": str(cache)}
    found = pipeline("open-relation-discovery", model="other/private", token="hf_other")(sample_instances(20))
    model = AutoModel.from_pretrained("other/private", **given)
    processor = AutoProcessor.from_pretrained("other/private", **given)
    copied = copy.deepcopy(model)
    kept = [state_of_model(each) is not None for each in (model, copied)]
    sent = pickle.dumps(model)
    labels = RelationDiscovery.from_pretrained("other/private", token="hf_other").fit_predict(sample_instances(20))
    assert isinstance(processor, RelationProcessor)
    return {
        "pipeline": [row["label"] for row in found["instances"]],
        "estimator": labels.labels.tolist(),
        "kept": kept,
        "token in the pickle": b"hf_other" in sent,
    }


def settings_of_what_was_only_loaded() -> str:
    """Online only the weights were asked for: whether the repository has settings beside them, the cache cannot know."""
    try:
        state_of_model(AutoModel.from_pretrained("user/siamese-ure"))
    except CheckpointError as error:
        return str(error)
    return "no error"


def model_checks(folder: Path, *, offline: bool) -> dict[str, Callable[[], Any]]:
    """All of the above, by name."""
    pushed = json.loads((folder / "pushed.json").read_text())
    checks: dict[str, Callable[[], Any]] = {}
    for version, revision in (
        ("now", lambda name: None),
        ("before", lambda name: pushed[name]["value"]["commits"][0]),
    ):
        checks |= {f"{name} {version}": partial(load_family, name, revision(name)) for name in FAMILIES}
        tag = "v3" if version == "before" else None
        checks[f"discovery {version}"] = partial(discover, "discovery", revision("discovery"))
        checks[f"discovery-corpus {version}"] = partial(discover, "discovery-corpus", tag)
        checks[f"pipeline {version}"] = partial(run_pipeline, "discovery", revision("discovery"))
        checks[f"extractor {version}"] = partial(extract, revision("extractor"))
    checks["trained"] = partial(load_family, "trained")
    checks |= {f"adapter by {way}": partial(load_adapter, way) for way in ("peft", "auto", "pipeline")}
    checks["started from kernel-re"] = partial(start_from, "user/kernel-re")
    checks["started from an adapter"] = partial(failing, partial(MOREModel.from_backbone, "user/adapter"))
    if offline:
        checks["only loaded"] = settings_of_what_was_only_loaded
        checks["never loaded"] = partial(failing, partial(RelationDiscovery.from_pretrained, "user/none"))
    else:
        checks["with a token"] = partial(run_with_token, folder / "cache")
    return checks
