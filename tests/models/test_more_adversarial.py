"""MOREModel with virtual adversarial training, on every kind of encoder."""

import pytest
import torch
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import RandomState
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.word_embeddings import perturbed_word_embeddings
from tests.common.tiny_models import KINDS, tiny_backbone, tiny_more
from tests.common.tiny_tokenizers import sample_instances


LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def adversarial_more(kind="bert", **settings):
    model, processor = tiny_more(kind, **({"adversarial_weight": 1.0} | settings))
    return model.train(), processor(sample_instances(6))


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_the_relation_loss_plus_the_weighted_adversarial_loss(kind):
    model, batch = adversarial_more(kind, adversarial_weight=0.7)
    model.adversarial_scale = 0.5
    torch.manual_seed(0)
    output = model(**batch, labels=LABELS)
    relation = model.compute_loss(output.embeddings, LABELS)
    assert output.adversarial_loss.item() > 0 and model.adversarial_factor == pytest.approx(0.35)
    torch.testing.assert_close(output.loss, relation + 0.35 * output.adversarial_loss)


@pytest.mark.parametrize("kind", KINDS)
def test_only_while_training_with_gradients_and_a_weight(kind):
    model, batch = adversarial_more(kind)
    assert model.eval()(**batch, labels=LABELS).adversarial_loss is None
    model.train()
    with torch.no_grad():
        assert model(**batch, labels=LABELS).adversarial_loss is None
    model.adversarial_scale = 0.0
    assert model(**batch, labels=LABELS).adversarial_loss is None
    assert tiny_more(kind)[0].train()(**batch).adversarial_loss is None
    model.adversarial_scale = 1.0
    assert model(**batch).adversarial_loss is not None  # without labels, too: batches may come in parts


@pytest.mark.parametrize("kind", KINDS)
def test_clean_pass_and_gradient_are_those_without_adversarial_training(kind):
    model, batch = adversarial_more(kind)
    plain = tiny_more(kind)[0].train()
    torch.manual_seed(4)
    with_it = model(**batch, labels=LABELS)
    torch.manual_seed(4)
    without = plain(**batch, labels=LABELS)
    torch.testing.assert_close(with_it.embeddings, without.embeddings, rtol=0, atol=0)
    # The search for the perturbation leaves no gradient behind.
    assert all(weight.grad is None for weight in model.parameters())
    (with_it.loss - with_it.adversarial_loss).backward()
    without.loss.backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_mask_is_shared(kind):
    model, batch = adversarial_more(kind, adversarial_kwargs={"epsilon": 1e-7})
    assert model(**batch).adversarial_loss.item() < 1e-4
    one, other = model(**batch).embeddings, model(**batch).embeddings
    assert (one - other).norm(dim=1).mean() > 0.01  # dropout is on


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_perturbation_of_zero_changes_nothing_even_with_padding_in_front(kind, side):
    model, processor = tiny_more(kind)
    processor.tokenizer.padding_side = side
    batch = processor(sample_instances(6))
    processor.tokenizer.padding_side = "right"
    clean = model(**batch).embeddings
    with perturbed_word_embeddings(model.get_input_embeddings(), torch.zeros(*batch["input_ids"].shape, 32)):
        again = model(**batch).embeddings
    assert torch.equal(clean, again)
    assert not model.get_input_embeddings()._forward_hooks


def test_hook_is_removed_when_the_encoder_fails():
    model, batch = adversarial_more()
    with pytest.raises((IndexError, RuntimeError)):
        model(**{**batch, "input_ids": batch["input_ids"] + 10_000})
    assert not model.get_input_embeddings()._forward_hooks


def test_given_word_embeddings_are_perturbed_too():
    model, batch = adversarial_more()
    columns = {key: value for key, value in batch.items() if key != "input_ids"}
    torch.manual_seed(5)
    expected = model(**batch).adversarial_loss
    torch.manual_seed(5)
    given = model(**columns, inputs_embeds=model.get_input_embeddings()(batch["input_ids"])).adversarial_loss
    torch.testing.assert_close(given, expected)


def test_loss_equals_a_slow_loop_over_the_sentences():
    model, batch = adversarial_more(adversarial_kwargs={"epsilon": 0.5, "num_power_iterations": 2})
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for module in model.modules():
        if type(getattr(module, "dropout", None)) is float:
            module.dropout = 0.0
    state = RandomState(torch.device("cpu"))
    found = model(**batch).adversarial_loss
    with state.replayed():
        noise = torch.randn(*batch["input_ids"].shape, 32)
    table = model.get_input_embeddings()
    distances = []
    for row in range(6):
        length = int(batch["attention_mask"][row].sum())
        one = {key: value[row : row + 1, :length] for key, value in batch.items() if value.ndim == 2}
        one |= {key: value[row : row + 1] for key, value in batch.items() if value.ndim == 1}
        words = table(one.pop("input_ids")).detach()

        def embed(change, words=words, one=one):
            with torch.no_grad() if not change.requires_grad else torch.enable_grad():
                model.adversarial_scale = 0.0
                return model(**one, inputs_embeds=words + change).embeddings

        direction = noise[row : row + 1, :length]
        direction = direction / direction.norm()
        for _ in range(2):
            trial = direction.clone().requires_grad_()
            (embed(trial) - embed(torch.zeros_like(words))).norm().backward()
            direction = trial.grad / trial.grad.norm()
        distances.append((embed(0.5 * direction) - embed(torch.zeros_like(words))).norm())
    torch.testing.assert_close(found, torch.stack(distances).mean(), atol=1e-5, rtol=1e-4)


def test_training_makes_the_representation_smoother():
    generator = torch.Generator().manual_seed(0)
    batch = {
        "input_ids": torch.randint(5, 60, (12, 9), generator=generator),
        "attention_mask": torch.ones(12, 9, dtype=torch.long),
        "head_marker_index": torch.full((12,), 1),
        "tail_marker_index": torch.full((12,), 6),
    }
    labels = torch.arange(12) % 3

    def stability(weight, seed):
        torch.manual_seed(seed)
        config = MOREConfig(
            backbone_config=tiny_backbone("bert", 60),
            projection_dim=16,
            loss="sup_con",
            adversarial_weight=1.0,
            adversarial_kwargs={"epsilon": 0.5},
        )
        model = MOREModel(config).train()
        model.adversarial_scale = weight
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for _ in range(30):
            optimizer.zero_grad()
            model(**batch, labels=labels).loss.backward()
            optimizer.step()
        model.adversarial_scale = 1.0
        torch.manual_seed(seed)
        return model(**batch).adversarial_loss.item()

    assert sum(stability(1.0, seed) for seed in range(3)) < 0.9 * sum(stability(0.0, seed) for seed in range(3))


def test_bfloat16_autocast_is_finite_and_near_float32():
    for start in ("unit", "scaled"):
        model, batch = adversarial_more(adversarial_kwargs={"start": start, "epsilon": 0.1})
        losses = []
        for enabled in (False, True):
            torch.manual_seed(0)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                output = model(**batch, labels=LABELS)
            losses.append(output.adversarial_loss.item())
        output.loss.backward()
        assert losses[1] == pytest.approx(losses[0], rel=0.15)


@pytest.mark.parametrize("start", ["unit", "scaled"])
def test_a_pass_without_gradients_has_the_precision_of_the_one_with(start):
    model, batch = adversarial_more(adversarial_kwargs={"start": start})
    found = []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.set_grad_enabled(enabled):
            found.append(model(**batch).embeddings.detach())
    assert torch.equal(*found)


def test_settings_are_saved_but_the_scale_is_not(tmp_path):
    model, _ = adversarial_more(adversarial_kwargs={"epsilon": 0.1})
    model.adversarial_scale = 0.25
    model.save_pretrained(tmp_path)
    again = MOREModel.from_pretrained(tmp_path)
    assert again.config.adversarial_weight == 1.0 and again.adversarial_loss.epsilon == 0.1
    assert again.adversarial_scale == 1.0


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"adversarial_weight": -1.0}, "adversarial_weight"),
        ({"adversarial_weight": float("nan")}, "adversarial_weight"),
        ({"adversarial_kwargs": {"eps": 1.0}}, "'eps'"),
        ({"adversarial_kwargs": {"epsilon": -1.0}}, "epsilon"),
    ],
)
def test_wrong_settings_are_refused_by_the_config(settings, named):
    with pytest.raises(UsageError, match=named):
        MOREConfig(**settings)


def test_from_encoder_copies_the_weights_and_adds_marker_rows():
    source, processor = tiny_more("bert")
    model = MOREModel.from_encoder(source.backbone, processor, projection_dim=None, pooling=["sentence_max"])
    for name, value in source.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value)
    assert model.backbone is not source.backbone
    batch = processor(sample_instances(3))
    with torch.no_grad():
        output = model.eval()(**batch)
    hidden = output.last_hidden_state.masked_fill(batch["attention_mask"][..., None] == 0, -torch.inf).amax(1)
    torch.testing.assert_close(output.embeddings, functional.normalize(hidden, dim=-1))
    with pytest.raises(UsageError, match="backbone_config"):
        MOREModel.from_encoder(source.backbone, backbone_config={})
