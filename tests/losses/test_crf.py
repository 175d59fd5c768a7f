"""The linear-chain CRF against the enumeration of all sequences; padding anywhere; what is forbidden."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses import LinearChainCRF, crf_loss


K = 3
# O, B, I: I only after B or I.
ALLOWED = [[True, True, False], [True, True, True], [True, True, True]]
STARTS = [True, True, False]
ENDS = [True, False, True]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(constrained: bool = False, seed: int = 5) -> LinearChainCRF:
    settings = {"allowed_transitions": ALLOWED, "allowed_starts": STARTS, "allowed_ends": ENDS} if constrained else {}
    crf = LinearChainCRF(K, **settings).double()
    for offset, weights in enumerate(crf.parameters()):
        weights.data = normal(*weights.shape, seed=seed + offset)
    return crf


def all_scores(crf: LinearChainCRF, scores: torch.Tensor, constrained: bool) -> dict[tuple[int, ...], float]:
    """Score of every allowed sequence of one text, by loops."""
    found = {}
    for path in itertools.product(range(K), repeat=len(scores)):
        steps = list(itertools.pairwise(path))
        if constrained and not (STARTS[path[0]] and ENDS[path[-1]] and all(ALLOWED[a][b] for a, b in steps)):
            continue
        found[path] = (
            crf.start[path[0]].item()
            + crf.end[path[-1]].item()
            + sum(scores[i, tag].item() for i, tag in enumerate(path))
            + sum(crf.transitions[a, b].item() for a, b in steps)
        )
    return found


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_loss_best_path_and_marginals_equal_the_enumeration_of_all_paths(length, constrained):
    crf, scores = make(constrained), normal(length, K, seed=length)
    paths = all_scores(crf, scores, constrained)
    partition = math.log(sum(math.exp(score) for score in paths.values()))
    total = 0.0
    for path, score in paths.items():
        loss = crf(scores[None], torch.tensor([path]))
        assert loss.item() == pytest.approx(partition - score, abs=1e-9)
        total += math.exp(-loss.item())
    assert total == pytest.approx(1)
    assert crf.decode(scores[None]) == [list(max(paths, key=paths.__getitem__))]
    expected = torch.zeros(length, K, dtype=torch.float64)
    for path, score in paths.items():
        expected[range(length), path] += math.exp(score - partition)
    torch.testing.assert_close(crf.marginals(scores[None])[0], expected)


@pytest.mark.parametrize("constrained", [False, True])
def test_gradients_equal_finite_differences(constrained):
    crf = make(constrained)
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    tags = torch.tensor([[0, 1, 2, 2], [-100, 1, 2, -100], [0, -100, -100, 0]])

    def loss(scores, transitions, start, end):
        return torch.func.functional_call(
            crf, {"transitions": transitions, "start": start, "end": end}, (scores, tags, mask)
        )

    leaves = [part.detach().clone().requires_grad_() for part in (normal(3, 4, K), *crf.parameters())]
    assert torch.autograd.gradcheck(loss, leaves)


@pytest.mark.parametrize("layout", ["left", "right", "gap", "both"])
def test_padding_anywhere_changes_nothing(layout):
    crf = make(True)
    lengths, width = [4, 1, 3, 2], 9
    texts = [normal(length, K, seed=length) for length in lengths]
    gold = [[0, 1, 2, 2], [0], [1, 2, 2], [1, 2]]
    mask = torch.zeros(4, width, dtype=torch.bool)
    for row, length in enumerate(lengths):
        places = {
            "left": range(width - length, width),
            "right": range(length),
            "gap": range(row % 2, width, 2),
            "both": range(2, 9),
        }[layout]
        mask[row, list(places)[:length]] = True
    scores = torch.full((4, width, K), math.nan, dtype=torch.float64)  # what is in the padding must not matter
    tags = torch.full((4, width), -100)
    for row, text in enumerate(texts):
        scores[row, mask[row]] = text
        tags[row, mask[row]] = torch.tensor(gold[row])
    leaf = scores.clone().requires_grad_()
    loss = crf(leaf, tags, mask)
    alone = [text.clone().requires_grad_() for text in texts]
    expected = sum(crf(text[None], torch.tensor([path])) for text, path in zip(alone, gold, strict=True)) / 4
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(crf(leaf, tags), expected)  # -100 alone is a mask
    loss.backward()
    expected.backward()
    assert (leaf.grad[~mask] == 0).all()
    found, marginals = crf.decode(scores, mask), crf.marginals(scores, mask)
    assert (marginals[~mask] == 0).all()
    for row, text in enumerate(alone):
        torch.testing.assert_close(leaf.grad[row, mask[row]], text.grad)
        assert found[row] == crf.decode(text[None].detach())[0]
        torch.testing.assert_close(marginals[row, mask[row]], crf.marginals(text[None].detach())[0])


def test_rows_of_padding_alone_change_nothing():
    crf, scores, tags = make(), normal(3, 4, K), torch.tensor([[0, 1, 2, 0]] * 3)
    mask = torch.tensor([[0] * 4, [1] * 4, [0] * 4])
    torch.testing.assert_close(crf(scores, tags, mask), crf(scores[1:2], tags[1:2]))
    assert crf.decode(scores, mask) == [[], crf.decode(scores[1:2])[0], []]
    assert (crf.marginals(scores, mask)[[0, 2]] == 0).all()


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (2, 3)])
def test_nothing_to_tag_is_zero_with_a_gradient_for_every_weight(shape):
    crf, scores = make(), normal(*shape, K).requires_grad_()
    mask = torch.zeros(shape, dtype=torch.bool)
    loss = crf(scores, torch.zeros(shape, dtype=torch.long), mask)
    loss.backward()
    assert loss.item() == 0 and (scores.grad == 0).all()
    assert all((weights.grad == 0).all() for weights in crf.parameters())
    assert crf.decode(scores, mask) == [[] for _ in range(shape[0])]
    assert crf.marginals(scores, mask).shape == scores.shape


def test_a_batch_of_single_tokens_gives_every_weight_a_gradient():
    crf = make()
    crf(normal(2, 1, K), torch.tensor([[0], [1]])).backward()
    assert (crf.transitions.grad == 0).all() and crf.start.grad.any()


def test_without_transitions_it_is_a_softmax_of_each_token():
    scores, tags = normal(2, 5, K), torch.arange(10).reshape(2, 5) % K
    expected = torch.nn.functional.cross_entropy(scores.reshape(10, K), tags.reshape(10), reduction="sum") / 2
    torch.testing.assert_close(LinearChainCRF(K).double()(scores, tags), expected)


def test_long_sequences_and_large_scores_stay_finite():
    crf = LinearChainCRF(K, allowed_transitions=ALLOWED, allowed_starts=STARTS)
    scores = (1e4 * normal(2, 2000, K)).float().requires_grad_()
    tags = torch.zeros(2, 2000, dtype=torch.long)
    loss = crf(scores, tags)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(scores.grad).all()
    assert all(torch.isfinite(weights.grad).all() for weights in crf.parameters())
    assert not crf.transitions.grad[0, 2]  # what is forbidden is not learned
    for path in crf.decode(scores):
        assert path[0] != 2 and all(ALLOWED[a][b] for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_keep_to_the_constraints(dtype):
    crf = make(True).to(dtype)
    scores = normal(1, 6, K).to(dtype)
    assert crf(scores, torch.tensor([[0, 1, 2, 0, 0, 0]])).dtype == torch.float32
    path = crf.decode(scores)[0]
    assert STARTS[path[0]] and ENDS[path[-1]] and all(ALLOWED[a][b] for a, b in itertools.pairwise(path))


def test_equal_scores_give_the_lowest_tags_and_inference_mode_works():
    crf = LinearChainCRF(K)
    assert crf.decode(torch.zeros(1, 4, K)) == [[0, 0, 0, 0]]
    with torch.inference_mode():
        torch.testing.assert_close(crf.marginals(torch.zeros(1, 2, K)), torch.full((1, 2, K), 1 / 3))


def test_constraints_travel_with_the_weights():
    crf, other = make(True), LinearChainCRF(K).double()
    other.load_state_dict(crf.state_dict())
    scores = normal(2, 6, K)
    assert other.decode(scores) == crf.decode(scores)
    crf.reset_parameters()
    assert not any(weights.any() for weights in crf.parameters())


def test_a_forbidden_gold_sequence_is_an_error_that_names_the_row():
    crf = make(True)
    mask = torch.tensor([[0, 0], [1, 1], [1, 1]])
    for tags in ([0, 2], [2, 0], [0, 1]):
        with pytest.raises(ValueError, match="row 2 are a sequence that is forbidden"):
            crf(normal(3, 2, K), torch.tensor([[0, 0], [0, 0], tags]), mask)


def test_no_allowed_sequence_and_numbers_that_are_none_are_errors():
    stuck = LinearChainCRF(2, allowed_transitions=[[False, False], [False, False]])
    assert stuck.decode(torch.zeros(1, 1, 2)) == [[0]]
    with pytest.raises(ValueError, match="Row 1: no sequence of its length is allowed"):
        stuck.decode(torch.zeros(2, 2, 2), torch.tensor([[1, 0], [1, 1]]))
    with pytest.raises(ValueError, match="not finite"):
        LinearChainCRF(2).decode(torch.full((1, 1, 2), math.nan))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"emissions": torch.zeros(2, 3, K, dtype=torch.long)}, TypeError, "floating tensor"),
        ({"emissions": torch.zeros(2, K)}, ValueError, r"shape \(b, t, k\), got \(2, 3\)"),
        ({"tags": torch.zeros(2, 3)}, TypeError, "integer tensor"),
        ({"tags": torch.zeros(2, 4, dtype=torch.long)}, ValueError, r"shape \(2, 3\)"),
        ({"tags": torch.tensor([[0, 0, 0], [0, 3, 0]])}, ValueError, "0 to 2, or -100 .* got 3 in row 1, token 1"),
        ({"tags": torch.tensor([[0, 0, -1], [0, 0, 0]])}, ValueError, "got -1 in row 0, token 2"),
        ({"mask": torch.ones(2, 2)}, ValueError, r"`mask` must have shape \(2, 3\)"),
        ({"transitions": torch.zeros(4, 4)}, ValueError, r"`transitions` must have shape \(3, 3\)"),
        ({"end": torch.zeros(1)}, ValueError, r"`end` must have shape \(3,\)"),
    ],
)
def test_bad_input_is_told_plainly(change, error, message):
    inputs = {
        "emissions": torch.zeros(2, 3, K),
        "tags": torch.zeros(2, 3, dtype=torch.long),
        "transitions": torch.zeros(K, K),
        "start": torch.zeros(K),
        "end": torch.zeros(K),
    }
    with pytest.raises(error, match=message):
        crf_loss(**(inputs | change))


def test_bad_settings_are_told_plainly():
    with pytest.raises(UsageError, match="`num_tags` must be at least 1, got 0"):
        LinearChainCRF(0)
    with pytest.raises(UsageError, match=r"`allowed_starts` must have shape \(3,\), got \(2,\)"):
        LinearChainCRF(K, allowed_starts=[True, True])
