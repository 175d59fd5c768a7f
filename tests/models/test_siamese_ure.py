"""SiameseUREModel: its two passes, its stop-gradients, its mappings, neighbours, collapse, and what it refuses."""

import math

import pytest
import torch
from transformers import BertConfig, BertModel

from hf_relation.errors import UsageError
from hf_relation.losses import scan_loss
from hf_relation.models.relation_cnn import cnn_from_words
from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel
from hf_relation.processing import RelationProcessor, count_words
from tests.common.tiny_models import neighbor_batch, tiny_backbone, tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


INSTANCES = sample_instances(6)
PARTS = {"encoder": "backbone.", "g": "projector.", "d": "predictor.", "head": "cluster_head."}


def made(**settings):
    """A model in training mode and a batch with two neighbours a row."""
    model, processor = tiny_siamese_ure(**settings)
    return model.train(), neighbor_batch(processor, INSTANCES, None)


def without_neighbors(batch):
    return {name: column for name, column in batch.items() if not name.startswith("neighbor_")}


def with_parts(model, batch):
    """The output, and the calls of every part: `(input, output)` in order."""
    seen = {"projector": [], "predictor": [], "cluster_head": []}
    hooks = [
        getattr(model, name).register_forward_hook(
            lambda module, inputs, result, name=name: seen[name].append((inputs[0], result))
        )
        for name in seen
    ]
    output = model(**batch)
    for hook in hooks:
        hook.remove()
    return output, seen


def reached(value, model):
    """The parts of which a parameter has a gradient other than zero from `value`."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    moved = {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None and gradient.any()}
    return {part for part, prefix in PARTS.items() if any(name.startswith(prefix) for name in moved)}


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


# Losses


def test_losses_are_those_of_the_models_own_values():
    model, batch = made(cluster_weight=0.5, entropy_weight=3.0)
    output, seen = with_parts(model, batch)
    (h, g), (h_other, g_other) = seen["projector"]
    (d_input, d), (d_other_input, d_other) = seen["predictor"]
    assert d_input is g and d_other_input is g_other
    assert not torch.allclose(h, h_other, atol=1e-3)  # two dropout masks
    torch.testing.assert_close(output.embeddings, h / h.norm(dim=1, keepdim=True))

    rows = [value.detach().double() for value in (d, d_other, g, g_other)]
    expected = -sum(cosine(a, y) + cosine(b, x) for a, b, x, y in zip(*rows, strict=True)) / 12
    assert output.representation_loss.item() == pytest.approx(expected, rel=1e-5)

    (anchor, logits), (near, near_logits) = seen["cluster_head"]
    assert anchor is h and near.shape == (12, h.shape[1]) and torch.equal(logits, output.cluster_logits)
    p, q = logits.detach().double().softmax(1), near_logits.detach().double().softmax(1).reshape(6, 2, 4)
    consistency = -sum(math.log(float(p[i] @ q[i, k])) for i in range(6) for k in range(2)) / 6
    mean = p.mean(0)
    entropy = -float((mean * mean.log()).sum())
    assert output.consistency.item() == pytest.approx(consistency, rel=1e-5)
    assert output.entropy.item() == pytest.approx(entropy, rel=1e-5)
    assert output.cluster_loss.item() == pytest.approx(consistency - 3 * entropy, rel=1e-4)
    torch.testing.assert_close(output.loss, output.representation_loss + 0.5 * output.cluster_loss)
    assert len(model(**batch, return_dict=False)) == 9


def test_neighbor_cosine_is_the_mean_over_all_neighbors():
    model, batch = made(cluster_loss="neighbor_cosine")
    model.eval()  # the neighbours then have one representation
    output = model(**batch)
    assert output.consistency is None and output.entropy is None
    near = []
    for k in range(2):
        columns = {
            name.removeprefix("neighbor_"): value[:, k]
            for name, value in batch.items()
            if name.startswith("neighbor_")
        }
        near.append(model(**columns).embeddings)
    expected = -sum((output.embeddings * rows).sum(1).mean() for rows in near) / 2
    torch.testing.assert_close(output.cluster_loss, expected, rtol=1e-4, atol=1e-5)


def test_neighbors_keep_their_row_and_their_padding():
    """The neighbours of one row, encoded alone and without the padding of the batch, give the same logits."""
    model, batch = made(over_neighbors="mean")
    model.eval()
    processor = tiny_siamese_ure()[1]
    samples = sample_instances(12)
    near = [model(**processor([samples[(place + step) % 12]])).cluster_logits for place in range(6) for step in (3, 6)]
    logits = model(**processor(INSTANCES)).cluster_logits
    expected = scan_loss(logits, torch.cat(near).reshape(6, 2, 4), over_neighbors="mean").loss
    torch.testing.assert_close(model(**batch).cluster_loss, expected, rtol=1e-4, atol=1e-5)


def test_warm_up_needs_no_neighbors():
    model, batch = made()
    model.cluster_scale = 0.0
    output = model(**without_neighbors(batch))
    assert model.cluster_factor == 0 and output.cluster_loss is None
    assert torch.equal(output.loss, output.representation_loss)
    assert reached(output.loss, model) == {"encoder", "g", "d"}
    model.cluster_scale = 0.25
    assert model.cluster_factor == 0.125


@pytest.mark.parametrize("settings", [{"use_clustering": False}, {"use_projection": False}])
def test_ablations(settings):
    model, batch = made(**settings)
    output = model(**batch)
    if "use_clustering" in settings:
        assert torch.equal(output.loss, output.representation_loss)
        assert reached(output.loss, model) == {"encoder", "g", "d"}
    else:
        assert not list(model.projector.parameters()) and not list(model.predictor.parameters())
        assert model.config.output_dim == model.config.embedding_dim == 64
        assert reached(output.loss, model) == {"encoder", "head"}


# What trains what


def test_every_term_reaches_its_parts():
    model, batch = made()
    output = model(**batch)
    assert reached(output.representation_loss, model) == {"encoder", "g", "d"}
    assert reached(output.cluster_loss, model) == {"encoder", "head"}
    model, batch = made(cluster_loss="neighbor_cosine")
    assert reached(model(**batch).cluster_loss, model) == {"encoder"}


def test_targets_are_constants():
    """The gradient of g comes through d alone: that of g where g' is data, and no other."""
    model, batch = made(use_clustering=False)
    model.predictor.requires_grad_(False)
    output, seen = with_parts(model, batch)
    g, g_other = (result for _, result in seen["projector"])
    ours = torch.autograd.grad(output.representation_loss, [g, g_other], retain_graph=True)
    again = []
    for own, target in ((g, g_other), (g_other, g)):
        rows = own.detach().clone().requires_grad_()
        loss = -torch.nn.functional.cosine_similarity(model.predictor(rows), target.detach()).mean() / 2
        again.append(torch.autograd.grad(loss, rows)[0])
    for gradient, expected in zip(ours, again, strict=True):
        assert expected.any()
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_without_a_predictor_the_target_is_still_a_constant():
    model, batch = made(use_projection=False, use_clustering=False)
    output, seen = with_parts(model, batch)
    h, h_other = (rows for rows, _ in seen["projector"])
    (gradient,) = torch.autograd.grad(output.loss, h, retain_graph=True)
    rows = h.detach().clone().requires_grad_()
    loss = -torch.nn.functional.cosine_similarity(rows, h_other.detach()).mean() / 2
    torch.testing.assert_close(gradient, torch.autograd.grad(loss, rows)[0], rtol=1e-4, atol=1e-6)


def test_neighbors_train_the_encoder_too():
    model, batch = made()
    output, seen = with_parts(model, batch)
    near = seen["cluster_head"][1][0]
    assert torch.autograd.grad(output.cluster_loss, near)[0].any(1).all()


# When there is a loss, and the two passes


def test_the_loss_is_computed_while_training_and_on_request():
    model, batch = made()
    batch.pop("return_loss")
    assert model(**batch).loss is not None
    assert model(**batch, return_loss=False).loss is None
    model.eval()
    assert model(**batch).loss is None and model(**batch, labels=torch.zeros(6)).loss is None
    assert model(**batch, return_loss=True).loss is not None


def test_without_dropout_both_passes_are_the_same():
    model, batch = made(use_projection=False, use_clustering=False)
    model.eval()
    assert model(**batch).representation_loss.item() == pytest.approx(-1, abs=1e-6)


def test_global_seed_decides_the_dropout_masks():
    model, batch = made()
    torch.manual_seed(5)
    one = model(**batch).loss
    torch.manual_seed(5)
    assert torch.equal(one, model(**batch).loss) and not torch.equal(one, model(**batch).loss)


# Mapping networks


def test_mappings_have_the_layers_of_the_paper():
    model, _ = tiny_siamese_ure(projector_dims=None, predictor_dim=512)
    kinds = [type(layer).__name__ for layer in model.projector]
    assert kinds == ["MappingLinear", "LayerNorm", "ReLU"] * 2 + ["MappingLinear", "LayerNorm"]
    assert [type(layer).__name__ for layer in model.predictor] == [
        "MappingLinear",
        "LayerNorm",
        "ReLU",
        "MappingLinear",
    ]
    assert [(layer.in_features, layer.out_features) for layer in model.projector[::3]] == [(64, 64)] * 3
    assert (model.predictor[0].out_features, model.predictor[3].out_features) == (512, 64)
    h = torch.randn(5, 64)
    x = h.double()
    for i, layer in enumerate(model.projector[::3]):
        x = x @ layer.weight.double().T + layer.bias.double()
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        x = x.clamp_min(0) if i < 2 else x
    torch.testing.assert_close(model.projector(h).double(), x, rtol=1e-4, atol=1e-5)


def test_layer_norm_has_the_value_worked_by_hand():
    model, _ = tiny_siamese_ure(projector_dims=[4, 4, 4])
    rows = model.projector[7](torch.tensor([[1.0, 2, 3, 4]]))
    expected = torch.tensor([[-1.341635, -0.447212, 0.447212, 1.341635]])
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-5)


# Collapse


def test_output_std_is_that_of_the_unit_outputs():
    model, batch = made()
    output, seen = with_parts(model, batch)
    expected = 0.0
    for _, g in seen["projector"]:
        unit = (g / g.norm(dim=1, keepdim=True)).detach().numpy()
        expected += unit.std(axis=0).mean() / 2
    assert output.output_std.item() == pytest.approx(expected, rel=1e-5) and not output.output_std.requires_grad


def test_output_std_tells_a_collapse():
    model, batch = made(projector_dims=[24, 24, 256])
    assert model.config.uncollapsed_std == 1 / 16
    with torch.no_grad():
        model.projector[6].weight.zero_()  # every row becomes the bias
    assert model(**batch).output_std.item() < 1e-6
    torch.manual_seed(0)
    model.projector = Everywhere(256)
    assert model(**(batch | {"return_loss": True})).output_std.item() == pytest.approx(1 / 16, rel=0.15)


class Everywhere(torch.nn.Module):
    """Outputs that point everywhere."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, rows):
        return torch.randn(len(rows), self.width)


# Starting


def test_from_backbone_keeps_the_encoder(tmp_path):
    processor = RelationProcessor(tiny_tokenizer("bert"), marker_policy="entity")
    settings = tiny_backbone("bert", len(tiny_tokenizer("bert")))
    settings.pop("model_type")
    torch.manual_seed(0)
    plain = BertModel(BertConfig(**settings))
    plain.save_pretrained(tmp_path)
    one, two = (SiameseUREModel.from_backbone(tmp_path, processor, seed=3) for _ in range(2))
    state = one.state_dict()
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in state.items())
    assert one.config.vocab_size == processor.vocab_size
    for name, value in plain.state_dict().items():
        assert torch.equal(state[f"backbone.{name}"][: len(value)] if value.ndim else state[f"backbone.{name}"], value)
    assert torch.equal(one.projector[1].weight, torch.ones(64)) and one.cluster_head.weight.std() < 0.03


def test_from_encoder_runs_over_the_cnn():
    cnn, tokenizer = cnn_from_words(
        count_words(row["text"] for row in INSTANCES), seed=0, word_embedding_dim=8, hidden_size=16
    )
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    model = SiameseUREModel.from_encoder(cnn, processor, seed=0, pooling=["sentence_max"]).train()
    output = model(**neighbor_batch(processor, INSTANCES, None))
    assert output.embeddings.shape == (6, 16) and torch.isfinite(output.loss) and output.loss.requires_grad


# Bad input


def test_the_clustering_loss_asks_for_neighbors():
    model, batch = made()
    with pytest.raises(UsageError, match="neighbor_input_ids.*cluster_scale = 0"):
        model(**without_neighbors(batch))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: {"neighbor_input_ids": c["neighbor_input_ids"].flatten(0, 1)}, r"neighbor_input_ids.*\(6, neigh"),
        (lambda c: {"neighbor_input_ids": c["neighbor_input_ids"][:5]}, r"neighbor_input_ids.*\(6, neigh"),
        (lambda c: {"neighbor_input_ids": c["neighbor_input_ids"][:, :0]}, "at least one neighbour"),
        (lambda c: {"neighbor_attention_mask": c["neighbor_attention_mask"][:, :1]}, "neighbor_attention_mask"),
        (lambda c: {"neighbor_head_marker_index": c["neighbor_head_marker_index"][:, 0]}, "neighbor_head_marker"),
    ],
)
def test_neighbors_that_do_not_fit_are_refused(change, message):
    model, batch = made()
    with pytest.raises(UsageError, match=message):
        model(**(batch | change(batch)))


def test_a_batch_of_one_row_and_a_row_that_is_its_own_neighbor_are_finite():
    model, processor = tiny_siamese_ure()
    own = processor(INSTANCES[:1])
    batch = {**own, **{f"neighbor_{name}": column[None] for name, column in own.items()}}
    output = model.train()(**batch)
    output.loss.backward()
    assert torch.isfinite(output.loss) and output.output_std.item() == 0
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_nan_stays_nan():
    model, batch = made()
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(math.nan)
    assert torch.isnan(model(**batch).loss)


# Settings


def test_defaults_are_those_of_the_paper():
    config = SiameseUREConfig()
    assert (config.cluster_weight, config.num_clusters, config.cluster_loss) == (0.5, 10, "scan")
    assert config.over_neighbors == "sum" and config.embedding_dim == config.output_dim == 1536
    assert config.backbone_config.hidden_dropout_prob == config.backbone_config.attention_probs_dropout_prob == 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"layer": 3},
        {"projector_dims": [8, 8]},
        {"projector_dims": [8, 8, 0]},
        {"predictor_dim": 0},
        {"num_clusters": 1},
        {"cluster_weight": -1.0},
        {"entropy_weight": math.nan},
        {"cluster_loss": "cosine"},
        {"over_neighbors": "max"},
        {"pooling": []},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        SiameseUREConfig(backbone_config=tiny_backbone("bert", 10), **settings)


def test_fault_28_the_settings_of_another_model_are_refused():
    with pytest.raises(UsageError, match="SiameseUREModel.from_backbone"):
        SiameseUREConfig.from_dict({"model_type": "more"})


# Encoding in parts, and the start of the head


def test_a_batch_in_parts_of_similar_length_has_the_losses_of_the_whole():
    model, batch = made(over_neighbors="mean")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    whole = model(**batch)
    whole.loss.backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    model.length_chunks = 4
    parts = model(**batch)
    parts.loss.backward()
    assert parts.last_hidden_state is None and whole.last_hidden_state is not None
    for name in ("loss", "representation_loss", "cluster_loss", "embeddings", "cluster_logits", "output_std"):
        torch.testing.assert_close(parts[name], whole[name], atol=1e-5, rtol=1e-4)
    for name, weight in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(weight.grad, gradients[name], atol=1e-5, rtol=1e-3)
    assert model.eval()(**batch).last_hidden_state is not None  # evaluation is not cut


def test_the_head_can_start_at_clusters_that_are_at_hand():
    generator = torch.Generator().manual_seed(0)
    model, _ = tiny_siamese_ure()
    labels = torch.arange(80) % 4
    middles = 5 * torch.randn(4, 64, generator=generator) + 100  # far from the origin
    h = middles[labels] + torch.randn(80, 64, generator=generator)
    model.start_clusters(h, labels, sharpness=10.0)
    logits = model.cluster_head(h)
    assert torch.equal(logits.argmax(dim=1), labels)
    mean = [sum(row[i] for row in h.tolist()) / 80 for i in range(64)]
    centered = [[value - m for value, m in zip(row, mean, strict=True)] for row in h.tolist()]
    spread = math.sqrt(sum(value * value for row in centered for value in row) / 80)
    center = [sum(row[i] for row in centered[2::4]) / 20 for i in range(64)]  # of the rows with label 2
    length = math.sqrt(sum(value * value for value in center))
    expected = 10 * sum(a * b for a, b in zip(center, centered[7], strict=True)) / (length * spread)
    assert logits[7, 2].item() == pytest.approx(expected, abs=1e-3)


def test_the_start_of_the_head_needs_a_row_for_every_cluster():
    model, _ = tiny_siamese_ure()
    h = torch.randn(8, 64)
    for labels in (torch.zeros(8, dtype=torch.long), torch.arange(8), torch.arange(4), torch.arange(8) % 4 + 1):
        with pytest.raises(UsageError, match="one of 4 clusters, and every cluster a row"):
            model.start_clusters(h, labels)
