"""RoCOREModel: its terms, what trains what, its phases, its incremental classifier, batches in parts."""

import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses import class_centroids
from hf_relation.models.rocore import RoCOREConfig, map_rows
from hf_relation.models.rocore.terms import rocore_terms
from tests.common.rocore_batches import LABELS, PSEUDO, made
from tests.common.tiny_models import tiny_backbone


PARTS = {
    "encoder": "backbone.",
    "g": "autoencoder_encoder.",
    "d": "autoencoder_decoder.",
    "known": "known_classifier.",
    "novel": "novel_classifier.",
}
TERMS = ("reconstruction", "center", "pairwise", "cross_entropy", "incremental")


def with_parts(model, batch):
    """The output, and what every part computed, by its attribute."""
    seen = {}
    hooks = [
        getattr(model, name).register_forward_hook(
            lambda module, inputs, result, name=name: seen.update({name: result, "in:" + name: inputs[0]})
        )
        for name in ("autoencoder_encoder", "autoencoder_decoder", "known_classifier", "novel_classifier")
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


# Terms


def test_every_term_is_that_of_the_models_own_values():
    model, batch = made(incremental=True, sigma=0.5)
    output, seen = with_parts(model, batch)
    h, latent, back = seen["in:autoencoder_encoder"], seen["autoencoder_encoder"], seen["autoencoder_decoder"]
    assert torch.equal(h, seen["in:known_classifier"]) and torch.equal(h, seen["in:novel_classifier"])
    assert not h.requires_grad and seen["in:known_classifier"].requires_grad
    torch.testing.assert_close(
        output.reconstruction_loss, sum(((b - a) ** 2).sum() for a, b in zip(h, back, strict=True)) / 16
    )

    # Row 3 is of relation 2, which has no centroid: three rows are left.
    centroids = model.centroids.rows
    expected = sum(((latent[row] - centroids[LABELS[row]]) ** 2).sum() for row in (0, 1, 2)) / 6
    torch.testing.assert_close(output.center_loss, expected)

    log_p = output.known_logits.double().log_softmax(1)
    assert log_p.shape == (8, 3 + 3)
    expected = -sum(log_p[row, LABELS[row]] for row in range(4)) / 4
    torch.testing.assert_close(output.cross_entropy_loss.double(), expected)
    predicted = [3 + int(output.novel_logits[row].argmax()) for row in range(4, 8)]
    expected = -sum(log_p[row, label] for row, label in zip(range(4, 8), predicted, strict=True)) / 4
    torch.testing.assert_close(output.incremental_loss.double(), expected)

    p = output.novel_logits[4:].double().softmax(1)
    total = 0.0
    for i in range(4):
        for j in range(4):
            for a, b in ((p[i], p[j]), (p[j], p[i])):
                kl = (a * (a / b).log()).sum().item()
                total += kl if PSEUDO[4 + i] == PSEUDO[4 + j] else max(0.0, 0.5 - kl)
    assert output.pairwise_loss.item() == pytest.approx(total / 16, rel=1e-5)

    torch.testing.assert_close(output.embeddings, latent / latent.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("epoch, mu", [(0, 0.006738), (1, 0.017422), (5, 0.286505), (10, 1.0), (25, 1.0)])
def test_loss_is_the_weighted_sum_with_the_ramp_of_the_epoch(epoch, mu):
    model, batch = made(incremental=True, center_weight=0.3, reconstruction_weight=0.7)
    model.epoch = epoch
    out = model(**batch)
    assert model.incremental_weight == pytest.approx(mu, abs=1e-6)
    expected = (
        0.7 * out.reconstruction_loss
        + 0.3 * out.center_loss
        + out.pairwise_loss
        + out.cross_entropy_loss
        + mu * out.incremental_loss
    )
    torch.testing.assert_close(out.loss, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("term", TERMS[:4])
def test_every_ablation_leaves_out_its_term_and_no_other(term):
    model, batch = made(center_weight=0.3)
    out = model(**batch)
    setattr(model.config, f"use_{term}", False)
    without = model(**batch)
    weight = 0.3 if term == "center" else 1.0
    torch.testing.assert_close(without.loss, out.loss - weight * getattr(out, f"{term}_loss"))


def terms_of(n, **given):
    """`rocore_terms` of `n` rows; what is not given is zeros."""
    config = RoCOREConfig(
        backbone_config=tiny_backbone("bert", 10), num_known_relations=2, num_novel_relations=3, autoencoder_dims=[2]
    )
    values = {
        "source": torch.zeros(n, 4),
        "latent": torch.zeros(n, 2),
        "reconstruction": torch.zeros(n, 4),
        "known_logits": torch.zeros(n, 2),
        "novel_logits": torch.zeros(n, 3),
        "centroids": torch.zeros(2, 2),
        "centroids_present": torch.ones(2, dtype=torch.bool),
        "labels": None,
        "pseudo_labels": None,
    }
    return rocore_terms(config, **(values | given))


def test_terms_have_the_values_worked_by_hand():
    h = torch.tensor([[1.0, 2, 3, 4], [0, 1, 0, -1]])
    back = torch.tensor([[1.5, 2, 2, 4], [0, 0, 0, 0]])
    assert terms_of(2, source=h, reconstruction=back).reconstruction.item() == pytest.approx(0.8125)
    latent, labels = torch.tensor([[1.0, 2], [3, 4], [-1, 0], [0, 0]]), torch.tensor([0, 0, 1, 1])
    centroids, present = class_centroids(latent, labels, 2)
    terms = terms_of(4, latent=latent, labels=labels, centroids=centroids, centroids_present=present)
    assert terms.center.item() == pytest.approx(0.5625)
    assert terms.cross_entropy.item() == pytest.approx(math.log(2))
    logits = torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0, 3]])
    terms = terms_of(3, novel_logits=logits, pseudo_labels=torch.tensor([0, 0, 1]))
    assert terms.pairwise.item() == pytest.approx(0.418170, abs=1e-5)


def test_weights_of_pseudo_labels_reach_the_pairwise_loss():
    model, batch = made()
    dropped = batch | {"pseudo_labels": torch.tensor([-100] * 4 + [0, 0, 1, -100])}
    weighted = batch | {"pseudo_label_weights": torch.tensor([1.0] * 7 + [0.0])}
    torch.testing.assert_close(model(**weighted).pairwise_loss, model(**dropped).pairwise_loss)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_with_the_unified_loss_known_and_pseudo_labels_are_of_one_softmax(smoothing):
    model, batch = made(novel_loss="unified", label_smoothing=smoothing, center_weight=0.3)
    out = model(**batch)
    log_p = torch.cat([out.known_logits, out.novel_logits], dim=1).double().log_softmax(1)
    assert log_p.shape == (8, 3 + 3)
    numbers = [*LABELS[:4].tolist(), *(3 + PSEUDO[4:]).tolist()]
    costs = [-(1 - smoothing) * row[y] - smoothing * row.mean() for row, y in zip(log_p, numbers, strict=True)]
    torch.testing.assert_close(out.cross_entropy_loss.double(), sum(costs[:4]) / 4)
    torch.testing.assert_close(out.pseudo_label_loss.double(), sum(costs[4:]) / 4)
    expected = out.reconstruction_loss + 0.3 * out.center_loss + out.cross_entropy_loss + out.pseudo_label_loss
    torch.testing.assert_close(out.loss, expected)
    assert made()[0](**batch).pseudo_label_loss is None

    trust = torch.tensor([1.0, 1, 1, 1, 1.0, 0.5, 0, 2])
    weighted = model(**batch, pseudo_label_weights=trust).pseudo_label_loss
    torch.testing.assert_close(weighted.double(), (costs[4] + 0.5 * costs[5] + 2 * costs[7]) / 3.5)

    model.config.use_pairwise = False
    torch.testing.assert_close(model(**batch).loss, out.loss - out.pseudo_label_loss)


def test_the_unified_loss_of_a_batch_without_one_kind_of_rows_or_without_trust_is_finite():
    model, batch = made(novel_loss="unified")
    none = torch.full((8,), -100)
    for rows in ({"labels": none}, {"pseudo_labels": none}, {"pseudo_label_weights": torch.zeros(8)}):
        out = model(**(batch | rows))
        assert out.loss.isfinite()
        absent = out.cross_entropy_loss if "labels" in rows else out.pseudo_label_loss
        assert absent.item() == 0


def test_label_smoothing_is_of_the_known_relations():
    model, batch = made(label_smoothing=0.3)
    log_p = model(**batch).known_logits[:4].log_softmax(1)
    target = torch.full((4, 3), 0.1)
    target[torch.arange(4), LABELS[:4]] += 0.7
    torch.testing.assert_close(model(**batch).cross_entropy_loss, -(target * log_p).sum(1).mean())


# What trains what: algorithm 1


@pytest.mark.parametrize(
    "route, expected",
    [
        (
            "autoencoder",
            {
                "reconstruction": {"g", "d"},
                "center": {"g"},
                "pairwise": {"encoder", "novel"},
                "cross_entropy": {"encoder", "known"},
                "incremental": {"encoder", "known"},
            },
        ),
        ("all", {"reconstruction": {"encoder", "g", "d"}, "center": {"encoder", "g"}}),
    ],
)
def test_every_term_reaches_the_parts_that_algorithm_1_says(route, expected):
    model, batch = made(autoencoder_route=route, incremental=True)
    output = model(**batch)
    for term, parts in expected.items():
        assert reached(getattr(output, f"{term}_loss"), model) == parts, term


def test_gradients_of_the_sum_are_those_of_the_two_steps_of_algorithm_1():
    model, batch = made(center_weight=0.3)
    output = model(**batch)
    autoencoder = output.reconstruction_loss + 0.3 * output.center_loss  # L_C, for phi
    classification = output.cross_entropy_loss + output.pairwise_loss  # L_CLS, for theta and psi
    for name, parameter in model.named_parameters():
        own = autoencoder if name.startswith("autoencoder") else classification
        both = torch.autograd.grad(output.loss, parameter, retain_graph=True, allow_unused=True)[0]
        alone = torch.autograd.grad(own, parameter, retain_graph=True, allow_unused=True)[0]
        if alone is None:  # BERT's pooler
            assert both is None, name
        else:
            torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-6)


def test_known_rows_leave_the_novel_logits_alone_and_novel_rows_the_known_ones():
    model, batch = made()
    output = model(**batch)
    novel, known = torch.autograd.grad(output.loss, [output.novel_logits, output.known_logits])
    assert not novel[:4].any() and novel[4:].any(1).all()
    assert not known[4:].any() and known[:4].any(1).all()


def test_pretraining_is_reconstruction_alone_and_moves_the_autoencoder_alone():
    model, batch = made()
    model.phase = "pretraining"
    output = model(**batch)
    torch.testing.assert_close(output.loss, output.reconstruction_loss)
    assert reached(output.loss, model) == {"g", "d"}
    unlabelled = {key: value for key, value in batch.items() if key != "pseudo_labels"} | {"labels": LABELS * 0 - 100}
    torch.testing.assert_close(model(**unlabelled).loss, output.loss)
    model.phase = "warm-up"
    with pytest.raises(UsageError, match="pretraining"):
        model(**batch)


def test_with_a_fixed_encoder_the_whole_loss_falls():
    model, batch = made()
    model.backbone.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(20):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_pseudo_labels_may_be_renumbered():
    model, batch = made()
    renumbered = batch | {"pseudo_labels": torch.tensor([-100] * 4 + [2, 2, 0, 1])}
    torch.testing.assert_close(model(**renumbered).loss, model(**batch).loss)


# Incremental learning


def test_incremental_rows_are_those_of_the_novel_mask_and_default_to_pseudo_labels():
    model, batch = made(incremental=True)
    default = model(**batch)
    mask = torch.tensor([False] * 4 + [True] * 4)
    # No cluster is trusted; the rows are novel all the same.
    distrusted = batch | {"pseudo_labels": torch.full((8,), -100), "novel_mask": mask}
    torch.testing.assert_close(model(**distrusted).incremental_loss, default.incremental_loss)
    assert model(**distrusted).pairwise_loss.item() == 0
    nobody = batch | {"novel_mask": torch.zeros(8, dtype=torch.bool)}
    assert model(**nobody).incremental_loss.item() == 0


def test_one_classifier_learns_known_and_novel_relations():
    model, batch = made(incremental=True, rampup_length=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    output = model(**batch)
    predicted = output.known_logits.argmax(1)
    assert predicted[:4].tolist() == LABELS[:4].tolist()
    # Two novel classes may share a cluster; either is right then.
    chosen = output.novel_logits[4:].gather(1, predicted[4:, None] - 3)
    assert (predicted[4:] >= 3).all() and (output.novel_logits[4:].amax(1) - chosen[:, 0] < 0.5).all()
    assert len(set(predicted[[4, 6, 7]].tolist())) == 3 and predicted[4] == predicted[5]


def test_without_incremental_the_classifiers_are_apart():
    model, batch = made()
    output = model(**batch)
    assert output.known_logits.shape == (8, 3) and output.novel_logits.shape == (8, 3)
    assert output.incremental_loss is None


def leads_to(value):
    """The leaves of the graph of a tensor, as DDP finds them."""
    found, waiting, done = set(), [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in done:
            continue
        done.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        waiting += [following for following, _ in node.next_functions]
    return found


@pytest.mark.parametrize("phase", ["pretraining", "joint"])
@pytest.mark.parametrize("settings", [{}, {"layer": 1}, {"embedding": "pooled", "incremental": True}])
def test_no_output_leads_to_a_weight_that_the_loss_does_not_train(phase, settings):
    # DDP would wait for its gradient in vain.
    model, batch = made(**settings)
    model.train()
    model.phase = phase
    output = model(**batch)
    of_loss = leads_to(output.loss)
    others = set().union(*(leads_to(value) for value in output.values() if isinstance(value, torch.Tensor)))
    assert of_loss and others <= of_loss


def test_a_batch_in_parts_of_similar_length_has_the_same_losses_and_gradients():
    results = []
    for chunks in (1, 3):
        model, batch = made(autoencoder_route="all")
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.length_chunks = chunks
        output = model(**batch)
        output.loss.backward()
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        results.append((output, gradients))
    (whole, expected), (parts, found) = results
    assert parts.last_hidden_state is None and whole.last_hidden_state is not None
    for name in ("embeddings", "known_logits", "novel_logits", *(f"{term}_loss" for term in TERMS[:4])):
        torch.testing.assert_close(parts[name], whole[name], atol=1e-5, rtol=1e-4)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3, msg=name)
    model.eval()
    assert model(**batch).last_hidden_state is not None


def test_rows_go_through_a_part_in_blocks():
    model, _ = made()
    rows = torch.randn(20_000, model.config.pooled_dim, generator=torch.Generator().manual_seed(0)).numpy()
    with torch.no_grad():
        expected = model.latent(torch.from_numpy(rows)).numpy()
    found = map_rows(model.latent, rows, torch.device("cpu"))
    assert found.shape == (20_000, 16) and abs(found - expected).max() < 1e-5
    assert map_rows(model.latent, rows[:0], torch.device("cpu")).shape == (0, 16)
