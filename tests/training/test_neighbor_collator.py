"""The columns of neighbours are those of the rows themselves, padded together."""

import numpy as np
import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.training import NeighborCollator, RelationCollator, RelationDataset
from tests.common.tiny_models import neighbor_columns, tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances


SAMPLES = sample_instances(9)


def collator(**dropout):
    processor = tiny_siamese_ure()[1]
    return NeighborCollator(RelationDataset(SAMPLES, processor), RelationCollator(processor, **dropout)), processor


def test_the_columns_are_those_of_the_processor():
    collate, processor = collator()
    found = collate(np.array([[4, 2, 8], [0, 0, 7]]))
    expected = neighbor_columns(processor, [[SAMPLES[i] for i in row] for row in ([4, 2, 8], [0, 0, 7])])
    assert found.keys() == expected.keys() and "neighbor_labels" not in found
    for name, column in expected.items():
        assert torch.equal(found[name], column), name


def test_neighbors_are_hidden_from_as_the_rows_are():
    collate, processor = collator(mention_dropout=1.0)
    found = collate(np.array([[4, 2]]))
    mentions = (found["neighbor_head_token_mask"] | found["neighbor_tail_token_mask"]).bool()
    assert mentions.any() and (found["neighbor_input_ids"][mentions] == processor.tokenizer.mask_token_id).all()


@pytest.mark.parametrize("rows", [[[9]], [[-1]], [[]], [1, 2]])
def test_what_is_no_matrix_of_rows_is_refused(rows):
    with pytest.raises(UsageError, match="must be"):
        collator()[0](np.array(rows))
