"""Loading of local checkpoints, and calls that must fail against the Hub of `tests/hub/test_faults.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoModel, AutoProcessor, pipeline

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
from hf_relation import checkpoints
from hf_relation.checkpoints import checkpoint_folder
from hf_relation.discovery import RelationDiscovery
from hf_relation.extraction import RelationExtractor
from hf_relation.training.trainable import add_adapters
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


ROWS = sample_instances(20)


def load_local(folder: Path) -> None:
    """Everything that loads a folder."""
    model, extractor, adapter = str(folder / "model"), str(folder / "extractor"), str(folder / "adapter")
    AutoProcessor.from_pretrained(model)
    adapted = add_adapters(AutoModel.from_pretrained(model), r=2)
    adapted.peft_config["default"].base_model_name_or_path = model
    adapted.save_pretrained(adapter)
    PeftModel.from_pretrained(AutoModel.from_pretrained(model), adapter)
    AutoModel.from_pretrained(adapter)
    RelationDiscovery.from_pretrained(model).fit(ROWS).save_pretrained(folder / "saved")
    RelationDiscovery.from_pretrained(folder / "saved").predict(ROWS)
    pipeline("open-relation-discovery", model=model)(ROWS)
    RelationExtractor.from_pretrained(extractor).extract(sample_documents())
    pipeline("relation-extraction", model=extractor)(sample_documents())


def discover(name: str, **options: Any) -> Any:
    return RelationDiscovery.from_pretrained(name, **options).fit(ROWS)


def base_encoder(repository: str) -> None:
    """The encoder under the shipped checkpoint, from the Hub: as if its package were not installed."""
    checkpoints.BASE_PACKAGE, checkpoints.BASE_REPOSITORY = "no_such_package", repository
    checkpoints.base_encoder_path()


def hub_calls() -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {
        "token": partial(discover, "user/model", token="hf_wrong"),
        "private": partial(discover, "user/secret", token="hf_other"),
        "repository": partial(discover, "user/none"),
        "repository, extractor": partial(RelationExtractor.from_pretrained, "user/none"),
        "repository, pipeline": partial(pipeline, "open-relation-discovery", model="user/none"),
        "revision": partial(discover, "user/model", revision="v9"),
        "weights": partial(discover, "user/no-weights"),
        "weights, bare": partial(discover, "user/no-weights-bare"),
        "tokenizer": partial(discover, "user/no-tokenizer"),
        "no model": partial(discover, "user/empty"),
        "cut": partial(discover, "user/cut"),
        "short": partial(discover, "user/short"),
        "altered": partial(discover, "user/altered"),
        "altered, bare": partial(discover, "user/altered-bare"),
        "base, altered": partial(base_encoder, "user/altered-base"),
        "base, another": partial(base_encoder, "user/model"),
        "base, missing": partial(base_encoder, "user/no-base"),
    }
    for number, name in enumerate(["user/ñame", "user/--a", "user/a..b", "user/" + "a" * 97, "user/a b"]):
        calls[f"malformed {number}"] = partial(checkpoint_folder, name)
    return calls
