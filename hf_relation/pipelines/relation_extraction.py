"""The task `relation-extraction`: documents or raw texts in, their triples out, as plain dicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hf_relation.errors import UsageError
from hf_relation.pipelines.inputs import as_rows, batch_budget
from hf_relation.pipelines.sharing import SharedPipeline


if TYPE_CHECKING:
    from hf_relation.extraction import DecisionRules, RelationExtractor

_MODEL_OPTIONS = ("batch_size", "dtype", "max_tokens_per_batch")
_CALL_OPTIONS = ("threshold", "top_k", "entities", "type_constraints", "keep_none", "max_distance", "progress_bar")


@dataclass
class _Inputs:
    # A class of its own, so that the base class does not walk through all texts looking for tensors.
    rows: list[Any]
    answers: list[dict[str, Any]] | None = None


class RelationExtractionPipeline(SharedPipeline):
    """Extract the triples (head, relation, tail) of texts; a thin face of [`~hf_relation.RelationExtractor`].

    The rules stored with the checkpoint (thresholds, calibration, type constraints, symmetric relations) are the defaults. The
    task has no default model: which relations there are depends on the data.

    Options, at construction or per call:
        threshold (`float` or `dict`), top_k (`int`), entities, type_constraints, keep_none (`bool`), max_distance
            (`int`): as for [`~hf_relation.RelationExtractor.extract`].
        dtype (`str`): `"float32"` or `"bfloat16"`, at a call; at construction it is the dtype of the weights, as in every
            pipeline.
        batch_size (`int`): memory bound of a forward pass, as this many texts of greatest length; shorter texts are packed
            more densely. `max_tokens_per_batch` (`int`) says the same in tokens. Results do not depend on it.
        progress_bar (`bool`): show one.

    Example:

    ```python
    >>> import hf_relation
    >>> from transformers import pipeline
    >>> extract = pipeline("relation-extraction", model="runs/mine")  # doctest: +SKIP
    >>> [row["relation"] for row in extract(document, threshold=0.7)["triples"]]  # doctest: +SKIP
    ['born in']

    ```
    """

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_video_processor = False
    _stored: tuple[Any, DecisionRules] | None = None

    def __call__(self, inputs: Any, **options: Any) -> dict[str, Any] | list[dict[str, Any]]:
        """Extract triples.

        Args:
            inputs (`str`, `Mapping` or an iterable of them): texts, documents (text, mentions, entities) or instances (text, head,
                tail): one, a list, a generator, a `datasets.Dataset` or `IterableDataset`, or a torch dataset. Gold labels are
                never read.
            **options: see the class.

        Returns:
            `dict` or `list[dict]`: for one input its answer, for several a list of answers, in order; JSON-able, as in
            [`~hf_relation.RelationExtractor.extract`].

        Raises:
            UsageError: an unknown option, a value out of range, or nothing finds the entities of a text.
            InvalidRowError: a bad row, with its position.
        """
        if self._batch_size is not None and "max_tokens_per_batch" not in options:
            options = {"batch_size": self._batch_size} | options
        preprocess, forward, postprocess = self._sanitize_parameters(**options)
        answers: list[dict[str, Any]] = self.run_single(
            inputs,
            self._preprocess_params | preprocess,
            self._forward_params | forward,
            self._postprocess_params | postprocess,
        )
        return answers[0] if isinstance(inputs, (str, Mapping)) else answers

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        known = (*_MODEL_OPTIONS, *_CALL_OPTIONS)
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise UsageError(f"`{unknown[0]}` is no option of this pipeline; it has: {', '.join(known)}.")
        forward = {name: options[name] for name in ("dtype", *_CALL_OPTIONS) if options.get(name) is not None}
        return {}, forward | batch_budget(options, self.processor.max_length), {}

    def preprocess(self, input_: Any) -> _Inputs:
        from hf_relation.extraction.inputs import check_rows

        return _Inputs([input_] if isinstance(input_, (str, Mapping)) else check_rows(as_rows(input_)))

    def _forward(self, input_tensors: _Inputs, **options: Any) -> _Inputs:
        settings = {name: options.pop(name) for name in ("dtype", "max_tokens_per_batch") if name in options}
        options["progress"] = bool(options.pop("progress_bar", False))
        input_tensors.answers = self._extractor(**settings).extract(input_tensors.rows, **options)
        return input_tensors

    def postprocess(self, model_outputs: _Inputs) -> list[dict[str, Any]]:
        return model_outputs.answers or []

    def _estimator(self) -> RelationExtractor:
        return self._extractor()

    def _extractor(self, **settings: Any) -> RelationExtractor:
        from hf_relation.extraction import RelationExtractor
        from hf_relation.extraction.state import rules_of_model

        if self._stored is None or self._stored[0] is not self.model:
            self._stored = (self.model, rules_of_model(self.model))  # checks the weights, which takes a while
        return RelationExtractor(self.model, self.processor, rules=self._stored[1], device=self.device, **settings)
