"""Neighbours of every epoch: which, when, from which weights, what a step sees of them, and what a checkpoint keeps."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from hf_relation.embedding import embed_instances
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.training import (
    CollapseMonitor,
    DiscoveryTrainer,
    NeighborBank,
    NeighborCollator,
    RelationCollator,
    RelationDataset,
    RelationTrainingArguments,
    ShuffledBatchSampler,
)
from tests.common.tiny_models import tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


ROWS = sample_instances(20)
GOLD = [row["relations"][0] for row in ROWS]


def bank_of(rows=ROWS, **settings):
    processor = tiny_siamese_ure()[1]
    collator = NeighborCollator(RelationDataset(rows, processor), RelationCollator(processor))
    return NeighborBank(collator, **({"num_neighbors": 4, "warmup_epochs": 1} | settings))


def stand_in(embeddings, **settings):
    """As much of a trainer as the bank uses."""
    return SimpleNamespace(
        plain_model=tiny_siamese_ure(**settings)[0],
        embed_rows=lambda features: embeddings,
        on_first_process=lambda work: work(),
    )


def slow_neighbors(embeddings, k):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = []
    for i, row in enumerate(unit):
        others = [(-float(row @ other), j) for j, other in enumerate(unit) if j != i]
        found.append({j for _, j in sorted(others)[:k]})
    return found


def test_the_nearest_rows_by_cosine_without_the_row_itself():
    embeddings = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    embeddings[3] *= 100  # a long row is near to none by the cosine
    bank, trainer = bank_of(warmup_epochs=0, gold=GOLD), stand_in(embeddings)
    figures = bank.refresh(trainer, 0)
    expected = slow_neighbors(embeddings, 4)
    assert [set(row) for row in bank.neighbors.tolist()] == expected
    same = [GOLD[j] == GOLD[i] for i, near in enumerate(expected) for j in near]
    assert figures["gold_neighbor_accuracy"] == pytest.approx(np.mean(same))
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = [unit[i] @ unit[j] for i, near in enumerate(expected) for j in near]
    assert figures["neighbor_similarity"] == pytest.approx(np.mean(cosines), abs=1e-5)
    assert "neighbor_change" not in figures

    moved = embeddings + np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    now = slow_neighbors(moved, 4)
    change = np.mean([len(b - a) / 4 for a, b in zip(expected, now, strict=True)])
    assert bank.refresh(stand_in(moved), 1)["neighbor_change"] == pytest.approx(change)


def test_principal_components_take_out_what_all_rows_share():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(20, 6)).astype(np.float32) * [1, 1, 1, 1, 0.01, 0.01] + 10
    bank = bank_of(warmup_epochs=0, components=4)
    bank.refresh(stand_in(embeddings.astype(np.float32)), 0)
    centered = embeddings - embeddings.mean(axis=0)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    assert [set(row) for row in bank.neighbors.tolist()] == slow_neighbors(centered @ directions[:4].T, 4)


def test_clusters_start_once_where_k_means_finds_them():
    rng = np.random.default_rng(0)
    truth = np.arange(20) % 4
    h = (4 * rng.normal(size=(4, 64))[truth] + rng.normal(size=(20, 64))).astype(np.float32)
    bank, trainer = bank_of(warmup_epochs=1, start_clusters=True), stand_in(h)
    head = trainer.plain_model.cluster_head
    before = head.weight.clone()
    bank.refresh(trainer, 0)
    assert torch.equal(head.weight, before)  # the warm-up
    bank.refresh(trainer, 1)
    found = head(torch.from_numpy(h)).argmax(dim=1).numpy()
    assert len({(a, b) for a, b in zip(truth, found, strict=True)}) == len(set(found)) == 4
    after = head.weight.clone()
    bank.refresh(trainer, 2)
    assert torch.equal(head.weight, after)


def test_the_warm_up_mines_nothing_and_turns_the_clustering_off():
    bank = bank_of(warmup_epochs=2)
    trainer = stand_in(None)  # nothing is embedded
    for epoch in (0, 1):
        assert bank.refresh(trainer, epoch) == {}
        bank.apply(trainer, epoch)
        assert trainer.plain_model.cluster_factor == 0 and bank.columns(torch.tensor([1, 2])) == {}
    bank.refresh(stand_in(np.eye(20, dtype=np.float32)), 2)
    bank.apply(trainer, 2)
    assert trainer.plain_model.cluster_scale == 1
    assert bank.columns(torch.tensor([1, 2]))["neighbor_input_ids"].shape[:2] == (2, 4)


def test_without_the_clustering_loss_nothing_is_mined():
    bank, trainer = bank_of(warmup_epochs=0), stand_in(None, use_clustering=False)
    assert bank.refresh(trainer, 0) == {} and bank.columns(torch.tensor([0])) == {}


def test_a_step_draws_some_of_the_neighbors_by_seed_epoch_and_row_alone():
    bank = bank_of(neighbors_per_step=2, warmup_epochs=0, seed=3)
    bank.neighbors = np.array([[(row + step) % 20 for step in (1, 2, 3, 4)] for row in range(20)], dtype=np.int32)
    rows = [5, 0, 19]
    drawn = bank.drawn(rows)
    assert drawn.shape == (3, 2)
    for row, near in zip(rows, drawn.tolist(), strict=True):
        assert len(set(near)) == 2 and set(near) <= set(bank.neighbors[row].tolist())
    np.testing.assert_array_equal(bank.drawn(rows[::-1]), drawn[::-1])  # not on their place in the batch
    seen = set()
    for epoch in range(60):
        bank.epoch = epoch
        seen.add(tuple(sorted(bank.drawn([5])[0].tolist())))
    assert len(seen) == 6  # all pairs of four
    other = bank_of(neighbors_per_step=2, warmup_epochs=0, seed=4)
    other.neighbors = bank.neighbors
    bank.epoch = 0
    assert any((other.drawn([row]) != bank.drawn([row])).any() for row in range(20))
    columns = bank.columns(torch.tensor(rows))
    expected = bank.collator(bank.drawn(rows))
    assert all(torch.equal(columns[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_neighbors": 20}, r"below the number of training instances \(20\), got 20"),
        ({"num_neighbors": 0}, "`num_neighbors`"),
        ({"neighbors_per_step": 5}, r"at most `num_neighbors` \(4\), got 5"),
        ({"neighbors_per_step": 0}, "`neighbors_per_step`"),
        ({"warmup_epochs": -1}, "`warmup_epochs`"),
        ({"components": 0}, "`components`"),
        ({"gold": ["a"]}, r"one relation per row \(20\), got 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        bank_of(**settings)


def test_neighbors_of_other_data_are_refused():
    bank = bank_of()
    for shape in ((20, 5), (19, 4)):
        with pytest.raises(CheckpointError, match="Resume with the training data"):
            bank.load_state({"neighbors": np.zeros(shape, dtype=np.int32)})
    with pytest.raises(CheckpointError, match="are not those"):
        bank.load_state({"neighbors": np.full((20, 4), 20, dtype=np.int32)})
    bank.load_state({"neighbors": np.zeros((0, 4), dtype=np.int32)})


class SaveAt(TrainerCallback):
    def __init__(self, *steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        control.should_save = state.global_step in self.steps


def trainer_in(folder, save_at=(), model_settings=None, processes=1, **settings):
    model, processor = tiny_siamese_ure(**(model_settings or {}))
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        num_train_epochs=3,
        learning_rate=2e-3,
        logging_steps=1,
        save_strategy="no",
        eval_dtype="float32",
        word_dropout=0.1,
        dataloader_pin_memory=False,
        **settings,
    )
    dataset = RelationDataset(ROWS, processor)
    collator = RelationCollator(processor, word_dropout=0.1)
    bank = NeighborBank(
        NeighborCollator(dataset, collator),
        num_neighbors=4,
        neighbors_per_step=2,
        warmup_epochs=1,
        start_clusters=True,
        gold=GOLD,
    )
    sampler = ShuffledBatchSampler(len(dataset), batch_size=6 if processes == 1 else 5, num_processes=processes)
    monitor = CollapseMonitor(model.config.uncollapsed_std, patience=1, least=0.999)
    trainer = DiscoveryTrainer(
        model, args, processor, dataset, targets=bank, batch_sampler=sampler, callbacks=[monitor, SaveAt(*save_at)]
    )
    trainer.monitor = monitor
    return trainer


def history(trainer):
    return [
        {key: value for key, value in entry.items() if "runtime" not in key and "per_second" not in key}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]


def different(found, expected):
    assert found.keys() == expected.keys()
    return [name for name, value in expected.items() if not torch.equal(found[name], value)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Three epochs of three steps: one of warm-up; checkpoints inside it, at its end, and inside the last one."""
    trainer = trainer_in(tmp_path_factory.mktemp("whole"), save_at=(2, 3, 7))
    trainer.train()
    assert trainer.state.global_step == 9
    return trainer


def test_warm_up_then_both_losses(uninterrupted):
    entries = [entry for entry in history(uninterrupted) if "loss" in entry]
    config = uninterrupted.model.config
    assert len(entries) == 9
    for entry in entries:
        warm = entry["step"] <= 3
        assert ("cluster_loss" in entry) is not warm
        expected = entry["representation_loss"]
        if not warm:
            assert entry["cluster_loss"] == pytest.approx(entry["consistency"] - entry["entropy"], abs=1e-4)
            expected += config.cluster_weight * entry["cluster_loss"]
        assert entry["loss"] == pytest.approx(expected, abs=1e-4)
        assert entry["output_spread"] == pytest.approx(entry["output_std"] / 16**-0.5)  # g is 16 wide
    mined = [entry for entry in history(uninterrupted) if "gold_neighbor_accuracy" in entry]
    assert [entry["epoch"] for entry in mined] == [1, 2]
    assert "neighbor_change" not in mined[0] and 0 <= mined[1]["neighbor_change"] <= 1
    assert uninterrupted.monitor.collapsed  # a sixth of a batch of six rows is missing at the least


def test_the_bank_of_a_checkpoint_is_that_of_its_weights(uninterrupted, tmp_path):
    checkpoint = f"{uninterrupted.args.output_dir}/checkpoint-3"
    model, processor = tiny_siamese_ure()
    model.load_state_dict(load_file(f"{checkpoint}/model.safetensors"))
    expected = slow_neighbors(embed_instances(model, processor, ROWS), 4)  # the weights at the end of the warm-up
    resumed = trainer_in(tmp_path)
    resumed.train(resume_from_checkpoint=f"{uninterrupted.args.output_dir}/checkpoint-7")
    after_two = load_file(f"{uninterrupted.args.output_dir}/checkpoint-7/targets.safetensors")["neighbors"]
    assert [set(row) for row in resumed.targets.neighbors.tolist()] == [set(row) for row in after_two.tolist()]
    first = trainer_in(tmp_path)
    first.plain_model.load_state_dict(model.state_dict())
    first.targets.refresh(first, 1)
    assert [set(row) for row in first.targets.neighbors.tolist()] == expected


@pytest.mark.parametrize("step", [2, 3, 7], ids=["inside the warm-up", "at its end", "inside an epoch"])
def test_a_resumed_run_ends_with_the_same_bits(uninterrupted, tmp_path, step):
    resumed = trainer_in(tmp_path)
    resumed.train(resume_from_checkpoint=f"{uninterrupted.args.output_dir}/checkpoint-{step}")
    assert different(resumed.model.state_dict(), uninterrupted.model.state_dict()) == []
    assert history(resumed) == history(uninterrupted)


def work(folder):
    lower = {"layer": 1}  # the upper layer has no gradient, nor has the head during the warm-up
    whole = trainer_in(
        folder / "run", save_at=(3,), processes=2, model_settings=lower
    )  # inside the second of three epochs with two steps
    whole.train()
    rank = whole.args.process_index
    whole.accelerator.wait_for_everyone()
    resumed = trainer_in(folder / "run", processes=2, model_settings=lower)
    resumed.train(resume_from_checkpoint=True)
    for name, trainer in (("whole", whole), ("resumed", resumed)):
        save_file({key: v.contiguous() for key, v in trainer.model.state_dict().items()}, folder / f"{name}-{rank}")
    seen = {"neighbors": whole.targets.neighbors.tolist(), "whole": history(whole), "resumed": history(resumed)}
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))


@pytest.mark.slow
def test_two_processes_share_the_neighbors_and_end_with_the_same_bits(tmp_path):
    tiny_tokenizer("bert")  # trained here, before the processes part ways
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    expected = load_file(tmp_path / "whole-0")
    for name in ("whole-1", "resumed-0", "resumed-1"):
        assert different(load_file(tmp_path / name), expected) == []
    assert first["neighbors"] == second["neighbors"]
    assert first["whole"] == first["resumed"]
