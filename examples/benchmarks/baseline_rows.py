"""Rows of the baselines: from instances to labels, compared with gold relations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from experiment import Experiment
from frozen import embedded_parts
from methods import BETWEEN, ITS_OWN, Method
from transformers import AutoModel, AutoTokenizer

from hf_relation.baselines import (
    RelationalSiameseNetwork,
    entity_type_relations,
    relation_topics,
    rw_hac,
    word_piece_vectors,
)
from hf_relation.checkpoints import base_encoder_path
from hf_relation.data import WordVectors, read_word_vectors
from hf_relation.metrics import clustering_report
from hf_relation.training import single_relation


def score_baseline(method: Method, experiment: Experiment) -> dict[str, Any]:
    """The work of a baseline's row, as `scoring.score_method` gives it."""
    return BASELINES[method.arguments["function"]](method, experiment, method.arguments["settings"])


def _text_baseline(
    method: Method,
    experiment: Experiment,
    seeds: Sequence[int],
    labels_of: Callable[[list[Any], int, int], np.ndarray],
) -> dict[str, Any]:
    """Score a baseline that reads instances; `labels_of` takes them, the number of relations and a seed."""
    scores: dict[str, Any] = {}
    for part, instances in (("validation", experiment.data.validation), ("test", experiment.data.test)):
        rows = [row for row in instances if single_relation(row) is not None]
        if not rows:
            continue
        gold = [str(single_relation(row)) for row in rows]
        experiment.console.log(f"{method.name}: {len(rows)} instances ({part})")
        start = time.perf_counter()
        figures = [_figures(gold, labels_of(rows, len(set(gold)), seed)) for seed in seeds]
        seconds = (time.perf_counter() - start) / len(seeds)
        scores[part] = {ITS_OWN: figures}
    return {
        "runs": [{"scores": scores}],
        "seconds": {"encode": None, "cluster": {ITS_OWN: seconds}},
        "parameters": None,
        "seen": "no",
        "encoder": method.encoder,
    }


def _rw_hac(method: Method, experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    vectors_of, encoder = _word_vectors(experiment)

    def labels_of(rows: list[Any], number: int, seed: int) -> np.ndarray:
        return rw_hac(rows, number, vectors_of(rows), **settings)

    return _text_baseline(method, experiment, [0], labels_of) | {"encoder": encoder}


def _word_vectors(experiment: Experiment) -> tuple[Callable[[list[Any]], WordVectors], str]:
    """Word vectors for instances, from the file or the encoder's table of word pieces, and what they are."""
    path = experiment.word_vectors
    if path is not None:
        vectors = read_word_vectors(path)
        return lambda rows: vectors, f"word vectors ({vectors.dim} wide)"
    given = experiment.arguments.model_name_or_path
    source = str(base_encoder_path() if given is None else given)
    tokenizer = AutoTokenizer.from_pretrained(source)
    table = AutoModel.from_pretrained(source).get_input_embeddings().weight.detach().numpy()
    name = "MiniLM's word pieces" if given is None else "word pieces"
    return lambda rows: word_piece_vectors(rows, tokenizer, table), name


def _entity_types(method: Method, experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    if not any(row[role]["type"] for row in experiment.data.test for role in ("head", "tail")):  # type: ignore[literal-required]
        return {"skipped": "the corpus has no entity types"}
    n_init = experiment.arguments.n_init

    def labels_of(rows: list[Any], number: int, seed: int) -> np.ndarray:
        typed = any(row[role]["type"] for row in rows for role in ("head", "tail"))
        # Held-out relations of another corpus may have none.
        return (
            entity_type_relations(rows, number, seed=seed, n_init=n_init, **settings)
            if typed
            else np.zeros(len(rows), int)
        )

    return _text_baseline(method, experiment, range(experiment.arguments.num_cluster_seeds), labels_of)


def _topics(method: Method, experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    def labels_of(rows: list[Any], number: int, seed: int) -> np.ndarray:
        return relation_topics(rows, number, seed=seed, **settings)

    return _text_baseline(method, experiment, range(experiment.arguments.num_cluster_seeds), labels_of)


def _rsn(method: Method, experiment: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    arguments = experiment.arguments
    model, encoder, parts = embedded_parts(method.name, BETWEEN, experiment, fitting=True)
    runs, train_seconds, cluster_seconds = [], [], []
    for seed in range(arguments.seed, arguments.seed + arguments.num_seeds):
        start = time.perf_counter()
        network = RelationalSiameseNetwork(seed=seed, **settings).fit(parts["fitting"].rows, parts["fitting"].gold)
        train_seconds.append(time.perf_counter() - start)
        scores = {}
        for part in ("validation", "test"):
            if part in parts:
                start = time.perf_counter()
                scores[part] = {ITS_OWN: [_figures(parts[part].gold, network.predict(parts[part].rows), number=True)]}
                seconds = time.perf_counter() - start
        cluster_seconds.append(seconds)
        runs.append({"seed": seed, "scores": scores})
    weights = network.weights_
    return {
        "runs": runs,
        "seconds": {
            "train": parts["fitting"].seconds + float(np.mean(train_seconds)),
            "encode": parts["test"].seconds,
            "cluster": {ITS_OWN: float(np.mean(cluster_seconds))},
        },
        "parameters": model.num_parameters() + weights.projection.size + weights.bias.size + weights.distance.size + 1,
        "seen": experiment.seen(),
        "encoder": encoder,
    }


def _figures(gold: Sequence[str], labels: np.ndarray, *, number: bool = False) -> dict[str, float]:
    """Figures of a clustering, with the number of clusters where the method finds it."""
    report = clustering_report(gold, labels)
    figures = {key: value for key, value in report.items() if isinstance(value, float)}
    return figures | {"num_clusters": float(report["num_clusters"])} if number else figures


BASELINES = {"rw_hac": _rw_hac, "entity_types": _entity_types, "topics": _topics, "rsn": _rsn}
