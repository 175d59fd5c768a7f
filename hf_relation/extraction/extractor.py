"""`RelationExtractor`: documents or raw text in, triples out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.candidates import candidate_pairs, check_distance
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.extraction.decisions import DecisionRules, decide
from hf_relation.extraction.entity_sources import entity_source
from hf_relation.extraction.inputs import ExtractionInput, check_rows, read_inputs
from hf_relation.extraction.joint import tag_and_score
from hf_relation.extraction.loading import NO_CHECKPOINT, check_parts, load_extractor_parts
from hf_relation.extraction.scoring import PairScores, batch_tokens, check_dtype, score_documents
from hf_relation.extraction.sharing import SharedExtractor
from hf_relation.extraction.state import read_rules
from hf_relation.extraction.type_constraints import TypeConstraints


_CHUNK = 1_000


class RelationExtractor(SharedExtractor):
    """Find the triples (head, relation, tail) in texts.

    Args:
        model ([`~hf_relation.KernelREModel`], [`~hf_relation.PairClassificationModel`], `str` or path): a trained model, or the
            folder or Hub id of a checkpoint, which brings its rules (thresholds, calibration, type constraints, symmetric
            relations) along.
        processor ([`~hf_relation.processing.DocumentProcessor`], *optional*): needed with a model object.
        rules ([`DecisionRules`], *optional*): in the place of those of the checkpoint.
        dtype (`str`, defaults to `"float32"`): `"float32"` or `"bfloat16"`.
        max_tokens_per_batch (`int`, *optional*): tokens of a padded batch; a bound on the memory, which changes no result. Default:
            2,048 on a CPU, 16,384 elsewhere.
        device (`str`, *optional*): `"cpu"`, `"cuda"`, ...; by default where the model lies.

    Raises:
        UsageError: there is no model, or an argument has a value that is not allowed.
        CheckpointError: files are missing or damaged.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation import DocumentProcessor, KernelREConfig, KernelREModel, RelationExtractor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = DocumentProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> sizes = {"model_type": "bert", "vocab_size": processor.vocab_size, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = KernelREModel(KernelREConfig(backbone_config=sizes, id2label={0: "born in"}))
    >>> extractor = RelationExtractor(model, processor)
    >>> found, = extractor.extract(["Ada was born in Lindau."], entities=lambda texts: [[(0, 3), (16, 22)]], threshold=0.0)
    >>> [(triple["head"]["text"], triple["relation"], triple["tail"]["text"]) for triple in found["triples"]]
    [('Ada', 'born in', 'Lindau'), ('Lindau', 'born in', 'Ada')]

    ```
    """

    def __init__(
        self,
        model: Any,
        processor: Any = None,
        *,
        rules: DecisionRules | None = None,
        dtype: str = "float32",
        max_tokens_per_batch: int | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if model is None:
            raise UsageError(NO_CHECKPOINT)
        check_dtype(dtype)
        batch_tokens(max_tokens_per_batch, torch.device("cpu"))
        if isinstance(model, (str, os.PathLike)):
            folder = checkpoint_folder(model)
            rules = read_rules(folder) if rules is None else rules
            model, processor = load_extractor_parts(folder, processor)
        elif processor is None:
            raise UsageError("A model object needs its processor: pass `processor=DocumentProcessor(...)` as well.")
        else:
            check_parts(model, processor)
        self.model, self.processor = model, processor
        self.rules = rules or DecisionRules()
        self.dtype, self.max_tokens_per_batch, self.device = dtype, max_tokens_per_batch, device
        self.rules.check(self.relations)

    @property
    def relations(self) -> list[str]:
        """The relations that the model knows, by number."""
        names: list[str] = self.model.config.relations
        return names

    def extract(
        self,
        inputs: Iterable[Any],
        *,
        entities: Any = None,
        threshold: float | Mapping[str, float] | None = None,
        top_k: int | None = None,
        type_constraints: bool | TypeConstraints | str | os.PathLike[str] = True,
        keep_none: bool = False,
        max_distance: int | None = None,
        progress: bool = False,
    ) -> list[dict[str, Any]]:
        """Extract the triples of texts. Several threads may do so at once.

        Args:
            inputs (`Iterable`): documents (text, mentions, entities), instances (text, head, tail: that pair alone is judged),
                or texts (`str`, or mappings with `text` alone); they may be mixed.
            entities (*optional*): finds the entities of texts: the name of a source, see
                [`~hf_relation.extraction.load_entity_source`], a token-classification pipeline, a spaCy pipeline, or a function,
                see [`~hf_relation.data.entities_of`]; by default the model's own tagger.
            threshold (`float` or `Mapping[str, float]`, *optional*): for all relations, or by name; by default those of the
                checkpoint, else 0.5.
            top_k (`int`, *optional*): at most so many relations of an ordered pair.
            type_constraints (`bool`, [`TypeConstraints`] or path, defaults to `True`): keep to the types of head and tail that
                the checkpoint allows, or to those given (a JSON file: `{"born in": [["PERSON", "LOCATION"]]}`).
            keep_none (`bool`, defaults to `False`): give out pairs without a relation as well (`relation` `None`).
            max_distance (`int`, *optional*): leave out pairs with more characters between their nearest mentions.
            progress (`bool`, defaults to `False`): a progress bar on stderr.

        Returns:
            `list[dict]`: one an input, in order: `id`, `text`, `entities` (`type`, and `mentions` with `start`, `end`,
            `text`), and `triples` as [`~hf_relation.extraction.decide`] gives them.

        Raises:
            InvalidRowError: an input is not what it should be; `.index` is its position.
            UsageError: an argument has a value that is not allowed, or nothing finds the entities of a text.
        """
        rules = self.rules.with_threshold(threshold)
        if top_k is not None:
            rules = replace(rules, top_k=top_k)
        if isinstance(type_constraints, (str, os.PathLike)):
            type_constraints = TypeConstraints.from_json(type_constraints)
        if type_constraints is not True:
            rules = replace(rules, type_constraints=type_constraints or None)
        rules.check(self.relations)
        rows = check_rows(inputs)
        found = []
        with _bar(len(rows), shown=progress) as bar:
            for document, scores in self.score(rows, entities=entities, max_distance=max_distance):
                triples = decide(document, scores, self.relations, rules, keep_none=keep_none)
                found.append(_answer(document, triples))
                if bar is not None:
                    bar.update(1)
        return found

    def score(
        self, rows: Sequence[Any], *, entities: Any = None, max_distance: int | None = None
    ) -> Iterator[tuple[Document, PairScores]]:
        """Give the scores from which [`extract`] chooses.

        Args:
            rows (`Sequence`), entities, max_distance: as for [`extract`].

        Yields:
            `tuple`: the document (in normal form), and its [`PairScores`].
        """
        check_distance(max_distance)
        entities = entity_source(entities, device=self.device)
        for start in range(0, len(rows), _CHUNK):
            yield from self._score_chunk(rows[start : start + _CHUNK], start, entities, max_distance)

    def _score_chunk(
        self, rows: Sequence[Any], first: int, entities: Any, max_distance: int | None
    ) -> Iterator[tuple[Document, PairScores]]:
        inputs = read_inputs(rows, entities, first=first)
        tagged, known = ([place for place, given in enumerate(inputs) if given.raw is raw] for raw in (True, False))
        settings: dict[str, Any] = {
            "dtype": self.dtype,
            "max_tokens_per_batch": self.max_tokens_per_batch,
            "device": self.device,
        }
        candidates: dict[str, Any] = {"max_distance": max_distance, "reflexive": self.rules.reflexive_pairs}
        joint: Iterator[tuple[Document, PairScores]] = iter(())
        if tagged:
            joint = tag_and_score(
                self.model,
                self.processor,
                [inputs[place].document["text"] for place in tagged],
                ids=[inputs[place].document["id"] for place in tagged],
                rows=[first + place for place in tagged],
                **candidates,
                **settings,
            )
        scores = score_documents(
            self.model,
            self.processor,
            [inputs[place].document for place in known],
            pairs=(_pairs(inputs[place], candidates) for place in known),
            rows=[first + place for place in known],
            validate=False,
            **settings,
        )
        for given in inputs:
            yield next(joint) if given.raw else (given.document, next(scores))


def _pairs(given: ExtractionInput, candidates: dict[str, Any]) -> list[tuple[int, int]]:
    return candidate_pairs(given.document, **candidates) if given.pair is None else [given.pair]


def _answer(document: Document, triples: list[dict[str, Any]]) -> dict[str, Any]:
    text = document["text"]
    spans = [
        {"start": start, "end": end, "text": text[start:end]}
        for start, end in ((mention["start"], mention["end"]) for mention in document["mentions"])
    ]
    entities = [
        {"type": entity["type"], "mentions": [dict(spans[mention]) for mention in entity["mentions"]]}
        for entity in document["entities"]
    ]
    return {"id": document["id"], "text": text, "entities": entities, "triples": triples}


def _bar(total: int, *, shown: bool) -> Any:
    if not shown:
        return nullcontext()
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, unit="text", desc="Extracting")
