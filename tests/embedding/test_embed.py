"""The encoder loop with a tiny MORE model, and with stand-ins that show what the loop does."""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import tracemalloc
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import nn

from hf_relation.embedding import batched_encoder, embed_instances, precision, reading_ahead
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError
from hf_relation.processing import RelationProcessor
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


@functools.cache
def tiny_processor() -> RelationProcessor:
    return RelationProcessor(tiny_tokenizer("bert"))


class Seen(list):
    """What a model and its copies have seen."""

    def __deepcopy__(self, memo):
        return self


class IdSum(nn.Module):
    """Stand-in model: a row's embedding is made of its token ids alone, so that order and padding show."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.batch_shapes: list[tuple[int, int]] = []
        self.dtypes: list[tuple[torch.dtype, bool]] = Seen()
        self.modes: list[tuple[bool, bool]] = []

    def forward(self, input_ids, attention_mask, **columns):
        self.batch_shapes.append(tuple(input_ids.shape))
        self.dtypes.append((self.weight.dtype, torch.is_autocast_enabled("cpu")))
        self.modes.append((self.training, torch.is_inference_mode_enabled()))
        real = input_ids * attention_mask
        return SimpleNamespace(embeddings=torch.stack([real.sum(1), attention_mask.sum(1)], dim=1).float())


def id_sums(processor, instances) -> np.ndarray:
    return np.array([[sum(row.input_ids), row.length] for row in processor.encode(instances)], dtype=np.float32)


# ---------------------------------------------------------------------------------------------- the same rows, always


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_fault_10_rows_agree_with_each_row_alone_for_every_batch_size(kind):
    model, processor = tiny_more(kind)
    instances = sample_instances(20)
    with torch.no_grad():
        alone = torch.cat([model(**processor([instance])).embeddings for instance in instances]).numpy()
    for max_tokens in (1, 100, 333, 100_000):
        embedded = embed_instances(model, processor, instances, max_tokens_per_batch=max_tokens)
        assert embedded.dtype == np.float32
        np.testing.assert_allclose(embedded, alone, atol=1e-5)


def test_fault_10_rows_agree_in_any_order():
    model, processor = tiny_more()
    instances = sample_instances(20)
    expected = embed_instances(model, processor, instances)
    order = np.random.default_rng(0).permutation(20)
    shuffled = embed_instances(model, processor, [instances[i] for i in order], max_tokens_per_batch=200)
    np.testing.assert_allclose(shuffled, expected[order], atol=1e-5)


def test_fault_09_one_row_per_instance_for_every_kind_of_input():
    processor, instances = tiny_processor(), sample_instances(20)
    expected = id_sums(processor, instances)
    inputs = [instances, tuple(instances), iter(instances), (row for row in instances), Dataset.from_list(instances)]
    for given in inputs:
        np.testing.assert_array_equal(embed_instances(IdSum(), processor, given, max_tokens_per_batch=150), expected)


def test_gold_labels_are_not_read():
    model, processor = tiny_more()
    labelled = sample_instances(6)
    bare = [{key: value for key, value in row.items() if key != "relations"} for row in labelled]
    np.testing.assert_array_equal(embed_instances(model, processor, labelled), embed_instances(model, processor, bare))


def test_batches_keep_to_the_budget_and_are_sorted():
    model, processor = IdSum(), tiny_processor()
    embed_instances(model, processor, sample_instances(20), max_tokens_per_batch=160)
    widths = [width for _, width in model.batch_shapes]
    assert widths == sorted(widths, reverse=True) and len(widths) > 2
    assert all(rows * width <= 160 for rows, width in model.batch_shapes)


def test_chunks_do_not_show(monkeypatch):
    processor, instances = tiny_processor(), sample_instances(20)
    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 7)
    np.testing.assert_array_equal(embed_instances(IdSum(), processor, instances), id_sums(processor, instances))


@pytest.mark.parametrize("instances", [[], (), iter([])])
def test_fault_01_no_instances_give_no_rows(instances, tmp_path):
    model, processor = tiny_more()
    assert embed_instances(model, processor, instances).shape == (0, 16)
    assert embed_instances(model, processor, [], out=tmp_path / "none.npy").shape == (0, 16)


# ---------------------------------------------------------------------------------------------- precision


def test_bfloat16_is_close_and_comes_back_as_float32():
    model, processor = tiny_more()
    instances = sample_instances(12)
    exact = embed_instances(model, processor, instances)
    half = embed_instances(model, processor, instances, dtype="bfloat16")
    assert half.dtype == np.float32
    assert not np.array_equal(half, exact)
    np.testing.assert_allclose(half, exact, atol=0.05)


@pytest.mark.parametrize("as_generator", [False, True])
@pytest.mark.parametrize(("threshold", "fast", "half"), [(12, True, True), (13, True, False), (12, False, False)])
def test_auto_is_exact_below_the_threshold_and_where_bfloat16_gains_nothing(
    monkeypatch, as_generator, threshold, fast, half
):
    monkeypatch.setattr(precision, "AUTO_BFLOAT16_ROWS", threshold)
    monkeypatch.setattr(precision, "_fast_on_cpu", lambda: fast)
    model, processor, instances = IdSum(), tiny_processor(), sample_instances(12)
    given = (row for row in instances) if as_generator else instances
    embedded = embed_instances(model, processor, given, dtype="auto")
    # The weights themselves are bfloat16, in a copy.
    assert set(model.dtypes) == {(torch.bfloat16 if half else torch.float32, False)}
    assert model.weight.dtype == torch.float32
    np.testing.assert_array_equal(embedded, id_sums(processor, instances))


def test_float32_is_float32_inside_a_surrounding_autocast():
    model, processor = tiny_more()
    expected = embed_instances(model, processor, sample_instances(6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(embed_instances(model, processor, sample_instances(6)), expected)


# ---------------------------------------------------------------------------------------------- state of the model


def test_the_model_is_evaluated_and_gets_its_own_state_back():
    model, processor = tiny_more()
    model.train()
    model.backbone.encoder.layer[0].eval()  # a part that its owner keeps frozen
    before = {name: module.training for name, module in model.named_modules()}
    twice = [embed_instances(model, processor, sample_instances(6)) for _ in range(2)]
    np.testing.assert_array_equal(*twice)  # dropout is off
    assert {name: module.training for name, module in model.named_modules()} == before

    class Broken(IdSum):
        def forward(self, **columns):
            raise KeyError("broken")

    broken = Broken().train()
    with pytest.raises(KeyError, match="broken"):
        embed_instances(broken, processor, sample_instances(2))
    assert broken.training
    watched = IdSum().train()
    embed_instances(watched, processor, sample_instances(2))
    assert watched.modes == [(False, True)] and watched.training


def test_instances_and_weights_are_not_altered():
    model, processor = tiny_more()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    instances = sample_instances(12)
    embed_instances(model, processor, instances)
    assert instances == sample_instances(12)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_fault_50_a_missing_device_is_refused():
    model, processor = tiny_more()
    with pytest.raises(UsageError, match="does not have. Available: cpu"):
        embed_instances(model, processor, sample_instances(2), device="cuda:99")
    assert embed_instances(model, processor, sample_instances(2), device="cpu").shape == (2, 16)


# ---------------------------------------------------------------------------------------------- out


def test_out_path_holds_the_same_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 6)
    model, processor = tiny_more()
    instances = sample_instances(20)
    expected = embed_instances(model, processor, instances)
    for number, given in enumerate((instances, (row for row in instances))):
        path = tmp_path / f"{number}.npy"
        mapped = embed_instances(model, processor, given, out=str(path))
        assert isinstance(mapped, np.memmap) and mapped.dtype == np.float32
        np.testing.assert_array_equal(mapped, expected)
        np.testing.assert_array_equal(np.load(path), expected)


def test_out_path_is_not_made_when_a_row_is_bad(tmp_path, monkeypatch):
    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 4)
    rows = [*sample_instances(10), {"text": 3}]
    with pytest.raises(InvalidRowError, match="^row 10:"):
        embed_instances(IdSum(), tiny_processor(), rows, out=tmp_path / "rows.npy")
    assert not list(tmp_path.iterdir())


def test_out_array_is_filled_and_returned():
    processor, instances = tiny_processor(), sample_instances(6)
    out = np.zeros((6, 2), dtype=np.float32)
    assert embed_instances(IdSum(), processor, iter(instances), out=out) is out
    np.testing.assert_array_equal(out, id_sums(processor, instances))


def test_out_that_does_not_fit_is_refused(tmp_path):
    processor, instances = tiny_processor(), sample_instances(6)
    read_only = np.zeros((6, 2), dtype=np.float32)
    read_only.flags.writeable = False
    for out, message in [
        (np.zeros((6, 2)), "must be a float32 array"),
        (np.zeros(12, dtype=np.float32), "must be a float32 array"),
        (read_only, "read-only"),
        (np.zeros((5, 2), dtype=np.float32), "5 rows for 6 instances"),
        (np.zeros((6, 3), dtype=np.float32), "3 columns, but the embeddings have 2"),
        (tmp_path / "rows.txt", "end in '.npy'"),
    ]:
        with pytest.raises(UsageError, match=message):
            embed_instances(IdSum(), processor, instances, out=out)
    for rows in (5, 7):
        with pytest.raises(UsageError, match=f"`out` has {rows} rows"):
            embed_instances(IdSum(), processor, iter(instances), out=np.zeros((rows, 2), dtype=np.float32))


class AtOnce(contextlib.nullcontext):
    """A pool whose thread has always finished before anybody looks."""

    def __init__(self, *args, **options) -> None:
        super().__init__(self)

    def submit(self, function, *args):
        done: Future = Future()
        done.set_result(function(*args))
        return done


def test_fault_40_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    class Forgetful(nn.Module):  # a stand-in that records nothing
        def forward(self, input_ids, **columns):
            return SimpleNamespace(embeddings=input_ids[:, :2].float())

    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 100)
    monkeypatch.setattr(reading_ahead, "ThreadPoolExecutor", AtOnce)  # as much is held as can be, and not by chance
    model, processor = Forgetful(), tiny_processor()

    def stream(num_rows: int):
        for number, row in enumerate(itertools.islice(itertools.cycle(sample_instances(20)), num_rows)):
            if number % 100 == 0:
                gc.collect()  # so that the moment at which Python collects does not show
            yield {**row, "id": None}

    def peak(num_rows: int) -> int:
        gc.freeze()
        tracemalloc.start()
        try:
            embed_instances(model, processor, stream(num_rows), out=tmp_path / "rows.npy")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            gc.unfreeze()

    peak(100)  # whatever is made once
    few, many = peak(300), peak(1500)
    assert np.load(tmp_path / "rows.npy").shape == (1500, 2)
    assert many < 1.15 * few


# ---------------------------------------------------------------------------------------------- when things go wrong


class SmallMemory(IdSum):
    """Fails as an accelerator does when a batch has more padded tokens than fit."""

    def __init__(self, tokens: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.tokens, self.error, self.failures = tokens, error, 0

    def forward(self, input_ids, **columns):
        if input_ids.numel() > self.tokens:
            self.failures += 1
            raise self.error("out of memory: tried to allocate 20 GiB")
        return super().forward(input_ids, **columns)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
@pytest.mark.parametrize("tokens", [120, 300])
def test_fault_39_out_of_memory_halves_the_batch_and_keeps_the_order(error, tokens):
    processor, instances = tiny_processor(), sample_instances(20)
    model = SmallMemory(tokens, error)
    np.testing.assert_array_equal(embed_instances(model, processor, instances), id_sums(processor, instances))
    assert all(rows * width <= tokens for rows, width in model.batch_shapes)
    assert sum(rows for rows, _ in model.batch_shapes) == 20
    assert 1 <= model.failures <= 5  # halved from 20 rows, and the smaller size is kept for the rest


def test_fault_39_down_to_one_row():
    processor, instances = tiny_processor(), sample_instances(20)
    longest = max(row.length for row in processor.encode(instances))
    model = SmallMemory(longest)
    np.testing.assert_array_equal(embed_instances(model, processor, instances), id_sums(processor, instances))


def test_fault_39_a_row_that_never_fits_is_an_error_with_advice():
    processor, instances = tiny_processor(), sample_instances(20)
    lengths = [row.length for row in processor.encode(instances)]
    with pytest.raises(HfRelationError, match=f"row {int(np.argmax(lengths))}: out of memory on cpu") as caught:
        embed_instances(SmallMemory(max(lengths) - 1), processor, instances)
    assert "max_length" in str(caught.value) and "bfloat16" in str(caught.value)
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_other_runtime_errors_are_not_taken_for_lack_of_memory():
    class Broken(IdSum):
        def forward(self, **columns):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        embed_instances(Broken(), tiny_processor(), sample_instances(4))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_fault_11_the_first_row_that_is_not_finite_is_named(monkeypatch, value):
    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 5)
    processor, instances = tiny_processor(), sample_instances(20)
    sums = id_sums(processor, instances)[:, 0]
    targets = {float(sums[13]), float(sums[11])}

    class Bad(IdSum):
        def forward(self, **columns):
            output = super().forward(**columns)
            for row in output.embeddings:
                if float(row[0]) in targets:
                    row[1] = value
            return output

    with pytest.raises(HfRelationError, match="^row 11: .* NaN or infinity .2 such rows among 5."):
        embed_instances(Bad(), processor, instances)


def test_models_without_embeddings_are_refused():
    class Wrong(nn.Module):
        def __init__(self, output):
            super().__init__()
            self.output = output

        def forward(self, **columns):
            return self.output

    for output, message in [
        ((torch.zeros(2, 3),), "Wrong returned tuple without `embeddings`"),
        (SimpleNamespace(embeddings=None), "got NoneType"),
        (SimpleNamespace(embeddings=torch.zeros(2, 5, 3)), r"shape \(2, dim\), got \(2, 5, 3\)"),
        (SimpleNamespace(embeddings=torch.zeros(3, 3)), r"shape \(2, dim\), got \(3, 3\)"),
    ]:
        with pytest.raises(UsageError, match=message):
            embed_instances(Wrong(output), tiny_processor(), sample_instances(2))


def test_a_model_without_rows_for_the_markers_is_refused():
    model, processor = tiny_more()
    model.resize_token_embeddings(processor.vocab_size - 4)
    with pytest.raises(UsageError, match="row 0: token id .*resize_token_embeddings"):
        embed_instances(model, processor, sample_instances(2))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"dtype": "float16"}, "`dtype` must be one of 'float32', 'bfloat16', 'auto', got 'float16'"),
        ({"max_tokens_per_batch": 0}, "at least 1, got 0"),
        ({"max_tokens_per_batch": 8192.0}, "at least 1, got 8192.0"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(UsageError, match=message):
        embed_instances(IdSum(), tiny_processor(), sample_instances(2), **kwargs)


def test_unknown_arguments_are_not_swallowed():
    with pytest.raises(TypeError, match="batch_size"):
        embed_instances(IdSum(), tiny_processor(), sample_instances(2), batch_size=32)


@pytest.mark.parametrize("instances", [sample_instances(1)[0], "text", None])
def test_anything_but_a_list_of_instances_is_refused(instances):
    with pytest.raises(UsageError, match="Put a single instance in a list"):
        embed_instances(IdSum(), tiny_processor(), instances)


# ---------------------------------------------------------------------------------------------- what is said


def test_progress_goes_to_stderr_and_only_when_asked_for(capsys):
    processor, instances = tiny_processor(), sample_instances(6)
    embed_instances(IdSum(), processor, instances)
    assert capsys.readouterr() == ("", "")
    embed_instances(IdSum(), processor, iter(instances), progress=True)
    embed_instances(IdSum(), processor, instances, progress=True)
    stdout, stderr = capsys.readouterr()
    assert stdout == "" and "6/6" in stderr


def test_cut_texts_are_counted_in_one_warning(caplog):
    processor = RelationProcessor(tiny_tokenizer("bert"), max_length=30)
    num_cut = sum(row.truncated for row in processor.encode(sample_instances(20)))
    assert num_cut > 0
    embed_instances(IdSum(), processor, sample_instances(20))
    assert [record.getMessage().split(" texts")[0] for record in caplog.records] == [f"{num_cut} of 20"]
