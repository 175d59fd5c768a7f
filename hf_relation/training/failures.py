"""Stopping before a loss that is not a finite number spoils the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from hf_relation.errors import TrainingError
from hf_relation.training.distributed import any_process, gather_objects
from hf_relation.training.resuming import complete_checkpoints


_IDS_SHOWN = 50


@dataclass
class _Batch:
    rows: Tensor | None
    loss: Tensor
    finite_rows: Tensor | None


@dataclass
class _Report:
    """What one process saw in a step."""

    losses: list[float]
    grad_norm: float
    ids: list[str]
    bad_ids: list[str]
    weights: list[str] = field(default_factory=list)


class FiniteGuard:
    """Stop a run before the optimizer makes a step with a loss or a gradient that is not finite.

    The batches of a step are noted as they pass; just before the optimizer's step all processes agree on whether one of
    them met a number that is not finite, so that all of them stop, or none. That costs one small collective and one
    transfer from the device a step. With a gradient scaler (fp16) infinite gradients are ordinary, and left to it; a loss
    that is not finite stops the run all the same.

    Args:
        instance_ids (`Sequence[str]`): id of every row of the training data.
        rank (`int`, defaults to 0): number of this process.
        world_size (`int`, defaults to 1): number of processes.
    """

    def __init__(self, instance_ids: Sequence[str], rank: int = 0, world_size: int = 1) -> None:
        self.instance_ids = instance_ids
        self.rank = rank
        self.world_size = world_size
        self._batches: list[_Batch] = []

    def note(self, rows: Tensor | None, loss: Tensor, finite_rows: Tensor | None = None) -> None:
        """Keep a batch in mind until the next step of the optimizer.

        Args:
            rows (`torch.Tensor` of shape `(n,)`, *optional*): positions of its rows in the training data.
            loss (`torch.Tensor` of shape `()`): its loss.
            finite_rows (`torch.Tensor` of shape `(n,)`, bool, *optional*): whether each row's embedding is finite.
        """
        self._batches.append(_Batch(rows, loss.detach(), finite_rows))

    def check(self, model: nn.Module, *, step: int, output_dir: str | Path, scaled: bool = False) -> None:
        """Look at the batches since the last call, and at the gradients; to be called by all processes at once.

        Args:
            model (`nn.Module`): the model, with the gradients of the step.
            step (`int`): number of the step that is about to be made, from 1.
            output_dir (`str` or `Path`): where the checkpoints of the run are, for the message.
            scaled (`bool`, defaults to `False`): a gradient scaler is at work, which deals with infinite gradients.

        Raises:
            TrainingError: something is not finite in one of the processes; all of them raise it, with one message.
        """
        batches, self._batches = self._batches, []
        grad_norm = _local_grad_norm(model)
        losses = torch.stack([batch.loss.float() for batch in batches]) if batches else grad_norm.new_zeros(1)
        flags = torch.stack([~losses.isfinite().all(), ~grad_norm.to(losses.device).isfinite()])
        if scaled:
            flags[1] = False
        bad_loss, bad_gradient = any_process(flags, self.world_size).tolist()
        if not (bad_loss or bad_gradient):
            return
        report = self._report(batches, losses, grad_norm, model)
        reports = gather_objects(report, self.world_size)
        ids = [name for one in reports for name in one.ids]
        raise TrainingError(_message(reports, step, Path(output_dir), bad_loss), step=step, instance_ids=ids)

    def _report(self, batches: list[_Batch], losses: Tensor, grad_norm: Tensor, model: nn.Module) -> _Report:
        ids: list[str] = []
        bad_ids: list[str] = []
        for batch in batches:
            if batch.rows is None:
                continue
            names = [self.instance_ids[row] for row in batch.rows.tolist()]
            ids += names
            if batch.finite_rows is not None:
                bad_ids += [name for name, ok in zip(names, batch.finite_rows.tolist(), strict=True) if not ok]
        weights = [name for name, weight in model.named_parameters() if not _local(weight).isfinite().all()]
        return _Report(losses.tolist(), grad_norm.item(), ids, bad_ids, weights)


def _local(tensor: Tensor) -> Tensor:
    # Of a tensor that is sharded over the processes, the part here; the flags of all processes are joined anyway.
    tensor = tensor.detach()
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _local_grad_norm(model: nn.Module) -> Tensor:
    gradients = [_local(weight.grad) for weight in model.parameters() if weight.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


def _message(reports: list[_Report], step: int, output_dir: Path, bad_loss: bool) -> str:
    several = len(reports) > 1
    lines = []
    for rank, report in enumerate(reports):
        here_bad = any(not torch.isfinite(torch.tensor(loss)) for loss in report.losses)
        if bad_loss and not here_bad:
            continue
        where = f"process {rank} of {len(reports)}: " if several else ""
        losses = ", ".join(f"{loss:g}" for loss in report.losses)
        found = f"{where}loss {losses}; gradient norm {report.grad_norm:g}"
        if report.bad_ids:
            found += f"; embeddings not finite for {len(report.bad_ids)} of {len(report.ids)} rows: "
            found += _listed(report.bad_ids)
        elif report.ids:
            found += f"; embeddings finite for all {len(report.ids)} rows"
        if report.weights:
            found += f"; weights that are not finite already: {', '.join(report.weights[:3])} ({len(report.weights)})"
        lines.append(f"{found}. Instances of the step: {_listed(report.ids) or 'unknown'}.")
    what = "loss" if bad_loss else "gradient"
    complete = complete_checkpoints(output_dir)
    kept = (
        f"The last complete checkpoint is {complete[0]}. Resumed as it is, the run comes to the same numbers again: resume "
        "with another `max_grad_norm` or with bf16=False, or begin anew with a smaller `learning_rate` or more "
        "`warmup_steps`."
        if complete
        else f"There is no complete checkpoint in {output_dir}. Begin anew with a smaller `learning_rate`, more "
        "`warmup_steps`, another `max_grad_norm` or bf16=False."
    )
    return (
        f"Training stopped before step {step}: the {what} is not finite. This step changed no weight.\n"
        + "\n".join(lines)
        + f"\n{kept} Look at the rows named."
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _IDS_SHOWN
    shown = ", ".join(names[:_IDS_SHOWN])
    return f"{shown} and {more} more (all are in the error's `instance_ids`)" if more > 0 else shown
