"""`DocumentProcessor`: a text with any number of mentions to token ids, mention spans and candidate pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from transformers import BatchEncoding, PreTrainedTokenizerBase, ProcessorMixin

from hf_relation.beside_weights import SavedWhole
from hf_relation.data.candidates import nearest_mentions
from hf_relation.data.schema import Document
from hf_relation.data.validation import check_document
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.hub_class import HubClass
from hf_relation.processing.alignment import TextTokens, token_range, trim_span
from hf_relation.processing.document_assembling import assemble_window
from hf_relation.processing.document_padding import pad_windows
from hf_relation.processing.document_windows import plan_windows
from hf_relation.processing.encoded_window import EncodedWindow
from hf_relation.processing.markers import (
    check_marker_policy,
    declared_entity_types,
    marker_pair,
    normalize_entity_type,
)
from hf_relation.processing.padding import PaddingRule
from hf_relation.processing.pair_choice import Pairs, check_pair_choice, choose_pairs
from hf_relation.processing.tokenizing import check_tokenizer, checked_max_length, probe_wrapping, tokenize_texts


ROLE = "E"
_TOKENIZER_BATCH = 1000


class DocumentProcessor(HubClass, SavedWhole, ProcessorMixin):
    """Turn documents into the input of an extraction model such as [`~hf_relation.models.kernel_re.KernelREModel`].

    A text is tokenized once and whole; the tokens of mentions are found by their characters, and mentions may be nested or
    overlap. A pair of entities is judged by its nearest mentions ([`~hf_relation.data.nearest_mentions`]). Texts longer than
    the encoder are cut into windows such that every pair has exactly one; none is dropped.

    Args:
        tokenizer (`PreTrainedTokenizerFast`): a fast tokenizer with a padding token; marker tokens are added to it.
        marker_policy (`str`, defaults to `"none"`): `"none"`: the text as it is (paper); `"entity"`: `[E] mention [/E]` around
            every mention; `"typed"`: `[E:PERSON] mention [/E:PERSON]` for the declared types, the plain markers for others.
        entity_types (`Sequence[str]`, defaults to `()`): types of the `"typed"` policy; compared in upper case.
        max_length (`int`, *optional*): longest input in tokens, markers and special tokens included. Defaults to the
            tokenizer's `model_max_length`, at most 512.
        mention_entities (`bool`, defaults to `False`): batches also say which entity every mention is of, for models that take
            entities as means over their mentions.

    Raises:
        UsageError: a slow tokenizer, one without padding token, or an argument out of range.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.processing import DocumentProcessor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = DocumentProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}), marker_policy="entity")
    >>> document = {"text": "Ada was born in Lindau.", "mentions": [{"start": 0, "end": 3}, {"start": 16, "end": 22}],
    ...             "entities": [{"mentions": [0]}, {"mentions": [1]}]}
    >>> batch = processor([document])
    >>> processor.tokenizer.decode(batch["input_ids"][0])
    '[CLS] [E] ada [/E] was born in [E] lindau [/E]. [SEP]'
    >>> batch["mention_spans"].tolist(), batch["pairs"].tolist()
    ([[[2, 3], [8, 9]]], [[[0, 1], [1, 0]]])

    ```
    """

    _last_file = "processor_config.json"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        marker_policy: str = "none",
        entity_types: Sequence[str] = (),
        max_length: int | None = None,
        mention_entities: bool = False,
    ) -> None:
        entity_types = declared_entity_types(entity_types)
        check_marker_policy(marker_policy, entity_types)
        check_tokenizer(tokenizer)
        super().__init__(tokenizer)
        self.marker_policy = marker_policy
        self.mention_entities = mention_entities
        self.entity_types = entity_types
        types: list[str | None] = [] if marker_policy == "none" else [None, *entity_types]
        markers = [token for type_name in types for token in marker_pair(ROLE, type_name)]
        if markers:
            tokenizer.add_special_tokens({"extra_special_tokens": markers}, replace_extra_special_tokens=False)
        self._marker_ids: dict[str | None, tuple[int, int]] = {
            name: tuple(tokenizer.convert_tokens_to_ids(list(marker_pair(ROLE, name)))) for name in types
        }
        self._wrapping = probe_wrapping(tokenizer)
        self.max_length = checked_max_length(
            max_length, tokenizer.model_max_length, self._wrapping.size + 2 + (4 if markers else 0)
        )

    @property
    def vocab_size(self) -> int:
        """Number of tokens with the markers: what the model's input embeddings must be resized to."""
        return len(self.tokenizer)

    @property
    def marker_tokens(self) -> list[str]:
        """The marker tokens that were added to the tokenizer."""
        return [token for name in self._marker_ids for token in marker_pair(ROLE, name)]

    @property
    def model_input_names(self) -> list[str]:
        """The columns of a batch, in order."""
        token_types = ["token_type_ids"] if self._wrapping.token_types is not None else []
        entities = ["mention_entities"] if self.mention_entities else []
        return ["input_ids", "attention_mask", *token_types, "text_token_mask", "mention_spans", *entities, "pairs"]

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: Any, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Any]:
        # Without this, overrides such as `max_length=64` would end up in the tokenizer's saved settings as well.
        for name in ("marker_policy", "entity_types", "max_length", "mention_entities"):
            kwargs.pop(name, None)
        kwargs["trust_remote_code"] = False  # the tokenizer of a relation model is one of transformers
        return super()._get_arguments_from_pretrained(pretrained_model_name_or_path, processor_dict, **kwargs)

    def __call__(
        self, documents: Iterable[Mapping[str, Any]], *, pairs: Pairs = "all", return_tensors: str | None = "pt"
    ) -> BatchEncoding:
        """Encode and pad documents; a document that is longer than `max_length` gives several rows.

        Args:
            documents (`Iterable[Mapping]`): documents of the data contract; not altered.
            pairs (`str` or one sequence of pairs a document, defaults to `"all"`): as for [`encode`].
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"`, or `None` for lists.

        Returns:
            `BatchEncoding`: as [`pad`].

        Raises:
            InvalidRowError: as [`encode`].
        """
        return self.pad(self.encode(documents, pairs=pairs), return_tensors)

    def encode(
        self,
        documents: Iterable[Mapping[str, Any]],
        *,
        pairs: Pairs = "all",
        cover: bool = False,
        validate: bool = True,
        first_index: int = 0,
    ) -> list[EncodedWindow]:
        """Encode documents to windows, without padding.

        Args:
            documents (`Iterable[Mapping]`): documents of the data contract; not altered.
            pairs (`str` or one sequence of pairs a document, defaults to `"all"`): the candidates: `"all"` ordered pairs of
                two entities, `"labelled"` ones, `"none"`, or the given ones as positions in `entities`.
            cover (`bool`, defaults to `False`): windows also for stretches of text without a pair, for a tagger.
            validate (`bool`, defaults to `True`): check the documents first; `False` only for those known to be good.
            first_index (`int`, defaults to 0): row number of the first document, for error messages.

        Returns:
            `list[EncodedWindow]`: in the order of the documents, at least one for each.

        Raises:
            InvalidRowError: a document breaks the data contract, the tokenizer has no token for a mention, or two mentions of
                a pair do not fit into `max_length`.
            UsageError: `documents` is one document or a string, or `pairs` does not fit the documents.
        """
        if isinstance(documents, (Mapping, str, bytes)) or not isinstance(documents, Iterable):
            raise UsageError(
                f"A list of documents is needed, got {type(documents).__name__}. Put a single document in a list."
            )
        check_pair_choice(pairs)
        rows = iter(documents)
        windows: list[EncodedWindow] = []
        done = 0
        while chunk := list(islice(rows, _TOKENIZER_BATCH)):
            checked = [
                check_document(row, index=first_index + done + i) if validate else cast(Document, row)
                for i, row in enumerate(chunk)
            ]
            tokenized = tokenize_texts(self.tokenizer, [row["text"] for row in checked])
            for document, tokens in zip(checked, tokenized, strict=True):
                chosen = choose_pairs(document, pairs, done)
                windows += self._windows(document, tokens, chosen, done, first_index + done, cover)
                done += 1
        if not isinstance(pairs, str) and len(pairs) != done:
            raise UsageError(f"`pairs` must have one list a document ({done}), got {len(pairs)}.")
        return windows

    def pad(
        self,
        windows: Sequence[EncodedWindow],
        return_tensors: str | None = "pt",
        *,
        pad_to_multiple_of: int | None = None,
    ) -> BatchEncoding:
        """Pad windows to the longest of them, on the tokenizer's padding side.

        Args:
            windows (`Sequence[EncodedWindow]`): what [`encode`] returns; at least one.
            return_tensors (`str`, *optional*, defaults to `"pt"`): `"pt"`, `"np"`, or `None` for lists.
            pad_to_multiple_of (`int`, *optional*): round the length up to a multiple.

        Returns:
            `BatchEncoding`, int64: `input_ids`, `attention_mask`, `token_type_ids` (if the tokenizer makes them) and
            `text_token_mask` of shape `(B, T)`; `mention_spans` `(B, M, 2)`, `pairs` `(B, P, 2)` and, where the processor was
            made so, `mention_entities` `(B, M)`: positions in the document's `entities`; -1 in padding.

        Raises:
            UsageError: there are no windows, or an unknown kind of tensor.
        """
        if return_tensors not in ("pt", "np", None):
            raise UsageError(f"`return_tensors` must be 'pt', 'np' or None, got {return_tensors!r}.")
        if not windows:
            raise UsageError("There are no windows to pad.")
        rule = PaddingRule(
            pad_token_id=self.tokenizer.pad_token_id,
            pad_token_type_id=self.tokenizer.pad_token_type_id,
            side=self.tokenizer.padding_side,
            token_types=self._wrapping.token_types is not None,
        )
        arrays = pad_windows(
            windows, rule, pad_to_multiple_of=pad_to_multiple_of, mention_entities=self.mention_entities
        )
        if return_tensors is None:
            return BatchEncoding({name: array.tolist() for name, array in arrays.items()})
        if return_tensors == "np":
            return BatchEncoding(arrays)
        import torch

        return BatchEncoding({name: torch.from_numpy(array) for name, array in arrays.items()})

    def _windows(
        self,
        document: Document,
        tokens: TextTokens,
        pairs: Sequence[tuple[int, int]],
        row: int,
        index: int,
        cover: bool,
    ) -> list[EncodedWindow]:
        spans = []
        for position, mention in enumerate(document["mentions"]):
            found = token_range(tokens.offsets, *trim_span(document["text"], mention["start"], mention["end"]))
            if found is None:
                text = document["text"][mention["start"] : mention["end"]]
                raise InvalidRowError(
                    f"the tokenizer has no token for `mentions[{position}]` {text!r}: it drops these characters. Mark a "
                    "mention with letters, digits or signs that the tokenizer keeps.",
                    index=index,
                )
            spans.append(found)
        mention_pairs = [nearest_mentions(document, *pair) for pair in pairs]
        markers = 2 if self._marker_ids else 0
        budget = self.max_length - self._wrapping.size
        planned = plan_windows(len(tokens.ids), spans, mention_pairs, budget, markers=markers, cover=cover)
        if isinstance(planned, int):
            lengths = [spans[mention][1] - spans[mention][0] for mention in mention_pairs[planned]]
            raise InvalidRowError(
                f"entities {pairs[planned][0]} and {pairs[planned][1]} have mentions of {lengths[0]} and {lengths[1]} tokens, "
                f"which do not fit into `max_length` {self.max_length} together. Mark shorter mentions or raise `max_length`.",
                index=index,
            )
        marker_ids = [self._markers(name) for name in _types_of_mentions(document)] if self._marker_ids else None
        entity_of = {mention: i for i, entity in enumerate(document["entities"]) for mention in entity["mentions"]}
        encoded = []
        for window in planned:
            made = assemble_window(tokens, spans, marker_ids, window, self._wrapping)
            local = {mention: place for place, mention in enumerate(window.mentions)}
            encoded.append(
                EncodedWindow(
                    input_ids=made.ids,
                    offsets=made.offsets,
                    mention_spans=made.spans,
                    mentions=list(window.mentions),
                    pairs=[(local[mention_pairs[pair][0]], local[mention_pairs[pair][1]]) for pair in window.pairs],
                    pair_entities=[pairs[pair] for pair in window.pairs],
                    mention_entities=[entity_of.get(mention, -1) for mention in window.mentions],
                    document=row,
                    token_type_ids=made.token_types,
                    complete=window.stretches == ((0, len(tokens.ids)),),
                )
            )
        return encoded

    def _markers(self, type_name: str | None) -> tuple[int, int]:
        known = None if type_name is None else self._marker_ids.get(normalize_entity_type(type_name))
        return known or self._marker_ids[None]


def _types_of_mentions(document: Document) -> list[str | None]:
    types: list[str | None] = [None] * len(document["mentions"])
    for entity in document["entities"]:
        for mention in entity["mentions"]:
            types[mention] = types[mention] or entity["type"]
    return types
