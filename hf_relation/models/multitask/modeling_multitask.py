"""The multi-task model: a shared encoder, and a linear head for every task."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.models.multitask.configuration_multitask import MultiTaskConfig
from hf_relation.models.multitask.task_heads import Task, TaskHeads, task_loss
from hf_relation.models.pair_encoder import EncoderPreTrainedModel, full_attention_mask
from hf_relation.models.text_states import text_state


@dataclass
class MultiTaskOutput(ModelOutput):
    """What [`MultiTaskModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): of the task over the batch, when `labels` were given.
        logits (`torch.Tensor`, float32): `(batch, labels)` for classification, `(batch, 1)` for regression, `(batch, tokens,
            labels)` for tokens.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class MultiTaskModel(EncoderPreTrainedModel):
    r"""A shared encoder and one linear head a task; every batch is of one task.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> tasks = {"pos": {"kind": "tokens", "labels": ["NOUN", "VERB", "X"]}, "sts": {"kind": "regression"}}
    >>> model = MultiTaskModel(MultiTaskConfig(backbone_config=sizes, tasks=tasks)).eval()
    >>> ids = torch.tensor([[1, 2, 3, 4]])
    >>> model(ids, task="pos", labels=torch.tensor([[-100, 0, 1, -100]])).logits.shape
    torch.Size([1, 4, 3])
    >>> model(ids, task=torch.tensor(1), labels=torch.tensor([4.5])).loss.shape
    torch.Size([])

    ```

    Reference: Liu et al., "Multi-Task Deep Neural Networks for Natural Language Understanding", ACL 2019.
    """

    config_class = MultiTaskConfig

    def __init__(self, config: MultiTaskConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        if self._backbone_takes_mentions:
            raise UsageError(
                f"A '{self.backbone.config.model_type}' encoder reads the positions of a pair of mentions, which these tasks "
                "do not have. Use a transformer."
            )
        self.heads = TaskHeads([config.task(name) for name in config.task_names], config.hidden_size)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        task: str | int | torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> MultiTaskOutput | tuple[torch.Tensor, ...]:
        """Run a batch of one task.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            task (`str`, `int` or `torch.Tensor` of shape `()` or `(batch,)`, *optional*): name or number of the task; may
                be left out where there is one only.
            labels (`torch.Tensor`, *optional*): `(batch,)` numbers of labels for classification, numbers for regression;
                `(batch, tokens)` for tokens. -100 where there is no label.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`MultiTaskOutput`].

        Raises:
            UsageError: an unknown task, rows of several tasks, or labels that do not fit the task.
        """
        number = self._task_number(task)
        chosen: Task = self.config.task(number)
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        extra = self._token_types(token_type_ids)
        encoded = self.backbone(
            input_ids=input_ids, inputs_embeds=inputs_embeds, attention_mask=attention_mask, return_dict=True, **extra
        )
        if chosen.kind == "tokens":
            states = encoded.last_hidden_state
        else:
            model_type = self.backbone.config.model_type
            states = text_state(self.config.text_embedding, encoded, attention_mask, model_type)
        logits = self.heads(states, number)
        output = MultiTaskOutput(
            loss=None if labels is None else task_loss(chosen, logits, labels),
            logits=logits,
            last_hidden_state=encoded.last_hidden_state,
        )
        return output.to_tuple() if return_dict is False else output

    def _task_number(self, task: str | int | torch.Tensor | None) -> int:
        names = self.config.task_names
        if task is None:
            if len(names) > 1:
                raise UsageError(f"Say which `task` the batch is of: one of {names}, or its number.")
            return 0
        if isinstance(task, torch.Tensor):
            numbers = task.reshape(-1).unique().tolist()
            if len(numbers) != 1 or task.is_floating_point():
                raise UsageError(
                    f"`task` must be one integer, or the same one for every row, got {numbers[:10]}. A batch is of one task: "
                    "use `TaskBatchSampler`."
                )
            task = int(numbers[0])
        return names.index(self.config.task(task).name)
