"""RoCORE's training loop: pre-training, clusters and centroids in every epoch, exact resume, two processes."""

import json
import logging

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from hf_relation.embedding import embed_instances
from hf_relation.errors import TrainingError, UsageError
from hf_relation.metrics import bcubed
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.training import (
    DiscoveryTrainer,
    MixedBatchSampler,
    PseudoLabelRules,
    PseudoLabels,
    RelationDataset,
    RelationTrainingArguments,
    single_relation,
)
from tests.common.tiny_models import tiny_rocore
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


SAMPLES = sample_instances(20)
NAMES = sorted({single_relation(row) for row in SAMPLES})
NOVEL = NAMES[-1]
ROWS = [row if single_relation(row) != NOVEL else row | {"relations": []} for row in SAMPLES]
ROWS += [row | {"id": f"{row['id']}-again", "relations": []} for row in SAMPLES[::3]]
GOLD = [single_relation(row) for row in SAMPLES] + [single_relation(row) for row in SAMPLES[::3]]


class SaveAt(TrainerCallback):
    def __init__(self, *steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        control.should_save = state.global_step in self.steps


def trainer_in(folder, save_at=(), rules=None, targets=None, config=None, **settings):
    known = len(NAMES) - 1
    model, processor = tiny_rocore("bert", num_known_relations=known, num_novel_relations=2, **(config or {}))
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=1e-3,
        logging_steps=1,
        eval_dtype="float32",
        dataloader_pin_memory=False,
        **({"num_train_epochs": 4, "save_strategy": "no"} | settings),
    )
    dataset = RelationDataset(ROWS, processor, {name: number for number, name in enumerate(NAMES[:-1])})
    made = PseudoLabels(
        dataset.labels, 2, rules, **({"pretraining_epochs": 2, "fixed_pretraining_epochs": 1} | (targets or {}))
    )
    sampler = MixedBatchSampler(dataset.labels, labelled_per_batch=4, unlabelled_per_batch=4, seed=3)
    trainer = DiscoveryTrainer(model, args, processor, dataset, [], targets=made, batch_sampler=sampler)
    trainer.add_callback(SaveAt(*save_at))
    return trainer


def history(trainer):
    return [
        {key: value for key, value in entry.items() if "runtime" not in key and "per_second" not in key}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]


def different(found, expected):
    return [name for name, value in expected.items() if not torch.equal(found[name], value)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two epochs of pre-training and two of joint training."""
    trainer = trainer_in(tmp_path_factory.mktemp("whole"), save_at=(4, 9, 10), targets={"gold": GOLD})
    trainer.train()
    return trainer


def test_pretraining_moves_the_autoencoder_alone_and_the_rest_follows(tmp_path):
    trainer = trainer_in(tmp_path, num_train_epochs=2)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()
    assert trainer.model.phase == "pretraining"
    changed = different(trainer.model.state_dict(), before)
    assert changed and all(name.startswith("autoencoder_") for name in changed)
    losses = [entry["reconstruction_loss"] for entry in history(trainer) if "loss" in entry]
    assert [entry["loss"] for entry in history(trainer) if "loss" in entry] == pytest.approx(losses, rel=1e-4)
    batch = dict(trainer.processing_class(ROWS)) | {"labels": torch.tensor(trainer.dataset.labels)}
    with torch.no_grad():
        after = trainer.model.eval()(**batch).reconstruction_loss
        trainer.model.load_state_dict(before)
        assert after < trainer.model(**batch).reconstruction_loss
    assert not trainer.model.centroids.present.any()
    longer = trainer_in(tmp_path / "longer", num_train_epochs=3)
    longer.train()
    assert longer.model.phase == "joint" and longer.model.centroids.present.all()
    changed = {name.split(".")[0] for name in different(longer.model.state_dict(), before)}
    assert changed >= {"backbone", "known_classifier", "novel_classifier", "autoencoder_encoder", "centroids"}


def test_centroids_are_the_means_of_the_known_rows_before_the_epoch(tmp_path):
    trainer = trainer_in(tmp_path, targets={"pretraining_epochs": 0, "fixed_pretraining_epochs": 0})
    model = trainer.plain_model
    trainer.begin_epoch(0)
    pooled = embed_instances(PairRepresentations(model, model.config.pooled_layer), trainer.processing_class, ROWS)
    with torch.no_grad():
        latent = model.autoencoder_encoder(torch.from_numpy(pooled)).numpy()
    for number, name in enumerate(NAMES[:-1]):
        members = [row for row, instance in enumerate(ROWS) if instance["relations"] == [name]]
        np.testing.assert_allclose(model.centroids.rows[number], latent[members].mean(axis=0), atol=1e-4)
    assert model.phase == "joint" and model.epoch == 0
    # Of fewer rows of each relation, where that is asked for: the first one.
    few = trainer_in(tmp_path, targets={"pretraining_epochs": 0, "fixed_pretraining_epochs": 0, "centroid_rows": 1})
    few.begin_epoch(0)
    first = next(row for row, instance in enumerate(ROWS) if instance["relations"] == [NAMES[0]])
    np.testing.assert_allclose(few.plain_model.centroids.rows[0], latent[first], atol=1e-4)


def test_unlabelled_rows_get_their_cluster_and_labelled_ones_none(whole):
    columns = whole.targets.columns(torch.arange(len(ROWS)))
    unlabelled = torch.tensor([not row["relations"] for row in ROWS])
    assert torch.equal(columns["novel_mask"], unlabelled)
    assert (columns["pseudo_labels"][~unlabelled] == -100).all()
    assert set(columns["pseudo_labels"][unlabelled].tolist()) == {0, 1}


def test_the_log_has_the_figures_of_every_epoch_and_gold_ones_only_for_analysis(whole):
    entries = [entry for entry in history(whole) if "pseudo_inertia" in entry]
    assert [entry["epoch"] for entry in entries] == [2, 3]
    assert "pseudo_changed" not in entries[0] and 0 <= entries[1]["pseudo_changed"] <= 1
    for entry in entries:
        assert 0 < entry["pseudo_balance"] <= 1 and entry["pseudo_kept"] == 1
    clusters = whole.targets.columns(torch.arange(len(ROWS)))["pseudo_labels"].numpy()
    rows = [row for row, instance in enumerate(ROWS) if not instance["relations"]]
    expected = bcubed([GOLD[row] for row in rows], clusters[rows])["bcubed_f1"]
    assert entries[1]["gold_bcubed_f1"] == pytest.approx(expected)
    (first,) = [entry for entry in history(whole) if "pretraining_loss_first" in entry]
    assert first["epoch"] == 0


def test_without_gold_none_is_read(tmp_path, caplog):
    trainer = trainer_in(tmp_path, num_train_epochs=3)
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert not any("gold" in key for entry in history(trainer) for key in entry)
    assert "gold" not in caplog.text.lower()


@pytest.mark.parametrize("step", [4, 9, 10], ids=["in pre-training", "between epochs", "in joint training"])
def test_a_resumed_run_ends_with_the_same_bits(whole, tmp_path, step):
    assert whole.state.global_step == 12
    resumed = trainer_in(tmp_path, targets={"gold": GOLD})
    resumed.train(resume_from_checkpoint=f"{whole.args.output_dir}/checkpoint-{step}")
    assert different(resumed.model.state_dict(), whole.model.state_dict()) == []
    assert history(resumed) == history(whole)
    assert resumed.model.phase == whole.model.phase and resumed.model.epoch == whole.model.epoch == 1


def test_every_option_at_once_resumes_exactly(tmp_path):
    settings = {
        "rules": PseudoLabelRules(
            space="embedding", keep=0.7, neighbors=2, min_agreement=0.4, whitening=True, pca_components=3, n_init=2
        ),
        "targets": {"pretraining_epochs": 0, "averaged": True, "start_classifiers": True},
        "config": {"incremental": True},
        "ema_decay": 0.8,
        "trainable": "lora",
        "bf16": True,
    }
    first = trainer_in(tmp_path, save_at=(5,), **settings)
    first.train()
    resumed = trainer_in(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert different(resumed.model.state_dict(), first.model.state_dict()) == []
    assert history(resumed) == history(first)
    kept = [entry["pseudo_kept"] for entry in history(first) if "pseudo_kept" in entry]
    assert len(kept) == 4 and max(kept) < 1


def test_labels_come_from_the_classifier_after_the_first_epoch_with_clusters(tmp_path):
    trainer = trainer_in(tmp_path, rules=PseudoLabelRules(label_source="head"), targets={"pretraining_epochs": 0})
    trainer.args.num_train_epochs = 1
    trainer.train()
    trainer.begin_epoch(1)
    with torch.no_grad():
        trainer.model.novel_classifier.weight.zero_()
        trainer.model.novel_classifier.bias.copy_(torch.tensor([0.0, 1.0]))
    trainer.begin_epoch(2)
    rows = [row for row, instance in enumerate(ROWS) if not instance["relations"]]
    assert trainer.targets.columns(torch.tensor(rows))["pseudo_labels"].tolist() == [1] * len(rows)


def nearest_direction(h, groups):
    """The group towards whose mean a row points, seen from the mean of all rows."""
    center = h.mean(axis=0)
    means = np.stack([h[groups == group].mean(axis=0) - center for group in range(groups.max() + 1)])
    return ((h - center) @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)


@pytest.mark.parametrize("incremental", [False, True])
def test_classifiers_can_start_at_the_clusters_and_relations(tmp_path, incremental):
    targets = {"pretraining_epochs": 0, "start_classifiers": True, "sharpness": 30.0}
    rules = PseudoLabelRules(space="pooled")
    trainer = trainer_in(tmp_path, rules=rules, targets=targets, config={"incremental": incremental})
    trainer.begin_epoch(0)
    model = trainer.plain_model.eval()
    rows = [row for row, instance in enumerate(ROWS) if not instance["relations"]]
    clusters = trainer.targets.columns(torch.tensor(rows))["pseudo_labels"]
    with torch.no_grad():
        found = model(**trainer.processing_class([ROWS[row] for row in rows]))
        everything = model(**trainer.processing_class(ROWS))
    labels = torch.tensor(trainer.dataset.labels)
    if incremental:
        labels[rows] = clusters + len(NAMES) - 1
    kept = labels >= 0
    pooled = trainer.embed_rows(features=lambda model: PairRepresentations(model, model.config.pooled_layer))
    expected = nearest_direction(pooled[kept], labels[kept].numpy())
    assert (everything.known_logits.argmax(dim=1)[kept].numpy() == expected).mean() > 0.9
    expected = nearest_direction(pooled[rows], clusters.numpy())
    assert (found.novel_logits.argmax(dim=1).numpy() == expected).mean() > 0.9
    before = {name: value.clone() for name, value in model.novel_classifier.state_dict().items()}
    trainer.begin_epoch(1)  # later epochs leave them alone
    assert different(model.novel_classifier.state_dict(), before) == []


def test_evaluations_give_the_criteria_that_were_asked_for(tmp_path):
    trainer = trainer_in(
        tmp_path,
        targets={"pretraining_epochs": 1, "score_agreement": True, "gold": GOLD, "score_gold": True},
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="agreement",
    )
    trainer.train()
    scores = [entry for entry in history(trainer) if "eval_agreement" in entry]
    assert [entry["epoch"] for entry in scores] == [1, 2, 3, 4]
    assert scores[0]["eval_agreement"] == scores[0]["eval_gold_bcubed_f1"] == 0  # the classifier is untrained
    assert all(0 < entry["eval_agreement"] <= 1 for entry in scores[1:])
    assert trainer.state.best_metric == max(entry["eval_agreement"] for entry in scores)
    assert "eval_bcubed_f1" not in scores[0]  # there are no held-out relations
    # By hand, with the model that was kept.
    metrics = trainer.evaluate()
    rows = [row for row, instance in enumerate(ROWS) if not instance["relations"]]
    batch = trainer.processing_class([ROWS[row] for row in rows])
    with torch.no_grad():
        predicted = trainer.model.eval()(**batch).novel_logits.argmax(dim=1)
    expected = bcubed([GOLD[row] for row in rows], predicted.numpy())["bcubed_f1"]
    assert metrics["eval_gold_bcubed_f1"] == pytest.approx(expected)


def test_a_representation_that_is_not_finite_names_epoch_and_instances(tmp_path):
    trainer = trainer_in(tmp_path, targets={"pretraining_epochs": 0, "fixed_pretraining_epochs": 0})
    with torch.no_grad():
        trainer.plain_model.backbone.encoder.layer[1].output.dense.bias[0] = float("inf")
    unit = trainer.targets
    with pytest.raises(
        TrainingError, match=r"The targets of epoch 0 \(from 0\) cannot be made: .*instances: "
    ) as caught:
        trainer.train()
    assert len(caught.value.instance_ids) == len(ROWS) and unit._clusters is None


@pytest.mark.parametrize(
    "labels, clusters, settings, message",
    [
        ([0, 1, -100], 2, {}, "There are 1 unlabelled rows for 2 novel relations"),
        ([-100] * 4, 2, {}, "There is no labelled row"),
        ([0, 1, -100, -100], 0, {}, "`num_clusters` must be an integer of at least 1"),
        ([0, 1, -100, -100], 2, {"pretraining_epochs": -1}, "`pretraining_epochs` must be"),
        ([0, 1, -100, -100], 2, {"centroid_rows": 0}, "`centroid_rows` must be"),
        ([0, 1, -100, -100], 2, {"gold": ["a"]}, "4 rows, 1 relations"),
        ([0, 1, -100, -100], 2, {"score_gold": True}, "`score_gold` needs `gold`"),
    ],
)
def test_what_cannot_be_is_refused(labels, clusters, settings, message):
    with pytest.raises(UsageError, match=message):
        PseudoLabels(labels, clusters, **settings)


def work(folder):
    settings = {"targets": {"pretraining_epochs": 1, "score_agreement": True}, "num_train_epochs": 3}
    whole = trainer_in(folder / "run", save_at=(3,), **settings)
    whole.train()
    rank = whole.args.process_index
    whole.accelerator.wait_for_everyone()
    resumed = trainer_in(folder / "run", **settings)
    resumed.train(resume_from_checkpoint=True)
    for name, trainer in (("whole", whole), ("resumed", resumed)):
        save_file({key: v.contiguous() for key, v in trainer.model.state_dict().items()}, folder / f"{name}-{rank}")
    seen = {
        "labels": whole.targets.state()["pseudo_labels"].tolist(),
        "whole": history(whole),
        "resumed": history(resumed),
        "scores": whole.targets.scores(whole),
        "steps": whole.state.global_step,
    }
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))


@pytest.mark.slow
def test_two_processes_have_the_same_pseudo_labels_and_weights(tmp_path):
    tiny_tokenizer("bert")  # trained here, before the processes part ways
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    expected = load_file(tmp_path / "whole-0")
    for name in ("whole-1", "resumed-0", "resumed-1"):
        assert different(load_file(tmp_path / name), expected) == []
    assert first["labels"] == second["labels"] and first["scores"] == second["scores"]
    assert first["whole"] == first["resumed"]
    unlabelled = sum(not row["relations"] for row in ROWS)
    assert first["steps"] == 3 * (-(-unlabelled // 4) // 2)  # half of the batches each
