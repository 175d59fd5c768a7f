"""Models as graphs without Python: torch.export, and ONNX files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import Dim

from hf_relation.compat import import_optional
from hf_relation.embedding.devices import model_device
from hf_relation.embedding.forward import evaluation_state
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from torch.export import ExportedProgram


# What a program returns by default: the first of these that the model's output has, and with scores those of tags.
_OUTPUTS = (("embeddings",), ("logits", "emissions"), ("relations",))
_LABELS = ("labels", "tags", "pseudo_labels", "learning_order", "weights", "pair_weights", "mlm_labels")
# A file of protobuf, which ONNX is, holds no more; larger weights lie beside it.
_LARGEST_FILE = 2_000_000_000


def export_program(
    model: nn.Module, batch: Mapping[str, Any], *, outputs: Sequence[str] | None = None
) -> ExportedProgram:
    """Export a model in evaluation mode with `torch.export`, for any number of rows, tokens, mentions and pairs.

    The program takes a dictionary with the columns of `batch` (`dict(processor(rows))`) and returns one. It is saved with
    `torch.export.save`, and made ready for other runtimes with the tools of PyTorch. It cannot look at values: spans and pairs
    that do not fit, which the model refuses, give wrong numbers.

    Args:
        model (`nn.Module`): a model of this package, or another one that returns a `ModelOutput`.
        batch (`Mapping`): an example as a processor makes it, without labels, with at least two rows, tokens, mentions and
            pairs. What is no tensor, such as the `task` of a multi-task model, becomes a constant.
        outputs (`Sequence[str]`, *optional*): fields of the model's output; default: `embeddings`, or else `logits` and, where
            there are any, `emissions`, or else `relations`.

    Returns:
        `torch.export.ExportedProgram`.

    Raises:
        UsageError: a batch with labels or with a dimension below 2, an output that the model does not have, or a KernelRE
            model whose tagger has an LSTM.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.embedding import export_program
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8))
    >>> batch = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 6]]), "head_marker_index": torch.tensor([0, 1]),
    ...          "tail_marker_index": torch.tensor([2, 2])}
    >>> program = export_program(model, batch)
    >>> other = {"input_ids": torch.tensor([[7, 8, 9, 4]]), "head_marker_index": torch.tensor([1]),
    ...          "tail_marker_index": torch.tensor([3])}
    >>> program.module()(other)["embeddings"].shape
    torch.Size([1, 8])

    ```
    """
    columns = _example_columns(batch, model_device(model))
    constants = {name: value for name, value in batch.items() if name not in columns}
    # The first dimension is the rows, the second tokens, mentions or pairs; what comes behind them is fixed.
    shapes = {name: dict.fromkeys(range(min(column.ndim, 2)), Dim.DYNAMIC) for name, column in columns.items()}
    with evaluation_state(model, model_device(model)), torch.no_grad():
        chosen = _chosen_outputs(model(**columns, **constants), outputs, type(model).__name__)
        function = _OfColumns(model, chosen, constants).eval()
        return torch.export.export(function, (columns,), dynamic_shapes=(shapes,))


def export_onnx(
    model: nn.Module,
    batch: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    outputs: Sequence[str] | None = None,
) -> Path:
    """Write a model to an ONNX file, for any number of rows, tokens, mentions and pairs.

    Its inputs have the names of the columns, its outputs those of the fields. With onnxruntime:

        session = onnxruntime.InferenceSession("model.onnx")
        columns = processor(rows, return_tensors="np")
        (embeddings,) = session.run(["embeddings"], {one.name: columns[one.name] for one in session.get_inputs()})

    Args:
        model (`nn.Module`), batch (`Mapping`), outputs (`Sequence[str]`, *optional*): see [`export_program`].
        path (`str` or `os.PathLike`): the file; one that is there is replaced. Weights of more than 2 GB lie in a file beside
            it.

    Returns:
        `Path`: the file.

    Raises:
        UsageError: see [`export_program`].
        MissingPackageError: onnx or onnxscript is not installed (extra `onnx`).
    """
    for package in ("onnx", "onnxscript"):
        import_optional(package, extra="onnx")
    program = export_program(model, batch, outputs=outputs)
    returned = program.call_spec.out_spec
    assert returned is not None
    exported = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=list(_example_columns(batch, model_device(model))),
        output_names=list(returned.context),
    )
    assert exported is not None
    path = Path(path)
    if sum(tensor.nbytes for tensor in program.state_dict.values()) > _LARGEST_FILE:
        exported.save(path, external_data=True)
        return path
    part = path.with_name(f"{path.name}.part")
    exported.save(part, external_data=False)
    return part.replace(path)


class _OfColumns(nn.Module):
    """A model as a function from a dictionary of columns to one of tensors."""

    def __init__(self, model: nn.Module, outputs: Sequence[str], constants: Mapping[str, Any]) -> None:
        super().__init__()
        self.model, self.outputs, self.constants = model, tuple(outputs), dict(constants)

    def forward(self, columns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        output = self.model(**columns, **self.constants)
        return {name: output[name] for name in self.outputs}


def _example_columns(batch: Mapping[str, Any], device: torch.device) -> dict[str, torch.Tensor]:
    """The columns of a batch that are tensors, on the model's device."""
    columns = {name: value.to(device) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    for name, column in columns.items():
        if name in _LABELS:
            raise UsageError(
                f"The example batch has `{name}`. A model is exported without its loss: leave labels out."
            )
        if column.ndim == 0 or min(column.shape[:2]) < 2:
            raise UsageError(
                f"`{name}` of the example batch has shape {tuple(column.shape)}. Its first two dimensions may be of any size in "
                "the exported model, and must be 2 at least in the example: give more rows, texts with more mentions and pairs, "
                "or what is the same for all rows as a number instead of a tensor."
            )
    if not columns:
        raise UsageError("The example batch has no tensors. Make it with the model's processor.")
    return columns


def _chosen_outputs(output: Any, wanted: Sequence[str] | None, called: str) -> list[str]:
    """Which fields of a model's output are returned."""
    if not isinstance(output, Mapping):
        raise UsageError(
            f"{called} returns a {type(output).__name__}; a model whose output has named fields is needed."
        )
    there = [name for name, value in output.items() if isinstance(value, torch.Tensor)]
    if wanted is None:
        chosen = next((found for names in _OUTPUTS if (found := [name for name in names if name in there])), [])
    else:
        chosen = list(wanted)
    unknown = [name for name in chosen if name not in there]
    if unknown or not chosen:
        raise UsageError(
            f"`outputs` must name fields that {called} returns for this batch ({', '.join(there) or 'none'}), got "
            f"{list(wanted or [])}."
        )
    return chosen
