"""The steps of a published figure: keep evaluation data out of training, score, summarise over seeds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.clustering import WithinClassWhitening
from hf_relation.clustering.algorithms import Algorithm
from hf_relation.data import drop_benchmark_sentences, drop_overlapping
from hf_relation.embedding.embed import EmbeddingDtype
from hf_relation.errors import UsageError
from hf_relation.training.datasets import single_relation
from hf_relation.training.evaluation import limit_per_relation, split_known_relations, summarize_scores
from hf_relation.training.scoring import Scores, check_clustering, embed_parts, score_parts


if TYPE_CHECKING:
    from hf_relation.data import Instance


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExperimentData:
    """Training, validation and test instances that share neither relations nor sentences.

    Args:
        train (`list[Instance]`): what the model learns from.
        validation (`list[Instance]`): other known relations; every choice is made on them. May be empty.
        test (`list[Instance]`): novel relations, read once at the end. May be empty.
        counts (`dict[str, int]`): sizes of the parts and how many rows were dropped for which reason.
        known_relations (`list[str]`), held_out_relations (`list[str]`), novel_relations (`list[str]`): sorted names of
            the relations of `train`, `validation` and `test`.
        unlabeled (`list[Instance]`): texts of novel relations for methods that learn from unlabelled text; none of their
            sentences is in `test`. Where the corpus has their labels, these stand in `relations` for analysis only: nothing
            may be learned from them or chosen by them.
    """

    train: list[Instance]
    validation: list[Instance]
    test: list[Instance]
    counts: dict[str, int]
    known_relations: list[str]
    held_out_relations: list[str]
    novel_relations: list[str]
    unlabeled: list[Instance] = field(default_factory=list)


def prepare_data(
    train: Sequence[Instance],
    test: Sequence[Instance] = (),
    *,
    validation: Sequence[Instance] | None = None,
    unlabeled: Sequence[Instance] = (),
    other_evaluation_sets: Iterable[Sequence[Instance]] = (),
    num_held_out: int = 8,
    split_seed: int = 0,
    validation_per_relation: int | None = 100,
    max_train_instances: int | None = None,
    drop_benchmarks: bool = True,
) -> ExperimentData:
    """Separate training from evaluation data: by relation, and by sentence.

    Rows leave the training part when their relation is in the test data, when their sentence occurs in any
    evaluation set (those given, and the published ones whose fingerprints the package has) or in the unlabelled part, or
    when they have no single relation. Rows leave the unlabelled part when their sentence occurs in the test data.

    Args:
        train (`Sequence[Instance]`): labelled instances of known relations.
        test (`Sequence[Instance]`, defaults to none): labelled instances of novel relations.
        validation (`Sequence[Instance]`, *optional*): instances of known relations to choose by; their relations leave
            the training part. By default `num_held_out` relations are taken from `train`.
        unlabeled (`Sequence[Instance]`, defaults to none): texts of novel relations to learn from without labels.
        other_evaluation_sets (`Iterable[Sequence[Instance]]`): further instances whose sentences must not be in training.
        num_held_out (`int`, defaults to 8): relations to hold out; 0 for none. Ignored when `validation` is given.
        split_seed (`int`, defaults to 0): chooses them, and the rows of the two limits below.
        validation_per_relation (`int`, *optional*, defaults to 100): instances of a held-out relation to keep at most.
        max_train_instances (`int`, *optional*): keep this many randomly chosen training instances at most.
        drop_benchmarks (`bool`, defaults to `True`): drop the sentences of published evaluation sets from training. Without,
            a model must not be scored on those sets later.

    Returns:
        [`ExperimentData`].

    Raises:
        UsageError: nothing is left to train on, too many relations are held out, or rows of `unlabeled` have labels that are
            known relations.
    """
    counts = {"read": len(train)}
    kept = [row for row in train if single_relation(row) is not None]
    counts["dropped_without_single_relation"] = len(train) - len(kept)
    novel = relations_of(test)
    rows, kept = kept, [row for row in kept if single_relation(row) not in novel]
    counts["dropped_relation_in_test"] = len(rows) - len(kept)
    kept, dropped = drop_overlapping(kept, [test, unlabeled, *other_evaluation_sets])
    counts["dropped_sentence_in_test"] = len(dropped)
    if drop_benchmarks:
        kept, dropped = drop_benchmark_sentences(kept)
        counts["dropped_sentence_in_benchmark"] = len(dropped)
    if unlabeled:
        _check_unlabeled(unlabeled, [*kept, *(validation or ())])
        unlabeled, dropped = drop_overlapping(unlabeled, [test])
        counts["unlabeled_dropped_sentence_in_test"] = len(dropped)
    if validation is None:
        kept, validation = split_known_relations(kept, num_held_out, seed=split_seed)
    else:
        held_out = relations_of(validation)
        if shared := sorted(held_out & novel):
            raise UsageError(
                f"{len(shared)} relation(s) are in the validation and in the test data, for example {shared[0]!r}. "
                "Choose on relations that the test does not have."
            )
        rows, kept = kept, [row for row in kept if single_relation(row) not in held_out]
        counts["dropped_relation_in_validation"] = len(rows) - len(kept)
        validation, dropped = drop_overlapping(validation, [test])
        counts["validation_dropped_sentence_in_test"] = len(dropped)
    if validation and validation_per_relation is not None:
        validation = limit_per_relation(validation, validation_per_relation, seed=split_seed)
    kept, dropped = drop_overlapping(kept, [validation])
    counts["dropped_sentence_in_validation"] = len(dropped)
    if max_train_instances is not None and len(kept) > max_train_instances:
        chosen = np.random.default_rng(split_seed).permutation(len(kept))[:max_train_instances]
        kept = [kept[row] for row in np.sort(chosen)]
    if not kept:
        raise UsageError(f"No training instance is left of {len(train)}: {counts}. Pass other training data.")
    counts |= {"train": len(kept), "validation": len(validation), "test": len(test)}
    if unlabeled:
        counts["unlabeled"] = len(unlabeled)
    logger.info("Data: %s", counts)
    return ExperimentData(
        train=kept,
        validation=list(validation),
        test=list(test),
        counts=counts,
        known_relations=sorted(relations_of(kept)),
        held_out_relations=sorted(relations_of(validation)),
        novel_relations=sorted(novel),
        unlabeled=list(unlabeled),
    )


def score_model(
    model: Any,
    processor: Any,
    data: ExperimentData,
    *,
    cluster_seeds: Sequence[int] = (0, 1, 2, 3, 4),
    n_init: int = 60,
    pca_components: int = 64,
    whitening_per_relation: int = 100,
    shrinkage: float = 0.8,
    dtype: EmbeddingDtype = "float32",
    progress: bool = False,
    algorithm: Algorithm = "kmeans",
    cluster_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Scores, WithinClassWhitening | None]:
    """Score a trained model on the held-out known relations and on the novel ones.

    The embeddings are clustered as they are (`"plain"`), after PCA (`"pca"`), after a within-class whitening fitted on
    training relations (`"whitening"`), and after both. Which of these to quote is for the validation scores to say.

    Args:
        model (`PreTrainedModel`): the trained pair encoder.
        processor ([`RelationProcessor`]): its processor.
        data ([`ExperimentData`]): all three parts.
        cluster_seeds (`Sequence[int]`): seeds of the clustering; only the first one is used where no chance is
            involved, see [`score_clusterings`].
        n_init (`int`, defaults to 60): restarts of k-means for every seed.
        pca_components (`int`, defaults to 64): principal components, fitted on the rows that are clustered.
        whitening_per_relation (`int`, defaults to 100): training instances of each relation that the whitening is
            fitted on; 0 leaves the whitening out.
        shrinkage (`float`, defaults to 0.8): of [`WithinClassWhitening`].
        dtype (`str`, defaults to `"float32"`): precision of the embeddings.
        progress (`bool`, defaults to `False`): show a progress bar while embedding.
        algorithm (`str`, defaults to `"kmeans"`): how to cluster, as in [`score_clusterings`].
        cluster_kwargs (`Mapping`, *optional*): further settings of the algorithm. `{"bandwidth_quantile": "auto"}` of
            `"mean_shift"` is chosen on the held-out known relations, for every variant by itself (see
            [`choose_bandwidth_quantile`]), and used on the novel ones.

    Returns:
        `tuple`: `{"validation" | "test": {variant: [figures per cluster seed]}}`, without the parts that are empty; and
        the fitted whitening or `None`. With an algorithm that finds the number of clusters, the figures hold
        `"num_clusters"`; with an automatic quantile, `"bandwidth_quantile"`.

    Raises:
        UsageError: a wrong setting, or an automatic quantile without validation data.
    """
    check_clustering(data, algorithm, cluster_kwargs, n_init=n_init)
    embedded = embed_parts(
        model,
        processor,
        data,
        whitening_per_relation=whitening_per_relation,
        shrinkage=shrinkage,
        dtype=dtype,
        progress=progress,
    )
    scores = score_parts(
        embedded,
        cluster_seeds=cluster_seeds,
        n_init=n_init,
        pca_components=pca_components,
        algorithm=algorithm,
        cluster_kwargs=cluster_kwargs,
    )
    return scores, embedded.whitening


def summarize_runs(runs: Sequence[Mapping[str, Any]], variant: str | None = None) -> dict[str, Any]:
    """Pool the scores of several training runs and choose the variant on the validation relations.

    Args:
        runs (`Sequence[Mapping]`): for every training seed a mapping with `"scores"`, as [`score_model`] gives them.
        variant (`str`, *optional*): the variant, when it was chosen before, on other runs.

    Returns:
        `dict`: `"chosen"`: the variant with the highest mean B-cubed F1 on the validation relations (`"plain"` without
        any) or the one given; `"best_run"`: position of the run with the highest one; and `"scores"`: `{part: {variant: figures}}` with
        mean and standard deviation over training seeds x cluster seeds.
    """
    parts = runs[0]["scores"]
    for part, variants in parts.items():
        if variant is not None and variant not in variants:
            raise UsageError(
                f"`variant` {variant!r} was not scored on the {part} part (scored: {', '.join(variants)})."
            )
    summary = {
        part: {
            variant: summarize_scores([score for run in runs for score in run["scores"][part][variant]])
            for variant in variants
        }
        for part, variants in parts.items()
    }
    chosen, best = variant or "plain", 0
    if "validation" in summary:
        chosen = variant or max(summary["validation"], key=lambda variant: summary["validation"][variant]["bcubed_f1"])
        of_runs = [summarize_scores(run["scores"]["validation"][chosen])["bcubed_f1"] for run in runs]
        best = int(np.argmax(of_runs))
    return {"chosen": chosen, "best_run": best, "scores": summary}


def relations_of(instances: Iterable[Instance]) -> set[str]:
    """The relations of the instances that have exactly one."""
    return {name for row in instances if (name := single_relation(row)) is not None}


def _check_unlabeled(unlabeled: Sequence[Instance], known: Sequence[Instance]) -> None:
    names = relations_of(known)
    shared = [name for row in unlabeled for name in row["relations"] if name in names]
    if shared:
        raise UsageError(
            f"{len(shared)} unlabelled row(s) have the label of a known relation, for example {shared[0]!r}. What is novel must "
            "not be known: take those rows out or those relations out of the training data, or leave `relations` of the "
            "unlabelled rows empty if they may be of any relation."
        )
