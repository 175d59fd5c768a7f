"""Checks that every model passes; a model is registered once, in MODELS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from transformers import AutoModel, PreTrainedModel

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
from hf_relation.discovery import RelationDiscovery
from hf_relation.embedding import embed_instances
from tests.common.model_checks import (
    check_activation_checkpointing,
    check_config_bytes,
    check_eager_attention,
    check_finite,
    check_half_precision,
    check_inputs_unchanged,
    check_loading,
    check_loss_falls,
    check_missing_weights,
    check_seed,
    check_table_grows,
    pad_right,
)
from tests.common.tiny_models import (
    CNN_KINDS,
    ENCODER_KINDS,
    half_novel_batch,
    labelled_batch,
    neighbor_batch,
    tiny_more,
    tiny_more_cnn,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import sample_instances


class Family(NamedTuple):
    """`make(kind)` gives a model and its processor; `kinds` are the encoders, or tokenizers, it is checked with.

    `loss_inputs(processor, instances, labels)` is the batch for which the model computes its loss. `falls(output)` is
    what `steps` steps of training lower by a fifth: the loss, unless a part of it has a target that moves.
    """

    make: Callable[..., tuple[PreTrainedModel, Any]]
    kinds: tuple[str, ...] = ENCODER_KINDS
    loss_inputs: Callable[..., dict[str, torch.Tensor]] = labelled_batch
    steps: int = 12
    falls: Callable[[Any], torch.Tensor] = lambda output: output.loss


def of_classifiers(output):
    """RoCORE's autoencoder follows what the encoder gives, and its loss grows while that does."""
    return output.cross_entropy_loss + output.pairwise_loss


# Every new family adds its line here.
MODELS: dict[str, Family] = {
    "more": Family(tiny_more),
    "more-markers": Family(
        lambda kind="bert": tiny_more(
            kind, pooling=["head_marker", "tail_marker", "sentence_mean"], loss="sup_con", normalize_blocks=True
        )
    ),
    "more-middle-layer": Family(
        lambda kind="bert": tiny_more(kind, pooling=["head_max", "tail_max"], layer=1, projection_dim=None)
    ),
    "more-adversarial": Family(
        lambda kind="bert": tiny_more(kind, adversarial_weight=1.0, adversarial_kwargs={"num_power_iterations": 2})
    ),
    "more-cnn": Family(tiny_more_cnn, CNN_KINDS),
    "more-cnn-adversarial": Family(lambda kind="words": tiny_more_cnn(kind, adversarial_weight=1.0), CNN_KINDS),
    "more-cnn-mentions": Family(
        lambda kind="words": tiny_more_cnn(
            kind,
            pooling=["sentence_max", "head_mean", "tail_mean", "between_mean"],
            normalize_blocks=True,
            loss="sup_con",
            projection_dim=None,
        ),
        CNN_KINDS,
    ),
    "rocore": Family(tiny_rocore, loss_inputs=half_novel_batch, falls=of_classifiers),
    "rocore-incremental": Family(
        lambda kind="bert": tiny_rocore(
            kind,
            pooling=["head_mean", "tail_mean", "between_mean"],
            normalize_blocks=True,
            layer=1,
            activation="leaky_relu",
            incremental=True,
            autoencoder_route="all",
            reconstruction_reduction="mean_all",
            embedding="pooled",
        ),
        loss_inputs=half_novel_batch,
        steps=20,
    ),
    "siamese-ure": Family(tiny_siamese_ure, loss_inputs=neighbor_batch),
    "siamese-ure-neighbor-cosine": Family(
        lambda kind="bert": tiny_siamese_ure(
            kind,
            pooling=["head_mean", "tail_mean"],
            layer=1,
            cluster_loss="neighbor_cosine",
            cluster_weight=1.0,
            projector_dims=None,
        ),
        loss_inputs=neighbor_batch,
    ),
}
EVERY_KIND = pytest.mark.parametrize("name, kind", [(name, kind) for name in MODELS for kind in MODELS[name].kinds])

INSTANCES = sample_instances(12)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])


@pytest.fixture(params=sorted(MODELS))
def name(request):
    return request.param


@torch.inference_mode()
def embed(model, batch):
    return model(**batch).embeddings


def loss_of(name, model, processor, labels=LABELS, instances=INSTANCES):
    return model(**MODELS[name].loss_inputs(processor, instances, labels)).loss


@EVERY_KIND
def test_embeddings_are_unit_rows_of_the_promised_width(name, kind):
    model, processor = MODELS[name].make(kind)
    rows = embed(model, processor(INSTANCES))
    assert rows.shape == (12, model.config.embedding_dim) and rows.dtype == torch.float32
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(12))


@EVERY_KIND
def test_save_and_load_through_the_auto_classes_changes_nothing(name, kind, tmp_path):
    check_loading(*MODELS[name].make(kind), lambda model, processor: embed(model, processor(INSTANCES)), tmp_path)


def test_a_corpus_is_embedded_and_its_relations_discovered_with_a_checkpoint(name, tmp_path):
    model, processor = MODELS[name].make()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    rows = embed_instances(model, processor, INSTANCES)
    np.testing.assert_allclose(rows, embed(model, processor(INSTANCES)).numpy(), rtol=0, atol=1e-5)
    half = embed_instances(model, processor, INSTANCES, dtype="bfloat16")  # a copy with weights in bfloat16
    lengths = np.linalg.norm(half, axis=1) * np.linalg.norm(rows, axis=1)
    assert (
        half.dtype == np.float32 and ((half * rows).sum(1) / lengths).min() > 0.999 and not np.array_equal(half, rows)
    )
    result = RelationDiscovery(tmp_path, num_relations=3, n_init=2).fit_predict(INSTANCES)
    assert set(result.labels.tolist()) == {0, 1, 2} and len(result.labels) == len(INSTANCES)


def test_config_saved_twice_gives_the_same_bytes(name, tmp_path):
    check_config_bytes(MODELS[name].make()[0], tmp_path)


def test_same_seed_gives_the_same_weights(name):
    check_seed(MODELS[name].make)


@EVERY_KIND
def test_fault_10_batch_size_and_padding_change_nothing(name, kind):
    model, processor = MODELS[name].make(kind)
    together = embed(model, processor(INSTANCES))
    alone = torch.cat([embed(model, processor([instance])) for instance in INSTANCES])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)
    batch = processor(INSTANCES)
    columns = tuple(key for key, value in batch.items() if value.ndim == 2)
    padded = pad_right(batch, columns, processor.tokenizer.pad_token_id)
    torch.testing.assert_close(embed(model, padded), together, rtol=0, atol=1e-5)


def test_fault_07_row_order_changes_nothing(name):
    model, processor = MODELS[name].make()
    order = [7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 6, 4]
    shuffled = embed(model, processor([INSTANCES[i] for i in order]))
    torch.testing.assert_close(shuffled, embed(model, processor(INSTANCES))[order], rtol=0, atol=1e-5)
    loss = loss_of(name, model, processor)
    loss_shuffled = loss_of(name, model, processor, LABELS[order], [INSTANCES[i] for i in order])
    torch.testing.assert_close(loss, loss_shuffled, rtol=1e-4, atol=1e-4)


def test_fault_06_duplicate_rows_get_the_same_embedding(name):
    model, processor = MODELS[name].make()
    rows = embed(model, processor([INSTANCES[0], INSTANCES[1], INSTANCES[0]]))
    torch.testing.assert_close(rows[0], rows[2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("labels", [[0] * 12, list(range(12)), [-100] * 12, [0, 0] + [-100] * 10])
def test_fault_05_one_class_or_no_pair_gives_a_finite_loss_with_a_gradient(name, labels):
    model, processor = MODELS[name].make()
    check_finite(model, loss_of(name, model, processor, torch.tensor(labels)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fault_48_half_precision_autocast_is_finite(name, dtype):
    model, processor = MODELS[name].make()
    check_half_precision(model, MODELS[name].loss_inputs(processor, INSTANCES, LABELS), dtype, "embeddings")


def test_bfloat16_weights_load_and_run(name, tmp_path):
    model, processor = MODELS[name].make()
    model.save_pretrained(tmp_path)
    small = AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    assert next(small.parameters()).dtype == torch.bfloat16
    cosine = (embed(small, processor(INSTANCES)) * embed(model, processor(INSTANCES))).sum(1)
    assert cosine.min() > 0.98


def test_fault_49_activation_checkpointing_gives_the_same_loss_and_gradients(name):
    check_activation_checkpointing(MODELS[name].make, lambda model, processor: loss_of(name, model, processor))


def test_inputs_are_not_modified(name):
    model, processor = MODELS[name].make()
    check_inputs_unchanged(model, MODELS[name].loss_inputs(processor, INSTANCES, LABELS))


def test_eager_and_sdpa_attention_agree(name, tmp_path):
    model, processor = MODELS[name].make()
    check_eager_attention(model, lambda model: embed(model, processor(INSTANCES)), tmp_path)


def test_init_weights_covers_every_parameter_and_buffer(name, tmp_path):
    model, processor = MODELS[name].make()
    check_missing_weights(model, lambda model: embed(model, processor(INSTANCES)), tmp_path)


def test_labels_absent_means_no_loss_and_tuple_output_works(name):
    model, processor = MODELS[name].make()
    batch = processor(INSTANCES)
    assert model(**batch).loss is None
    plain = model(**batch, return_dict=False)
    assert isinstance(plain, tuple) and torch.equal(plain[0], model(**batch).embeddings)


def test_embedding_table_can_grow(name):
    check_table_grows(MODELS[name].make()[0])


def test_a_few_steps_lower_the_loss(name):
    model, processor = MODELS[name].make()
    family = MODELS[name]
    check_loss_falls(model, family.loss_inputs(processor, INSTANCES, LABELS), family.steps, family.falls)
