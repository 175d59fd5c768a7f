"""The task `open-relation-discovery`: a corpus in, relations and a label for every instance out, as plain dicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.data.origins import mention_rows
from hf_relation.errors import UsageError
from hf_relation.pipelines.inputs import as_rows, batch_budget
from hf_relation.pipelines.sharing import SharedPipeline


if TYPE_CHECKING:
    from hf_relation.discovery import RelationDiscovery, TextReport

_ENCODER_OPTIONS = ("backend", "batch_size", "dtype", "max_tokens_per_batch", "progress_bar")
_DISCOVERY_OPTIONS = (
    "num_relations",
    "algorithm",
    "algorithm_kwargs",
    "n_init",
    "transform",
    "pca_components",
    "pair_weighting",
    "num_relations_calibration",
    "seed",
)
# As hf_relation.discovery.raw_text.TEXT_OPTIONS, which a test compares: importing it is left to the first call.
_TEXT_OPTIONS = (
    *("entities", "sentences", "window", "both_directions", "max_distance"),
    *("max_pairs_per_text", "types", "max_characters"),
)


@dataclass
class _Corpus:
    # A class of its own, so that the base class does not walk through all texts looking for tensors.
    rows: list[Any]
    embeddings: np.ndarray | None
    report: TextReport


class OpenRelationDiscoveryPipeline(SharedPipeline):
    """Discover the relations of a corpus with one call.

    Unlike most pipelines it looks at all inputs together: it is a thin face of [`~hf_relation.RelationDiscovery`] and gives
    the same result for the same input, settings and seed. Settings stored with the checkpoint are the defaults.

    Options, at construction or per call:
        num_relations (`int` or `"auto"`), algorithm (`str`), algorithm_kwargs (`dict`), n_init (`int`), transform
            (`"whitening"` or `None`), pca_components (`int`), pair_weighting (`float`), seed (`int`): as in
            [`~hf_relation.RelationDiscovery`].
        known: relations that are known before, as in [`~hf_relation.RelationDiscovery.fit`]; the instances then have `kind` and
            `confidence`.
        dtype (`str`): `"float32"`, `"bfloat16"` or `"auto"`, at a call; at construction it is the dtype of the weights, as
            in every pipeline.
        backend (`str`): what computes the embeddings: `"torch"` (the default), `"torch-compile"`, `"onnx"` or `"openvino"`, see
            [`~hf_relation.embedding.make_encoder`].
        batch_size (`int`): memory bound of a forward pass, as this many texts of greatest length; shorter texts are packed
            more densely. `max_tokens_per_batch` (`int`) says the same in tokens. Results do not depend on it.
        progress_bar (`bool`): show one while embedding.
        entities, sentences, window (`int`), both_directions (`bool`), max_distance (`int`), max_pairs_per_text (`int`), types,
            max_characters (`int`): how texts and documents become pairs, see
            [`~hf_relation.discovery.instances_from_texts`]; not used with instances.

    Example:

    ```python
    >>> import hf_relation
    >>> from transformers import pipeline
    >>> discover = pipeline("open-relation-discovery")  # doctest: +SKIP
    >>> found = discover(instances, num_relations=12)  # doctest: +SKIP
    >>> sorted(found)  # doctest: +SKIP
    ['instances', 'num_relations', 'relations']

    ```
    """

    _embedder: tuple[dict[str, Any], RelationDiscovery] | None = None
    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_video_processor = False

    def __call__(self, inputs: Any, embeddings: Any = None, **options: Any) -> dict[str, Any]:
        """Discover relations.

        Args:
            inputs (`Iterable`, `str` or `Mapping`): instances of the data contract, texts or documents (text, mentions, entities):
                a list, a generator, a `datasets.Dataset` or `IterableDataset`, a torch dataset; or a single one. Gold labels
                are never read.
            embeddings (array-like of shape `(n, d)`, *optional*): ready embeddings of the instances from the same checkpoint.
            **options: see the class.

        Returns:
            `dict`: JSON-able; `"instances"`, `"relations"` and `"num_relations"` as in
            [`~hf_relation.discovery.DiscoveryResult.to_dict`]. Where texts or documents were given, also `"mentions"` (for each
            instance its `document`, and `head` and `tail` with offsets in the text as it was given) and `"texts"` (what became
            of them, see [`~hf_relation.discovery.TextReport`]).

        Raises:
            UsageError: an unknown option, a value out of range, no input, nothing to find the entities of a text, or no pair.
            InvalidRowError: a bad row, with its position.
        """
        if self._batch_size is not None and "max_tokens_per_batch" not in options:
            options = {"batch_size": self._batch_size} | options
        preprocess, forward, postprocess = self._sanitize_parameters(embeddings=embeddings, **options)
        result: dict[str, Any] = self.run_single(
            inputs,
            self._preprocess_params | preprocess,
            self._forward_params | forward,
            self._postprocess_params | postprocess,
        )
        return result

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        allowed = (*_ENCODER_OPTIONS, *_DISCOVERY_OPTIONS, *_TEXT_OPTIONS, "known")
        preprocess = {"embeddings": options.pop("embeddings")} if "embeddings" in options else {}
        preprocess |= {name: options[name] for name in _TEXT_OPTIONS if name in options}
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            raise UsageError(f"`{unknown[0]}` is no option of this pipeline; it has: {', '.join(allowed)}.")
        forward = {name: options[name] for name in ("backend", "dtype") if options.get(name) is not None}
        if options.get("progress_bar") is not None:
            forward["progress"] = bool(options["progress_bar"])
        forward |= batch_budget(options, self.processor.max_length)
        return preprocess, forward, {name: options[name] for name in (*_DISCOVERY_OPTIONS, "known") if name in options}

    def preprocess(self, input_: Any, embeddings: Any = None, **text_options: Any) -> _Corpus:
        from hf_relation.clustering.rows import check_matrix
        from hf_relation.discovery import keep_what_fits, read_discovery_rows

        if isinstance(input_, (str, Mapping)):
            input_ = [input_]
        rows, report = read_discovery_rows(as_rows(input_), device=self.device, **text_options)
        if report.texts and embeddings is None:
            rows = keep_what_fits(rows, self.processor, report)
        return _Corpus(rows, None if embeddings is None else check_matrix(embeddings, name="embeddings"), report)

    def _forward(self, input_tensors: _Corpus, **options: Any) -> _Corpus:
        if input_tensors.embeddings is None and input_tensors.rows:
            # Kept: what a back end makes of the model, a graph say, is made once.
            if self._embedder is None or self._embedder[0] != options or self._embedder[1].model is not self.model:
                self._embedder = (options, self._discovery(**options))
            input_tensors.embeddings = self._embedder[1].embed(input_tensors.rows)
        return input_tensors

    def postprocess(self, model_outputs: _Corpus, known: Any = None, **options: Any) -> dict[str, Any]:
        discovery = self._discovery(**options)
        found = discovery.fit_predict(model_outputs.rows, model_outputs.embeddings, known=known).to_dict()
        if model_outputs.report.texts:
            found |= {"mentions": mention_rows(model_outputs.rows), "texts": model_outputs.report.to_dict()}
        return found

    def _estimator(self) -> RelationDiscovery:
        return self._discovery(**{name: value for name, value in self._postprocess_params.items() if name != "known"})

    def _discovery(self, **options: Any) -> RelationDiscovery:
        from hf_relation.discovery import RelationDiscovery
        from hf_relation.discovery.encoder import state_of_model
        from hf_relation.discovery.settings import merged_settings

        state = state_of_model(self.model)
        settings = {} if state is None else state.settings
        return RelationDiscovery(self.model, self.processor, device=self.device, **merged_settings(settings, options))
