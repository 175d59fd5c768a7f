"""`SafeLoadingModel`: weights from safetensors, all of them, or an error that names file and tensor."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel
from transformers.utils import cached_file

from hf_relation.beside_weights import read_folder_json
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.adapter_files import HUB_ARGUMENTS, adapter_folder, check_adapter
from hf_relation.models.weight_files import (
    check_index,
    check_tensors,
    check_weight_files,
    read_tensors,
    stored_tensors,
)


_INDEX = "model.safetensors.index.json"


@dataclass
class _Loading:
    """What one call of `from_pretrained` may leave out."""

    whole: bool  # a checkpoint of the same kind of model, rather than a plain encoder to start from
    allow_missing: bool
    encoder_only: bool
    renaming: dict[str, str]  # what `key_mapping` says


# transformers exchanges methods of its classes while it loads a model (`tie_weights`, for one) and puts back what it found: of two
# threads that do so at once one puts back the other's, and from then on no model of the process ties its weights.
_ONE_AT_A_TIME = threading.RLock()
_LOADING: ContextVar[_Loading | None] = ContextVar("hf_relation_loading", default=None)


class SafeLoadingModel(PreTrainedModel):
    """A model whose `from_pretrained` reads safetensors only and does not start with weights that are not all there."""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        *model_args: Any,
        allow_missing_weights: bool = False,
        encoder_only: bool = False,
        **kwargs: Any,
    ) -> Any:
        """As `PreTrainedModel.from_pretrained`, from safetensors only, and with all weights.

        Args:
            pretrained_model_name_or_path (`str` or path): a folder or Hub id: of this kind of model, which then must hold all
                weights; or, with `config=`, of its plain encoder, whose weights must be there but for its pooler.
            *model_args: passed on.
            allow_missing_weights (`bool`, defaults to `False`): give weights that are not there new values instead.
            encoder_only (`bool`, defaults to `False`): read the weights of the encoder alone, whatever lies above it in the folder
                or has a name of this model's heads; those are new.
            **kwargs: passed on.

        Returns:
            The model, in eval mode; with `output_loading_info=True` a tuple as from transformers.

        Raises:
            CheckpointError: there are no safetensors, a file is damaged, or a tensor is missing, or has another shape or kind
                of numbers; the message names the file and the tensor. Nothing is loaded then.
            UsageError: `use_safetensors=False`.
        """
        if kwargs.get("use_safetensors") is False:
            raise UsageError(
                "`use_safetensors=False` would open pickles, which can run code. Leave it out; weights are read from "
                "safetensors."
            )
        kwargs["use_safetensors"] = True
        name = pretrained_model_name_or_path
        if name is None:
            with _ONE_AT_A_TIME:
                return super().from_pretrained(None, *model_args, **kwargs)
        model_type = _model_type(name, kwargs)
        whole = model_type == cls.config_class.model_type and not encoder_only
        rules = _Loading(whole, allow_missing_weights, encoder_only, dict(kwargs.get("key_mapping") or {}))
        with _ONE_AT_A_TIME, _loading(rules):
            try:
                return super().from_pretrained(name, *model_args, **kwargs)
            except SafetensorError as error:
                raise CheckpointError(f"The weights of {name} are damaged: {error}.") from error
            except CheckpointError:
                raise
            except OSError as error:
                if "safetensors" not in str(error):
                    raise
                raise CheckpointError(
                    f"{error} Weights in a pickle (.bin, .pt), which can run code when it is opened, are never read: convert "
                    "them to safetensors where you trust where they are from."
                ) from error

    def load_adapter(self, peft_model_id: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As `PreTrainedModel.load_adapter`, from safetensors only, and with all weights of the adapter.

        Raises:
            CheckpointError: there are no safetensors, a file is damaged, or lacks tensors; the model is as it was before.
        """
        if isinstance(peft_model_id, (str, os.PathLike)) and kwargs.get("adapter_state_dict") is None:
            check_adapter(self, adapter_folder(peft_model_id, kwargs.get("adapter_kwargs")), kwargs.get("peft_config"))
        return super().load_adapter(peft_model_id, *args, **kwargs)

    @staticmethod
    def _load_pretrained_model(
        model: Any, state_dict: Any, checkpoint_files: Any, load_config: Any, *args: Any, **kwargs: Any
    ) -> Any:
        # The model is on the meta device here: no memory has been taken yet.
        if checkpoint_files and state_dict is None:
            stored = stored_tensors(Path(file) for file in checkpoint_files)
            names = model.state_dict()
            rules = _LOADING.get()
            if rules is not None and rules.encoder_only:
                encoder = f"{model.base_model_prefix}."
                new = {key: _renamed(key, names, model.base_model_prefix) for key in stored}
                heads = {key for key, name in new.items() if name in names and not name.startswith(encoder)}
                if heads:
                    stored = {key: part for key, part in stored.items() if key not in heads}
                    state_dict = read_tensors(stored)
            if load_config.hf_quantizer is None and not kwargs.get("expected_keys"):
                tied = getattr(model, "all_tied_weights_keys", None) or {}
                wanted = {key: tensor for key, tensor in names.items() if key not in tied}
                check_tensors(
                    {_renamed(key, wanted, model.base_model_prefix): part for key, part in stored.items()},
                    wanted,
                    allow_other_shapes=load_config.ignore_mismatched_sizes,
                )
        return PreTrainedModel._load_pretrained_model(
            model, state_dict, checkpoint_files, load_config, *args, **kwargs
        )

    @staticmethod
    def _finalize_model_loading(model: Any, load_config: Any, loading_info: Any) -> Any:
        info = PreTrainedModel._finalize_model_loading(model, load_config, loading_info)
        rules = _LOADING.get()
        if rules is None or rules.allow_missing:
            return info
        encoder = f"{model.base_model_prefix}."
        missing = sorted(
            key
            for key in info.missing_keys
            if rules.whole or (key.startswith(encoder) and not key.startswith(f"{encoder}pooler."))
        )
        if missing:
            what = "the model" if rules.whole else "the encoder"
            raise CheckpointError(
                f"The weights in {load_config.pretrained_model_name_or_path} (model.safetensors) lack {len(missing)} tensors of "
                f"{what}, among them '{missing[0]}'. Get or save the checkpoint again; allow_missing_weights=True gives them "
                "new values."
            )
        return info


def _renamed(key: str, wanted: Mapping[str, Any], prefix: str) -> str:
    """The model's name for a stored weight: transformers puts the prefix of the encoder in front, or takes it away."""
    rules = _LOADING.get()
    for pattern, instead in ({} if rules is None else rules.renaming).items():
        key = re.sub(pattern, instead, key)
    names = (key, f"{prefix}.{key}", key.removeprefix(f"{prefix}."))
    return next((name for name in names if name in wanted), key)


@contextmanager
def _loading(rules: _Loading) -> Iterator[None]:
    token = _LOADING.set(rules)
    try:
        yield
    finally:
        _LOADING.reset(token)


def _model_type(name: str | os.PathLike[str], kwargs: dict[str, Any]) -> Any:
    """What `config.json` says the weights are of; the files of a folder are checked on the way."""
    folder = Path(name) / (kwargs.get("subfolder") or "")
    if Path(name).is_dir():
        check_weight_files(folder, kwargs.get("variant"))
        path = folder / "config.json"
        return read_folder_json(path).get("model_type") if path.is_file() else None
    hub = {key: kwargs[key] for key in HUB_ARGUMENTS if kwargs.get(key) is not None}
    quiet = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_gated_repo": False,
        "_raise_exceptions_for_connection_errors": False,
    }
    index = cached_file(str(name), _INDEX, **hub, **quiet)
    if index is not None:
        check_index(Path(index), here=False)
    config = cached_file(str(name), "config.json", **hub, **quiet)
    return None if config is None else read_folder_json(Path(config)).get("model_type")
