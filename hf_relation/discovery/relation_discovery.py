"""`RelationDiscovery`: the estimator that turns instances into relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from hf_relation.clustering.algorithms import Algorithm
from hf_relation.clustering.labels import cluster_centers
from hf_relation.clustering.num_relations import NumRelationsEstimate
from hf_relation.clustering.whitening import WithinClassWhitening
from hf_relation.data.validation import check_instances
from hf_relation.discovery.askable import AskableRelations
from hf_relation.discovery.editable import EditableRelations
from hf_relation.discovery.fitted import FittedRelations
from hf_relation.discovery.fitting import fit_relations
from hf_relation.discovery.growable import GrowingRelations
from hf_relation.discovery.inputs import read_inputs
from hf_relation.discovery.known import CHECKPOINT, KnownRelations, fit_gate_of, read_known
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.discovery.settings import check_settings
from hf_relation.discovery.sharing import SharedDiscovery
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.discovery.weighting import pair_weights
from hf_relation.discovery.with_encoder import WithEncoder
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.embedding import Backend


class RelationDiscovery(
    SharedDiscovery, WithEncoder, EditableRelations, GrowingRelations, AskableRelations, BaseEstimator
):
    """Discover relations: embed instances, whiten, reduce, cluster, and describe the clusters.

    Input is a list (or generator, `datasets.Dataset`, ...) of instances of the data contract, ready embeddings, or both;
    a two-dimensional numpy array in the place of the instances counts as embeddings. Gold labels are never read, except by
    `score`. A bad row raises with its position; nothing is skipped.

    `RelationDiscovery(model=...)` starts from plain settings. [`from_pretrained`] takes over the settings that a checkpoint
    was tuned with, including its whitening; embeddings given to it must come from that checkpoint.

    Labels are the same in any row order, and `predict` on the fitted instances gives the labels of `fit`: exactly for the
    same embeddings; re-embedded in other batches they differ in the seventh digit, or, in bfloat16, more. With `"kmeans"`
    an instance belongs to the relation with the nearest centre. The other algorithms do not cluster by centres: there, an
    instance gets the label of the nearest instance of the fitted corpus. That holds after every edit, too.

    The instances and their vectors are kept, about `4 * p` bytes a row beside the texts, and saved unless you say otherwise:
    relations can be merged, split, deleted and renamed, and instances added, at any time ([`partial_fit`]).

    Args:
        model (`PreTrainedModel`, `str` or path, *optional*): the encoder, or the name of its checkpoint (loaded at first
            use). Not needed with ready embeddings.
        processor ([`~hf_relation.RelationProcessor`], *optional*): with a model object; else from the checkpoint.
        num_relations (`int` or `"auto"`, defaults to `"auto"`): how many relations to find, from 1 to the number of
            distinct instances. `"auto"` estimates it (see `estimate_`); `"mean_shift"` and `"hdbscan"` always choose it
            themselves and refuse a number.
        algorithm (`str`, defaults to `"kmeans"`): `"kmeans"`, `"agglomerative"`, `"adaptive"`, `"mean_shift"`
            or `"hdbscan"`.
        algorithm_kwargs (`Mapping`, *optional*): further settings, see [`~hf_relation.clustering.make_clusterer`].
        n_init (`int`, defaults to 60): restarts of k-means; the one of least inertia is kept.
        transform (`"whitening"` or [`~hf_relation.clustering.WithinClassWhitening`], *optional*): `"whitening"` is the one
            stored with the checkpoint; or a fitted one of yours.
        pca_components (`int`, *optional*): reduce to this many dimensions; left out for corpora of no more distinct rows.
        pair_weighting (`float`, defaults to 0): from 0 to 1; above 0, near-duplicates and instances of one entity pair count
            less when k-means places the centres, `n ** -pair_weighting` each where there are `n`. `"kmeans"` and
            `"adaptive"` only, and not without instances.
        num_relations_calibration (`float`, *optional*): what `"auto"` was calibrated to on known relations, the threshold of the
            criterion `"ward_joins"` of [`~hf_relation.clustering.estimate_num_relations`]. It comes with a checkpoint, and holds for its
            encoder, whitening and `pca_components` only.
        seed (`int`, defaults to 0): the one source of chance.
        dtype (`str`, defaults to `"auto"`): precision of the encoder: `"float32"`, `"bfloat16"`, or `"auto"`.
        backend (`str`, defaults to `"torch"`): what computes the embeddings: `"torch"`, `"torch-compile"`, `"onnx"` or
            `"openvino"`, see [`~hf_relation.embedding.make_encoder`].
        max_tokens_per_batch (`int`, *optional*): size of the encoder's batches, by default one that suits the device;
            results do not depend on it.
        device (`str`, *optional*): where the encoder runs.
        progress (`bool`, defaults to `False`): show a progress bar while embedding.
        random_state (`int`, *optional*): scikit-learn's name for `seed`; wins over it when given.

    Attributes:
        labels_ (`np.ndarray` of shape `(n,)`, int64): relation id of every fitted instance; -1 for "left out". Ids are by
            size, largest first, then by the smallest instance id (by position where only embeddings were given); edits and
            [`partial_fit`] leave them as they are, so that they need not stay in this order or without gaps.
        scores_ (`np.ndarray` of shape `(n,)`, float32): see [`~hf_relation.discovery.DiscoveryResult`].
        relations_ (`list[DiscoveredRelation]`): by id. [`set_names`] changes names; they are saved.
        centers_ (`np.ndarray` of shape `(r, p)`, float32): relation centres in the space that was clustered.
        events_ (`list[DiscoveryEvent]`): new relations that [`partial_fit`] opened since `fit` or loading, oldest first.
        estimate_ ([`~hf_relation.clustering.NumRelationsEstimate`] or `None`): how the number was chosen, if it was.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import RelationDiscovery
    >>> embeddings = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> discovery = RelationDiscovery(num_relations=2).fit(embeddings)
    >>> discovery.labels_.tolist(), [relation.size for relation in discovery.relations_]
    ([0, 1, 0, 0, 1], [3, 2])
    >>> discovery.predict(np.array([[0.3, 0.9]])).labels.tolist()
    [1]

    ```
    """

    _fitted: FittedRelations | None = None

    def __init__(
        self,
        model: Any = None,
        processor: Any = None,
        *,
        num_relations: int | Literal["auto"] = "auto",
        algorithm: Algorithm = "kmeans",
        algorithm_kwargs: Mapping[str, Any] | None = None,
        n_init: int = 60,
        transform: WithinClassWhitening | Literal["whitening"] | None = None,
        pca_components: int | None = None,
        pair_weighting: float = 0.0,
        num_relations_calibration: float | None = None,
        seed: int = 0,
        dtype: Literal["float32", "bfloat16", "auto"] = "auto",
        backend: Backend = "torch",
        max_tokens_per_batch: int | None = None,
        device: Any = None,
        progress: bool = False,
        random_state: int | None = None,
    ) -> None:
        self.model = model
        self.processor = processor
        self.num_relations = num_relations
        self.algorithm = algorithm
        self.algorithm_kwargs = algorithm_kwargs
        self.n_init = n_init
        self.transform = transform
        self.pca_components = pca_components
        self.pair_weighting = pair_weighting
        self.num_relations_calibration = num_relations_calibration
        self.seed = seed
        self.dtype = dtype
        self.backend = backend
        self.max_tokens_per_batch = max_tokens_per_batch
        self.device = device
        self.progress = progress
        self.random_state = random_state

    def fit(self, instances: Any = None, embeddings: Any = None, *, known: Any = None) -> RelationDiscovery:
        """Discover the relations of a corpus; recognise those that are known, and what belongs to none.

        With `known` every instance is first judged by an [`~hf_relation.discovery.OpenWorldGate`]: of a known relation, of a novel
        one, or without relation (label -1). Only the novel ones are clustered, and `num_relations` counts novel relations only.
        Known relations have the ids 0 to k - 1 in the order in which they first come in `known`, which nothing changes; novel ones
        follow. The result has `kinds`, calibrated `probabilities` and a `confidence` for every instance.

        Args:
            instances (`Iterable[Mapping]` or `np.ndarray` of shape `(n, d)`, *optional*): instances; or embeddings.
            embeddings (array-like of shape `(n, d)`, *optional*): ready embeddings of the instances, before whitening. With
                embeddings alone relations have no keywords.
            known (`Iterable[Mapping]`, `Mapping[str, Iterable[Mapping]]`, [`~hf_relation.discovery.KnownRelations`] or
                `"checkpoint"`, *optional*): labelled instances with one relation each; or a few instances by the name of their
                relation; or the two with embeddings or negatives of your own; or the known relations that are stored with the
                checkpoint.

        Returns:
            [`RelationDiscovery`]: itself.

        Raises:
            UsageError: an argument is out of range, no instance, fewer distinct instances than `num_relations`, or
                embeddings that do not match the instances.
            InvalidRowError: a bad instance, or NaN or infinity in the embeddings.
        """
        self.fit_predict(instances, embeddings, known=known)
        return self

    def fit_predict(self, instances: Any = None, embeddings: Any = None, *, known: Any = None) -> DiscoveryResult:
        """Discover the relations of a corpus and return them with the label of every instance.

        Args:
            instances, embeddings, known: as in [`fit`].

        Returns:
            [`~hf_relation.discovery.DiscoveryResult`].

        Raises:
            UsageError, InvalidRowError: as in [`fit`].
        """
        algorithm_kwargs = dict(self.algorithm_kwargs or {})
        check_settings(self, algorithm_kwargs)
        rows, keys, matrix = read_inputs(instances, embeddings)
        if not rows:
            raise UsageError("`fit` needs at least 1 instance, got 0. Pass some; `predict` takes an empty list.")
        if self.num_relations != "auto" and self.num_relations > len(rows):
            raise UsageError(
                f"`num_relations` must be between 1 and the number of instances ({len(rows)}), got {self.num_relations}. "
                "Lower it or pass more data."
            )
        weights = pair_weights(rows, self.pair_weighting) if self.pair_weighting else None
        whitening = self._whitening()
        if matrix is None:
            matrix = self.embed(rows)
        if whitening is not None and matrix.shape[1] != whitening.n_features_in_:
            raise UsageError(
                f"`embeddings` must have {whitening.n_features_in_} columns, as the whitening of this checkpoint, got "
                f"{matrix.shape[1]}. Make them with `embed`, or set transform=None for embeddings of another encoder."
            )
        steps = EmbeddingSteps(whitening, self.pca_components).fit(matrix)
        self._fitted = fit_relations(
            rows,
            keys,
            matrix,
            steps=steps,
            gate=None if known is None else self._gate(known, matrix, steps),
            algorithm=self.algorithm,
            num_relations=self.num_relations,
            n_init=self.n_init,
            seed=self._seed,
            algorithm_kwargs=algorithm_kwargs,
            weights=weights,
            calibration=self.num_relations_calibration,
        )
        self.events_ = []
        return self.result()

    def predict(self, instances: Any = None, embeddings: Any = None) -> DiscoveryResult:
        """Find the relation of instances among those discovered by `fit`.

        Args:
            instances, embeddings: as in [`fit`]; an empty list gives an empty result.

        Returns:
            [`~hf_relation.discovery.DiscoveryResult`]: its `relations` are those of the fitted corpus, sizes included.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called and no fitted discovery was loaded.
            UsageError, InvalidRowError: as in [`fit`].
        """
        fitted = self._checked_fitted()
        rows, matrix = self._embedded(instances, embeddings)
        return fitted.result(rows, fitted.assign(matrix))

    def score(self, instances: Iterable[Mapping[str, Any]], embeddings: Any = None) -> float:
        """B-cubed F1 of `predict` against the gold labels in `relations`; the only method that reads them.

        Args:
            instances (`Iterable[Mapping]`): instances; those without gold label are left out.
            embeddings (array-like of shape `(n, d)`, *optional*): as in [`fit`].

        Returns:
            `float`: in [0, 1], higher is better.

        Raises:
            UsageError: no instance has a gold label, or one has several.
        """
        from hf_relation.metrics.bcubed import bcubed

        checked = check_instances(instances)
        several = next((i for i, instance in enumerate(checked) if len(instance["relations"]) > 1), None)
        if several is not None:
            raise UsageError(
                f"`score` needs at most one gold label per instance; row {several} has {checked[several]['relations']}."
            )
        kept = [i for i, instance in enumerate(checked) if instance["relations"]]
        if not kept:
            raise UsageError("`score` needs gold labels in `relations`; no instance has one.")
        labels = self.predict(checked, embeddings).labels
        return float(bcubed([checked[i]["relations"][0] for i in kept], labels[kept])["bcubed_f1"])

    @property
    def labels_(self) -> np.ndarray:
        return self._checked_fitted().labels

    @property
    def scores_(self) -> np.ndarray:
        return self._checked_fitted().scores

    @property
    def relations_(self) -> list[DiscoveredRelation]:
        return self._checked_fitted().relations

    @property
    def centers_(self) -> np.ndarray:
        return self._checked_fitted().centers

    @property
    def estimate_(self) -> NumRelationsEstimate | None:
        return self._checked_fitted().estimate

    def __sklearn_clone__(self) -> RelationDiscovery:
        # The encoder and a fitted whitening are settings here: scikit-learn would copy the one and forget the other.
        return type(self)(**self.get_params(deep=False))

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None

    @property
    def _seed(self) -> int:
        return self.seed if self.random_state is None else self.random_state

    def _checked_fitted(self) -> FittedRelations:
        if self._fitted is None:
            raise NotFittedError("This RelationDiscovery is not fitted yet. Call `fit`, or load a fitted one.")
        return self._fitted

    def _gate(self, known: Any, corpus: np.ndarray, steps: EmbeddingSteps) -> tuple[OpenWorldGate, np.ndarray | None]:
        """The gate of the known relations, and their means in the space that is clustered."""
        state = self._state()
        base = None if state is None else state.gate
        stored = known == CHECKPOINT if isinstance(known, str) else getattr(known, "instances", None) == CHECKPOINT
        if stored:
            if base is None:
                raise UsageError(
                    'No known relations are stored with the model, which known="checkpoint" asks for. Pass labelled instances.'
                )
            prior = known.prior if isinstance(known, KnownRelations) else None
            return base.adapt(steps.whiten(corpus), prior=prior), None
        if isinstance(known, str):
            raise UsageError(f'`known` must be instances, or "checkpoint", got {known!r}.')
        read = read_known(known)
        embed = None if self.model is None else self.embed
        gate, embeddings, names = fit_gate_of(
            read, corpus, embed=embed, whiten=steps.whiten, base=base, seed=self._seed
        )
        labels = np.array([gate.relations.index(name) for name in names])
        return gate, cluster_centers(steps.transform(embeddings), labels)
