"""MultiTaskTrainer: it learns all tasks, scores each, resumes to the same bits, in one and in two processes."""

import json

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from scipy import stats

from hf_relation.errors import InvalidRowError, TrainingError, UsageError
from hf_relation.training import MultiTaskCollator, MultiTaskDataset, MultiTaskTrainer, RelationTrainingArguments
from hf_relation.training.multitask_evaluation import main_score, predict_rows, score_task
from tests.common.tiny_models import TASKS, task_rows, tiny_multitask
from tests.common.tiny_tokenizers import tiny_tokenizer


@pytest.fixture(autouse=True, scope="module")
def same_tokenizer_everywhere():
    tiny_tokenizer("bert")  # trained here, before the processes part ways


def trainer_in(folder, tasks=tuple(TASKS), mixing="proportional", **settings):
    model, tokenizer = tiny_multitask(text_embedding="mean")
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        eval_dtype="float32",
        dataloader_pin_memory=False,
        metric_for_best_model="score",
        **({"save_strategy": "no", "max_steps": 6, "learning_rate": 1e-3, "lr_scheduler_type": "constant"} | settings),
    )
    rows = MultiTaskDataset({task: task_rows(tokenizer, task) for task in tasks}, model.config)
    return MultiTaskTrainer(model, args, tokenizer, rows, rows, batch_size=4, mixing=mixing)


def weights(trainer):
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()])


def test_it_learns_all_tasks(tmp_path):
    trainer = trainer_in(tmp_path, max_steps=90, learning_rate=5e-3)
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    names = (
        "topic_accuracy",
        "topic_macro_f1",
        "topic_matthews",
        "length_pearson",
        "length_spearman",
        "words_span_f1",
    )
    assert all(f"eval_{name}" in before for name in names)
    assert after["eval_score"] > max(0.8, before["eval_score"])
    main = (after["eval_topic_accuracy"], after["eval_length_pearson"], after["eval_words_span_f1"])
    assert after["eval_score"] == pytest.approx(sum(main) / 3)


def test_scores_are_those_of_a_plain_loop(tmp_path):
    trainer = trainer_in(tmp_path)
    found = trainer.predict_tasks(trainer.eval_dataset)
    model = trainer.model.eval()
    for task in trainer.eval_dataset.tasks:
        rows = trainer.eval_dataset.of_task(task.name)
        for row, predicted in zip(rows, found[task.name], strict=True):
            with torch.inference_mode():
                logits = model(torch.tensor([row["input_ids"]]), task=task.name).logits[0]
            if task.kind == "regression":
                assert predicted == pytest.approx(logits.item(), abs=1e-5)
            else:
                assert predicted == logits.argmax(-1).tolist()
    metrics = trainer.evaluate()
    gold = [row["labels"] for row in trainer.eval_dataset.of_task("length")]
    assert metrics["eval_length_spearman"] == pytest.approx(stats.spearmanr(gold, found["length"]).statistic)


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path):
    whole = trainer_in(tmp_path / "whole", ema_decay=0.5, save_strategy="steps", save_steps=4)
    whole.train()
    again = trainer_in(tmp_path / "again", ema_decay=0.5)
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    assert torch.equal(weights(whole), weights(again))


def test_adapters_are_merged_and_the_heads_train_in_full(tmp_path):
    trainer = trainer_in(tmp_path, trainable="lora", lora_r=2)
    before = {name: weight.clone() for name, weight in tiny_multitask(text_embedding="mean")[0].named_parameters()}
    trainer.train()
    after = dict(trainer.model.named_parameters())
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {f"heads.linears.{number}.weight" for number in range(3)} < changed
    assert "backbone.encoder.layer.0.attention.self.query.weight" in changed
    assert "backbone.embeddings.word_embeddings.weight" not in changed


def test_mixing_reaches_the_sampler(tmp_path):
    trainer = trainer_in(tmp_path, mixing=[0, 1, 0])
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    moved = {
        name.split(".")[2]
        for name, weight in trainer.model.named_parameters()
        if name.startswith("heads.") and not torch.equal(weight, before[name])
    }
    assert moved == {"1"}  # "topic", the second by name


def test_a_loss_that_is_not_finite_stops_the_run_and_names_rows(tmp_path):
    trainer = trainer_in(tmp_path, tasks=("topic",))
    with torch.no_grad():
        trainer.model.heads.linears[1].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="topic-"):
        trainer.train()


def test_spans_are_scored_where_labels_are_those_of_spans():
    model, _ = tiny_multitask()
    words = model.config.task("words")
    gold, predicted = [[-100, 1, 2, 0], [1, 0, -100, -100]], [[0, 1, 2, 0], [0, 0, 1, 1]]
    scores = score_task(words, gold, predicted)
    assert scores["accuracy"] == 4 / 5 and main_score(words, scores) == scores["span_f1"] == pytest.approx(2 / 3)
    tags = model.config.task("words")._replace(labels=("NOUN", "VERB", "X"))
    assert main_score(tags, score_task(tags, gold, predicted)) == 4 / 5
    with pytest.raises(UsageError, match="no labelled row"):
        score_task(words, [[-100]], [[1]])
    constant = score_task(model.config.task("length"), [1.0, 1.0], [0.5, 0.25])
    assert constant["pearson"] == constant["spearman"] == 0.0


def test_rows_are_padded_on_the_side_of_the_tokenizer():
    model, tokenizer = tiny_multitask()
    rows = [{"input_ids": [5, 6], "labels": [0, 1]}, {"input_ids": [7], "labels": [2], "token_type_ids": [1]}]
    dataset = MultiTaskDataset({"words": [rows[0] | {"token_type_ids": [0, 1]}, rows[1]]}, model.config)
    collator = MultiTaskCollator(tokenizer, model.config)
    batch = collator([dataset[0], dataset[1]])
    pad = tokenizer.pad_token_id
    assert batch["input_ids"].tolist() == [[5, 6], [7, pad]] and batch["labels"].tolist() == [[0, 1], [2, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]] and batch["token_type_ids"].tolist() == [
        [0, 1],
        [1, 0],
    ]
    collator.left = True
    assert collator([dataset[0], dataset[1]])["labels"].tolist() == [[0, 1], [-100, 2]]
    one, other = predict_rows(model, [dataset[0], dataset[1]], collator)
    assert len(one) == 2 and len(other) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input_ids": [1]}, "needs `input_ids` and `labels`"),
        ({"input_ids": [], "labels": 0}, "empty"),
        ({"input_ids": [1], "labels": 3}, "from 0 to 2"),
        ({"input_ids": [1], "labels": "river"}, "integers"),
        ({"input_ids": [1], "labels": 0, "token_type_ids": [0, 0]}, "token_type_ids"),
    ],
)
def test_bad_rows_are_told(row, message):
    config = tiny_multitask()[0].config
    with pytest.raises(InvalidRowError, match=message) as caught:
        MultiTaskDataset({"topic": [{"input_ids": [1], "labels": 0}, row]}, config)
    assert caught.value.index == 1


def test_other_bad_data_is_told(tmp_path):
    model, tokenizer = tiny_multitask()
    config = model.config
    for rows, message in (({}, "at least one task"), ({"topic": []}, "no rows"), ({"x": [{}]}, "no task 'x'")):
        with pytest.raises(UsageError, match=message):
            MultiTaskDataset(rows, config)
    for row, message in (
        ({"input_ids": [1], "labels": float("nan")}, "finite"),
        ({"input_ids": [1], "labels": True}, "finite"),
    ):
        with pytest.raises(InvalidRowError, match=message):
            MultiTaskDataset({"length": [row]}, config)
    with pytest.raises(InvalidRowError, match="one integer for each of 2"):
        MultiTaskDataset({"words": [{"input_ids": [1, 2], "labels": [0]}]}, config)
    with pytest.raises(UsageError, match="one task"):
        MultiTaskCollator(tokenizer, config)([{"task": 0}, {"task": 1}])
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    with pytest.raises(UsageError, match="train_dataset"):
        MultiTaskTrainer(model, args, tokenizer, None)


def work(folder):
    trainer = trainer_in(folder / "run")
    trainer.train()
    rank = trainer.args.process_index
    found = {
        "world": trainer.args.world_size,
        "weights": weights(trainer).double().sum().item(),
        "score": trainer.evaluate()["eval_score"],
        "first": trainer.predict_tasks(trainer.eval_dataset)["length"],
    }
    trainer.accelerator.wait_for_everyone()
    (folder / f"{rank}.json").write_text(json.dumps(found))


@pytest.mark.slow
def test_two_processes_train_the_same_weights_on_different_tasks(tmp_path):
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert one["world"] == 2 and one["weights"] == other["weights"] and one["first"] == other["first"]
    assert one["score"] == other["score"] and len(one["first"]) == 12 and np.isfinite(one["first"]).all()
