"""What prune_relation_heads.py measures: which heads matter, how well a pruned encoder clusters, how fast it embeds."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hf_relation.clustering import WithinClassWhitening, finds_number
from hf_relation.data import discovery_pairs, drop_overlapping, load_corpus
from hf_relation.data.schema import Instance
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.encoder import load_encoder, state_of_model
from hf_relation.embedding.devices import model_device
from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, head_importance, prune_heads
from hf_relation.heads.result import Method
from hf_relation.metrics import clustering_report
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.selection.pruning_result import grouped
from hf_relation.training import (
    ClassBalancedBatchSampler,
    limit_per_relation,
    split_known_relations,
    summarize_scores,
)


FIGURES = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari")
Head = tuple[int, int]
# Part ("known" or "novel") -> figures for every seed of the clustering.
Scores = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Parts:
    """The instances, each in one part only; every one has exactly one relation.

    Args:
        ranking (`list[Instance]`): of known relations; heads are ranked, and a whitening is fitted again, on these alone.
        known (`list[Instance]`): of other known relations, held aside; the number of heads is chosen on these alone.
        novel (`list[Instance]`): of novel relations; these choose nothing.
    """

    ranking: list[Instance]
    known: list[Instance]
    novel: list[Instance]

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows and relations of every part."""
        return {name: {"rows": len(rows), "relations": len(set(gold_of(rows)))} for name, rows in vars(self).items()}


def gold_of(rows: Sequence[Instance]) -> list[str]:
    """The relation of every instance."""
    return [row["relations"][0] for row in rows]


def load_parts(
    data_dir: str | None,
    *,
    known_file: str | None = None,
    novel_file: str | None = None,
    held_aside: int = 16,
    per_relation: int = 100,
    novel_per_relation: int | None = None,
) -> Parts:
    """FewRel's parts, or those of two files; sentences of the parts that are scored never rank heads.

    Raises:
        UsageError: a novel relation is a known one, or there are too few relations.
    """
    known = load_corpus(Path(known_file)) if known_file else load_corpus("fewrel", data_dir, "train")
    novel = load_corpus(Path(novel_file)) if novel_file else load_corpus("fewrel", data_dir, "test")
    known, novel = discovery_pairs(known), discovery_pairs(novel)
    if novel_per_relation is not None:
        novel = limit_per_relation(novel, novel_per_relation)
    both = sorted(set(gold_of(known)) & set(gold_of(novel)))
    if both:
        raise UsageError(f"Novel relations must be none of the known ones; in both files: {', '.join(both[:5])}.")
    if len(set(gold_of(novel))) < 2:
        raise UsageError(f"At least 2 novel relations are needed, got {len(set(gold_of(novel)))}.")
    ranking, held = split_known_relations(known, held_aside)
    held = limit_per_relation(held, per_relation)
    return Parts(drop_overlapping(ranking, [held, novel])[0], held, novel)


def load_discovery(name: str) -> tuple[RelationDiscovery, MOREModel, RelationProcessor]:
    """A discovery that holds its encoder and its whitening as objects, so that the encoder can be exchanged.

    Raises:
        UsageError: the checkpoint is not one of MORE.
    """
    discovery = RelationDiscovery.from_pretrained(name)
    state = state_of_model(discovery.model)
    model, processor = load_encoder(discovery.model, discovery.processor)
    if not isinstance(model, MOREModel):
        raise UsageError(f"{name} holds a {type(model).__name__}; a checkpoint of MORE is needed.")
    if discovery.transform == "whitening" and state is not None:
        discovery.set_params(transform=state.whitening)
    return discovery.set_params(model=model, processor=processor), model, processor


def rank_heads(
    model: MOREModel,
    processor: RelationProcessor,
    rows: Sequence[Instance],
    *,
    method: Method,
    classes_per_batch: int,
    instances_per_class: int,
    num_batches: int,
    seed: int,
) -> HeadImportance:
    """Importance of all heads for the model's own loss, over balanced batches drawn by a seed."""
    names = {name: number for number, name in enumerate(sorted(set(gold_of(rows))))}
    labels = [names[name] for name in gold_of(rows)]
    sampler = ClassBalancedBatchSampler(labels, classes_per_batch, instances_per_class, num_batches, seed)

    def batches() -> Iterator[dict[str, Any]]:
        for chosen in sampler:
            columns = processor([rows[row] for row in chosen])
            yield {**columns, "labels": torch.tensor([labels[row] for row in chosen])}

    return head_importance(model, batches(), method=method, progress=True)


def pruned(discovery: RelationDiscovery, heads: Sequence[Head]) -> RelationDiscovery:
    """A copy whose encoder lacks these heads; the given one is not changed."""
    model = copy.deepcopy(discovery.model)
    prune_heads(model, grouped(heads))
    return RelationDiscovery(**discovery.get_params(deep=False) | {"model": model})


def fit_whitening(discovery: RelationDiscovery, rows: Sequence[Instance]) -> WithinClassWhitening:
    """A whitening for the encoder as it is now, with as many directions as the one stored with the checkpoint.

    Raises:
        UsageError: the checkpoint has none.
    """
    stored = discovery.transform
    if not isinstance(stored, WithinClassWhitening):
        raise UsageError("--refit fits the whitening again, but this checkpoint uses none. Leave it out.")
    return WithinClassWhitening(n_components=len(stored.factor_)).fit(discovery.embed(rows), gold_of(rows))


def score(discovery: RelationDiscovery, parts: Parts, seeds: int, refit: Sequence[Instance] = ()) -> dict[str, Scores]:
    """Embed both scored parts once and cluster them once a seed, with the gold number of relations.

    Gives the figures under `"stored"`, and with rows in `refit` also under `"refit"`: the same embeddings after a whitening
    that was fitted again on those. PCA is fitted on the rows that are clustered in any case.
    """
    whitenings = {"stored": discovery.transform}
    if refit:
        whitenings["refit"] = fit_whitening(discovery, refit)
    scores: dict[str, Scores] = {name: {} for name in whitenings}
    for part, rows in (("known", parts.known), ("novel", parts.novel)):
        gold, embeddings = gold_of(rows), discovery.embed(rows)
        finds = finds_number(discovery.algorithm, discovery.algorithm_kwargs)
        number = "auto" if finds else len(set(gold))
        for name, whitening in whitenings.items():
            found = []
            for seed in range(seeds):
                used = RelationDiscovery(
                    **discovery.get_params(deep=False)
                    | {"transform": whitening, "seed": seed, "num_relations": number}
                )
                report = clustering_report(gold, used.fit(rows, embeddings).labels_)
                found.append({key: report[key] for key in FIGURES})
            scores[name][part] = found
    return scores


def free_number(curve: Mapping[int, float], tolerance: float) -> int:
    """The largest number of heads up to which no score is more than `tolerance` below that of 0 heads.

    Example:

    ```python
    >>> free_number({0: 0.80, 6: 0.81, 12: 0.795, 18: 0.70, 24: 0.80}, 0.01)
    12

    ```
    """
    free = 0
    for number in sorted(curve):
        if curve[number] < curve[0] - tolerance:
            break
        free = number
    return free


def time_embedding(
    discoveries: Mapping[int, RelationDiscovery], rows: Sequence[Instance], rounds: int
) -> tuple[dict[int, list[float]], str]:
    """Seconds of `embed` for every number of pruned heads, once a round, in turn; and which clock.

    What else the machine does strikes all of them alike. With one thread the seconds are processor time of this process.
    """
    on_cpu = all(model_device(discovery.model).type == "cpu" for discovery in discoveries.values())
    alone = on_cpu and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    seconds: dict[int, list[float]] = {number: [] for number in discoveries}
    for discovery in discoveries.values():
        discovery.embed(rows[:8])  # what is slow at first only
    for _ in range(rounds):
        for number, discovery in discoveries.items():
            start = clock()
            discovery.embed(rows)
            seconds[number].append(max(clock() - start, 1e-9))
    return seconds, "processor time" if alone else "time on the clock"


def speed_figures(
    seconds: Mapping[int, list[float]], discoveries: Mapping[int, RelationDiscovery], num_rows: int
) -> dict[int, dict[str, Any]]:
    """Sentences a second, times as fast as unpruned (medians over the rounds), and parameters."""
    figures = {}
    for number, times in seconds.items():
        ratios = [whole / part for whole, part in zip(seconds[0], times, strict=True)]
        figures[number] = {
            "sentences_per_second": num_rows / statistics.median(times),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "num_parameters": sum(each.numel() for each in discoveries[number].model.parameters()),
        }
    return figures


def summarize(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whitening -> order -> number of heads -> part -> mean and deviation over ranking seeds x cluster seeds."""
    summary: dict[str, Any] = {}
    for name in points[0]["scores"]:
        for point in points:
            cell = summary.setdefault(name, {}).setdefault(point["order"], {}).setdefault(point["num_heads"], {})
            for part, found in point["scores"][name].items():
                cell.setdefault(part, []).extend(found)
        for of_order in summary[name].values():
            for cell in of_order.values():
                cell |= {part: summarize_scores(found) for part, found in cell.items()}
    return summary


def find_free(
    name: str, points: Sequence[dict[str, Any]], summary: dict[str, Any], tolerance: float
) -> dict[str, Any]:
    """How many heads are free on the known relations, in the mean and by each ranking, and what that does to both parts."""

    def curve(seed: int) -> dict[int, float]:
        own = (point for point in points if point["order"] == "lowest" and point["ranking_seed"] in (None, seed))
        return {point["num_heads"]: summarize_scores(point["scores"][name]["known"])["bcubed_f1"] for point in own}

    lowest = summary[name]["lowest"]
    number = free_number({each: cell["known"]["bcubed_f1"] for each, cell in lowest.items()}, tolerance)
    seeds = sorted({point["ranking_seed"] for point in points} - {None})
    return {
        "num_heads": number,
        "by_ranking_seed": {seed: free_number(curve(seed), tolerance) for seed in seeds},
        **{
            f"{part}_bcubed_f1": {
                "unpruned": lowest[0][part]["bcubed_f1"],
                "pruned": lowest[number][part]["bcubed_f1"],
            }
            for part in ("known", "novel")
        },
    }
