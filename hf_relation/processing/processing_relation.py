"""`RelationProcessor`: text and two character spans to token ids, markers and token masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from transformers import BatchEncoding, PreTrainedTokenizerBase, ProcessorMixin

from hf_relation.beside_weights import SavedWhole
from hf_relation.data.schema import Instance, Mention
from hf_relation.data.validation import check_instance
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.hub_class import HubClass
from hf_relation.processing.alignment import TextTokens, align_mentions
from hf_relation.processing.assembling import MarkedMention, assemble
from hf_relation.processing.encoded import EncodedInstance
from hf_relation.processing.markers import (
    HEAD_ROLE,
    TAIL_ROLE,
    MarkerPolicy,
    check_marker_policy,
    declared_entity_types,
    marker_pair,
    marker_tokens,
    normalize_entity_type,
)
from hf_relation.processing.padding import PaddingRule, pad_encoded, unpadded_columns
from hf_relation.processing.tokenizing import (
    check_tokenizer,
    checked_max_length,
    probe_wrapping,
    tokenize_in_pieces,
    tokenize_texts,
)
from hf_relation.processing.windows import choose_window


_TOKENIZER_BATCH = 1000


class RelationProcessor(HubClass, SavedWhole, ProcessorMixin):
    """Turn instances into the input of a relation model.

    The text is tokenized once and whole; mention tokens are found by their character offsets (never by searching ids),
    so a token that crosses the edge of a mention belongs to the mention. Marker ids are then put around the mentions and
    the tokenizer's own special tokens around the text. Only the processor writes markers and special tokens: the same
    strings inside a text stay text. Works with WordPiece, byte-level BPE and SentencePiece-like fast tokenizers.

    The marker tokens are added to the given tokenizer; resize the model's embeddings to `vocab_size`.

    Args:
        tokenizer (`PreTrainedTokenizerFast`): a fast tokenizer with a padding token; marker tokens are added to it.
        marker_policy (`str`, defaults to `"entity"`): `"none"`: no markers; `"entity"`: `[E1] head [/E1]` and
            `[E2] tail [/E2]`; `"typed"`: `[E1:PERSON] head [/E1:PERSON]` for the declared types, the plain markers for a
            type that is missing or not declared.
        entity_types (`Sequence[str]`, defaults to `()`): types of the `"typed"` policy; compared in upper case.
        max_length (`int`, *optional*): longest input in tokens, markers and special tokens included. Defaults to the
            tokenizer's `model_max_length`, at most 512.
        long_text (`str`, defaults to `"window"`): `"window"` keeps both mentions and as much context as fits, evenly on
            their sides, cutting the middle when the mentions are farther apart than fits; `"error"` refuses long texts.

    Raises:
        UsageError: a slow tokenizer, one without padding token, or an argument out of range.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.processing import RelationProcessor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
    >>> batch = processor([row])
    >>> processor.tokenizer.decode(batch["input_ids"][0])
    '[CLS] [E1] ada [/E1] was born in [E2] lindau [/E2]. [SEP]'
    >>> processor.tokenizer.decode(batch["input_ids"][0][batch["between_token_mask"][0] == 1])
    'was born in'
    >>> batch["head_marker_index"].tolist()
    [1]

    ```

    Reference: entity markers follow Baldini Soares et al., 2019, "Matching the Blanks", section 3.2; typed markers Zhong
    and Chen, 2021, "A Frustratingly Easy Approach for Entity and Relation Extraction", section 3.2 (here the type
    stands in both markers).
    """

    _last_file = "processor_config.json"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        marker_policy: str = "entity",
        entity_types: Sequence[str] = (),
        max_length: int | None = None,
        long_text: str = "window",
    ) -> None:
        entity_types = declared_entity_types(entity_types)
        check_marker_policy(marker_policy, entity_types)
        if long_text not in ("window", "error"):
            raise UsageError(f"`long_text` must be 'window' or 'error', got {long_text!r}.")
        check_tokenizer(tokenizer)
        super().__init__(tokenizer)
        self.marker_policy = marker_policy
        self.entity_types = entity_types
        self.long_text = long_text
        markers = marker_tokens(marker_policy, entity_types)  # type: ignore[arg-type]
        if markers:
            tokenizer.add_special_tokens({"extra_special_tokens": markers}, replace_extra_special_tokens=False)
        self._marker_ids: dict[tuple[str, str | None], tuple[int, int]] = {
            (role, type_name): tuple(tokenizer.convert_tokens_to_ids(list(marker_pair(role, type_name))))
            for type_name in (None, *entity_types)
            for role in (HEAD_ROLE, TAIL_ROLE)
            if markers
        }
        self._wrapping = probe_wrapping(tokenizer)
        self._added_tokens = self._wrapping.size + (4 if markers else 0)
        self.max_length = checked_max_length(max_length, tokenizer.model_max_length, self._added_tokens + 2)

    @property
    def vocab_size(self) -> int:
        """Number of tokens with the markers: what the model's input embeddings must be resized to."""
        return len(self.tokenizer)

    @property
    def marker_tokens(self) -> list[str]:
        """The marker tokens that were added to the tokenizer."""
        return marker_tokens(cast(MarkerPolicy, self.marker_policy), self.entity_types)

    @property
    def model_input_names(self) -> list[str]:
        """The columns of a batch, in order."""
        token_types = ["token_type_ids"] if self._wrapping.token_types is not None else []
        masks = ["head_token_mask", "tail_token_mask", "between_token_mask"]
        return ["input_ids", "attention_mask", *token_types, *masks, "head_marker_index", "tail_marker_index"]

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: Any, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        # Without this, overrides such as `max_length=64` would end up in the tokenizer's saved settings as well.
        for name in ("marker_policy", "entity_types", "max_length", "long_text"):
            kwargs.pop(name, None)
        kwargs["trust_remote_code"] = False  # the tokenizer of a relation model is one of transformers
        return super()._get_arguments_from_pretrained(pretrained_model_name_or_path, processor_dict, **kwargs)

    def __call__(
        self,
        instances: Iterable[Mapping[str, Any]],
        padding: bool | str = True,
        return_tensors: str | None = "pt",
        *,
        pad_to_multiple_of: int | None = None,
        validate: bool = True,
    ) -> BatchEncoding:
        """Encode and pad instances.

        Args:
            instances (`Iterable[Mapping]`): instances of the data contract; not altered.
            padding (`bool` or `str`, defaults to `True`): `True` or `"longest"`: to the longest row; `"max_length"`: to
                `max_length`; `False`: no padding, which needs `return_tensors=None` unless all rows are equally long.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"`, or `None` for lists.
            pad_to_multiple_of (`int`, *optional*): round the padded length up to a multiple.
            validate (`bool`, defaults to `True`): check the rows first; `False` only for rows known to be good.

        Returns:
            `BatchEncoding`: `input_ids`, `attention_mask`, `token_type_ids` (if the tokenizer makes them),
            `head_token_mask`, `tail_token_mask`, `between_token_mask` of shape `(B, T)`; `head_marker_index`,
            `tail_marker_index` of shape `(B,)`. All int64, in the order of `instances`.

        Raises:
            InvalidRowError: a row breaks the data contract, has a mention without tokens, or is too long.
            UsageError: an argument has a value that is not allowed.
        """
        if padding not in (True, False, "longest", "max_length"):
            raise UsageError(f"`padding` must be True, False, 'longest' or 'max_length', got {padding!r}.")
        encoded = self.encode(instances, validate=validate)
        if padding is False:
            if return_tensors is None:
                return BatchEncoding(unpadded_columns(encoded))
            if len({row.length for row in encoded}) > 1:
                raise UsageError(
                    "`padding=False` gives rows of different lengths. Use padding=True or return_tensors=None."
                )
        return self._pad(
            encoded, return_tensors, self.max_length if padding == "max_length" else None, pad_to_multiple_of
        )

    def encode(
        self, instances: Iterable[Mapping[str, Any]], *, validate: bool = True, first_index: int = 0
    ) -> list[EncodedInstance]:
        """Encode instances to Python lists, without padding.

        Args:
            instances (`Iterable[Mapping]`): instances of the data contract; not altered.
            validate (`bool`, defaults to `True`): check the rows first; `False` only for rows known to be good.
            first_index (`int`, defaults to 0): row number of the first instance, for error messages.

        Returns:
            `list[EncodedInstance]`: one per instance, in order; `.truncated` tells which texts were cut.

        Raises:
            InvalidRowError: a row breaks the data contract, the tokenizer has no token for a mention, the mentions alone
                are longer than `max_length`, or a text is longer and `long_text="error"`.
            UsageError: `instances` is one row or a string instead of a list of rows.

        Example:

        ```python
        >>> from transformers import BertTokenizerFast
        >>> from hf_relation.processing import RelationProcessor
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
        >>> tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(words)})
        >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
        >>> [(encoded.length, encoded.truncated) for encoded in RelationProcessor(tokenizer).encode([row])]
        [(12, False)]
        >>> RelationProcessor(tokenizer, max_length=10).encode([row])[0].truncated
        True

        ```
        """
        if isinstance(instances, (Mapping, str, bytes)) or not isinstance(instances, Iterable):
            raise UsageError(
                f"A list of instances is needed, got {type(instances).__name__}. Put a single instance in a list."
            )
        rows = iter(instances)
        encoded: list[EncodedInstance] = []
        while chunk := list(islice(rows, _TOKENIZER_BATCH)):
            start = first_index + len(encoded)
            checked = [check_instance(row, index=start + i) for i, row in enumerate(chunk)] if validate else chunk
            tokenized = tokenize_texts(self.tokenizer, [row["text"] for row in checked])
            for i, (row, tokens) in enumerate(zip(checked, tokenized, strict=True)):
                encoded.append(self._encode_one(row, tokens, start + i))  # type: ignore[arg-type]
        return encoded

    def encode_columns(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Encode a batch of columns, for `dataset.map(processor.encode_columns, batched=True)`.

        Args:
            batch (`Mapping[str, Sequence]`): columns `text`, `head` and `tail`, and possibly more, of equal length.

        Returns:
            `dict[str, list]`: the columns of [`EncodedInstance.to_dict`].

        Raises:
            InvalidRowError: as `encode`; the index counts from the start of the batch.
            UsageError: a column is missing.

        Example:

        ```python
        >>> from datasets import Dataset
        >>> from transformers import BertTokenizerFast
        >>> from hf_relation.processing import RelationProcessor
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
        >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
        >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
        >>> processor.encode_columns(Dataset.from_list([row, row])[:])["head_marker_index"]
        [1, 1]

        ```
        """
        if missing := sorted({"text", "head", "tail"} - set(batch)):
            raise UsageError(
                f"Columns {missing} are missing; the batch has {sorted(batch)}. Use batched=True in `map`."
            )
        names = ("text", "head", "tail")
        rows = [dict(zip(names, values, strict=True)) for values in zip(*(batch[name] for name in names), strict=True)]
        dicts = [row.to_dict() for row in self.encode(rows)]
        return {name: [row[name] for row in dicts] for name in (dicts[0] if dicts else ())}

    def pad(
        self,
        encoded: Iterable[EncodedInstance | Mapping[str, Any]],
        return_tensors: str | None = "pt",
        *,
        pad_to_multiple_of: int | None = None,
    ) -> BatchEncoding:
        """Pad encoded instances to the longest of them, on the tokenizer's padding side.

        Args:
            encoded (`Iterable[EncodedInstance | Mapping]`): what `encode` returns, or dicts with the same keys; all or
                none may have `labels` (numbers).
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"`, or `None` for lists.
            pad_to_multiple_of (`int`, *optional*): round the length up to a multiple.

        Returns:
            `BatchEncoding`: as `__call__`; with `labels` `(B, ...)`, int64 or float32, when the rows have them.

        Raises:
            UsageError: keys missing or unknown, or columns of a row that differ in length.
        """
        return self._pad(list(encoded), return_tensors, None, pad_to_multiple_of)

    def _pad(
        self,
        encoded: Sequence[EncodedInstance | Mapping[str, Any]],
        return_tensors: str | None,
        to_length: int | None,
        pad_to_multiple_of: int | None,
    ) -> BatchEncoding:
        if return_tensors not in ("pt", "np", None):
            raise UsageError(f"`return_tensors` must be 'pt', 'np' or None, got {return_tensors!r}.")
        rule = PaddingRule(
            pad_token_id=self.tokenizer.pad_token_id,
            pad_token_type_id=self.tokenizer.pad_token_type_id,
            side=self.tokenizer.padding_side,
            token_types=self._wrapping.token_types is not None,
        )
        arrays = pad_encoded(encoded, rule, to_length=to_length, pad_to_multiple_of=pad_to_multiple_of)
        if return_tensors is None:
            return BatchEncoding({name: array.tolist() for name, array in arrays.items()})
        if return_tensors == "np":
            return BatchEncoding(arrays)
        import torch

        return BatchEncoding({name: torch.from_numpy(array) for name, array in arrays.items()})

    def _encode_one(self, row: Instance, tokens: TextTokens, index: int) -> EncodedInstance:
        text, head, tail = row["text"], row["head"], row["tail"]
        tokens, head_range, tail_range = align_mentions(
            text,
            (head["start"], head["end"]),
            (tail["start"], tail["end"]),
            tokens,
            lambda cuts: tokenize_in_pieces(self.tokenizer, text, cuts),
        )
        if head_range is None or tail_range is None:
            name, mention = ("head", head) if head_range is None else ("tail", tail)
            raise InvalidRowError(
                f"the tokenizer has no token for the {name} {text[mention['start'] : mention['end']]!r}: it drops these "
                "characters. Mark a mention with letters, digits or signs that the tokenizer keeps.",
                index=index,
            )
        num_tokens, budget = len(tokens.ids), self.max_length - self._added_tokens
        if num_tokens > budget and self.long_text == "error":
            raise InvalidRowError(
                f"the text has {num_tokens + self._added_tokens} tokens (markers and special tokens included), more than "
                f"`max_length` {self.max_length}. Shorten it, raise `max_length` or use long_text='window'.",
                index=index,
            )
        first, second = sorted((head_range, tail_range))
        window = choose_window(num_tokens, first, second, budget)
        if window is None:
            sizes = [end - start for start, end in (head_range, tail_range)]
            raise InvalidRowError(
                f"the mentions are too long: head {sizes[0]} and tail {sizes[1]} tokens, but only {budget} text tokens fit "
                f"into `max_length` {self.max_length}. Mark shorter mentions or raise `max_length`.",
                index=index,
            )
        return assemble(
            tokens.ids,
            MarkedMention(*head_range, self._markers(HEAD_ROLE, head)),
            MarkedMention(*tail_range, self._markers(TAIL_ROLE, tail)),
            window,
            self._wrapping,
        )

    def _markers(self, role: str, mention: Mention) -> tuple[int, int] | None:
        if self.marker_policy == "none":
            return None
        type_name = mention.get("type") if self.marker_policy == "typed" else None
        if type_name is not None:
            known = self._marker_ids.get((role, normalize_entity_type(type_name)))
            if known is not None:
                return known
        return self._marker_ids[role, None]
