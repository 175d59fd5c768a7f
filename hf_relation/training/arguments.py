"""The settings of a training run: those of `TrainingArguments`, and those of learning relations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments

from hf_relation.errors import UsageError


_DEFAULT_BATCH_SIZE = 8  # of TrainingArguments; the size of our batches follows from their shape


@dataclass
class RelationTrainingArguments(TrainingArguments):
    """Arguments of [`RelationTrainer`]: every field of `transformers.TrainingArguments`, and these.

    `per_device_train_batch_size` is set to `classes_per_batch * instances_per_class`; with `max_steps` one epoch
    holds all batches of the run, otherwise as many as one pass over the labelled rows. `remove_unused_columns` is
    off (rows are dictionaries made for the processor) and the best model is the one with the highest B-cubed F1 on
    the held-out known relations.

    Args:
        classes_per_batch (`int`, defaults to 24): relations in a batch, at least 2.
        instances_per_class (`int`, defaults to 6): instances of each relation in a batch, at least 2.
        trainable (`str`, defaults to `"full"`): `"full"`, `"last_n"` (the last `trainable_layers` layers and all
            that lies above the encoder), `"layers"` (the layers that `trained_layers` names, and all above the encoder) or
            `"lora"` (low-rank adapters, merged into the weights at the end).
        trainable_layers (`int`, defaults to 3): layers that move with `trainable="last_n"`.
        trained_layers (`list[int]`, *optional*): with `trainable="layers"`, which layers of the encoder move, counted from 0
            (negative numbers: from the end).
        head_learning_rate (`float`, *optional*): learning rate of the weights outside the encoder (projections, classifiers,
            autoencoders); by default `learning_rate`. Schedules apply to both.
        freeze_embeddings (`bool`, defaults to `False`): keep the token embeddings, marker tokens included, as they
            are. With `"last_n"` and `"layers"` they are frozen anyway; with `"lora"` this freezes the rows of the marker tokens.
        lora_r (`int`, defaults to 8): rank of the adapters.
        lora_alpha (`int`, defaults to 16): scale of the adapters, as in `peft.LoraConfig`.
        lora_dropout (`float`, defaults to 0.0): dropout in front of the adapters, in [0, 1).
        lora_target_modules (`list[str]`, *optional*): names (or ends of names) of the layers with adapters; by default
            every linear layer in the layers of the encoder.
        save_adapter (`bool`, defaults to `False`): with `"lora"`, write the adapter to `output_dir/adapter` too.
        ema_decay (`float`, defaults to 0.0): decay of the exponential moving average of the weights that is
            evaluated and kept; 0 turns it off. In [0, 1). Early steps use the smaller `(1 + t) / (10 + t)`.
        base_weight_average (`float`, defaults to 0.0): share `a` of the starting weights in the weights that are
            evaluated and kept, `(1 - a) * tuned + a * start`. In [0, 1].
        mention_dropout (`float`, defaults to 0.0): probability that a mention is hidden while training, in [0, 1].
        word_dropout (`float`, defaults to 0.0): probability that another word is hidden while training, in [0, 1].
        length_chunks (`int`, defaults to 4): a batch goes through the encoder in this many parts of similar length, and
            its loss is that of the whole batch; saves padding. With several processes a batch is never cut.
        gradient_cache_rows (`int`, *optional*): embed this many rows of a batch at a time, so that batches of thousands
            of rows take the memory of a few (gradient caching); exact, for one more forward pass, and also with several
            processes. By default a batch is embedded as `length_chunks` says, with the graph of all its rows in memory.
        adversarial_start_step (`float`, defaults to 0): steps before the virtual adversarial loss of the model
            (`MOREConfig.adversarial_weight`) begins; below 1, the share of all steps.
        adversarial_warmup_steps (`float`, defaults to 0): steps in which its weight then rises from 0 in a straight line;
            below 1, the share of all steps.
        eval_num_seeds (`int`, defaults to 5): seeds of k-means whose scores an evaluation averages.
        eval_n_init (`int`, defaults to 10): restarts of k-means for every seed.
        eval_dtype (`str`, defaults to `"bfloat16"`): precision of the embeddings of evaluations during training:
            `"float32"`, `"bfloat16"` or `"auto"`.

    Raises:
        UsageError: a value out of its range; the message names the field, the value and what is allowed.

    References: gradient caching: Gao et al., 2021; moving average of weights: Polyak and Juditsky, 1992; average with the start: Wortsman et al., 2022
    (WiSE-FT), equation 1; adapters: Hu et al., 2022.
    """

    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Rows are dictionaries made for the processor; leave this off."}
    )
    metric_for_best_model: str | None = field(
        default="bcubed_f1", metadata={"help": "Score on the held-out known relations that chooses the best model."}
    )
    per_device_train_batch_size: int = field(
        default=_DEFAULT_BATCH_SIZE,
        metadata={"help": "Leave it out: it is set to classes_per_batch * instances_per_class."},
    )
    classes_per_batch: int = field(default=24, metadata={"help": "Relations in a batch, at least 2."})
    instances_per_class: int = field(
        default=6, metadata={"help": "Instances of each relation in a batch, at least 2; small relations repeat."}
    )
    trainable: str = field(
        default="full",
        metadata={
            "help": "What moves: full, last_n (see trainable_layers), layers (see trained_layers) or lora.",
            "choices": ["full", "last_n", "layers", "lora"],
        },
    )
    trainable_layers: int = field(default=3, metadata={"help": "Layers that move with --trainable last_n."})
    trained_layers: list[int] | None = field(
        default=None,
        metadata={
            "help": "With --trainable layers: the encoder's layers that move, counted from 0 (negative: from the end)."
        },
    )
    head_learning_rate: float | None = field(
        default=None,
        metadata={"help": "Learning rate of the weights outside the encoder; default: --learning_rate."},
    )
    freeze_embeddings: bool = field(
        default=False, metadata={"help": "Keep the token embeddings, marker tokens included, as they are."}
    )
    lora_r: int = field(default=8, metadata={"help": "Rank of the adapters."})
    lora_alpha: int = field(default=16, metadata={"help": "Scale of the adapters, as in peft.LoraConfig."})
    lora_dropout: float = field(default=0.0, metadata={"help": "Dropout in front of the adapters, in [0, 1)."})
    lora_target_modules: list[str] | None = field(
        default=None,
        metadata={"help": "Names or ends of names of the layers with adapters; default: all linear ones."},
    )
    save_adapter: bool = field(
        default=False, metadata={"help": "With --trainable lora, write the adapter to output_dir/adapter too."}
    )
    ema_decay: float = field(
        default=0.0, metadata={"help": "Decay of the moving average of the weights, in [0, 1); 0 turns it off."}
    )
    base_weight_average: float = field(
        default=0.0, metadata={"help": "Share of the starting weights in the weights that are kept, in [0, 1]."}
    )
    mention_dropout: float = field(
        default=0.0, metadata={"help": "Probability that a mention is hidden while training, in [0, 1]."}
    )
    word_dropout: float = field(
        default=0.0, metadata={"help": "Probability that another word is hidden while training, in [0, 1]."}
    )
    length_chunks: int = field(
        default=4,
        metadata={"help": "Parts of similar length that a batch is encoded in; the loss stays that of the batch."},
    )
    gradient_cache_rows: int | None = field(
        default=None,
        metadata={"help": "Embed this many rows at a time: batches of thousands of rows with the memory of a few."},
    )
    adversarial_start_step: float = field(
        default=0.0,
        metadata={"help": "Steps before the virtual adversarial loss begins; below 1: the share of all steps."},
    )
    adversarial_warmup_steps: float = field(
        default=0.0,
        metadata={"help": "Steps in which the weight of the virtual adversarial loss rises; below 1: a share."},
    )
    eval_num_seeds: int = field(default=5, metadata={"help": "Seeds of k-means that an evaluation averages."})
    eval_n_init: int = field(default=10, metadata={"help": "Restarts of k-means for every seed."})
    eval_dtype: str = field(
        default="bfloat16",
        metadata={
            "help": "Precision of the embeddings of evaluations during training.",
            "choices": ["float32", "bfloat16", "auto"],
        },
    )

    def __getstate__(self) -> dict[str, Any]:
        # Trainer pickles the arguments beside checkpoints that it pushes.
        return self.__dict__ | {"hub_token": None}

    def __post_init__(self) -> None:
        self._check_relation_fields()
        batch_size = self.classes_per_batch * self.instances_per_class
        if self.per_device_train_batch_size not in (_DEFAULT_BATCH_SIZE, batch_size):
            raise UsageError(
                f"`per_device_train_batch_size`={self.per_device_train_batch_size} contradicts `classes_per_batch` * "
                f"`instances_per_class` = {batch_size}. Leave it out: the size of a batch follows from its shape."
            )
        self.per_device_train_batch_size = batch_size
        super().__post_init__()
        if self.accelerator_config.split_batches:
            raise UsageError(
                "`accelerator_config.split_batches=True` would cut every batch by relation, so that a process sees only "
                "some of them. Leave it off: each process takes whole batches."
            )

    def _check_relation_fields(self) -> None:
        for name, least in (
            ("classes_per_batch", 2),
            ("instances_per_class", 2),
            ("trainable_layers", 0),
            ("lora_r", 1),
            ("lora_alpha", 1),
            ("length_chunks", 1),
            ("gradient_cache_rows", 1),
            ("eval_num_seeds", 1),
            ("eval_n_init", 1),
        ):
            value = getattr(self, name)
            if name == "gradient_cache_rows" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        rate = self.head_learning_rate
        if rate is not None and not (isinstance(rate, (int, float)) and 0 <= rate < float("inf")):
            raise UsageError(f"`head_learning_rate` must be a finite number of at least 0, got {rate!r}.")
        for name in ("adversarial_start_step", "adversarial_warmup_steps"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not (0 <= value < 1 or (value >= 1 and value % 1 == 0)):
                raise UsageError(
                    f"`{name}` must be a whole number of steps, or a share of all steps from 0 to below 1; got {value!r}."
                )
        if self.gradient_cache_rows is not None and (self.deepspeed or str(self.optim).endswith("lomo")):
            raise UsageError(
                "`gradient_cache_rows` walks back several times for a step, which `deepspeed` and the LOMO optimizers take "
                "for several steps. Use DDP or FSDP, and another `optim`."
            )
        for name, end, end_allowed in (
            ("lora_dropout", 1, False),
            ("ema_decay", 1, False),
            ("base_weight_average", 1, True),
            ("mention_dropout", 1, True),
            ("word_dropout", 1, True),
        ):
            value = getattr(self, name)
            if not 0 <= value <= end or (value == end and not end_allowed):
                raise UsageError(f"`{name}` must be in [0, {end}{']' if end_allowed else ')'}, got {value!r}.")
        for name, allowed in (
            ("trainable", ("full", "last_n", "layers", "lora")),
            ("eval_dtype", ("float32", "bfloat16", "auto")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(f"`{name}` must be one of {', '.join(allowed)}; got {value!r}.")
