"""The tagger of KernelRE: only tokens of the text count, spans come out, constraints hold."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_relation.errors import UsageError
from hf_relation.models.kernel_re import EntityTagger, KernelREModel
from hf_relation.processing.bio import TokenSpan, bio_to_spans
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re


LSTM = pytest.mark.parametrize("lstm_dim", [None, 8])


def new_tagger(lstm_dim: int | None = None, types=("PER", "ORG")) -> EntityTagger:
    torch.manual_seed(0)
    tagger = EntityTagger(6, types, lstm_dim=lstm_dim)
    with torch.no_grad():
        for weight in tagger.parameters():
            weight.normal_(std=0.5)
    return tagger.eval()


def spread(values: torch.Tensor, places: list[int], length: int, filler: float) -> torch.Tensor:
    out = torch.full((1, length, *values.shape[2:]), filler, dtype=values.dtype)
    out[:, places] = values
    return out


@LSTM
@pytest.mark.parametrize("places", [[0, 1, 2, 3], [3, 4, 5, 6], [1, 2, 5, 8]])
def test_gaps_and_padding_change_nothing(lstm_dim, places):
    tagger = new_tagger(lstm_dim)
    states, tags = torch.randn(1, 4, 6), torch.tensor([[1, 2, 0, 3]])
    mask = torch.ones(1, 4, dtype=torch.long)
    plain = tagger(states, mask)
    wide = spread(states, places, 9, 50.0)
    wide_mask = spread(mask, places, 9, 0)
    found = tagger(wide, wide_mask)
    torch.testing.assert_close(found[:, places], plain)
    torch.testing.assert_close(tagger.loss(found, spread(tags, places, 9, -100)), tagger.loss(plain, tags))
    assert tagger.decode(found, wide_mask) == tagger.decode(plain, mask)


@LSTM
def test_rows_of_a_batch_are_independent(lstm_dim):
    tagger = new_tagger(lstm_dim)
    states = torch.randn(3, 5, 6)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0]])
    together = tagger(states, mask)
    for row in (0, 2):
        torch.testing.assert_close(
            together[row : row + 1][:, mask[row] == 1],
            tagger(states[row : row + 1][:, mask[row] == 1], torch.ones(1, int(mask[row].sum()))),
        )
    assert torch.isfinite(together).all() and tagger.decode(together, mask)[1] == []


@LSTM
def test_a_batch_without_text_has_a_finite_loss_with_a_gradient(lstm_dim):
    tagger = new_tagger(lstm_dim)
    states = torch.randn(2, 3, 6, requires_grad=True)
    loss = tagger.loss(tagger(states, torch.zeros(2, 3)), torch.full((2, 3), -100))
    loss.backward()
    assert loss.item() == 0 and all(torch.isfinite(weight.grad).all() for weight in tagger.parameters())


def test_decoding_gives_spans_over_text_tokens():
    tagger = new_tagger()
    with torch.no_grad():
        for weight in tagger.crf.parameters():
            weight.zero_()
    assert tagger.labels == ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]
    wanted = [0, 1, 2, 3, 0]
    emissions = 10 * torch.nn.functional.one_hot(torch.tensor([[4, *wanted, 4]]), 5).float()
    mask = torch.tensor([[0, 1, 1, 1, 1, 1, 0]])
    assert tagger.decode(emissions, mask) == [[TokenSpan(1, 3, "PER"), TokenSpan(3, 4, "ORG")]]
    assert tagger.decode(emissions.bfloat16(), mask) == [bio_to_spans(wanted, tagger.labels)]


def test_what_bio_forbids_is_never_decoded():
    tagger = new_tagger()
    emissions = torch.zeros(1, 3, 5)
    emissions[..., 2] = 100.0  # I-PER everywhere: a text cannot begin with it
    emissions[0, 1, 4] = 200.0  # I-ORG after it
    paths = tagger.crf.decode(emissions)
    labels = [tagger.labels[tag] for tag in paths[0]]
    before = ["O", *labels[:-1]]
    assert all(not label.startswith("I-") or last[2:] == label[2:] for last, label in zip(before, labels, strict=True))
    with pytest.raises(ValueError, match="a sequence that is forbidden"):
        tagger.loss(emissions, torch.tensor([[2, 2, 2]]))


@LSTM
def test_missing_weights_are_those_of_a_new_tagger(lstm_dim, tmp_path):
    model, processor = tiny_kernel_re(entity_types=["PER", "ORG"], tagger_lstm_dim=lstm_dim)
    with torch.no_grad():
        for weight in model.tagger.parameters():
            weight.fill_(7.0)
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("tagger.")}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    tagger = KernelREModel.from_pretrained(tmp_path, allow_missing_weights=True).tagger
    assert all(weight.abs().max() == 0 for weight in tagger.crf.parameters())
    for name in ("allowed_transitions", "allowed_starts", "allowed_ends"):
        assert torch.equal(getattr(tagger.crf, name), getattr(model.tagger.crf, name))
    assert 0 < tagger.emit.weight.abs().max() < 1 and tagger.emit.bias.abs().max() == 0
    if lstm_dim is not None:
        assert all(weight.abs().max() < 1 for weight in tagger.lstm.parameters())
        assert all(weight.abs().max() > 0 for name, weight in tagger.lstm.named_parameters() if "weight" in name)


@LSTM
def test_a_model_finds_entities_that_it_has_learned(lstm_dim):
    model, processor = tiny_kernel_re(entity_types=["X"], tagger_lstm_dim=lstm_dim, initializer_range=0.1)
    windows = processor.encode(sample_documents()[:2])
    batch = processor.pad(windows)
    tags = torch.full_like(batch["input_ids"], -100)
    expected = []
    for row, window in enumerate(windows):
        tags[row][batch["text_token_mask"][row] == 1] = 0
        for first, last in window.mention_spans:
            tags[row, first], tags[row, first + 1 : last] = 1, 2
        expected.append(sorted(TokenSpan(first - 1, last - 1, "X") for first, last in window.mention_spans))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        model(**batch, tags=tags).loss.backward()
        optimizer.step()
    output = model(**batch, tags=tags)
    torch.testing.assert_close(output.loss, output.tagger_loss)
    assert model.tagger.decode(output.emissions, batch["text_token_mask"]) == expected


def test_losses_of_both_parts_are_summed_with_the_taggers_weight():
    from tests.common.tiny_documents import labelled_windows

    model, processor = tiny_kernel_re(entity_types=["X"], tagger_weight=0.25)
    batch = labelled_windows(processor, sample_documents(), model.config.relations)
    tags = torch.where(batch["text_token_mask"] == 1, 0, -100)
    output = model(**batch, tags=tags)
    torch.testing.assert_close(output.loss, output.relation_loss + 0.25 * output.tagger_loss)
    plain = model(**{name: value for name, value in batch.items() if name != "labels"})
    assert plain.loss is None and plain.emissions.shape[-1] == 3


@pytest.mark.parametrize("types", [[], ["X", "X"], [""]])
def test_types_that_are_no_names_are_refused(types):
    with pytest.raises(UsageError):
        EntityTagger(6, types)
