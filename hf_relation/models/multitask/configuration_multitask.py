"""Settings of the multi-task model."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.models.multitask.task_heads import Task, read_tasks
from hf_relation.models.pair_config import EncoderConfig, check_choice
from hf_relation.models.text_states import TEXT_STATES


@strict
class MultiTaskConfig(EncoderConfig):
    r"""Settings of [`MultiTaskModel`].

    Tasks are numbered in the order of their names.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        tasks (`dict[str, dict]`): name -> `{"kind": "classification" | "regression" | "tokens", "labels": [...]}`, and
            optionally `"dropout"`; no labels for regression. Untrusted.
        head_dropout (`float`, defaults to 0.1): dropout in front of the heads of tasks without their own, in [0, 1).
        text_embedding (`str`, defaults to `"pooler"`): what heads of texts see: the encoder's `"pooler"` output (MT-DNN),
            the last layer's state of the first token, `"cls"`, or its `"mean"`, for encoders without a pooler.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.

    Raises:
        UsageError: no task, an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.multitask import MultiTaskConfig
    >>> tasks = {"sts-b": {"kind": "regression"}, "pos": {"kind": "tokens", "labels": ["NOUN", "VERB"], "dropout": 0.2}}
    >>> config = MultiTaskConfig(backbone_config={"model_type": "bert", "hidden_size": 48}, tasks=tasks)
    >>> config.task_names, config.task("pos").dropout, config.task(1).kind
    (['pos', 'sts-b'], 0.2, 'regression')

    ```

    Reference: Liu et al., "Multi-Task Deep Neural Networks for Natural Language Understanding", ACL 2019; as used by Ma et
    al., "GradTS", EMNLP 2021, without the stochastic answer network.
    """

    model_type = "multitask"
    method: ClassVar[str] = "MultiTask"

    tasks: dict[str, Any] | None = None
    head_dropout: float | int = 0.1
    text_embedding: str = "pooler"

    def _check_settings(self) -> None:
        check_choice("text_embedding", self.text_embedding, TEXT_STATES)
        self.tasks = {
            name: {"kind": task.kind, "labels": list(task.labels), "dropout": task.dropout}
            for name, task in read_tasks(self.tasks, float(self.head_dropout)).items()
        }

    @property
    def task_names(self) -> list[str]:
        """The tasks in the order of their numbers."""
        return sorted(self.tasks or {})

    def task(self, which: str | int) -> Task:
        """One of the tasks.

        Args:
            which (`str` or `int`): its name or its number.

        Returns:
            [`~hf_relation.models.multitask.task_heads.Task`].

        Raises:
            UsageError: there is no such task.
        """
        names = self.task_names
        if isinstance(which, int) and not isinstance(which, bool) and 0 <= which < len(names):
            which = names[which]
        if not isinstance(which, str) or which not in names:
            raise UsageError(f"There is no task {which!r}; this model has {names}, numbered from 0.")
        return read_tasks({which: (self.tasks or {})[which]}, 0.0)[which]
