"""A small RoCORE model with a batch of known and novel rows, for the tests of the model."""

import torch

from tests.common.tiny_models import tiny_rocore
from tests.common.tiny_tokenizers import sample_instances


INSTANCES = sample_instances(8)
LABELS = torch.tensor([0, 1, 0, 2, -100, -100, -100, -100])
PSEUDO = torch.tensor([-100, -100, -100, -100, 0, 0, 1, 2])


def made(**settings):
    """A model with centroids for relations 0 and 1 but not 2, and a batch of four known and four novel rows."""
    model, processor = tiny_rocore(**({"num_known_relations": 3} | settings))
    rows = torch.linspace(-1, 1, 3 * 16).reshape(3, 16)
    model.set_centroids(rows, torch.tensor([True, True, False]))
    return model, {**processor(INSTANCES), "labels": LABELS, "pseudo_labels": PSEUDO}
