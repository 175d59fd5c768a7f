"""Part of discovery.py: BERTopic on ready embeddings, in a process of its own.

It needs `bertopic` and what that brings, and nothing of hf_relation, so that it can run in an environment of its own
(`--bertopic_python`). BERTopic as its documentation sets it up: UMAP (15 neighbours, 5 dimensions, cosine) and HDBSCAN (at least
10 sentences a topic), or k-means in the place of HDBSCAN; English stop words are left out of the topics' words. Only seeds and
the number of threads are set. All settings run in one process, so that they share its peak memory.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_resident


WORDS = 4  # as many as in the labels that BERTopic gives its topics


class Reducer:
    """UMAP, run once for all settings of a seed; its seconds count for each of them."""

    def __init__(self, embeddings: np.ndarray, seed: int) -> None:
        from umap import UMAP

        start, cpu = time.perf_counter(), _cpu_seconds()
        umap = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed)
        self.rows = umap.fit_transform(embeddings)
        self.wall, self.cpu = time.perf_counter() - start, _cpu_seconds() - cpu

    def fit(self, embeddings: np.ndarray, y: Any = None) -> Reducer:
        return self

    def transform(self, embeddings: np.ndarray) -> np.ndarray:
        if len(embeddings) != len(self.rows):
            raise ValueError("only the rows that were reduced")
        return self.rows


def topics(
    job: dict[str, Any],
    settings: dict[str, Any],
    texts: list[str],
    embeddings: np.ndarray,
    seed: int,
    reducer: Reducer,
) -> dict[str, Any]:
    """One run: a topic for every text, -1 for outliers, and a name for every topic."""
    from bertopic import BERTopic
    from hdbscan import HDBSCAN
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import CountVectorizer

    number = job["num_relations"]
    if settings["cluster"] == "kmeans":
        clusterer: Any = KMeans(number, n_init=job["n_init"], random_state=seed)
    else:
        clusterer = HDBSCAN(
            min_cluster_size=10,
            metric="euclidean",
            cluster_selection_method="eom",
            prediction_data=True,
            core_dist_n_jobs=job["num_threads"],
        )
    words = CountVectorizer(stop_words="english")
    start, cpu = time.perf_counter(), _cpu_seconds()
    model = BERTopic(umap_model=reducer, hdbscan_model=clusterer, vectorizer_model=words)
    labels, _ = model.fit_transform(texts, embeddings)
    if settings["cluster"] == "reduced":
        model.reduce_topics(texts, nr_topics=number + (-1 in labels))  # BERTopic counts the outliers as one
        labels = model.topics_
    if settings.get("outliers") == "nearest" and -1 in labels:
        labels = model.reduce_outliers(texts, labels, strategy="embeddings", embeddings=embeddings)
        model.update_topics(texts, topics=labels, vectorizer_model=words)
    names = {
        int(topic): ", ".join(word for word, _ in found[:WORDS] if word)
        for topic, found in model.get_topics().items()
        if topic >= 0
    }
    return {
        "seed": seed,
        "labels": [int(label) for label in labels],
        "names": names,
        # BERTopic finds its words while it clusters.
        "wall": {"cluster": reducer.wall + time.perf_counter() - start, "describe": None},
        "cpu": {"cluster": reducer.cpu + _cpu_seconds() - cpu, "describe": None},
    }


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def main(path: str) -> None:
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    with Path(job["instances"]).open(encoding="utf-8") as stream:
        every = [json.loads(line)["text"] for line in stream]
    texts, embeddings = [every[i] for i in job["rows"]], np.load(job["embeddings"])[job["rows"]]
    Reducer(embeddings[:1000], 0)  # numba compiles on first use, which is not what is measured
    runs: list[list[dict[str, Any]]] = [[] for _ in job["variants"]]
    for seed in job["seeds"]:
        reducer = Reducer(embeddings, seed)
        for settings, done in zip(job["variants"], runs, strict=True):
            done.append(topics(job, settings, texts, embeddings, seed, reducer))
    outcome = {"variants": runs, "peak_bytes": peak_resident()}
    Path(job["outcome"]).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
