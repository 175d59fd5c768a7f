"""`TextEncoder`: one vector for each of some texts, from a sentence encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from hf_relation.checkpoints import base_encoder_path, checkpoint_folder
from hf_relation.data.files import read_json
from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import inference_state
from hf_relation.embedding.memory import ShrinkingBatches
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.encoder_inputs import takes_column
from hf_relation.models.plain_config import LOCAL, config_of_folder
from hf_relation.models.plain_loading import load_plain
from hf_relation.models.text_states import TEXT_STATES, text_state


_MAX_LENGTH = 256
_BATCH_TOKENS = {"cpu": 1_024}
_DEVICE_BATCH_TOKENS = 16_384
_KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")


class TextEncoder:
    """Turn texts into vectors of length one: the last layer of a transformers encoder, summarised over the tokens.

    Args:
        model (`nn.Module`): returns `last_hidden_state`.
        tokenizer (`PreTrainedTokenizerBase`): its tokenizer.
        pooling (`str`, defaults to `"mean"`): `"mean"`, `"cls"` or `"pooler"`, see [`~hf_relation.models.text_states.text_state`].
        max_length (`int`, defaults to 256): tokens of a text that are read; the rest of a longer one is left out.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.

    Example:

    ```python
    >>> import torch
    >>> from transformers import BertConfig, BertModel, BertTokenizerFast
    >>> from hf_relation.embedding import TextEncoder
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] place of birth spouse".split()
    >>> tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(words)})
    >>> sizes = dict(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    >>> encode = TextEncoder(BertModel(BertConfig(**sizes)), tokenizer)
    >>> encode(["place of birth", "spouse"]).shape
    (2, 16)

    ```
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        pooling: str = "mean",
        max_length: int = _MAX_LENGTH,
        device: str | torch.device | None = None,
    ) -> None:
        if pooling not in TEXT_STATES:
            raise UsageError(f"`pooling` must be one of {', '.join(map(repr, TEXT_STATES))}, got {pooling!r}.")
        if isinstance(max_length, bool) or not isinstance(max_length, int) or max_length < 3:
            raise UsageError(f"`max_length` must be a whole number of at least 3, got {max_length!r}.")
        self.model: Any = model
        self.tokenizer = tokenizer
        self.pooling = pooling
        # `model_max_length` is a huge number where a tokenizer has no limit.
        self.max_length = min(max_length, getattr(tokenizer, "model_max_length", max_length))
        self.device = None if device is None else resolve_device(device)

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        **settings: Any,
    ) -> TextEncoder:
        """Load a sentence encoder; never a pickle.

        Args:
            name (`str` or path, *optional*): a folder or Hub id. `None` is the verified base of the shipped checkpoint,
                all-MiniLM-L6-v2.
            revision, token (`str`, *optional*): for the Hub.
            **settings: `pooling`, `max_length`, `device` of [`TextEncoder`]. Where the folder is one of
                sentence-transformers, `pooling` is what its files say.

        Returns:
            [`TextEncoder`].

        Raises:
            CheckpointError: it cannot be had or loaded, or it is a model that does not embed plain texts, or one of
                sentence-transformers with steps that are not known here.
        """
        folder = base_encoder_path() if name is None else checkpoint_folder(name, revision=revision, token=token)
        settings.setdefault("pooling", _pooling_of(folder))
        try:
            config = config_of_folder(folder)
            tokenizer = AutoTokenizer.from_pretrained(str(folder), config=config, **LOCAL)
            model = load_plain(folder, AutoModel, config, dtype=torch.float32)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"The text encoder in {folder} cannot be loaded: {error}") from error
        if type(model).__module__.startswith("hf_relation."):
            raise CheckpointError(
                f"{folder} holds a {type(model).__name__}, which embeds pairs of mentions. A sentence encoder is needed, such as "
                "sentence-transformers/all-MiniLM-L6-v2 (the default)."
            )
        return cls(model.eval(), tokenizer, **settings)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Args:
            texts (`Sequence[str]`): any, also none.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32: rows of length one, in order, whatever the batches (to 1e-5).

        Raises:
            UsageError: one string instead of a list, a text that is no string, or a model without `last_hidden_state`.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UsageError("`texts` must be a list of strings.")
        if not texts:
            return np.zeros((0, getattr(self.model.config, "hidden_size", 0)), dtype=np.float32)
        device = model_device(self.model) if self.device is None else self.device
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        if not takes_column(self.model, "token_type_ids"):
            encoded.pop("token_type_ids", None)
        lengths = [max(len(ids), 1) for ids in encoded["input_ids"]]
        rows: dict[int, np.ndarray] = {}

        def run(batch: list[int]) -> np.ndarray:
            columns = {key: [values[row] for row in batch] for key, values in encoded.items()}
            padded = self.tokenizer.pad(columns, return_tensors="pt").to(device)
            output = self.model(**padded)
            if getattr(output, "last_hidden_state", None) is None:
                raise UsageError(
                    f"{type(self.model).__name__} gives no `last_hidden_state`; an encoder of texts does."
                )
            state = text_state(self.pooling, output, padded["attention_mask"], self.model.config.model_type)
            return nn.functional.normalize(state.float(), dim=-1).cpu().numpy()

        batches = ShrinkingBatches(_BATCH_TOKENS.get(device.type, _DEVICE_BATCH_TOKENS), device)
        with inference_state(self.model, device):
            for batch, found in batches.run(
                lengths, run, alone=lambda row: f"text {row} ({lengths[row]} tokens) does not fit into the memory."
            ):
                rows.update(zip(batch, found, strict=True))
        return np.stack([rows[row] for row in range(len(texts))])


def _pooling_of(folder: Path) -> str:
    """What the files of sentence-transformers say about summarising; `"mean"` without such files."""
    if not (folder / "modules.json").is_file():
        return "mean"
    modules = {
        str(module["type"]).rsplit(".", 1)[-1]: str(module["path"]) for module in read_json(folder / "modules.json")
    }
    other = [name for name in modules if name not in _KNOWN_MODULES]
    advice = "Load it with sentence_transformers and pass the `encode` method of the model as the encoder."
    if other:
        raise CheckpointError(
            f"The sentence encoder in {folder} has the step {other[0]}, which is not known here. {advice}"
        )
    if "Pooling" not in modules:
        return "mean"
    file = folder / modules["Pooling"] / "config.json"
    settings = read_json(file)
    kinds = {
        "mean": settings.get("pooling_mode_mean_tokens") or settings.get("pooling_mode") == "mean",
        "cls": settings.get("pooling_mode_cls_token") or settings.get("pooling_mode") == "cls",
    }
    chosen = [kind for kind, on in kinds.items() if on]
    if len(chosen) != 1:
        raise CheckpointError(f"{file} asks for a way to summarise tokens that is not known here. {advice}")
    return chosen[0]
