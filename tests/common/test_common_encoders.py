"""What an encoder is given: the columns that it knows, whatever the tokenizer makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from hf_relation.embedding import TextEncoder
from hf_relation.errors import UsageError
from hf_relation.training.trainable import add_adapters
from tests.common.families import CLASSES, FAMILIES
from tests.common.tiny_models import tiny_backbone, tiny_more_cnn
from tests.common.tiny_tokenizers import tiny_tokenizer


def given_columns(encoder, run) -> set[str]:
    """The keywords with a value that reach an encoder."""
    seen: set[str] = set()
    handle = encoder.register_forward_pre_hook(
        lambda module, args, kwargs: seen.update(key for key, value in kwargs.items() if value is not None),
        with_kwargs=True,
    )
    run()
    handle.remove()
    return seen


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "modernbert"])
@pytest.mark.parametrize("name", [name for name in CLASSES if not name.endswith("cnn")])
def test_token_types_go_to_encoders_that_know_them(name, kind):
    # The tokenizer of BERT makes them; DistilBERT and ModernBERT would take them for settings of their attention.
    model, processor = FAMILIES[name].make(kind)
    tokenizer = getattr(processor, "tokenizer", processor)
    assert ("token_type_ids" in tokenizer("a")) == (kind != "modernbert")
    if name.startswith("multitask"):  # its collator leaves them out where the rows have none
        batch = tokenizer(["Ada met Bob."], return_tensors="pt")
        seen = given_columns(model.backbone, lambda: model(**batch, task="topic"))
    else:
        seen = given_columns(model.backbone, lambda: FAMILIES[name].scores(model, processor))
    assert "input_ids" in seen and ("token_type_ids" in seen) == (kind in ("bert", "electra"))


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_token_types_go_to_text_encoders_that_know_them(kind):
    tokenizer = tiny_tokenizer(kind)
    torch.manual_seed(0)
    encoder = AutoModel.from_config(AutoConfig.for_model(**tiny_backbone(kind, len(tokenizer)))).eval()
    embed = TextEncoder(encoder, tokenizer)
    seen = given_columns(encoder, lambda: embed(["Ada met Bob.", "Rivers"]))
    assert "input_ids" in seen and ("token_type_ids" in seen) == (kind == "bert")
    assert np.isfinite(embed(["Ada"])).all()


def test_adapters_on_a_cnn_need_the_names_of_layers():
    with pytest.raises(UsageError, match="lora_target_modules"):
        add_adapters(tiny_more_cnn()[0])
