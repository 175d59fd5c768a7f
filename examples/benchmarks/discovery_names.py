"""Part of discovery.py: how near the names of clusters come to the names and descriptions of the gold relations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


Encode = Callable[[Sequence[str]], np.ndarray]


def name_similarity(
    names: Sequence[str],
    gold_names: Sequence[str],
    gold_descriptions: Sequence[str | None],
    encode: Encode,
) -> dict[str, Any]:
    """Compare the names of clusters with those of the gold relations that the clusters hold most of.

    Args:
        names: of the clusters.
        gold_names: for every cluster the name of its gold relation.
        gold_descriptions: the same with descriptions; `None` where there is none.
        encode: texts to rows of length one.

    Returns:
        `"similarity_name"` and `"similarity_description"`: mean cosines (`None` where there is nothing to compare); `"unique"`:
        share of names that no other cluster has.
    """
    if not names:
        return dict.fromkeys(("similarity_name", "similarity_description", "unique"))
    rows = encode(names)
    described = [i for i, text in enumerate(gold_descriptions) if text]
    by_description = None
    if described:
        texts = encode([str(gold_descriptions[i]) for i in described])
        by_description = float((rows[described] * texts).sum(axis=1).mean())
    counts = Counter(name.casefold() for name in names)
    return {
        "similarity_name": float((rows * encode(gold_names)).sum(axis=1).mean()),
        "similarity_description": by_description,
        "unique": sum(counts[name.casefold()] == 1 for name in names) / len(names),
    }


def relations_of_clusters(labels: Sequence[int], gold: Sequence[str]) -> dict[int, str]:
    """The gold relation that every cluster has most of; of several the first by name."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for label, relation in zip(labels, gold, strict=True):
        counts[label][relation] += 1
    return {
        label: min(relations, key=lambda relation: (-relations[relation], relation))
        for label, relations in counts.items()
    }


def named_relations(names: Sequence[str], own: Sequence[str], gold_names: Mapping[str, str], encode: Encode) -> float:
    """The share of gold relations that a cluster is named after.

    Args:
        names: of the clusters.
        own: for every cluster the gold relation that it has most of.
        gold_names: names of all gold relations.
        encode: texts to rows of length one.

    Returns:
        Share of the gold relations that some cluster has most of, and whose name is, of all gold names, the nearest to the name
        of that cluster. Few clusters cannot name many relations, and clusters without a name of their own none.
    """
    relations = sorted(gold_names)
    if not names:
        return 0.0
    cosines = encode(names) @ encode([gold_names[relation] for relation in relations]).T
    nearest = [relations[i] for i in cosines.argmax(axis=1)]
    named = {relation for relation, found in zip(own, nearest, strict=True) if relation == found}
    return len(named) / len(relations)


def score_names(
    names: Mapping[int, str],
    labels: Sequence[int],
    gold: Sequence[str],
    meanings: Mapping[str, tuple[str, str | None]],
    encode: Encode,
) -> dict[str, Any]:
    """[`name_similarity`] and, as `"named"`, [`named_relations`] of a clustering; rows left out have no name."""
    relations = relations_of_clusters(labels, gold)
    clusters = [label for label in sorted(names) if label in relations]
    texts, own = [names[label] for label in clusters], [relations[label] for label in clusters]
    meant = [meanings[relation] for relation in own]
    return {
        **name_similarity(texts, [name for name, _ in meant], [text for _, text in meant], encode),
        "named": named_relations(texts, own, {relation: meanings[relation][0] for relation in set(gold)}, encode),
    }


def sentence_encoder() -> Encode:
    """all-MiniLM-L6-v2 as sentence-transformers runs it: the mean of the tokens, of length one."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from hf_relation.checkpoints import base_encoder_path
    from hf_relation.models.text_states import text_state

    folder = base_encoder_path()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def encode(texts: Sequence[str]) -> np.ndarray:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), 64):
                batch = tokenizer(
                    list(texts[start : start + 64]), padding=True, truncation=True, max_length=256, return_tensors="pt"
                )
                states = text_state("mean", model(**batch), batch["attention_mask"], model.config.model_type)
                rows.append(torch.nn.functional.normalize(states, dim=1).numpy())
        return np.concatenate(rows)

    return encode
