"""The CNN encoder against slow loops, its settings, its start from words, vectors and word pieces, and MORE over it."""

import logging

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModel, AutoProcessor, BertConfig, BertModel

from hf_relation.data import WordVectors
from hf_relation.errors import UsageError
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.relation_cnn import (
    RelationCNNConfig,
    RelationCNNModel,
    cnn_from_encoder,
    cnn_from_word_vectors,
    cnn_from_words,
)
from hf_relation.models.relation_cnn.modeling_relation_cnn import position_indices
from hf_relation.processing import RelationProcessor, count_words
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


SIZES = {"vocab_size": 20, "word_embedding_dim": 6, "position_embedding_dim": 3, "hidden_size": 8, "max_distance": 4}


def make_model(seed=0, **changes):
    torch.manual_seed(seed)
    return RelationCNNModel(RelationCNNConfig(**(SIZES | changes))).eval()


def make_batch():
    """Three rows of different lengths, one padded on both sides."""
    ids = torch.tensor([[3, 4, 5, 6, 7, 8, 9], [5, 3, 3, 10, 0, 0, 0], [0, 11, 12, 13, 14, 15, 0]])
    tokens = torch.tensor([[1] * 7, [1, 1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]])
    head = torch.tensor([[0, 0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]])
    tail = torch.tensor([[0, 0, 0, 0, 0, 0, 1], [0, 0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]])
    return {"input_ids": ids, "attention_mask": tokens, "head_token_mask": head, "tail_token_mask": tail}


def slow_forward(model, batch):
    """The encoder by loops over rows, tokens and filters, from its weights alone."""
    state = {name: value.double().numpy() for name, value in model.state_dict().items()}
    config = model.config
    half = config.kernel_size // 2
    rows = []
    for ids, tokens, head, tail in zip(*(batch[key].tolist() for key in batch), strict=True):
        inputs = []
        for t, token in enumerate(tokens):
            if not token:
                inputs.append(np.zeros(config.word_embedding_dim + 2 * config.position_embedding_dim))
                continue
            parts = [state["word_embeddings.weight"][ids[t]]]
            for name, mention in (("head", head), ("tail", tail)):
                places = [i for i, flag in enumerate(mention) if flag]
                distance = min((t - place for place in places), key=abs)
                distance = max(-config.max_distance, min(config.max_distance, distance))
                row = distance + config.max_distance + 1
                parts.append(state[f"{name}_position_embeddings.weight"][row])
            inputs.append(np.concatenate(parts))
        states = []
        for t, token in enumerate(tokens):
            value = state["convolution.bias"].copy()
            for k in range(config.kernel_size):
                if 0 <= t + k - half < len(tokens):
                    value += state["convolution.weight"][:, :, k] @ inputs[t + k - half]
            states.append(np.maximum(value, 0) if token else np.zeros(config.hidden_size))
        rows.append(states)
    return torch.tensor(np.array(rows))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_forward_is_that_of_slow_loops(kernel_size):
    model, batch = make_model(kernel_size=kernel_size), make_batch()
    torch.nn.init.normal_(model.convolution.bias)
    hidden = model(**batch).last_hidden_state
    torch.testing.assert_close(hidden.double(), slow_forward(model, batch), rtol=1e-5, atol=1e-5)


def test_distances_by_hand():
    mention = torch.tensor([[0, 0, 0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]])
    tokens = torch.tensor([[1] * 8, [1, 1, 1, 1, 1, 0, 0, 0], [1] * 8]).bool()
    # distance + max_distance + 1, clipped at 2; 0 for padding; a row without mention is 0 throughout
    expected = [[1, 1, 2, 3, 3, 4, 5, 5], [3, 4, 5, 5, 5, 0, 0, 0], [0] * 8]
    assert position_indices(mention, tokens, 2).tolist() == expected
    for dtype in (torch.bool, torch.float32):
        assert position_indices(mention.to(dtype), tokens, 2).tolist() == expected


def test_padding_on_either_side_changes_nothing():
    model = make_model()
    row = {key: value[:1] for key, value in make_batch().items()}
    alone = model(**row).last_hidden_state
    for left, right in ((0, 5), (5, 0), (2, 3)):
        padded = {key: torch.nn.functional.pad(value, (left, right)) for key, value in row.items()}
        hidden = model(**padded).last_hidden_state
        torch.testing.assert_close(hidden[:, left : left + 7], alone, rtol=0, atol=1e-6)
        assert hidden[:, :left].abs().sum() == 0 and hidden[:, left + 7 :].abs().sum() == 0


def test_ids_under_padding_do_not_matter_and_a_missing_mask_means_no_padding():
    model, batch = make_model(), make_batch()
    other = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, 17)
    assert torch.equal(model(**batch).last_hidden_state, model(**(batch | {"input_ids": other})).last_hidden_state)
    first = {key: value[:1] for key, value in batch.items()}
    without = {key: value for key, value in first.items() if key != "attention_mask"}
    assert torch.equal(model(**first).last_hidden_state, model(**without).last_hidden_state)


def test_word_embeddings_may_be_given_and_get_a_gradient():
    model, batch = make_model(), make_batch()
    embeds = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    rest = {key: value for key, value in batch.items() if key != "input_ids"}
    hidden = model(inputs_embeds=embeds, **rest).last_hidden_state
    assert torch.equal(hidden, model(**batch).last_hidden_state)
    hidden.sum().backward()
    of_token = embeds.grad.abs().sum(-1) > 0
    assert torch.equal(of_token, batch["attention_mask"].bool())


def test_a_row_without_mention_is_finite_and_without_positions():
    model, batch = make_model(), make_batch()
    batch["head_token_mask"][0] = 0
    hidden = model(**batch).last_hidden_state
    assert torch.isfinite(hidden).all()
    before = hidden[0].clone()
    with torch.no_grad():
        model.head_position_embeddings.weight[1:] += 1.0
    torch.testing.assert_close(model(**batch).last_hidden_state[0], before, rtol=0, atol=0)


def test_both_positions_matter_and_have_tables_of_their_own():
    model, batch = make_model(), make_batch()
    swapped = batch | {"head_token_mask": batch["tail_token_mask"], "tail_token_mask": batch["head_token_mask"]}
    assert not torch.allclose(model(**batch).last_hidden_state, model(**swapped).last_hidden_state)


def test_dropout_is_of_the_word_embeddings_only():
    model, batch = make_model(dropout=0.9).train(), make_batch()
    with torch.no_grad():
        model.word_embeddings.weight.zero_()
    one, two = model(**batch).last_hidden_state, model(**batch).last_hidden_state
    assert torch.equal(one, two) and one.abs().sum() > 0


def test_padding_rows_start_at_zero_and_stay_there():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(**batch).last_hidden_state.sum().backward()
    optimizer.step()
    for table in (model.word_embeddings, model.head_position_embeddings, model.tail_position_embeddings):
        assert table.weight[0].abs().sum() == 0 and table.weight[1:].abs().sum() > 0


@pytest.mark.parametrize("missing", ["head_token_mask", "tail_token_mask"])
def test_a_missing_mention_mask_is_an_error_that_says_what_to_do(missing):
    batch = {key: value for key, value in make_batch().items() if key != missing}
    with pytest.raises(UsageError, match=f"`{missing}`.*RelationProcessor"):
        make_model()(**batch)


def test_ids_and_embeddings_together_or_neither_are_an_error():
    batch = make_batch()
    rest = {key: value for key, value in batch.items() if key != "input_ids"}
    with pytest.raises(UsageError, match="either"):
        make_model()(**rest)
    with pytest.raises(UsageError, match="either"):
        make_model()(inputs_embeds=torch.zeros(3, 7, 6), **batch)


def test_states_below_the_convolution_are_refused():
    with pytest.raises(UsageError, match="one layer"):
        make_model()(**make_batch(), output_hidden_states=True)
    config = MOREConfig(backbone_config={"model_type": "relation_cnn"} | SIZES, pooling=["sentence_max"], layer=0)
    batch = make_batch()
    with pytest.raises(UsageError, match="layer=-1"):
        MOREModel(config)(**batch)
    config = MOREConfig(backbone_config={"model_type": "relation_cnn"} | SIZES, pooling=["sentence_max"], layer=1)
    assert MOREModel(config)(**batch).embeddings.shape == (3, 64)


def test_tuple_output():
    model, batch = make_model(), make_batch()
    plain = model(**batch, return_dict=False)
    assert isinstance(plain, tuple) and torch.equal(plain[0], model(**batch).last_hidden_state)


def test_saved_and_loaded_by_the_auto_classes_it_is_the_same(tmp_path):
    model, batch = make_model(word_vectors="text file: mine.txt (18 words, 6)"), make_batch()
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert type(again) is RelationCNNModel
    assert AutoConfig.from_pretrained(tmp_path).word_vectors == "text file: mine.txt (18 words, 6)"
    assert torch.equal(again(**batch).last_hidden_state, model(**batch).last_hidden_state)
    assert not dict(model.named_buffers()) and set(again.state_dict()) == set(model.state_dict())


def test_more_starts_from_a_saved_cnn(tmp_path):
    model, batch = make_model(), make_batch()
    model.save_pretrained(tmp_path)
    more = MOREModel.from_backbone(tmp_path, pooling=["sentence_max"], projection_dim=None).eval()
    pooled = model(**batch).last_hidden_state.amax(dim=1)
    torch.testing.assert_close(more(**batch).embeddings, torch.nn.functional.normalize(pooled, dim=1))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"vocab_size": 0}, "vocab_size"),
        ({"vocab_size": 10**9}, "vocab_size"),
        ({"word_embedding_dim": 0}, "word_embedding_dim"),
        ({"position_embedding_dim": 0}, "position_embedding_dim"),
        ({"max_distance": 0}, "max_distance"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"kernel_size": 4}, "kernel_size.*odd"),
        ({"kernel_size": 103}, "kernel_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"num_hidden_layers": 2}, "num_hidden_layers"),
        ({"pad_token_id": 20}, "pad_token_id"),
        ({"initializer_range": 0.0}, "initializer_range"),
        ({"word_vectors": "two\nlines"}, "word_vectors"),
        ({"word_vectors": "x" * 301}, "word_vectors"),
        ({"hidden_size": "230"}, "hidden_size.*expected int"),
        ({"vocab_size": True}, "vocab_size.*expected int"),
        ({"word_vectors": None}, "word_vectors.*expected str"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises((UsageError, StrictDataclassError), match=message):
        RelationCNNConfig(**(SIZES | settings))


def test_settings_of_a_nested_cnn_are_checked_as_untrusted():
    backbone = {"model_type": "relation_cnn", "auto_map": {"AutoModel": "evil/repo--m.M"}} | SIZES
    assert "evil" not in str(MOREConfig(backbone_config=backbone).to_dict())
    with pytest.raises(UsageError, match="kernel_size"):
        MOREConfig(backbone_config=backbone | {"kernel_size": 2})
    with pytest.raises(UsageError, match="hidden_size"):
        MOREConfig(backbone_config=backbone | {"hidden_size": 10**12})


VECTORS = WordVectors(
    ["river", "sea", "."], np.arange(12, dtype=np.float32).reshape(3, 4), name="/home/somebody/mine.txt"
)


def test_vectors_of_a_file_become_rows_padding_is_zero_unknown_the_mean():
    model, tokenizer = cnn_from_word_vectors(VECTORS, seed=0, hidden_size=8)
    table = model.get_input_embeddings().weight
    np.testing.assert_array_equal(table[2:].detach().numpy(), VECTORS.vectors)
    assert table[0].tolist() == [0, 0, 0, 0] and table[1].tolist() == [4, 5, 6, 7]
    assert tokenizer("The River.").input_ids == [1, 2, 4]
    assert (model.config.vocab_size, model.config.word_embedding_dim, model.config.pad_token_id) == (5, 4, 0)
    assert model.config.word_vectors == "text file: mine.txt (3 words, 4)"


def test_learned_words_start_at_random_with_a_zero_row_for_padding():
    model, _ = cnn_from_words([f"w{i}" for i in range(500)], seed=0, word_embedding_dim=12, initializer_range=0.3)
    table = model.get_input_embeddings().weight
    assert table.shape == (502, 12) and table[0].abs().sum() == 0
    assert abs(table[1:].std().item() - 0.3) < 0.02 and model.config.word_vectors == "learned"


@pytest.mark.parametrize("make", [cnn_from_words, cnn_from_word_vectors])
def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(make):
    words = VECTORS if make is cnn_from_word_vectors else VECTORS.words
    before = torch.get_rng_state()
    one, two, other = (make(words, seed=seed)[0].state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["convolution.weight"], other["convolution.weight"])


@pytest.mark.parametrize("field", ["vocab_size", "word_embedding_dim", "pad_token_id", "word_vectors"])
def test_what_the_vectors_say_cannot_be_set_as_well(field):
    with pytest.raises(UsageError, match=f"`{field}`"):
        cnn_from_word_vectors(VECTORS, seed=0, **{field: 4})


@pytest.fixture(params=["bert", "roberta"])
def encoder(request, tmp_path):
    tokenizer = tiny_tokenizer(request.param)
    settings = tiny_backbone("bert", len(tokenizer), pad_token_id=tokenizer.pad_token_id)
    settings.pop("model_type")
    torch.manual_seed(0)
    model = BertModel(BertConfig(**settings))
    folder = tmp_path / "small-encoder"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, tokenizer, model.get_input_embeddings().weight.detach()


def test_word_pieces_of_an_encoder_are_scaled_rows_of_its_table(encoder):
    folder, tokenizer, table = encoder
    model, its_tokenizer = cnn_from_encoder(folder, seed=0)
    rows = model.get_input_embeddings().weight.detach()
    pad = tokenizer.pad_token_id
    assert rows[pad].abs().sum() == 0 and model.config.pad_token_id == pad
    others = torch.arange(len(table)) != pad
    ratio = rows[others] / table[others]
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio), rtol=1e-4, atol=0)
    assert abs(rows[others].square().mean().sqrt().item() - 0.4) < 0.002
    assert model.config.word_vectors == f"word-piece table of small-encoder ({len(table)} pieces, 32)"
    texts = [row["text"] for row in sample_instances(6)]
    assert its_tokenizer(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert str(folder.parent) not in model.config.to_json_string()
    named = cnn_from_encoder(folder, seed=0, name="user/repo", word_embedding_dim=5)[0].config.word_vectors
    assert named == f"word-piece table of user/repo ({len(table)} pieces, 32 reduced to 5)"


def test_word_pieces_reduced_keep_the_distances_that_an_svd_keeps(encoder):
    folder, tokenizer, table = encoder
    rows = cnn_from_encoder(folder, word_embedding_dim=5, seed=0)[0].get_input_embeddings().weight.detach().numpy()
    assert rows.shape == (len(table), 5)
    others = [i for i in range(len(table)) if i != tokenizer.pad_token_id]
    centred = (table - table.mean(dim=0)).double().numpy()
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = (left[:, :5] * values[:5])[others]
    scale = np.linalg.norm(rows[others]) / np.linalg.norm(expected)
    np.testing.assert_allclose(rows[others] @ rows[others].T, scale**2 * expected @ expected.T, atol=1e-3)
    with pytest.raises(UsageError, match="word_embedding_dim"):
        cnn_from_encoder(folder, word_embedding_dim=33, seed=0)


def test_more_over_word_pieces_takes_the_batches_of_their_tokenizer(encoder):
    folder, _, _ = encoder
    cnn, tokenizer = cnn_from_encoder(folder, word_embedding_dim=8, seed=0)
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    model = MOREModel.from_encoder(cnn, processor, pooling=["sentence_max"], projection_dim=16)
    assert model(**processor(sample_instances(6))).embeddings.shape == (6, 16)


def test_a_tokenizer_larger_than_the_table_is_refused(encoder):
    folder, tokenizer, _ = encoder
    tokenizer.add_tokens(["unheard"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(UsageError, match="table of input embeddings"):
        cnn_from_encoder(folder, seed=0)


def test_whole_path_from_texts_to_a_saved_and_loaded_model(tmp_path, caplog):
    rows = sample_instances(20)
    with caplog.at_level(logging.WARNING):
        words = count_words(row["text"] for row in rows)
        cnn, tokenizer = cnn_from_words(words, seed=0, word_embedding_dim=8, hidden_size=16)
        processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
        model = MOREModel.from_encoder(cnn, processor, pooling=["sentence_max"], projection_dim=8).eval()
        model.save_pretrained(tmp_path)
        processor.save_pretrained(tmp_path)
        again, its_processor = AutoModel.from_pretrained(tmp_path).eval(), AutoProcessor.from_pretrained(tmp_path)
    assert not caplog.records
    assert again.config.backbone_config.word_vectors == "learned"
    assert torch.equal(again(**its_processor(rows)).embeddings, model(**processor(rows)).embeddings)


def test_virtual_adversarial_loss_reaches_the_words_through_the_cnn():
    cnn, tokenizer = cnn_from_words(count_words(row["text"] for row in sample_instances(20)), seed=0)
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    model = MOREModel.from_encoder(cnn, processor, pooling=["sentence_max"], adversarial_weight=1.0).train()
    output = model(**processor(sample_instances(12)), labels=torch.arange(12) % 3)
    assert output.adversarial_loss > 0
    output.loss.backward()
    assert model.get_input_embeddings().weight.grad.abs().sum() > 0
