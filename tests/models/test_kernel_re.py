"""KernelREModel: closed-form scores and losses, the dense formula, options of the paper and of its authors' code."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses.token_pairs import CellLoss
from hf_relation.models.kernel_re import KernelREConfig, KernelREModel, RelationKernels, mention_tokens
from tests.common.tiny_documents import document, labelled_windows, sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_kernel_re


RELATIONS = ["born_in", "founded_by", "flows_into"]
DOCUMENTS = sample_documents()
# methods.md, 9.6
E_B = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
E_P = torch.tensor([[[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]]])
PAIR = torch.tensor([[[0, 2], [2, 3]]])  # mentions: tokens 0-1, token 2


def worked_example(**settings) -> RelationKernels:
    kernels = RelationKernels(2, 1, 2, **settings)
    with torch.no_grad():
        kernels.head_weight.copy_(torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]).mT)
        kernels.tail_weight.copy_(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).mT)
        for bias in (kernels.head_bias, kernels.tail_bias, kernels.relation_bias):
            if bias is not None:
                bias.zero_()
    return kernels


def random_kernels(relations: int = 5, width: int = 6, rank: int = 3, **settings) -> RelationKernels:
    kernels = RelationKernels(width, relations, rank, **settings)
    with torch.no_grad():
        for weight in kernels.parameters():
            weight.normal_()
    return kernels


# Scores


def test_scores_of_the_worked_example():
    expected = torch.tensor([[2.0, 1.0, 0.0], [3.0, 1.0, 2.0], [5.0, 2.0, 2.0]])
    torch.testing.assert_close(worked_example().scores(E_B, E_P)[0, 0], expected)


@pytest.mark.parametrize("scale, forth", [(False, 0.690399), (True, 0.652215)])
def test_a_pair_scores_the_mean_of_probabilities(scale, forth):
    found = worked_example(scale=scale)(E_B, E_P, mention_tokens(PAIR, 3))
    assert found.log_positive.exp()[0, 0, 1, 0].item() == pytest.approx(forth, abs=1e-6)
    if not scale:
        assert found.log_positive.exp()[0, 1, 0, 0].item() == pytest.approx(0.937052, abs=1e-6)
    torch.testing.assert_close(found.log_negative.exp(), 1 - found.log_positive.exp())


def test_exchanging_the_sides_changes_the_score():
    tokens = mention_tokens(PAIR, 3)
    one, other = worked_example()(E_B, E_P, tokens), worked_example()(E_P, E_B, tokens)
    assert (one.log_positive - other.log_positive).abs().max() > 0.1


@pytest.mark.parametrize("settings", [{}, {"scale": True, "projection_bias": True, "relation_bias": True}])
def test_mention_tokens_alone_give_what_the_dense_formula_gives(settings):
    torch.manual_seed(0)
    kernels = random_kernels(**settings)
    heads, tails = torch.randn(3, 11, 6), torch.randn(3, 11, 6)
    # Nested, overlapping, single, whole text, padding; one text without a mention.
    spans = [[[0, 2], [1, 5], [2, 4], [-1, -1]], [[0, 11], [10, 11], [3, 4], [5, 9]], [[-1, -1]] * 4]
    found = kernels(heads, tails, mention_tokens(torch.tensor(spans), 11)).log_positive.exp()
    dense = torch.sigmoid(
        torch.einsum("bxh,rkh->brxk", heads, kernels.head_weight).add(
            0 if kernels.head_bias is None else kernels.head_bias[:, None]
        )
        @ torch.einsum("byh,rkh->bryk", tails, kernels.tail_weight)
        .add(0 if kernels.tail_bias is None else kernels.tail_bias[:, None])
        .transpose(-1, -2)
        * kernels.factor
        + (0 if kernels.relation_bias is None else kernels.relation_bias[:, None, None])
    )
    for text, of_text in enumerate(spans):
        for i, head in enumerate(of_text):
            for j, tail in enumerate(of_text):
                if min(head + tail) < 0:
                    continue
                area = dense[text, :, head[0] : head[1], tail[0] : tail[1]].mean(dim=(-1, -2))
                torch.testing.assert_close(found[text, i, j], area, rtol=0, atol=1e-5)


def test_computing_some_relations_at_a_time_changes_neither_scores_nor_gradients():
    torch.manual_seed(0)
    kernels = random_kernels()
    heads = torch.randn(2, 9, 6, requires_grad=True)
    tokens = mention_tokens(torch.tensor([[[0, 3], [2, 5]], [[4, 9], [0, 1]]]), 9)
    mask = torch.ones(2, 2, 2, dtype=torch.bool)
    targets = torch.randint(0, 2, (2, 2, 2, 5)).float()
    results = []
    for most in (1, 10**9):
        found = kernels(heads, heads, tokens, pair_mask=mask, targets=targets, loss=CellLoss(), most_cells=most)
        loss = found.cells.sum() + found.log_negative.sum()
        results.append((found, torch.autograd.grad(loss, [heads, *kernels.parameters()])))
    for one, other in zip(results[0][0], results[1][0], strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("span", [[2, 2], [3, 1], [-1, 2], [0, 12]])
def test_spans_that_hold_no_tokens_are_refused(span):
    with pytest.raises(UsageError, match=r"`mention_spans`\[0, 1\]"):
        mention_tokens(torch.tensor([[[0, 1], span]]), 11)


# The loss


def worked_model(**settings) -> KernelREModel:
    """A model whose kernels are those of the worked example; its states are given."""
    sizes = {"hidden_size": 2, "num_attention_heads": 1, "intermediate_size": 2}
    model = KernelREModel(
        KernelREConfig(backbone_config=tiny_backbone("bert", 10, **sizes), id2label={0: "r"}, **settings)
    ).eval()
    model.kernels = worked_example()
    return model


def worked_loss(model: KernelREModel, labels: list[list[float]], pairs: list[list[int]]) -> float:
    from hf_relation.models.kernel_re import TextStates

    states = TextStates(E_B, E_P, E_P)
    return model.score_pairs(states, PAIR, torch.tensor([pairs]), torch.tensor([labels]))[1].item()


@pytest.mark.parametrize("normalizer, expected", [("none", 7.953719), ("mask", 1.988430), ("positives", 3.976859)])
def test_losses_over_cells_of_the_worked_example(normalizer, expected):
    found = worked_loss(worked_model(normalizer=normalizer), [[1.0], [0.0]], [[0, 1], [1, 0]])
    assert found == pytest.approx(expected, abs=1e-5)


def test_cells_of_pairs_without_a_relation_teach_nothing_in_the_authors_code():
    # The first rectangle alone: P = .5 and .880797.
    expected = -(math.log(0.5) + math.log(0.880797)) / 2
    found = worked_loss(worked_model(normalizer="mask", mask="labelled_pairs"), [[1.0], [0.0]], [[0, 1], [1, 0]])
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("normalizer, divisor", [("none", 1), ("mask", 2), ("positives", 1)])
def test_loss_over_pairs_of_the_worked_example(normalizer, divisor):
    expected = -(math.log(0.690399) + math.log(1 - 0.937052)) / divisor
    found = worked_loss(worked_model(loss="pairs", normalizer=normalizer), [[1.0], [0.0]], [[0, 1], [1, 0]])
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("loss", ["cells", "pairs"])
def test_positive_weight_counts_positives_more(loss):
    plain, heavy = (
        worked_loss(
            worked_model(loss=loss, normalizer="none", positive_weight=weight), [[1.0], [0.0]], [[0, 1], [1, 0]]
        )
        for weight in (1.0, 3.0)
    )
    of_positive = -(math.log(0.5) + math.log(0.880797)) if loss == "cells" else -math.log(0.690399)
    assert heavy - plain == pytest.approx(2 * of_positive, abs=1e-4)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_relations_are_summed_or_averaged(reduction):
    model, processor = tiny_kernel_re(relation_reduction=reduction, loss="pairs", normalizer="none")
    batch = labelled_windows(processor, DOCUMENTS, RELATIONS)
    output = model(**batch)
    real = batch["labels"] >= 0
    slow = torch.nn.functional.binary_cross_entropy_with_logits(
        output.logits[real].double(), batch["labels"][real].double(), reduction="sum"
    )
    slow = slow / len(DOCUMENTS) / (len(RELATIONS) if reduction == "mean" else 1)
    assert output.loss.item() == pytest.approx(slow.item(), rel=1e-4)


# Directions, overlapping relations, padding


def test_both_directions_of_a_pair_have_scores_of_their_own():
    model, processor = tiny_kernel_re(initializer_range=0.5)
    logits = model(**processor(DOCUMENTS[:1])).logits[0]
    assert (logits[0] - logits[2]).abs().max() > 1e-3  # (0, 1) and (1, 0)


def test_two_relations_of_one_pair_can_be_learned_together():
    rows = [document("Ada and Bob", "Ada", "Bob", relations=((0, 1, "born_in"), (0, 1, "founded_by")))]
    model, processor = tiny_kernel_re(loss="pairs", normalizer="none")
    batch = labelled_windows(processor, rows, RELATIONS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    assert (torch.sigmoid(model(**batch).logits[0]) > 0.5).tolist() == [[True, True, False], [False, False, False]]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("text_embedding", ["cls", "mean", "pooler", "none"])
def test_the_side_of_padding_changes_nothing(side, text_embedding):
    model, processor = tiny_kernel_re(text_embedding=text_embedding, entity_types=["X"], tagger_lstm_dim=8)
    processor.tokenizer.padding_side = side
    together = processor.pad(processor.encode([DOCUMENTS[1], DOCUMENTS[6]]))
    positions = (together["attention_mask"].cumsum(1) - 1).clamp(min=0)  # BERT counts positions from the left edge
    output = model.backbone(
        input_ids=together["input_ids"],
        attention_mask=together["attention_mask"],
        position_ids=positions,
        output_hidden_states=True,
    )
    alone = model(**processor([DOCUMENTS[1]]))
    row = together["attention_mask"][0].bool()
    torch.testing.assert_close(output.last_hidden_state[0, row], alone.last_hidden_state[0], rtol=0, atol=1e-5)
    if side == "right":
        found = model(**together)
        torch.testing.assert_close(found.logits[0, :2], alone.logits[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(found.emissions[0, row], alone.emissions[0], rtol=0, atol=1e-5)


def test_the_first_token_of_text_padded_on_the_left_is_found():
    model, processor = tiny_kernel_re()
    processor.tokenizer.padding_side = "left"
    batch = processor.pad(processor.encode([DOCUMENTS[1], DOCUMENTS[6]]))
    states = model.encode(batch["input_ids"], batch["attention_mask"])
    first = int(batch["attention_mask"][0].argmax())
    assert first > 0
    layers = model.backbone(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
    ).hidden_states
    torch.testing.assert_close(states.head[0], layers[-2][0] + layers[-1][0, first])


@pytest.mark.parametrize(
    "settings, head, tail",
    [
        ({}, lambda e: e.hidden_states[1] + e.last_hidden_state[:, :1], lambda e: e.hidden_states[2]),
        (
            {"text_embedding": "pooler"},
            lambda e: e.hidden_states[1] + e.pooler_output[:, None],
            lambda e: e.hidden_states[2],
        ),
        ({"text_embedding": "none", "head_layer": 0}, lambda e: e.hidden_states[0], lambda e: e.hidden_states[2]),
        (
            {"text_embedding": "mean", "tail_layer": 1},
            lambda e: e.hidden_states[1] + e.last_hidden_state.mean(1, keepdim=True),
            lambda e: e.hidden_states[1],
        ),
    ],
)
def test_sides_come_from_the_layers_that_the_config_names(settings, head, tail):
    model, processor = tiny_kernel_re(**settings)
    batch = processor(DOCUMENTS[:1])
    states = model.encode(batch["input_ids"], batch["attention_mask"])
    encoded = model.backbone(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
    )
    torch.testing.assert_close(states.head, head(encoded))
    torch.testing.assert_close(states.tail, tail(encoded))


# Size, settings, what is refused


def test_full_rank_is_the_papers_and_low_rank_is_small():
    count = lambda model: sum(weight.numel() for weight in model.kernels.parameters())  # noqa: E731
    assert count(tiny_kernel_re()[0]) == 2 * 3 * 32 * 32
    assert count(tiny_kernel_re(kernel_rank=4)[0]) == 2 * 3 * 32 * 4
    full = KernelREConfig(id2label={i: f"r{i}" for i in range(171)})
    assert 2 * full.num_relations * full.hidden_size * full.rank == 201_719_808  # methods.md, 4.3: 201.7 M


def test_defaults_are_the_papers():
    config = KernelREConfig(id2label={0: "a"})
    assert (config.head_layer, config.tail_layer, config.text_embedding, config.rank) == (-2, -1, "cls", 768)
    assert (config.loss, config.normalizer, config.relation_reduction) == ("cells", "positives", "sum")
    assert config.mask == "all_pairs" and not config.scale_scores and not config.projection_bias


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_rank": 0},
        {"head_layer": 3},
        {"tail_layer": -4},
        {"text_embedding": "last"},
        {"loss": "focal"},
        {"normalizer": "all"},
        {"relation_reduction": "max"},
        {"mask": "none"},
        {"positive_weight": 0.0},
        {"positive_weight": math.inf},
        {"state_dropout": 1.0},
        {"entity_types": ["X", "X"]},
        {"entity_types": [""]},
        {"tagger_lstm_dim": 7},
        {"tagger_weight": -1.0},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        KernelREConfig(backbone_config=tiny_backbone("bert", 10), id2label={0: "a"}, **settings)


def test_labels_and_pairs_that_do_not_fit_are_refused():
    model, processor = tiny_kernel_re()
    batch = labelled_windows(processor, DOCUMENTS[:2], RELATIONS)
    for change, message in (
        ({"labels": batch["labels"][..., :2]}, "`labels` must have shape"),
        ({"pairs": batch["pairs"][:1]}, "`pairs` must have shape"),
        ({"pairs": batch["pairs"].clone().fill_(7)}, r"`pairs`\[0, 0\] is \[7, 7\], but text 0 has 3 mentions"),
        ({"pairs": None}, "`labels` need"),
        ({name: batch[name][:1] for name in ("mention_spans", "pairs", "labels")}, "of 1 texts, but the batch has 2"),
        ({"tags": batch["input_ids"]}, "with a tagger"),
    ):
        with pytest.raises(UsageError, match=message):
            model(**(batch | change))
    with pytest.raises(UsageError, match="has no pooler"):
        roberta, other = tiny_kernel_re("roberta", text_embedding="pooler")
        roberta.backbone.pooler = None
        roberta(**other(DOCUMENTS[:1]))


def test_an_encoder_that_reads_one_pair_is_refused():
    backbone = {"model_type": "relation_cnn", "vocab_size": 20}
    with pytest.raises(UsageError, match="positions of one pair"):
        KernelREModel(KernelREConfig(backbone_config=backbone, id2label={0: "a"}))


def test_two_hundred_entities_in_one_text_are_scored():
    names = [f"e{number}" for number in range(200)]
    text = " ".join(names)
    model, processor = tiny_kernel_re(kernel_rank=2)
    processor.max_length = 2_000
    model.backbone.resize_token_embeddings(processor.vocab_size)
    spans = torch.stack([torch.arange(200), torch.arange(1, 201)], dim=1)[None]
    pairs = torch.cartesian_prod(torch.arange(200), torch.arange(200))[None, :20_000]
    states = type(model.encode(torch.tensor([[1, 2]]), torch.ones(1, 2, dtype=torch.long)))(
        *(torch.randn(1, 200, 32) for _ in range(3))
    )
    logits, loss = model.score_pairs(states, spans, pairs, torch.zeros(1, 20_000, 3))
    assert logits.shape == (1, 20_000, 3) and torch.isfinite(loss) and text


# What is not ordinary


def test_a_pair_of_hopeless_score_still_learns():
    kernels = worked_example()
    heads = (100 * E_B).requires_grad_()  # scores of -500 to 0: probabilities that float32 does not know
    tokens = mention_tokens(torch.tensor([[[0, 1], [2, 3]]]), 3)
    found = kernels(heads, -E_P, tokens)
    assert torch.isfinite(found.log_positive).all() and torch.isfinite(found.log_negative).all()
    (gradient,) = torch.autograd.grad(found.log_positive[0, 1, 0, 0], heads)
    assert gradient[0, 2].abs().max() > 1e-3


def test_projected_states_count_toward_what_is_held_at_once():
    kernels = random_kernels(relations=8, width=6, rank=50)
    calls = []
    whole = kernels._scores
    kernels._scores = lambda heads, tails, weights: calls.append(len(weights.head)) or whole(heads, tails, weights)
    tokens = mention_tokens(torch.tensor([[[0, 2]]]), 4)
    with torch.no_grad():  # 2 tokens: 2 * 2 scores and 2 * 2 * 50 projected numbers a relation
        kernels(torch.randn(1, 4, 6), torch.randn(1, 4, 6), tokens, most_cells=2 * 204)
    assert calls == [2, 2, 2, 2]


def test_double_precision_stays_double():
    torch.manual_seed(0)
    kernels = random_kernels().double()
    tokens = mention_tokens(torch.tensor([[[0, 2], [1, 4]]]), 5)
    states = torch.randn(1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert kernels(states, states, tokens).log_positive.dtype == torch.float64
    assert torch.autograd.gradcheck(lambda states: kernels(states, states, tokens).log_positive, states)


@pytest.mark.parametrize(
    "pair, spans", [([0, -1], [[0, 1], [1, 2]]), ([-1, 1], [[0, 1], [1, 2]]), ([0, 1], [[-1, -1], [1, 2]])]
)
def test_a_pair_with_a_mention_that_is_padding_is_refused(pair, spans):
    model, _ = tiny_kernel_re()
    batch = {
        "input_ids": torch.tensor([[2, 5, 3]]),
        "mention_spans": torch.tensor([spans]),
        "pairs": torch.tensor([[pair]]),
    }
    with pytest.raises(UsageError, match=r"`pairs`\[0, 0\]"):
        model(**batch)


@pytest.mark.parametrize("shape", [(1, 2), (1, 2, 3), (1, 0, 2)])
def test_mention_spans_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match="`mention_spans` must have shape"):
        mention_tokens(torch.zeros(shape, dtype=torch.long), 5)


def test_an_attention_mask_may_be_bool():
    model, processor = tiny_kernel_re()
    batch = processor(DOCUMENTS[:2])
    found = model(**{**batch, "attention_mask": batch["attention_mask"].bool()})
    torch.testing.assert_close(found.logits, model(**batch).logits)


def test_names_and_numbers_of_relations_agree():
    config = KernelREConfig(id2label={0: "a", 1: "b"})
    assert config.label2id == {"a": 0, "b": 1} and config.relations == ["a", "b"]
    assert KernelREConfig(label2id={"b": 1, "a": 0}).relations == ["a", "b"]
    assert KernelREConfig(id2label={"0": "a"}, label2id={"b": 0}).label2id == {"a": 0}
    for wrong in ({1: "a", 3: "b"}, {0: "a", 1: "a"}, {}):
        with pytest.raises(UsageError, match="id2label"):
            KernelREConfig(id2label=wrong)


@pytest.mark.parametrize("policy, types", [("entity", ()), ("typed", ("ORG",))])
def test_markers_of_documents_start_as_number_signs(policy, types):
    from transformers import BertConfig, BertModel

    from hf_relation.processing import DocumentProcessor
    from tests.common.tiny_tokenizers import tiny_tokenizer

    settings = tiny_backbone("bert", len(tiny_tokenizer("bert")))
    settings.pop("model_type")
    processor = DocumentProcessor(tiny_tokenizer("bert"), policy, types)
    model = KernelREModel.from_encoder(BertModel(BertConfig(**settings)), processor, id2label={0: "a"})
    table = model.get_input_embeddings().weight
    assert len(table) == processor.vocab_size and len(processor.marker_tokens) == (4 if types else 2)
    for marker in processor.marker_tokens:
        rows = table[processor.tokenizer.convert_tokens_to_ids([marker, "#"])]
        assert torch.equal(rows[0], rows[1])
