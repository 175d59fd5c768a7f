"""The card that is on the Hub after a push, with real clients and a local Hub."""

from pathlib import Path

from huggingface_hub import ModelCard

from tests.cards.markdown_reader import split, tables
from tests.hub.children import environment, run_child
from tests.hub.server import running_hub


CODE = """
from pathlib import Path
from huggingface_hub import HfApi, ModelCard
from hf_relation import RelationDiscovery, RelationTrainer, RelationTrainingArguments
from hf_relation.hub import push
from tests.common.tiny_models import tiny_more, tiny_more_cnn
from tests.common.tiny_tokenizers import sample_instances

HAND = "---\\nlicense: mit\\n---\\n# By hand\\n"
read = lambda name: ModelCard.load(name, ignore_metadata_errors=True).content

model, processor = tiny_more()
model.push_to_hub("user/model", tags=["mine"])
first = read("user/model")
processor.push_to_hub("user/model")
model.push_to_hub("user/model")
assert read("user/model") == first, "pushed again, it is the same"
tiny_more_cnn()[0].backbone.push_to_hub("user/cnn")

# A folder that is pushed while it is saved: transformers puts an empty template over the card of the folder.
model.save_pretrained("saved", push_to_hub=True, repo_id="user/saved")
assert Path("saved/README.md").read_text() == read("user/saved")
Path("hand").mkdir()
Path("hand/README.md").write_text(HAND)
model.save_pretrained("hand", push_to_hub=True, repo_id="user/hand")
assert Path("hand/README.md").read_text() == HAND == read("user/hand")

# A card that was finished on the Hub.
HfApi().upload_file(path_or_fileobj=HAND.encode(), path_in_repo="README.md", repo_id="user/model")
model.push_to_hub("user/model")
assert "# By hand" in read("user/model") and "mit" in read("user/model")

# The corpus stays here, and the card does not say that it went along.
rows = sample_instances(20)
discovery = RelationDiscovery(*tiny_more(), num_relations=2, n_init=2).fit(rows)
discovery.save_pretrained("discovery")
assert "all 20 instances of the corpus with their texts" in Path("discovery/README.md").read_text()
push("discovery", "user/discovery")
Path("discovery/README.md").write_text(HAND)
push("discovery", "user/discovery-by-hand")
assert read("user/discovery-by-hand") == HAND

groups = {"held-out": ([row for row in rows if row["relations"] != ["spouse_of"]], [row for row in rows if row["relations"] == ["spouse_of"]]),
          "lora": (rows[:12], rows[12:]), "plain": (rows[:12], None)}
for name, (train, test) in groups.items():
    model, processor = tiny_more(loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=name, use_cpu=True, disable_tqdm=True, classes_per_batch=2, instances_per_class=2, eval_num_seeds=2, eval_n_init=1,
        dataloader_pin_memory=False, max_steps=2, push_to_hub=True, hub_model_id="user/" + name, hub_token="hf_local", report_to=[],
        save_strategy="no", seed=7, eval_strategy="no" if test is None else "steps", eval_steps=1, trainable="lora" if name == "lora" else "full",
    )
    trainer = RelationTrainer(model, args, processor, train_dataset=train, eval_dataset=test)
    trainer.train()
    if test is not None:
        trainer.push_to_hub(dataset="my corpus", license="mit", language="en", finetuned_from="user/encoder", tags="mine")
        print(name, trainer.state.log_history[-2]["eval_bcubed_f1"])
    else:
        trainer.push_to_hub()
Path("plain/README.md").write_text(HAND)
trainer.push_to_hub()
"""


def test_the_card_on_the_hub_is_ours_unless_somebody_wrote_one(tmp_path: Path) -> None:
    with running_hub() as hub:
        output = run_child(CODE, environment(hub, tmp_path)).stdout
        cards = {name: hub.files(name)["README.md"].decode() for kind, name in hub.repositories}
        earlier = [revision for revision in hub.repository("user/plain").commits]
    figures = dict(line.split(" ") for line in output.splitlines() if line.startswith(("held-out", "lora")))
    for name in ("user/cnn", "user/saved"):
        card = ModelCard(cards[name])
        assert card.data.library_name == "hf_relation" and "More Information Needed" not in card.content
    assert "the corpus itself was not saved" in cards["user/discovery"]
    assert "instances of the corpus with their texts" not in cards["user/discovery"]
    assert cards["user/plain"].endswith("# By hand\n") and len(earlier) >= 2

    for name in ("held-out", "lora"):
        card = ModelCard(cards[f"user/{name}"])
        assert card.data.license == "mit" and card.data.base_model == "user/encoder" and "mine" in card.data.tags
        assert (
            card.data.datasets == ["my corpus"]
            and "hf_local" not in card.content
            and str(tmp_path) not in card.content
        )
        scores = {result.metric_type: result for result in card.data.eval_results}
        assert abs(scores["bcubed_f1"].metric_value - float(figures[name])) < 1e-4
        assert {"v_measure", "ari"} <= set(scores) and "num_relations" not in scores
        _, body = split(card.content)
        assert "one training seed (7), after step 2" in body and "mean over 2 seed(s) of k-means" in body
        parts = dict(row for table in tables(body) for row in table if len(row) == 2)
        assert parts["training"] == ("12" if name == "lora" else "15"), name
    held_out, shared = cards["user/held-out"], cards["user/lora"]
    assert "held out for evaluation (1):** spouse\\_of" in held_out and "trained on (3)" in held_out
    assert "my corpus: held-out known relations" in held_out
    # Relations that are in both are not called held out.
    assert "in training and evaluation (3)" in shared and "my corpus: evaluation data" in shared
    assert "spouse" not in held_out.split("trained on (3):**")[1].split("\n")[0]
