"""`from_backbone` of a saved model of this package: its encoder to the bit, heads that are new, and nothing else of the folder."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.heads import prune_heads, pruned_heads
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining, FineCLModel
from hf_relation.models.kernel_re import KernelREModel
from hf_relation.models.more import MOREModel
from hf_relation.models.multitask import MultiTaskModel
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.models.relation_cnn import RelationCNNModel
from hf_relation.models.rocore import RoCOREModel
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.processing import DocumentProcessor, RelationProcessor
from hf_relation.training.trainable import add_adapters
from tests.common.tiny_models import (
    tiny_backbone,
    tiny_kernel_re,
    tiny_more,
    tiny_more_cnn,
    tiny_multitask,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import tiny_tokenizer


TARGETS = {
    MOREModel: {"projection_dim": 16},
    RoCOREModel: {"autoencoder_dims": [24, 24, 16], "num_known_relations": 12, "num_novel_relations": 3},
    KernelREModel: {"id2label": {0: "born_in"}},
    PairClassificationModel: {"id2label": {0: "born_in"}},
    SiameseUREModel: {"projector_dims": [24, 24, 16], "predictor_dim": 8, "num_clusters": 4},
    MultiTaskModel: {"tasks": {"sts": {"kind": "regression"}}},
    FineCLForPreTraining: {},
}


def save_finecl(folder, model_class=FineCLForPreTraining, kind="bert", marker_policy="entity", **saving):
    """A tiny pre-trained model: every weight away from its start, marker rows of its own."""
    processor = DocumentProcessor(tiny_tokenizer(kind), marker_policy=marker_policy, max_length=128)
    torch.manual_seed(5)
    model = model_class(FineCLConfig(backbone_config=tiny_backbone(kind, processor.vocab_size))).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))
    model.save_pretrained(folder, **saving)
    processor.save_pretrained(folder)
    return model, processor


def assert_encoder_is(model, source):
    """The weights of one encoder are those of the other; a table may have more rows."""
    one, two = model.backbone.state_dict(), source.backbone.state_dict()
    assert one.keys() == two.keys()
    for name, weight in two.items():
        assert torch.equal(one[name][: len(weight)] if weight.ndim else one[name], weight), name


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "modernbert"])
def test_every_model_starts_from_the_encoder_that_finecl_pretrained(kind, tmp_path):
    for model_class in (FineCLModel, FineCLForPreTraining):
        source, _ = save_finecl(tmp_path / model_class.__name__, model_class, kind)
        for target, settings in TARGETS.items():
            if target is MultiTaskModel and kind not in ("bert", "roberta"):
                settings = settings | {"text_embedding": "mean"}
            model = target.from_backbone(tmp_path / model_class.__name__, seed=0, **settings)
            assert_encoder_is(model, source)
            assert model.dtype == torch.float32 and model.config.backbone_config.model_type == kind


def test_heads_are_those_of_a_run_from_a_plain_encoder(tmp_path):
    """A comparison of encoders is one of encoders alone: the same seed gives the same new heads."""
    source, _ = save_finecl(tmp_path / "finecl")
    source.backbone.save_pretrained(tmp_path / "plain")
    for target, settings in TARGETS.items():
        one = target.from_backbone(tmp_path / "finecl", seed=3, **settings).state_dict()
        two = target.from_backbone(tmp_path / "plain", seed=3, **settings).state_dict()
        assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one), target
        other = target.from_backbone(tmp_path / "finecl", seed=4, **settings).state_dict()
        assert any(not torch.equal(one[name], other[name]) for name in one), target


@pytest.mark.parametrize(
    "make", [tiny_more, tiny_rocore, tiny_siamese_ure, tiny_kernel_re, tiny_multitask], ids=lambda make: make.__name__
)
def test_the_encoder_of_any_saved_model_and_nothing_above_it(make, tmp_path):
    source, _ = make()
    source.save_pretrained(tmp_path)
    for target, settings in TARGETS.items():
        model = target.from_backbone(tmp_path, seed=0, **settings)
        assert_encoder_is(model, source)
        # Names and shapes of heads may be the same; the weights are new ones all the same.
        if isinstance(source, target):
            for name, weight in model.named_parameters():
                stored = dict(source.named_parameters()).get(name)
                head = not name.startswith("backbone.") and weight.ndim > 1
                assert not (head and stored is not None and torch.equal(weight, stored)), name


def test_a_folder_of_the_same_class_may_lack_its_own_head(tmp_path):
    source, _ = tiny_more()
    source.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = {name: weight for name, weight in load_file(path).items() if not name.startswith("projection.")}
    save_file(weights, path, metadata={"format": "pt"})
    assert_encoder_is(MOREModel.from_backbone(tmp_path, projection_dim=16), source)
    with pytest.raises(CheckpointError, match="projection"):
        MOREModel.from_pretrained(tmp_path)
    del weights["backbone.encoder.layer.1.output.dense.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="backbone.encoder.layer.1.output.dense.weight"):
        MOREModel.from_backbone(tmp_path, projection_dim=16)


def test_marker_rows_that_were_trained_stay_and_new_ones_start_as_characters(tmp_path):
    source, trained = save_finecl(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False)
    processor = RelationProcessor(tokenizer, marker_policy="entity", max_length=128)
    rows = len(source.get_input_embeddings().weight)
    assert processor.vocab_size > rows  # its four markers are new, those of the documents are there
    model = MOREModel.from_backbone(tmp_path, processor, seed=0)
    assert_encoder_is(model, source)
    table = model.get_input_embeddings().weight
    assert len(table) == processor.vocab_size
    added = processor.tokenizer.get_added_vocab()
    assert any(row < rows and token.startswith("[E]") for token, row in added.items())
    for token, row in added.items():
        if row >= rows:
            sign = "#" if token.startswith(("[E1", "[/E1")) else "@"
            assert torch.equal(table[row], table[tokenizer.convert_tokens_to_ids(sign)]), token


def test_weights_in_parts_and_in_half_precision(tmp_path):
    source, _ = save_finecl(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert_encoder_is(KernelREModel.from_backbone(tmp_path, id2label={0: "born_in"}), source)
    half = MOREModel.from_backbone(tmp_path, dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert_encoder_is(half, source.to(torch.bfloat16))


def test_heads_that_were_pruned_stay_pruned_and_more_may_go(tmp_path):
    source, _ = save_finecl(tmp_path)
    prune_heads(source, {0: [1, 3], 1: [0]})
    source.save_pretrained(tmp_path)
    for target, settings in TARGETS.items():
        model = target.from_backbone(tmp_path, **settings)
        assert_encoder_is(model, source)
        assert pruned_heads(model) == {0: [1, 3], 1: [0]} and model.config.pruned_heads == {"0": [1, 3], "1": [0]}
    more = MOREModel.from_backbone(tmp_path, pruned_heads={"0": [1, 2], "1": [2]})
    assert pruned_heads(more) == {0: [1, 2, 3], 1: [0, 2]}
    more.save_pretrained(tmp_path / "more")
    assert_encoder_is(MOREModel.from_pretrained(tmp_path / "more"), more)


def test_adapters_are_refused_with_what_to_do(tmp_path):
    source, _ = tiny_more()
    source.save_pretrained(tmp_path / "base")
    add_adapters(MOREModel.from_pretrained(tmp_path / "base"), r=2).save_pretrained(tmp_path / "adapter")
    with pytest.raises(UsageError, match="holds an adapter.*load_model"):
        KernelREModel.from_backbone(tmp_path / "adapter", id2label={0: "born_in"})
    (tmp_path / "base" / "adapter_config.json").write_text((tmp_path / "adapter" / "adapter_config.json").read_text())
    with pytest.raises(UsageError, match="holds an adapter"):
        KernelREModel.from_backbone(tmp_path / "base", id2label={0: "born_in"})


def test_an_encoder_that_needs_the_places_of_one_pair_fits_such_models_alone(tmp_path):
    source, processor = tiny_more_cnn()
    source.save_pretrained(tmp_path)
    model = MOREModel.from_backbone(tmp_path, processor, pooling=["sentence_max"])
    assert isinstance(model.backbone, RelationCNNModel)
    assert_encoder_is(model, source)
    with pytest.raises(UsageError, match="relation_cnn"):
        PairClassificationModel.from_backbone(tmp_path, id2label={0: "born_in"})


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"backbone_config": {"model_type": "llava"}}, UsageError, "llava"),
        ({"backbone_config": {"model_type": "finecl"}}, UsageError, "finecl"),
        ({"backbone_config": "evil/base"}, UsageError, "(?s)config.json of .* is damaged.*evil/base"),
        ({"backbone_config": None}, CheckpointError, "shape|holds"),
        ({"pruned_heads": {"0": [7]}}, UsageError, "Head 7"),
        ({"pruned_heads": {"0": [1]}}, CheckpointError, "shape"),
        ({"temperature": -1}, UsageError, "temperature"),
        ({"transformers_weights": "other.safetensors"}, CheckpointError, "transformers_weights"),
    ],
)
def test_damaged_or_hostile_settings_are_refused(changes, error, message, tmp_path):
    save_finecl(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(error, match=message):
        MOREModel.from_backbone(tmp_path)


def test_a_head_of_another_library_does_not_fill_a_new_one_of_the_same_name(tmp_path):
    """`classifier` is what transformers calls it, too."""
    stored = AutoModelForTokenClassification.from_config(
        AutoConfig.for_model(**tiny_backbone("bert", 60), num_labels=3)
    )
    stored.save_pretrained(tmp_path)
    model = PairClassificationModel.from_backbone(tmp_path, id2label={0: "born_in"})
    assert model.classifier.weight.shape == (1, 64)
    for name, weight in stored.bert.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], weight), name


def test_pickles_are_not_read(tmp_path):
    source, _ = save_finecl(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(source.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pickle"):
        MOREModel.from_backbone(tmp_path)
