"""What moves: layers, embeddings, adapters."""

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.training import RelationTrainer, RelationTrainingArguments, add_adapters, freeze
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


def trained_names(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def deep_more(layers):
    config = tiny_more("bert")[0].config
    config.backbone_config.num_hidden_layers = layers
    return MOREModel(config)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_last_layers_and_what_lies_above_train(kind):
    model, _ = tiny_more(kind)
    freeze(model, last_layers=1)
    assert {name.split(".encoder.layer.1.")[0] for name in trained_names(model)} == {
        "backbone",
        "projection.weight",
        "projection.bias",
    }
    assert all(".layer.1." in name for name in trained_names(model) if name.startswith("backbone"))


def test_frozen_embeddings_leave_the_rest_to_train():
    model, _ = tiny_more("bert")
    freeze(model, embeddings=True)
    frozen = {name for name, _ in model.named_parameters()} - trained_names(model)
    assert frozen == {"backbone.embeddings.word_embeddings.weight"}


def test_freezing_again_starts_afresh():
    model, _ = tiny_more("bert")
    freeze(model, last_layers=0)
    freeze(model)
    assert len(trained_names(model)) == len(list(model.parameters()))


def test_more_layers_than_there_are_is_an_error():
    model, _ = tiny_more("bert")
    with pytest.raises(UsageError, match="between 0 and 2 for this encoder, got 3"):
        freeze(model, last_layers=3)


def test_layers_are_chosen_by_number_and_never_by_a_part_of_a_name():
    model = deep_more(12)
    freeze(model, layers=[1])
    assert {name.split(".layer.")[1].split(".")[0] for name in trained_names(model) if ".layer." in name} == {"1"}
    freeze(model, layers=[-1, 0])
    assert {name.split(".layer.")[1].split(".")[0] for name in trained_names(model) if ".layer." in name} == {
        "0",
        "11",
    }
    freeze(model, layers=[])
    assert trained_names(model) == {"projection.weight", "projection.bias"}
    with pytest.raises(UsageError, match=r"from 0 to 11 \(or from -12 to -1, counted from the end\), got 12"):
        freeze(model, layers=[3, 12])


def test_training_with_chosen_layers_needs_their_numbers(tmp_path):
    model, processor = tiny_more("bert")
    settings = {"output_dir": str(tmp_path), "use_cpu": True, "trainable": "layers"}
    with pytest.raises(UsageError, match="`trainable='layers'` needs `trained_layers`"):
        RelationTrainer(model, RelationTrainingArguments(**settings), processor, sample_instances(6))
    args = RelationTrainingArguments(**settings, trained_layers=[0])
    trainer = RelationTrainer(model, args, processor, sample_instances(6))
    assert all(".layer.0." in name for name in trained_names(trainer.model) if name.startswith("backbone"))


def test_nothing_to_train_is_an_error():
    model, _ = tiny_more("bert", projection_dim=None)
    with pytest.raises(UsageError, match="Nothing is left to train"):
        freeze(model, last_layers=0, embeddings=True)


def test_adapters_sit_on_the_layers_alone_and_start_as_nothing():
    model, processor = tiny_more("bert")
    batch = processor(sample_instances(6))
    with torch.inference_mode():
        before = model(**batch).embeddings
    adapted = add_adapters(model, r=2).eval()
    with torch.inference_mode():
        torch.testing.assert_close(adapted(**batch).embeddings, before)
    names = trained_names(adapted)
    adapters = {name for name in names if "lora_" in name}
    assert all(".encoder.layer." in name for name in adapters)
    assert len(adapters) == 2 * 2 * 6  # A and B, two layers, six linear maps in each
    assert {name.split(".modules_to_save")[0] for name in names - adapters} == {"base_model.model.projection"}


def test_adapters_on_chosen_layers_and_unknown_names():
    model, _ = tiny_more("bert")
    adapted = add_adapters(model, r=2, target_modules=["query", "value"])
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in trained_names(adapted) if "lora_" in name} == {
        "query",
        "value",
    }
    with pytest.raises(UsageError, match="q_lin"):
        add_adapters(tiny_more("bert")[0], target_modules=["query", "q_lin"])


def test_a_head_that_is_called_as_layers_of_the_encoder_is_refused():
    model, _ = tiny_more("bert")
    model.dense = torch.nn.Linear(2, 2)  # the end of a name of every layer of BERT
    with pytest.raises(UsageError, match="a head 'dense', by whose name adapters would take 'backbone.*dense'"):
        add_adapters(model, r=2)


def trained(tmp_path, **settings):
    model, processor = tiny_more("bert", loss="sup_con")
    start = {name: value.clone() for name, value in model.state_dict().items()}
    args = RelationTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=3,
        instances_per_class=4,
        learning_rate=1e-2,
        max_steps=3,
        save_strategy="no",
        dataloader_pin_memory=False,
        **settings,
    )
    trainer = RelationTrainer(model, args, processor, train_dataset=sample_instances(12))
    trainer.train()
    return trainer, start


def moved(trainer, start):
    return {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, start[name])}


def test_merged_adapters_are_a_plain_model_with_marker_rows_that_moved(tmp_path):
    trainer, start = trained(tmp_path, trainable="lora", lora_r=2)
    assert type(trainer.model) is MOREModel
    changed = moved(trainer, start)
    table = "backbone.embeddings.word_embeddings.weight"
    assert table in changed and "projection.weight" in changed
    assert not any("LayerNorm" in name or "pooler" in name for name in changed)
    rows = (trainer.model.state_dict()[table] != start[table]).any(dim=1).nonzero().flatten().tolist()
    markers = trainer.processing_class.tokenizer.convert_tokens_to_ids(["[E1]", "[/E1]", "[E2]", "[/E2]"])
    assert set(rows) <= set(markers) and rows
    trainer.save_model(str(tmp_path / "model"))
    reloaded = MOREModel.from_pretrained(tmp_path / "model")
    assert all(torch.equal(value, trainer.model.state_dict()[name]) for name, value in reloaded.state_dict().items())


def test_a_merged_adapter_changes_layers_by_low_rank(tmp_path):
    trainer, start = trained(tmp_path, trainable="lora", lora_r=2, freeze_embeddings=True)
    state = trainer.model.state_dict()
    assert "backbone.embeddings.word_embeddings.weight" not in moved(trainer, start)
    name = "backbone.encoder.layer.0.attention.self.query.weight"
    update = (state[name] - start[name]).double()
    singular = torch.linalg.svdvals(update)
    assert singular[0] > 1e-3 and singular[2] < 1e-5 * singular[0] + 1e-6


def test_the_adapter_is_saved_beside_on_request(tmp_path):
    trained(tmp_path, trainable="lora", lora_r=2, save_adapter=True)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_averaging_with_the_start_halves_the_merged_update(tmp_path):
    whole, start = trained(tmp_path / "a", trainable="lora", lora_r=2)
    half, _ = trained(tmp_path / "b", trainable="lora", lora_r=2, base_weight_average=0.5)
    for name, value in whole.model.state_dict().items():
        expected = start[name] + 0.5 * (value - start[name])
        torch.testing.assert_close(half.model.state_dict()[name], expected, atol=1e-6, rtol=1e-5, msg=name)


def test_only_the_last_layer_moves(tmp_path):
    trainer, start = trained(tmp_path, trainable="last_n", trainable_layers=1)
    assert {name.split(".layer.")[-1][0] if ".layer." in name else name for name in moved(trainer, start)} == {
        "1",
        "projection.weight",
        "projection.bias",
    }


@pytest.mark.parametrize("trainable", ["full", "lora"])
def test_what_lies_outside_the_encoder_has_a_learning_rate_of_its_own(tmp_path, trainable):
    model, processor = tiny_more("bert")
    args = RelationTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        disable_tqdm=True,
        trainable=trainable,
        learning_rate=1e-4,
        head_learning_rate=0.05,
        weight_decay=0.1,
        classes_per_batch=2,
        instances_per_class=2,
        max_steps=2,
        lr_scheduler_type="linear",
        save_strategy="no",
        dataloader_pin_memory=False,
    )
    trainer = RelationTrainer(model, args, processor, sample_instances(12))
    optimizer = trainer.create_optimizer()
    rates = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    trained = {name: weight for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    assert len(rates) == len(trained)
    for name, weight in trained.items():
        assert rates[id(weight)] == (0.05 if "projection" in name else 1e-4), name
        if "projection" in name:
            assert decays[id(weight)] == (0.0 if name.endswith("bias") else 0.1)
    trainer.train()
    assert sorted({group["lr"] for group in trainer.optimizer.param_groups}) == [0]  # the schedule ends at 0 for all
