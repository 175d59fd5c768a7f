"""Head importance of single examples: against batches of one, and summed; sums of importances."""

import numpy as np
import pytest

from hf_relation.errors import TrainingError, UsageError
from hf_relation.heads import HeadImportance, head_importance, instance_importance, prune_heads, sum_importances
from tests.common.tiny_heads import NUM_HEADS, NUM_LAYERS, tiny_batch, tiny_headed


@pytest.mark.parametrize("task", ["texts", "tokens"])
@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert"])
def test_rows_are_those_of_batches_of_one(family, task):
    model = tiny_headed(family, task).double()
    batches = [tiny_batch(3, seed=0, labels=task), tiny_batch(2, seed=1, labels=task)]
    alone = [
        {name: column[row : row + 1] for name, column in batch.items()}
        for batch in batches
        for row in range(len(batch["input_ids"]))
    ]
    found = instance_importance(model, batches)
    assert found.shape == (5, NUM_LAYERS, NUM_HEADS) and (found > 0).any((1, 2)).all()
    expected = np.stack([head_importance(model, [example]).raw for example in alone])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.sum(0), head_importance(model, batches).raw, rtol=1e-9)


def test_pruned_heads_and_rows_without_labels_are_zero():
    model = tiny_headed("bert", "tokens")
    prune_heads(model, {0: [1], 1: [0, 1, 2, 3]})
    batch = tiny_batch(3, labels="tokens")
    batch["labels"][1] = -100
    found = instance_importance(model, [batch])
    assert (found[:, 0, 1] == 0).all() and (found[:, 1] == 0).all() and (found[1] == 0).all()
    assert (found[[0, 2]][:, 0, [0, 2, 3]] > 0).all()


def test_bad_input_is_told():
    model = tiny_headed("bert", "texts")
    with pytest.raises(UsageError, match="no batch"):
        instance_importance(model, [])
    with pytest.raises(UsageError, match="gave no loss"):
        instance_importance(model, [tiny_batch()])
    with pytest.raises(TrainingError, match="batch 0"):
        instance_importance(
            model, [tiny_batch(labels="texts")], loss_fn=lambda model, batch: model(**batch).loss * float("nan")
        )


def importance(raw, method="gate", **more):
    return HeadImportance(np.array(raw, dtype=float), method, 3, **more)


def test_sums_of_normalised_scores():
    # dossier 9.8: [[1, 3, 0], [2, 2, 4]] becomes [[1/3, 1, 0], [1/3, 1/3, 2/3]]; larger losses elsewhere weigh no more
    one, other = importance([[1, 3, 0], [2, 2, 4]]), importance([[0, 0, 500], [100, 100, 200]])
    total = sum_importances([one, other])
    np.testing.assert_allclose(total.raw, [[1 / 3, 1, 1], [7 / 12, 7 / 12, 7 / 6]])
    assert total.num_examples == 6 and total.rank()[0] == (0, 0) and total.scores[1, 2] == 1
    assert sum_importances([one]).rank() == one.rank()


@pytest.mark.parametrize(
    "others",
    [[], [importance([[1, 2]])], [importance([[1, 3, 0], [2, 2, 4]], "token")]],
    ids=["none", "shape", "method"],
)
def test_importances_that_do_not_belong_together_are_refused(others):
    with pytest.raises(UsageError):
        sum_importances([importance([[1, 3, 0], [2, 2, 4]]), *others] if others else [])
