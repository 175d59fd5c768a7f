"""Bad input to every training method: each gives finite losses, or an error that says what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from hf_relation.clustering import cluster, nearest_neighbors
from hf_relation.errors import InvalidRowError, TrainingError, UsageError
from hf_relation.training import (
    DiscoveryTrainer,
    MixedBatchSampler,
    NeighborBank,
    NeighborCollator,
    PseudoLabelRules,
    PseudoLabels,
    RelationCollator,
    RelationDataset,
    RelationTrainer,
    RelationTrainingArguments,
    ShuffledBatchSampler,
    prepare_data,
)
from tests.common.tiny_models import tiny_more, tiny_rocore, tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances


Rows = list[dict[str, Any]]
KNOWN = sample_instances(12)  # three relations of four
TEXTS = [row | {"relations": []} for row in sample_instances(20)[12:]]


def arguments(folder: Any, **settings: Any) -> RelationTrainingArguments:
    return RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        num_train_epochs=2,
        learning_rate=2e-3,
        logging_steps=1,
        save_strategy="no",
        dataloader_pin_memory=False,
        **settings,
    )


def more(folder: Any, known: Rows, texts: Rows, **settings: Any) -> RelationTrainer:
    """MORE learns from the known relations alone."""
    del texts
    model, processor = tiny_more()
    args = arguments(folder, classes_per_batch=2, instances_per_class=2, **settings)
    return RelationTrainer(model, args, processor, known)


def rocore(folder: Any, known: Rows, texts: Rows, *, num_clusters: int = 3, **settings: Any) -> RelationTrainer:
    """RoCORE: one epoch of reconstruction, one with pseudo labels."""
    names = {name for row in known for name in row["relations"]}
    model, processor = tiny_rocore(num_known_relations=max(len(names), 1), num_novel_relations=num_clusters)
    dataset = RelationDataset([*known, *texts], processor)
    targets = PseudoLabels(dataset.labels, num_clusters, PseudoLabelRules(n_init=2), pretraining_epochs=1)
    sampler = MixedBatchSampler(dataset.labels, labelled_per_batch=4, unlabelled_per_batch=4)
    args = arguments(folder, **settings)
    return DiscoveryTrainer(model, args, processor, dataset, targets=targets, batch_sampler=sampler)


def siamese_ure(folder: Any, known: Rows, texts: Rows, *, num_clusters: int = 3, **settings: Any) -> RelationTrainer:
    """Siamese-URE reads no label: all rows are text. One epoch of warm-up, one with neighbours."""
    model, processor = tiny_siamese_ure(num_clusters=num_clusters)
    dataset = RelationDataset([row | {"relations": []} for row in [*known, *texts]], processor)
    bank = NeighborBank(NeighborCollator(dataset, RelationCollator(processor)), num_neighbors=3, warmup_epochs=1)
    sampler = ShuffledBatchSampler(len(dataset), batch_size=4)
    args = arguments(folder, **settings)
    return DiscoveryTrainer(model, args, processor, dataset, targets=bank, batch_sampler=sampler)


METHODS: dict[str, Callable[..., RelationTrainer]] = {"more": more, "rocore": rocore, "siamese_ure": siamese_ure}


@pytest.fixture(params=METHODS)
def make(request: pytest.FixtureRequest) -> Callable[..., RelationTrainer]:
    return METHODS[request.param]


def assert_trains(trainer: RelationTrainer) -> None:
    """Every logged number and every weight is finite, and a weight has moved."""
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    logged = [value for entry in trainer.state.log_history for value in entry.values()]
    assert all(math.isfinite(value) for value in logged if isinstance(value, float))
    assert any("loss" in entry for entry in trainer.state.log_history)
    after = dict(trainer.model.named_parameters())
    assert all(weight.isfinite().all() for weight in after.values())
    assert any(not torch.equal(weight, before[name]) for name, weight in after.items())


# A novel set smaller than k


@pytest.mark.parametrize("texts", [TEXTS[:2], TEXTS[:1]])
def test_fewer_novel_rows_than_relations(tmp_path: Any, texts: Rows) -> None:
    with pytest.raises(UsageError, match=rf"{len(texts)} unlabelled rows for 3 novel relations"):
        rocore(tmp_path, KNOWN, texts)


def test_as_many_novel_rows_as_relations(tmp_path: Any) -> None:
    assert_trains(rocore(tmp_path, KNOWN, TEXTS[:3]))


def test_fewer_rows_than_neighbours(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"below the number of training instances \(3\), got 3"):
        siamese_ure(tmp_path, [], TEXTS[:3])
    assert_trains(siamese_ure(tmp_path, [], TEXTS[:4]))


def test_more_clusters_than_rows_train_but_cannot_be_scored(tmp_path: Any) -> None:
    assert_trains(siamese_ure(tmp_path, [], TEXTS[:4], num_clusters=16))
    with pytest.raises(UsageError, match="`num_clusters` must be at most the number of distinct rows"):
        cluster(torch.eye(4).numpy(), "kmeans", 16)


# One known relation


@pytest.mark.parametrize(("make", "message"), [(more, "relation"), (rocore, "12 labelled row.s. of 1 known relation")])
def test_one_known_relation(tmp_path: Any, make: Callable[..., RelationTrainer], message: str) -> None:
    one = [row | {"relations": ["born_in"]} for row in KNOWN]
    with pytest.raises(UsageError, match=message):
        make(tmp_path, one, TEXTS).train()


def test_one_relation_is_nothing_to_a_method_without_labels(tmp_path: Any) -> None:
    assert_trains(siamese_ure(tmp_path, [row | {"relations": ["born_in"]} for row in KNOWN], []))


# No unlabelled, or no labelled rows


def test_no_unlabelled_rows(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="0 unlabelled rows|no unlabelled rows"):
        rocore(tmp_path, KNOWN, [])
    with pytest.raises(UsageError, match="There are no unlabelled rows.*--unlabeled_file"):
        MixedBatchSampler([0, 0, 1, 1])


def test_no_labelled_rows(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="no labelled row"):
        rocore(tmp_path, [], TEXTS)
    with pytest.raises(UsageError, match=r"0 labelled row\(s\) of 0 known relation"):
        MixedBatchSampler([-100] * 4)
    with pytest.raises(UsageError, match="No training instance is left of 8"):
        prepare_data(TEXTS, num_held_out=0)


@pytest.mark.parametrize("kind", ["labelled", "unlabelled"])
@pytest.mark.parametrize("incremental", [False, True])
def test_a_batch_without_one_kind_of_rows(kind: str, incremental: bool) -> None:
    model, processor = tiny_rocore(num_known_relations=3, incremental=incremental)
    model.set_centroids(torch.zeros(3, 16))
    numbers = torch.tensor([0, 1, 1, 2])
    nothing = torch.full((4,), -100)
    batch = {
        **processor(KNOWN[:4]),
        "labels": numbers if kind == "labelled" else nothing,
        "pseudo_labels": nothing if kind == "labelled" else numbers,
    }
    optimizer = torch.optim.AdamW(model.train().parameters())
    for _ in range(2):
        output = model(**batch)
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert output.loss.isfinite() and all(weight.isfinite().all() for weight in model.parameters())
    absent = output.pairwise_loss if kind == "labelled" else output.cross_entropy_loss + output.center_loss
    present = output.cross_entropy_loss if kind == "labelled" else output.pairwise_loss
    assert absent.item() == 0 and present.item() > 0


# Duplicated sentences


def copies(rows: Rows, number: int) -> Rows:
    return [row | {"id": f"{row['id']}-{copy}"} for row in rows for copy in range(number)]


def test_every_sentence_several_times(make: Callable[..., RelationTrainer], tmp_path: Any) -> None:
    assert_trains(make(tmp_path, copies(KNOWN[:6], 3), copies(TEXTS[:4], 3)))


def test_known_rows_of_one_sentence_with_different_relations(
    make: Callable[..., RelationTrainer], tmp_path: Any
) -> None:
    known = [KNOWN[0] | {"id": str(i), "relations": [f"r{i % 3}"]} for i in range(12)]
    assert_trains(make(tmp_path, known, TEXTS))


def test_all_novel_rows_are_one_sentence(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"at most the number of distinct rows \(1 among 8 rows\), got 3"):
        rocore(tmp_path, KNOWN, copies(TEXTS[:1], 8)).train()
    assert_trains(siamese_ure(tmp_path / "siamese", [], copies(TEXTS[:1], 8)))


# What is not a number


def spoil(trainer: RelationTrainer) -> None:
    """All embeddings of the encoder's table but padding are NaN, as after a start from damaged weights."""
    with torch.no_grad():
        trainer.model.get_input_embeddings().weight[5:] = math.nan


def test_features_that_are_not_numbers_stop_the_run_and_are_named(
    make: Callable[..., RelationTrainer], tmp_path: Any
) -> None:
    trainer = make(tmp_path, KNOWN, TEXTS)
    spoil(trainer)
    with pytest.raises(TrainingError, match="not finite|NaN") as stop:
        trainer.train()
    ids = {row["id"] for row in [*KNOWN, *TEXTS]}
    assert stop.value.instance_ids and set(stop.value.instance_ids) <= ids
    assert stop.value.instance_ids[0] in str(stop.value)


@pytest.mark.parametrize("make_targets", [rocore, siamese_ure])
def test_targets_are_not_made_of_what_is_not_a_number(
    make_targets: Callable[..., RelationTrainer], tmp_path: Any
) -> None:
    trainer = make_targets(tmp_path, KNOWN, TEXTS)
    spoil(trainer)
    with pytest.raises(TrainingError, match="targets of epoch 0 .* cannot be made") as stop:
        trainer.targets.refresh(trainer, 1)  # type: ignore[attr-defined]
    assert stop.value.instance_ids


def test_rows_that_are_not_numbers_are_named_by_what_clusters_them() -> None:
    rows = torch.eye(5).numpy()
    rows[3, 2] = math.nan
    for work in (lambda: cluster(rows, "kmeans", 2), lambda: nearest_neighbors(rows, 2)):
        with pytest.raises(InvalidRowError, match="row 3: .* holds nan in column 2"):
            work()
