"""RoCOREModel: layers and pooling, centroids and checkpoints, other encoders, its settings, and what it refuses."""

import math

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel

from hf_relation.errors import UsageError
from hf_relation.models.relation_cnn import cnn_from_words
from hf_relation.models.rocore import RoCOREConfig, RoCOREModel
from hf_relation.processing import RelationProcessor, count_words
from tests.common.rocore_batches import INSTANCES, LABELS, PSEUDO, made
from tests.common.tiny_models import tiny_backbone, tiny_rocore
from tests.common.tiny_tokenizers import tiny_tokenizer


# The layer and the pooling


@pytest.mark.parametrize("layer, expected", [(None, 8), (1, 1), (12, 12), (-1, 12), (0, 0)])
def test_layer_is_chosen_by_index(layer, expected):
    processor = RelationProcessor(tiny_tokenizer("bert"), marker_policy="entity", max_length=128)
    torch.manual_seed(0)
    backbone = tiny_backbone("bert", processor.vocab_size, num_hidden_layers=12, hidden_size=8)
    model = RoCOREModel(RoCOREConfig(backbone_config=backbone, layer=layer, embedding="pooled")).eval()
    batch = processor(INSTANCES)
    columns = {key: batch[key] for key in ("input_ids", "attention_mask")}
    states = model.backbone(**columns, output_hidden_states=True).hidden_states[expected]
    rows = []
    for state, head, tail in zip(states, batch["head_token_mask"], batch["tail_token_mask"], strict=True):
        h = torch.cat([state[head == 1].max(dim=0).values, state[tail == 1].max(dim=0).values])
        rows.append(h / h.norm())
    output = model(**batch)
    torch.testing.assert_close(output.embeddings, torch.stack(rows), rtol=1e-4, atol=1e-5)
    loss = model(**batch, labels=LABELS).cross_entropy_loss
    blocks = [layer for layer in range(12) if reached_block(loss, model, layer)]
    assert blocks == list(range(expected))


def reached_block(loss, model, layer):
    weights = list(model.backbone.encoder.layer[layer].parameters())
    return any(g is not None for g in torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True))


def test_a_shallow_encoder_is_pooled_at_its_last_layer():
    assert RoCOREConfig(backbone_config=tiny_backbone("bert", 10)).pooled_layer == 2


# Centroids and checkpoints


def test_centroids_are_saved_and_start_unset(tmp_path):
    model, batch = made()
    assert not tiny_rocore()[0].centroids.present.any()
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(again.centroids.rows, model.centroids.rows)
    assert again.centroids.present.tolist() == [True, True, False] and not again.centroids.rows[2].any()
    torch.testing.assert_close(again.eval()(**batch).loss, model(**batch).loss)


def test_without_centroids_there_is_no_centre_loss():
    model, processor = tiny_rocore()
    output = model(**processor(INSTANCES), labels=LABELS)
    assert output.center_loss.item() == 0 and output.loss.item() > 0


@pytest.mark.parametrize(
    "rows, present, message",
    [
        (torch.zeros(3, 15), None, "shape"),
        (torch.zeros(3, 16), torch.ones(4, dtype=torch.bool), "shape"),
        (torch.full((3, 16), math.nan), None, "relation 0 is not finite"),
    ],
)
def test_centroids_that_do_not_fit_are_refused(rows, present, message):
    model, _ = made()
    before = model.centroids.rows.clone()
    with pytest.raises(UsageError, match=message):
        model.set_centroids(rows, present)
    assert torch.equal(model.centroids.rows, before)


def test_from_backbone_keeps_the_encoder(tmp_path):
    processor = RelationProcessor(tiny_tokenizer("bert"), marker_policy="entity")
    settings = tiny_backbone("bert", len(tiny_tokenizer("bert")))
    settings.pop("model_type")
    torch.manual_seed(0)
    plain = BertModel(BertConfig(**settings))
    plain.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    one, two = (RoCOREModel.from_backbone(tmp_path, processor, seed=3, num_known_relations=5) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    state = one.state_dict()
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in state.items())
    assert one.config.vocab_size == processor.vocab_size and not one.centroids.present.any()
    for name, value in plain.state_dict().items():
        assert torch.equal(state[f"backbone.{name}"][: len(value)] if value.ndim else state[f"backbone.{name}"], value)
    assert one.autoencoder_encoder[0].weight.abs().max() <= 64**-0.5 and one.known_classifier.weight.std() < 0.03


def test_from_encoder_runs_over_the_cnn():
    words = count_words(row["text"] for row in INSTANCES)
    cnn, tokenizer = cnn_from_words(words, seed=0, word_embedding_dim=8, hidden_size=16)
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    model = RoCOREModel.from_encoder(cnn, processor, seed=0, num_known_relations=3, num_novel_relations=3)
    output = model(**processor(INSTANCES), labels=LABELS, pseudo_labels=PSEUDO)
    assert output.embeddings.shape == (8, 256) and torch.isfinite(output.loss)
    with pytest.raises(UsageError, match="backbone_config"):
        RoCOREModel.from_encoder(cnn, processor, backbone_config={})


# Bad input


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": torch.tensor([3] + [-100] * 7)}, "0 to 2.*got 3 in row 0"),
        ({"labels": torch.tensor([-1] + [-100] * 7)}, "got -1 in row 0"),
        ({"labels": torch.tensor([-100] * 4 + [1] + [-100] * 3)}, "Row 4 is both"),
        ({"novel_mask": torch.tensor([True] + [False] * 7)}, "Row 0 is both"),
        ({"pseudo_labels": torch.tensor([0, 1])}, "pseudo_labels.*shape"),
    ],
)
def test_rows_that_contradict_are_refused(change, message):
    model, batch = made()
    with pytest.raises(UsageError, match=message):
        model(**(batch | change))


@pytest.mark.parametrize("settings", [{}, {"num_known_relations": 1, "num_novel_relations": 1}])
@pytest.mark.parametrize("rows", ["known", "novel", "none", "one"])
def test_batches_that_lack_a_kind_of_row_have_a_finite_loss(settings, rows):
    model, processor = tiny_rocore(incremental=True, **settings)
    instances = INSTANCES[:1] if rows == "one" else INSTANCES[:2]
    nothing = torch.full((len(instances),), -100)
    labels = nothing * 0 if rows == "known" else nothing
    pseudo_labels = nothing * 0 if rows in ("novel", "one") else nothing
    loss = model(**processor(instances), labels=labels, pseudo_labels=pseudo_labels).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_nan_stays_nan():
    model, batch = made()
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(math.nan)
    assert torch.isnan(model(**batch).loss)


# Settings


def test_defaults_are_table_1_of_the_paper():
    config = RoCOREConfig()
    assert (config.sigma, config.center_weight, config.rampup_maximum, config.rampup_length) == (2, 0.005, 1, 10)
    assert config.pooled_layer == 8 and config.autoencoder_dims == [512, 512, 256] and config.activation == "relu"
    assert (config.num_known_relations, config.num_novel_relations) == (64, 16)
    model, _ = tiny_rocore(activation="leaky_relu")
    kinds = [type(layer).__name__ for layer in model.autoencoder_decoder]
    assert kinds == ["MappingLinear", "LeakyReLU", "MappingLinear", "LeakyReLU", "MappingLinear"]
    widths = [layer.out_features for layer in model.autoencoder_decoder if hasattr(layer, "out_features")]
    assert widths == [24, 24, 64]


@pytest.mark.parametrize(
    "settings",
    [
        {"layer": 3},
        {"autoencoder_dims": []},
        {"autoencoder_dims": [8, 0]},
        {"num_known_relations": 0},
        {"num_novel_relations": 0},
        {"center_weight": -0.1},
        {"center_weight": math.inf},
        {"sigma": 0.0},
        {"label_smoothing": 1.0},
        {"rampup_length": -1.0},
        {"activation": "gelu"},
        {"reconstruction_reduction": "sum"},
        {"pairs": "some"},
        {"autoencoder_route": "encoder"},
        {"embedding": "logits"},
        {"pooling": ["head"]},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        RoCOREConfig(backbone_config=tiny_backbone("bert", 10), **settings)


def test_the_unified_loss_is_not_for_incremental_models():
    with pytest.raises(UsageError, match="Choose one"):
        RoCOREConfig(novel_loss="unified", incremental=True)


def test_fault_28_the_settings_of_another_model_are_refused():
    with pytest.raises(UsageError, match="RoCOREModel.from_backbone"):
        RoCOREConfig.from_dict({"model_type": "bert", "hidden_size": 8})
