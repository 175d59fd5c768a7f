"""Every class of models as a program of torch.export and as an ONNX file: the same outputs, for batches of other sizes."""

from __future__ import annotations

import pytest
import torch

from hf_relation.embedding import export_onnx, export_program
from hf_relation.errors import UsageError
from hf_relation.models.kernel_re.kernels import RelationKernels
from tests.common import test_common_extractors as extractors
from tests.common import test_common_models as models
from tests.common.families import FAMILIES
from tests.common.tiny_tokenizers import sample_instances


def batches(name: str, processor):
    """An example, and batches of other sizes: of one row, of longer texts."""
    if name.startswith(("kernel-re", "pair-classification", "finecl")):
        documents = extractors.DOCUMENTS
        return [dict(processor(chosen)) for chosen in (documents[:4], documents[:1], documents[2:])]
    if name.startswith("multitask"):
        texts = [instance["text"][:60] for instance in sample_instances(9)]
        made = [
            dict(processor(chosen, padding=True, return_tensors="pt")) for chosen in (texts[:3], texts[4:5], texts)
        ]
        return [batch | {"task": task} for batch, task in zip(made, ("words", "words", "words"), strict=True)]
    rows = sample_instances(20)
    return [dict(processor(chosen)) for chosen in (rows[:3], rows[7:8], rows)]


def columns_of(batch):
    return {name: column for name, column in batch.items() if isinstance(column, torch.Tensor)}


EXPORTED = {
    "more-cnn": "words",
    "rocore": "electra",
    "siamese-ure": "modernbert",
    "kernel-re-joint": "bert",
    "multitask-cls": "roberta",
    "pair-classification-single": "roberta",
    "finecl": "distilbert",
}
# An ONNX file is made from such a program.
AS_ONNX = {"more-markers": "distilbert", "kernel-re": "xlm-roberta"}


RETURNED = {
    "kernel-re-joint": ["logits", "emissions"],
    "multitask-cls": ["logits"],
    "pair-classification-single": ["logits"],
    "finecl": ["relations"],
}


@pytest.mark.parametrize("name", EXPORTED)
def test_a_program_gives_the_same_for_batches_of_any_size(name, monkeypatch):
    # Room for the cells of the example, which a program must not take for the most there can be.
    monkeypatch.setitem(RelationKernels.forward.__kwdefaults__, "most_cells", 12_000)
    model, processor = FAMILIES[name].make(EXPORTED[name])
    model.train()
    example, *others = batches(name, processor)
    program = export_program(model, example).module()
    assert model.training and all(module.training for module in model.modules())
    model.eval()
    for batch in (example, *others):
        found = program(columns_of(batch))
        with torch.no_grad():
            expected = model(**batch)
        assert list(found) == RETURNED.get(name, ["embeddings"])
        for field, values in found.items():
            torch.testing.assert_close(values, expected[field], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", AS_ONNX)
def test_an_onnx_file_gives_the_same_for_batches_of_any_size(name, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed (extra `onnx`)")
    import onnxruntime

    model, processor = FAMILIES[name].make(AS_ONNX[name])
    example, *others = batches(name, processor)
    path = export_onnx(model, example, tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    session = onnxruntime.InferenceSession(path)
    (field,) = [output.name for output in session.get_outputs()]
    for batch in (example, *others):
        (found,) = session.run(None, {one.name: batch[one.name].numpy() for one in session.get_inputs()})
        with torch.no_grad():
            expected = model(**batch)[field]
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_exported_is_told():
    model, processor = FAMILIES["more"].make("bert")
    example = batches("more", processor)[0]
    for batch, message in (
        (example | {"labels": torch.tensor([0, 0, 1])}, "leave labels out"),
        (example | {"weights": torch.tensor([1.0, 0.5, 1.0])}, "has `weights`. A model is exported without its loss"),
        (dict(processor(models.INSTANCES[:1])), "must be 2 at least"),
        ({}, "no tensors"),
    ):
        with pytest.raises(UsageError, match=message):
            export_program(model, batch)
    with pytest.raises(UsageError, match="`outputs` must name fields .*embeddings, last_hidden_state"):
        export_program(model, example, outputs=["logits"])
    model, processor = FAMILIES["kernel-re-joint-lstm"].make("bert")
    with pytest.raises(UsageError, match="LSTM"):
        export_program(model, batches("kernel-re", processor)[0])
