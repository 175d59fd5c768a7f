"""RelationCollator and RelationDataset: padding, labels, hidden words."""

import copy

import numpy as np
import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.processing import RelationProcessor
from hf_relation.training import RelationCollator, RelationDataset
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def processor(request):
    return RelationProcessor(tiny_tokenizer(request.param))


@pytest.fixture(scope="module")
def dataset(processor):
    return RelationDataset(sample_instances(20), processor)


def rows(dataset):
    return [dataset[row] for row in range(len(dataset))]


def test_dataset_numbers_relations_by_name_and_leaves_unclear_rows_unlabelled(processor):
    instances = sample_instances(3)
    instances[0]["relations"] = []
    instances[1]["relations"] = ["born_in", "founded_by"]
    dataset = RelationDataset([*instances, *sample_instances(4)[3:]], processor)
    assert dataset.label2id == {"born_in": 0, "flows_into": 1}
    assert dataset.labels == [-100, -100, 1, 0]


def test_without_dropout_a_batch_is_what_the_processor_makes(processor, dataset):
    batch = RelationCollator(processor)(rows(dataset))
    plain = processor(sample_instances(20))
    assert batch["labels"].tolist() == dataset.labels
    for name, value in plain.items():
        assert torch.equal(batch[name], value), name


def test_weights_come_with_their_rows_and_wrong_ones_are_refused(processor):
    weights = [number / 4 for number in range(20)]
    weighted = RelationDataset(sample_instances(20), processor, weights=weights)
    batch = RelationCollator(processor)([weighted[row] for row in (7, 0, 3)])
    assert batch["weights"].tolist() == [1.75, 0.0, 0.75] and batch["weights"].dtype == torch.float32
    assert batch["labels"].tolist() == [weighted.labels[row] for row in (7, 0, 3)]
    for wrong, message in (([1.0], "one number a row"), ([-0.5, *weights[1:]], "got -0.5 in row 0")):
        with pytest.raises(UsageError, match=message):
            RelationDataset(sample_instances(20), processor, weights=wrong)


def test_mentions_are_hidden_whole_and_nothing_else(processor, dataset):
    batch = RelationCollator(processor)(rows(dataset))
    hidden = RelationCollator(processor, mention_dropout=1.0)(rows(dataset))
    mention = (batch["head_token_mask"] | batch["tail_token_mask"]).bool()
    assert (hidden["input_ids"][mention] == processor.tokenizer.mask_token_id).all()
    assert torch.equal(hidden["input_ids"][~mention], batch["input_ids"][~mention])
    for name in batch:
        if name != "input_ids":
            assert torch.equal(hidden[name], batch[name]), name


def test_words_are_hidden_but_never_mentions_markers_or_special_tokens(processor, dataset):
    tokenizer = processor.tokenizer
    batch = RelationCollator(processor)(rows(dataset))
    hidden = RelationCollator(processor, word_dropout=1.0)(rows(dataset))["input_ids"]
    kept_ids = set(tokenizer.convert_tokens_to_ids(["[E1]", "[/E1]", "[E2]", "[/E2]"]))
    kept_ids |= {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    mention = (batch["head_token_mask"] | batch["tail_token_mask"]).bool()
    for before, after, in_mention in zip(
        batch["input_ids"].flatten().tolist(), hidden.flatten().tolist(), mention.flatten().tolist(), strict=True
    ):
        assert after == (before if in_mention or before in kept_ids else tokenizer.mask_token_id)


def test_about_the_asked_share_is_hidden():
    processor = RelationProcessor(tiny_tokenizer("bert"))
    dataset = RelationDataset(sample_instances(20), processor)
    collator = RelationCollator(processor, mention_dropout=0.5, word_dropout=0.2)
    mask_id = processor.tokenizer.mask_token_id
    mentions, heads_alone, words = [], [], []
    everything = RelationCollator(processor, word_dropout=1.0)(rows(dataset))["input_ids"] == mask_id
    for draw in range(40):
        order = np.random.default_rng(draw).permutation(20)
        batch = collator([dataset[row] for row in order])
        is_hidden = batch["input_ids"] == mask_id
        sides = []
        for side in ("head_token_mask", "tail_token_mask"):
            mask = batch[side].bool()
            share = (is_hidden & mask).sum(1) / mask.sum(1)
            assert set(share.tolist()) <= {0.0, 1.0}
            sides.append(share)
        mentions.append(torch.cat(sides).mean())
        heads_alone.append((sides[0] != sides[1]).float().mean())
        words.append(is_hidden[everything[order]].float().mean())
    assert np.mean(mentions) == pytest.approx(0.5, abs=0.05)
    assert np.mean(heads_alone) == pytest.approx(0.5, abs=0.06)
    assert np.mean(words) == pytest.approx(0.2, abs=0.03)


def test_what_is_hidden_depends_on_the_seed_and_the_batch_alone(processor, dataset):
    first = RelationCollator(processor, 0.5, 0.5, seed=3)
    again = RelationCollator(processor, 0.5, 0.5, seed=3)
    other = RelationCollator(processor, 0.5, 0.5, seed=4)
    again([dataset[0], dataset[1]])  # an earlier batch changes nothing
    assert torch.equal(first(rows(dataset))["input_ids"], again(rows(dataset))["input_ids"])
    assert not torch.equal(first(rows(dataset))["input_ids"], other(rows(dataset))["input_ids"])


def test_rows_are_not_changed(processor, dataset):
    before = copy.deepcopy(rows(dataset))
    RelationCollator(processor, 1.0, 1.0)(rows(dataset))
    assert rows(dataset) == before


@pytest.mark.parametrize("setting", ["mention_dropout", "word_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_probabilities_out_of_range_are_refused(setting, value):
    with pytest.raises(UsageError, match=rf"`{setting}` is a probability"):
        RelationCollator(RelationProcessor(tiny_tokenizer("bert")), **{setting: value})
