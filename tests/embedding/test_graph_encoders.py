"""ONNX Runtime and OpenVINO: the embeddings of torch, or an error that says why not."""

from __future__ import annotations

import copy
import functools
import importlib.util
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hf_relation.embedding import embed_instances, graph_encoder, make_encoder
from hf_relation.embedding.graph_files import GRAPH_FILE, graph_name, make_graph, probe_rows
from hf_relation.errors import HfRelationError, MissingPackageError, UsageError
from hf_relation.models.encoder import POOLING_BLOCKS
from hf_relation.models.head_surgery import prune_heads
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.processing import RelationProcessor
from tests.common.tiny_models import tiny_backbone, tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


EXTRAS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}


def needs(backend: str) -> None:
    for package in EXTRAS[backend]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed (extra `{backend}`)")


@functools.cache
def tiny(kind: str) -> tuple[Any, RelationProcessor]:
    """One layer, all poolings in one row; XLM-R with pruned heads, RoBERTa with an adapter."""
    processor = RelationProcessor(tiny_tokenizer(kind), max_length=128)
    torch.manual_seed(0)
    backbone = tiny_backbone(kind, processor.vocab_size, num_hidden_layers=1)
    model = MOREModel(MOREConfig(backbone_config=backbone, projection_dim=16, pooling=list(POOLING_BLOCKS))).eval()
    if kind == "xlm-roberta":
        prune_heads(model, {0: [1, 2]})
    if kind == "roberta":
        from peft import LoraConfig

        model.add_adapter(LoraConfig(target_modules=["query", "value"], r=4, init_lora_weights=False))
    return model.eval(), processor


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_the_cache(cache, monkeypatch):
    monkeypatch.setenv("HF_RELATION_CACHE", str(cache))


def rows_of_all_lengths() -> list[dict[str, Any]]:
    """Twenty sentences, one that is far longer than the model, and two words."""
    long = "Ada was born in Lindau . " * 60
    return [
        *sample_instances(20),
        {"text": long, "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}},
        {"text": "Ada Lindau", "head": {"start": 4, "end": 10}, "tail": {"start": 0, "end": 3}},
    ]


# ---------------------------------------------------------------------------------------------- the same embeddings


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("backend", EXTRAS)
def test_the_embeddings_are_those_of_torch(backend, kind, tmp_path):
    needs(backend)
    model, processor = tiny(kind)
    rows = rows_of_all_lengths()
    expected = embed_instances(model, processor, rows)
    order = np.random.default_rng(0).permutation(len(rows))
    for tokens in (1, 150, 100_000):  # one row a batch, ragged last batches, one batch
        encoder = make_encoder(model, processor, backend=backend, max_tokens_per_batch=tokens)
        found = encoder.embed([rows[i] for i in order])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[order], atol=1e-5)
    assert encoder.embed([]).shape == (0, 16)
    mapped = embed_instances(model, processor, iter(rows), backend=backend, out=tmp_path / "rows.npy")
    np.testing.assert_allclose(mapped, expected, atol=1e-5)
    assert not model.training


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_openvino_in_bfloat16_is_close(kind):
    needs("openvino")
    model, processor = tiny(kind)
    rows = rows_of_all_lengths()
    try:
        encoder = make_encoder(model, processor, backend="openvino", dtype="bfloat16")
    except UsageError as error:
        pytest.skip(str(error))  # a processor without bfloat16
    exact, half = embed_instances(model, processor, rows), encoder.embed(rows)
    assert not np.array_equal(half, exact)
    assert (exact * half).sum(1).min() > 0.999 * np.linalg.norm(half, axis=1).max()


def test_auto_is_float32_in_onnx_runtime_for_any_number_of_rows(monkeypatch):
    needs("onnx")
    monkeypatch.setattr("hf_relation.embedding.precision.AUTO_BFLOAT16_ROWS", 2)
    monkeypatch.setattr("hf_relation.embedding.precision._fast_on_cpu", lambda: True)
    model, processor = tiny("bert")
    found = make_encoder(model, processor, backend="onnx", dtype="auto").embed(sample_instances(6))
    np.testing.assert_allclose(found, embed_instances(model, processor, sample_instances(6)), atol=1e-5)


# ---------------------------------------------------------------------------------------------- never something else


def test_a_graph_of_other_weights_is_never_used(cache, monkeypatch):
    needs("onnx")
    model, processor = tiny("bert")
    encoder = make_encoder(model, processor, backend="onnx")
    rows = sample_instances(4)
    first = encoder.embed(rows)
    trained = copy.deepcopy(model)
    with torch.no_grad():
        trained.projection.weight.mul_(-0.5)
        trained.projection.bias.add_(0.1)
    assert graph_name(trained, processor) != graph_name(model, processor)

    # Trained on where it is: noticed at the next call. A file of that name that is not of it is made anew, and if that does
    # not help nothing is returned.
    stale = cache / "graphs" / graph_name(model, processor) / GRAPH_FILE
    made: list[Any] = []
    monkeypatch.setattr(graph_encoder, "graph_of", lambda model, processor: stale)
    monkeypatch.setattr(graph_encoder, "make_graph", lambda *given: made.append(given))
    before = copy.deepcopy(model.state_dict())
    model.load_state_dict(trained.state_dict())
    try:
        with pytest.raises(UsageError, match="does not compute what the model does: .* onnx and torch .* 1e-05"):
            encoder.embed(rows)
        assert len(made) == 1
    finally:
        model.load_state_dict(before)
    np.testing.assert_array_equal(encoder.embed(rows), first)
    assert len(made) == 1


def test_the_name_of_a_graph_tells_models_apart():
    model, processor = tiny("bert")
    names = {graph_name(model, processor), graph_name(copy.deepcopy(model), processor)}
    assert len(names) == 1
    names.add(graph_name(model, RelationProcessor(tiny_tokenizer("roberta"), max_length=128)))  # other columns
    other = copy.deepcopy(model)
    other.config.pooling = ["head_mean"]
    names.add(graph_name(other, processor))
    other = copy.deepcopy(model)
    other.projection.bias.data[0] += 1e-3
    names.add(graph_name(other, processor))
    assert len(names) == 4


def test_the_texts_that_check_a_graph_are_of_all_lengths():
    for kind in ("bert", "roberta", "xlm-roberta"):
        _, processor = tiny(kind)
        rows = probe_rows(processor)
        lengths = [row.length for row in rows]
        assert lengths == sorted(lengths) and lengths[0] < 12 and lengths[-1] == processor.max_length
        assert len({tuple(row.input_ids) for row in rows}) == len(rows)


def test_a_model_that_cannot_be_a_graph_is_told(tmp_path):
    needs("onnx")
    model, processor = tiny_more("bert")
    with pytest.raises(UsageError, match="PairRepresentations returns a PairRepresentation"):
        make_encoder(PairRepresentations(model, -1), processor, backend="onnx").embed(sample_instances(2))

    class Looks(nn.Module):  # at values, which a graph cannot
        def forward(self, **columns: Any) -> Any:
            output = model(**columns)
            output["embeddings"] = output.embeddings * (2 if output.embeddings.sum() > 0 else 1)
            return output

    with pytest.raises(
        UsageError, match="Looks cannot be made a graph, .*Could not guard.* Use backend='torch'"
    ) as caught:
        make_graph(Looks(), processor, tmp_path / "graph")
    assert caught.value.__cause__ is not None and list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    needs("onnx")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HF_RELATION_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be written to .*file/graphs .*HF_RELATION_CACHE"):
        make_encoder(*tiny("bert"), backend="onnx").embed(sample_instances(2))

    monkeypatch.setenv("HF_RELATION_CACHE", str(tmp_path / "full"))

    def full(*given: Any, **settings: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hf_relation.embedding.graph_files.export_onnx", full)
    with pytest.raises(UsageError, match="cannot be written to .*full/graphs .*No space left"):
        make_encoder(*tiny("bert"), backend="onnx").embed(sample_instances(2))
    assert list((tmp_path / "full" / "graphs").iterdir()) == []


@pytest.mark.parametrize("backend", EXTRAS)
def test_a_missing_package_is_named(backend, monkeypatch):
    package = EXTRAS[backend][-1]
    monkeypatch.setitem(sys.modules, package, None)
    for other in EXTRAS[backend][:-1]:
        monkeypatch.setitem(sys.modules, other, sys.modules.get(other, torch))
    with pytest.raises(MissingPackageError, match=rf'`{package}` .*pip install "hf_relation\[{backend}\]"'):
        make_encoder(*tiny("bert"), backend=backend)


@pytest.mark.parametrize("backend", EXTRAS)
def test_what_a_back_end_cannot_do_is_refused_at_once(backend):
    needs(backend)
    model, processor = tiny("bert")
    if backend == "onnx":
        with pytest.raises(UsageError, match="no kernels for bfloat16.*dtype='float32'"):
            make_encoder(model, processor, backend=backend, dtype="bfloat16")
    encoder = make_encoder(model, processor, backend=backend)
    encoder.device = torch.device("meta")
    with pytest.raises(UsageError, match="'meta'.*device='cpu'"):
        encoder.embed(sample_instances(2))


# ---------------------------------------------------------------------------------------------- memory, copies


@pytest.mark.parametrize(
    "message", ["std::bad_alloc", "[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"]
)
def test_the_words_for_no_memory_halve_the_batch(message):
    needs("onnx")
    model, processor = tiny("bert")
    encoder, rows = make_encoder(model, processor, backend="onnx"), sample_instances(20)
    expected = encoder.embed(rows)
    ((precision, run),) = encoder._loaded.items()
    sizes: list[int] = []

    def small(columns: Any) -> np.ndarray:
        if columns["input_ids"].size > 300:
            raise Exception(message)  # as the library's own, which is no RuntimeError
        sizes.append(len(columns["input_ids"]))
        return run(columns)

    encoder._loaded[precision] = graph_encoder.with_memory_errors(small)
    np.testing.assert_allclose(encoder.embed(rows), expected, atol=1e-5)
    assert sum(sizes) == 20 and len(sizes) > 2

    def broken(columns: Any) -> np.ndarray:
        raise Exception("Invalid input name")

    encoder._loaded[precision] = graph_encoder.with_memory_errors(broken)
    with pytest.raises(Exception, match="Invalid input name") as caught:
        encoder.embed(rows)
    assert not isinstance(caught.value, HfRelationError)


@pytest.mark.parametrize("backend", EXTRAS)
def test_copies_make_a_session_of_their_own(backend):
    needs(backend)
    encoder = make_encoder(*tiny("bert"), backend=backend)
    first = encoder.embed(sample_instances(3))
    other = copy.deepcopy(encoder)
    assert other._loaded == {} and other.backend == backend
    np.testing.assert_allclose(other.embed(sample_instances(3)), first, atol=1e-6)
