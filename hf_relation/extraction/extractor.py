"""`RelationExtractor`: documents or raw text in, triples out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.atomic import fill_folder
from hf_relation.data.candidates import candidate_pairs
from hf_relation.data.entities import document_of_spans, entities_of
from hf_relation.data.folding import fold_instances
from hf_relation.data.schema import Document
from hf_relation.data.validation import check_document, check_instance
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction.decisions import DecisionRules, decide
from hf_relation.extraction.joint import tag_and_score
from hf_relation.extraction.loading import load_extractor_parts
from hf_relation.extraction.scoring import DTYPES, PairScores, score_documents
from hf_relation.extraction.state import JSON_FILE, read_rules, write_rules


_CHUNK = 1_000
NO_CHECKPOINT = (
    "There is no shipped checkpoint for relation extraction: which relations there are depends on your data. Pass `model=` (a "
    "folder or Hub id of a KernelRE checkpoint). To train one: hf-relation train kernel-re --dataset jsonl --train_file "
    "train.jsonl --output_dir runs/mine (in the repository: python examples/train_kernel_re.py --help)."
)


class RelationExtractor:
    """Find the triples (head, relation, tail) in texts.

    Args:
        model ([`~hf_relation.KernelREModel`], `str` or path): a trained model, or the folder or Hub id of a checkpoint; a
            checkpoint brings its rules (thresholds, calibration, type constraints, symmetric relations) along.
        processor ([`~hf_relation.processing.DocumentProcessor`], *optional*): needed with a model object.
        rules ([`DecisionRules`], *optional*): in the place of those of the checkpoint.
        dtype (`str`, defaults to `"float32"`): `"float32"` or `"bfloat16"`.
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
        device: str | None = None,
    ) -> None:
        if model is None:
            raise UsageError(NO_CHECKPOINT)
        if dtype not in DTYPES:
            raise UsageError(f"`dtype` must be one of {', '.join(DTYPES)}, got {dtype!r}.")
        if isinstance(model, (str, os.PathLike)):
            folder = checkpoint_folder(model)
            rules = read_rules(folder) if rules is None else rules
            model, processor = load_extractor_parts(folder, processor)
        elif processor is None:
            raise UsageError("A model object needs its processor: pass `processor=DocumentProcessor(...)` as well.")
        self.model, self.processor = model, processor
        self.rules = rules or DecisionRules()
        self.dtype, self.device = dtype, device
        if self.rules.symmetric is not None:
            self.rules.symmetric.check(self.relations)

    @property
    def relations(self) -> list[str]:
        """The relations that the model knows, by number."""
        names: list[str] = self.model.config.relations
        return names

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        **settings: Any,
    ) -> RelationExtractor:
        """Load a checkpoint with its rules.

        Args:
            name (`str` or path): a local folder, or a Hub id.
            revision (`str`, *optional*): branch, tag or commit of a Hub id.
            token (`str`, *optional*): Hub token for private repositories.
            **settings: further arguments of [`RelationExtractor`].

        Returns:
            [`RelationExtractor`].

        Raises:
            UsageError: no name is given.
            CheckpointError: there is no such checkpoint, or files are missing or damaged.
        """
        if name is None:
            raise UsageError(NO_CHECKPOINT)
        return cls(checkpoint_folder(name, revision=revision, token=token), **settings)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Save model, processor and rules: a folder that loads by itself, offline. Only safetensors and JSON are written.

        Args:
            save_directory (`str` or `PathLike`): made where missing; other files in it are left alone.
            **kwargs: passed to `PreTrainedModel.save_pretrained`, e.g. `max_shard_size`.
        """

        def fill(folder: Path) -> None:
            self.model.save_pretrained(folder, **kwargs)
            self.processor.save_pretrained(folder)
            write_rules(folder, self.rules)

        fill_folder(save_directory, fill, last=JSON_FILE)

    def extract(
        self,
        inputs: Iterable[Any],
        *,
        entities: Any = None,
        threshold: float | Mapping[str, float] | None = None,
        top_k: int | None = None,
        type_constraints: bool = True,
        keep_none: bool = False,
        max_distance: int | None = None,
        progress: bool = False,
    ) -> list[dict[str, Any]]:
        """Extract the triples of texts.

        Args:
            inputs (`Iterable`): documents (text, mentions, entities), instances (text, head, tail: that pair alone is judged),
                or texts (`str`); they may be mixed.
            entities (*optional*): finds the entities of texts: a token-classification pipeline, a spaCy pipeline, or a function,
                see [`~hf_relation.data.entities_of`]; by default the model's own tagger.
            threshold (`float` or `Mapping[str, float]`, *optional*): for all relations, or by name; by default those of the
                checkpoint, else 0.5.
            top_k (`int`, *optional*): at most so many relations of an ordered pair.
            type_constraints (`bool`, defaults to `True`): keep to the types of head and tail that the checkpoint allows.
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
        rules = replace(self.rules.with_threshold(threshold), top_k=top_k or self.rules.top_k)
        if not type_constraints:
            rules = replace(rules, type_constraints=None)
        if isinstance(inputs, (str, Mapping)):
            raise UsageError("A list of inputs is needed. Put a single text or document in a list.")
        rows = list(inputs)
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
        for start in range(0, len(rows), _CHUNK):
            yield from self._score_chunk(rows[start : start + _CHUNK], start, entities, max_distance)

    def _score_chunk(
        self, rows: Sequence[Any], first: int, entities: Any, max_distance: int | None
    ) -> Iterator[tuple[Document, PairScores]]:
        prepared: list[Document | None] = []
        pairs: dict[int, list[tuple[int, int]]] = {}
        raw: list[int] = []
        for place, row in enumerate(rows):
            index = first + place
            if isinstance(row, str):
                if not row.strip():
                    raise InvalidRowError("the text is blank. Leave it out.", index=index)
                raw.append(place)
                prepared.append(None)
            elif isinstance(row, Mapping) and "head" in row and "tail" in row:
                prepared.append(fold_instances([check_instance(row, index=index)])[0])
                pairs[place] = [_pair_of_instance(prepared[-1], row)]  # type: ignore[arg-type]
            elif isinstance(row, Mapping) and "mentions" in row:
                prepared.append(check_document(row, index=index))
            elif isinstance(row, Mapping) and isinstance(row.get("text"), str):
                raw.append(place)
                prepared.append(None)
            else:
                raise InvalidRowError(
                    f"a text, a document (text, mentions, entities) or an instance (text, head, tail) is needed, got "
                    f"{type(row).__name__}.",
                    index=index,
                )
        texts = [rows[place] if isinstance(rows[place], str) else rows[place]["text"] for place in raw]
        ids = [
            str(first + place) if isinstance(rows[place], str) else str(rows[place].get("id", first + place))
            for place in raw
        ]
        joint: dict[int, tuple[Document, PairScores]] = {}
        if raw and entities is None:
            answers = tag_and_score(
                self.model,
                self.processor,
                texts,
                ids=ids,
                dtype=self.dtype,
                device=self.device,
                max_distance=max_distance,
            )
            joint = dict(zip(raw, answers, strict=True))
        elif raw:
            spans = entities_of(entities, texts)
            for place, text, name, of_text in zip(raw, texts, ids, spans, strict=True):
                prepared[place] = document_of_spans(text, of_text, id=name, index=first + place)
        places = [place for place, document in enumerate(prepared) if document is not None]
        documents: list[Any] = [prepared[place] for place in places]
        candidates = [
            pairs.get(place) or candidate_pairs(document, max_distance=max_distance)
            for place, document in zip(places, documents, strict=True)
        ]
        scores = score_documents(
            self.model,
            self.processor,
            documents,
            pairs=candidates,
            dtype=self.dtype,
            device=self.device,
            validate=False,
        )
        of_place = dict(zip(places, zip(documents, scores, strict=True), strict=True))
        for place in range(len(rows)):
            yield joint[place] if place in joint else of_place[place]


def _pair_of_instance(document: Document, row: Mapping[str, Any]) -> tuple[int, int]:
    spans = [(document["mentions"][entity["mentions"][0]]) for entity in document["entities"]]
    found = [
        next(
            i for i, span in enumerate(spans) if (span["start"], span["end"]) == (row[side]["start"], row[side]["end"])
        )
        for side in ("head", "tail")
    ]
    return found[0], found[1]


def _answer(document: Document, triples: list[dict[str, Any]]) -> dict[str, Any]:
    text = document["text"]
    entities = [
        {
            "type": entity["type"],
            "mentions": [
                {**document["mentions"][m], "text": text[slice(*document["mentions"][m].values())]}  # type: ignore[arg-type]
                for m in entity["mentions"]
            ],
        }
        for entity in document["entities"]
    ]
    return {"id": document["id"], "text": text, "entities": entities, "triples": triples}


def _bar(total: int, *, shown: bool) -> Any:
    if not shown:
        return nullcontext()
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, unit="text", desc="Extracting")
