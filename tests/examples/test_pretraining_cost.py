"""examples/benchmarks/pretraining_cost.py: contestants do the same work, and the script runs without corpus and base encoder."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

import pytest
import torch
import transformers
from transformers import BertConfig, BertForMaskedLM, BertModel

from hf_relation.data import check_document
from hf_relation.errors import HfRelationError
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import tiny_tokenizer


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    threads, verbosity, variables = torch.get_num_threads(), transformers.logging.get_verbosity(), dict(os.environ)
    os.environ.pop("HF_RELATION_DATA", None)
    try:
        import pretraining_cost

        yield pretraining_cost
    finally:
        sys.path.remove(str(FOLDER))
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity(verbosity)
        transformers.logging.enable_progress_bar()
        os.environ.clear()
        os.environ.update(variables)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = tiny_tokenizer("bert")
    tokenizer.model_max_length = 512
    settings = tiny_backbone("bert", len(tokenizer), max_position_embeddings=512)
    settings.pop("model_type")
    BertModel(BertConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_quick_mode_writes_times_of_all_four(script, encoder, tmp_path):
    output, markdown = tmp_path / "cost.json", tmp_path / "cost.md"
    where = ["--output", str(output), "--markdown", str(markdown)]
    script.main(["--quick", "--model_name_or_path", encoder, *where])
    figures = json.loads(output.read_text(encoding="utf-8"))["figures"]
    times = {name: figures[name]["times"]["cpu_seconds"] for name in (script.FINECL, script.OURS, script.THEIRS, script.ENCODER)}  # fmt: skip
    for name, seconds in times.items():
        assert len(seconds) == 2
        assert figures[name]["ratios"] == pytest.approx([a / b for a, b in zip(times[script.FINECL], seconds, strict=True)])  # fmt: skip
    assert figures["loss_difference_of_heads"] < 1e-5
    assert min(figures["batches"]["tokens"] + figures["batches"]["masked"] + figures["batches"]["pairs"]) > 0
    assert all(loss[name] > 0 for loss in figures["batches"]["losses"] for name in ("relation_loss", "entity_loss", "mlm_loss"))  # fmt: skip
    text = markdown.read_text(encoding="utf-8")
    reached = "reached" if statistics.median(figures[script.THEIRS]["ratios"]) <= 1.3 else "MISSED"
    assert f"1.3x: {reached}" in text and "generated documents" in text
    assert "not for quoting" in text and str(tmp_path) not in text and encoder not in text


def test_generated_documents_are_documents(script):
    documents, _ = script.load_documents(None, 3, seed=4)
    assert documents == script.load_documents(None, 3, seed=4)[0] != script.load_documents(None, 3, seed=5)[0]
    for document in documents:
        checked = check_document(document, index=0)
        assert checked["relations"] and len(checked["entities"]) == 18
        names = [{document["text"][m["start"] : m["end"]] for m in (document["mentions"][i] for i in e["mentions"])} for e in document["entities"]]  # fmt: skip
        assert all(len(each) == 1 for each in names) and len(set(map(str, names))) == 18


def test_one_step_trains_all_of_a_model(script):
    layer = torch.nn.Linear(2, 1)
    before = layer.weight.clone(), layer.bias.clone()
    batches = [{"x": torch.ones(1, 2)}, {"x": -torch.ones(1, 2)}]
    seen = []
    script.training(layer, lambda batch: seen.append(batch) or layer(batch["x"]).square().sum(), batches)()
    assert seen == batches and all(not torch.equal(*pair) for pair in zip(before, layer.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_heads_that_compute_something_else_are_not_compared(script, encoder, monkeypatch):
    monkeypatch.setattr(BertForMaskedLM, "forward", lambda self, **columns: type("Output", (), {"loss": torch.tensor(99.0)}))  # fmt: skip
    with pytest.raises(HfRelationError, match="do not compute the same"):
        script.main(["--quick", "--model_name_or_path", encoder])


def test_wrong_sizes_are_refused(script, capsys):
    with pytest.raises(SystemExit):
        script.parse(["--rounds", "0"])
    assert "--rounds must be at least 1, got 0" in capsys.readouterr().err
