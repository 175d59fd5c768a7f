"""MOREModel: the loss it computes, and starting from a plain encoder."""

import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import AutoModel, BertConfig, BertModel

from hf_relation.errors import UsageError
from hf_relation.losses import ranked_list_loss, sup_con_loss
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.processing import RelationProcessor
from tests.common.tiny_models import tiny_backbone, tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("loss, function", [("ranked_list", ranked_list_loss), ("sup_con", sup_con_loss)])
def test_loss_is_the_named_loss_of_the_embeddings(loss, function):
    model, processor = tiny_more(loss=loss, loss_kwargs={"temperature": 5.0})
    output = model(**processor(sample_instances(6)), labels=LABELS)
    torch.testing.assert_close(output.loss, function(output.embeddings, LABELS, temperature=5.0))


def punctuated_tokenizer():
    tokenizer = tiny_tokenizer("bert")
    tokenizer.add_tokens(["#", "@"])
    return tokenizer


@pytest.fixture
def plain_encoder(tmp_path):
    tokenizer = punctuated_tokenizer()
    settings = tiny_backbone("bert", len(tokenizer))
    settings.pop("model_type")
    torch.manual_seed(0)
    BertModel(BertConfig(**settings)).save_pretrained(tmp_path)
    return tmp_path


def test_from_backbone_keeps_the_encoder_and_adds_marker_rows(plain_encoder):
    processor = RelationProcessor(punctuated_tokenizer(), marker_policy="entity")
    model = MOREModel.from_backbone(plain_encoder, processor, projection_dim=None)
    plain = AutoModel.from_pretrained(plain_encoder)
    assert model.config.vocab_size == processor.vocab_size == plain.config.vocab_size + 4
    ours = model.backbone.state_dict()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(ours[name][: len(value)] if value.ndim else ours[name], value, rtol=0, atol=0)
    assert str(plain_encoder) not in model.config.to_json_string()


def test_from_backbone_starts_markers_from_punctuation_where_there_is_some(plain_encoder):
    processor = RelationProcessor(punctuated_tokenizer(), marker_policy="entity")
    table = MOREModel.from_backbone(plain_encoder, processor).get_input_embeddings().weight
    tokenizer = processor.tokenizer
    for marker, character in (("[E1]", "#"), ("[/E2]", "@")):
        source = tokenizer.convert_tokens_to_ids(character)
        assert source != tokenizer.unk_token_id
        torch.testing.assert_close(table[tokenizer.convert_tokens_to_ids(marker)], table[source])


def test_from_backbone_is_seeded_and_leaves_the_global_generator_alone(plain_encoder):
    processor = RelationProcessor(punctuated_tokenizer(), marker_policy="entity")
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one = MOREModel.from_backbone(plain_encoder, processor, projection_dim=8, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    two = MOREModel.from_backbone(plain_encoder, processor, projection_dim=8, seed=3)
    other = MOREModel.from_backbone(plain_encoder, processor, projection_dim=8, seed=4)
    assert torch.equal(one.projection.weight, two.projection.weight)
    assert not torch.equal(one.projection.weight, other.projection.weight)


def test_fault_28_the_settings_of_another_model_are_refused(plain_encoder):
    with pytest.raises(UsageError, match="from_backbone"):
        MOREConfig.from_pretrained(plain_encoder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"projection_dim": "32"},
        {"projection_dim": True},
        {"normalize_blocks": "yes"},
        {"layer": 1.5},
        {"loss_kwargs": [1]},
        {"initializer_range": "x"},
        {"adversarial_weight": "1"},
        {"adversarial_kwargs": "epsilon"},
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_by_name(wrong):
    with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(wrong))):
        MOREConfig(**wrong)
