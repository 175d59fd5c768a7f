"""The card (README.md) of a trained checkpoint, written from the figures of its run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from hf_relation.cards.methods import ON_GOLD, method_text
from hf_relation.cards.published import PUBLISHED_FEWREL, PublishedResult
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, one_line, table_row


_FIGURES = {
    "bcubed_precision": "B-cubed P",
    "bcubed_recall": "B-cubed R",
    "bcubed_f1": "B-cubed F1",
    "v_measure": "V",
    "homogeneity": "H",
    "completeness": "C",
    "ari": "ARI",
}
_INDEXED = ("bcubed_f1", "bcubed_precision", "bcubed_recall", "v_measure", "ari")
_PARTS = {
    "validation": "held-out known relations (used to choose the weights and the embeddings)",
    "test": "novel relations (test)",
}
_HELD_OUT_TEST = "held-out known relations in the place of novel ones"
_VARIANTS = {
    "plain": "as the model gives them",
    "pca": "after PCA",
    "whitening": "after within-class whitening",
    "whitening+pca": "after within-class whitening and PCA",
    "head": "predicted by the novel classifier",
    "transductive": "nearest of the centres of the unlabelled text",
    "transductive, whitening+pca": "nearest of the centres of the unlabelled text, after within-class whitening and PCA",
}
_LIMITS = (
    "It groups sentences by the relation between two marked mentions; it finds neither the mentions nor the wording of the "
    "relation. Wrong spans give wrong groups.",
    "Figures use the true number of relations. Estimating that number costs accuracy and gives a range rather than a number.",
    "Sentences that state no relation are grouped like all others.",
    "Relations between people and facts in the training text come from an encyclopedia and repeat its gaps and biases. Do "
    "not use clusters as statements about persons.",
)


def model_card_text(
    results: Mapping[str, Any],
    *,
    name: str,
    base_model: str | None = None,
    seed: int | None = None,
    license: str = "apache-2.0",
    data_license: str = "",
    languages: Sequence[str] = ("en",),
    relation_names: Mapping[str, str] | None = None,
    published: Sequence[PublishedResult] | None = None,
    limits: Sequence[str] = (),
) -> str:
    """Write the text of a model card; see [`write_model_card`] for the arguments.

    Returns:
        `str`: Markdown with a YAML header.
    """
    dataset = str(results["dataset"])
    if published is None:
        published = PUBLISHED_FEWREL if results.get("published") == "fewrel" else ()
    run = next((run for run in results["runs"] if run["seed"] == seed), None) if seed is not None else None
    method = method_text(results)
    parts = [
        _header(results, run, name=name, base_model=base_model, license=license, languages=languages),
        f"# {escape_markdown(name)}\n\n{method.about}",
        _snippet(),
        _figures(results, run),
        _published(results, run, published),
        _data(results, data_license),
        _relations(results, relation_names or {}),
        _training(results, base_model),
        "## Limits\n\n"
        + "\n".join(f"- {limit}" for limit in (method.origin, *_LIMITS, *map(escape_markdown, limits))),
        f"## Licence\n\nWeights: {escape_markdown(license)}."
        + (f" Training data ({escape_markdown(dataset)}): {escape_markdown(data_license)}." if data_license else ""),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_model_card(folder: str | os.PathLike[str], results: Mapping[str, Any], **settings: Any) -> Path:
    """Write the model card of a checkpoint folder as `README.md`.

    Every string that comes from data or settings is escaped: names of relations and files can neither break a table nor
    bring markup, links or HTML into the card.

    Args:
        folder (`str` or `PathLike`): folder of the checkpoint, which exists.
        results (`Mapping`): what `examples/train_more.py` writes as `results.json`: `dataset`, `counts`, `relations`
            (`known`, `held_out`, `novel`: lists of names), `summary` (see `hf_relation.training.summarize_runs`), `runs`,
            `evaluation` (`cluster_seeds`, `n_init`, ...), `settings`, `versions` and, for a CNN, `word_vectors`.
        name (`str`, *optional*): title of the card; by default the name of the folder.
        base_model (`str`, *optional*): Hub id of the encoder that training started from.
        seed (`int`, *optional*): training seed of this checkpoint, one of those in `runs`; its own figures are then shown
            beside those over all seeds, and go into the header.
        license (`str`, defaults to `"apache-2.0"`): of the weights.
        data_license (`str`, defaults to unstated): of the training data.
        languages (`Sequence[str]`, defaults to `("en",)`): language codes.
        relation_names (`Mapping[str, str]`, *optional*): readable names of relation ids.
        published (`Sequence[PublishedResult]`, *optional*): figures to compare with; by default those on FewRel where
            `results["published"]` is `"fewrel"`.
        limits (`Sequence[str]`, defaults to none): further known limits, one sentence or two each.

    Returns:
        `Path`: the card.

    Raises:
        UsageError: the folder does not exist.
    """
    target = Path(folder) / "README.md"
    text = model_card_text(results, **({"name": Path(folder).resolve().name} | settings))
    with atomic_file(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def _chosen(
    results: Mapping[str, Any], run: Mapping[str, Any] | None, part: str, variant: str
) -> dict[str, float] | None:
    """Mean figures of one run, or over all runs."""
    if run is None:
        found = results["summary"]["scores"].get(part, {}).get(variant)
        return None if found is None else dict(found)
    scores = run["scores"].get(part, {}).get(variant)
    return {key: sum(score[key] for score in scores) / len(scores) for key in scores[0]} if scores else None


def _header(
    results: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    *,
    name: str,
    base_model: str | None,
    license: str,
    languages: Sequence[str],
) -> str:
    chosen = results["summary"]["chosen"]
    dataset = one_line(results["dataset"])
    tested = one_line(results.get("test_dataset", dataset))
    entries = []
    for part, split, corpus in (
        ("test", "novel relations", tested),
        ("validation", "held-out known relations", dataset),
    ):
        figures = _chosen(results, run, part, chosen)
        if figures is None:
            continue
        metrics = [
            {"type": key, "name": f"{_FIGURES[key]} ({_VARIANTS[chosen]})", "value": round(figures[key], 4)}
            for key in _INDEXED
        ]
        entries.append(
            {
                "task": {"type": "open-relation-discovery", "name": "Open relation discovery"},
                "dataset": {"type": corpus, "name": f"{corpus}: {split}", "split": part},
                "metrics": metrics,
            }
        )
    header: dict[str, Any] = {
        "license": one_line(license),
        "language": [one_line(language) for language in languages],
        "library_name": "hf_relation",
        "tags": ["open-relation-discovery", "relation-extraction", *method_text(results).tags, "clustering"],
        "datasets": [dataset],
    }
    if base_model:
        header["base_model"] = one_line(base_model)
    if entries:
        header["model-index"] = [{"name": one_line(name), "results": entries}]
    return "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=1000) + "---"


def _part(results: Mapping[str, Any], part: str) -> str:
    return _HELD_OUT_TEST if part == "test" and results.get("novel") == "held-out" else _PARTS.get(part, part)


def _snippet() -> str:
    return """## Use

Put this file's folder (or the repository's id) in the place of `"."`.

```python
from hf_relation import RelationDiscovery

texts = [
    ("Marie Curie", " was born in ", "Warsaw", "."),
    ("Alan Turing", " was born in ", "London", "."),
    ("Volkswagen", " has its headquarters in ", "Wolfsburg", "."),
    ("Siemens", " has its headquarters in ", "Munich", "."),
]
instances = [
    {
        "text": head + between + tail + end,
        "head": {"start": 0, "end": len(head)},
        "tail": {"start": len(head + between), "end": len(head + between + tail)},
    }
    for head, between, tail, end in texts
]
discovery = RelationDiscovery.from_pretrained(".", num_relations=2)
print(discovery.fit_predict(instances).labels)
```"""


def _figures(results: Mapping[str, Any], run: Mapping[str, Any] | None) -> str:
    summary, evaluation = results["summary"], results["evaluation"]
    seeds = [each["seed"] for each in results["runs"]]
    rows = [table_row(["relations", "embeddings", *_FIGURES.values()]), "|---|---|" + "---|" * len(_FIGURES)]
    for part, variants in summary["scores"].items():
        for variant, figures in variants.items():
            cells = [f"{figures[key]:.3f} ± {figures[f'{key}_sd']:.3f}" for key in _FIGURES]
            mark = " (chosen)" if variant == summary["chosen"] else ""
            rows.append(table_row([_part(results, part), _VARIANTS.get(variant, variant) + mark, *cells]))
    algorithm = evaluation.get("algorithm", "kmeans")
    clustered_by = (
        f"k-means with the true number of relations and {evaluation['n_init']} restarts"
        if algorithm == "kmeans"
        else f"clustered by {escape_markdown(algorithm)} with the settings "
        f"{escape_markdown(json.dumps(evaluation.get('cluster_kwargs', {})))}, once where chance plays no part"
    )
    chosen_by = (
        '"Chosen" was chosen on the held-out known relations.'
        if "validation" in summary["scores"] and not summary.get("given")
        else '"Chosen" is what the run was told to use.'
        if "validation" in summary["scores"]
        else 'This run held no known relations out; "chosen" is what it was told to use.'
    )
    if results.get("selected_on_gold"):
        chosen_by += f" {ON_GOLD}"
    text = (
        f"## Figures\n\nMean ± standard deviation over {len(seeds)} training seed(s) x {len(evaluation['cluster_seeds'])} "
        f"cluster seeds; {clustered_by}; embeddings in "
        f"{escape_markdown(evaluation['dtype'])}. {chosen_by} Fractions; higher is better.\n\n" + "\n".join(rows)
    )
    if run is not None:
        chosen = summary["chosen"]
        rows = [table_row(["relations", *_FIGURES.values()]), "|---|" + "---|" * len(_FIGURES)]
        for part in summary["scores"]:
            figures = _chosen(results, run, part, chosen)
            if figures is not None:
                rows.append(table_row([_part(results, part), *(f"{figures[key]:.3f}" for key in _FIGURES)]))
        text += (
            f"\n\nThis checkpoint alone (training seed {run['seed']}, embeddings {_VARIANTS[chosen]}, mean over the cluster "
            "seeds):\n\n" + "\n".join(rows)
        )
    return text


def _published(results: Mapping[str, Any], run: Mapping[str, Any] | None, published: Sequence[PublishedResult]) -> str:
    figures = _chosen(results, None, "test", results["summary"]["chosen"])
    if not published or figures is None:
        return ""
    columns = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari")
    header = ["system", "encoder", "learned from", *(_FIGURES[key] for key in columns), "source"]
    rows = [table_row(header), "|" + "---|" * len(header)]
    rows += [
        table_row(
            [row.system, row.encoder, row.supervision, *(f"{getattr(row, key):.3f}" for key in columns), row.source]
        )
        for row in published
    ]
    own = [f"{figures[key]:.3f} ± {figures[f'{key}_sd']:.3f}" for key in columns]
    learned_from = method_text(results).learned_from + (
        ", epoch chosen by gold labels" if results.get("selected_on_gold") else ""
    )
    rows.append(table_row(["this model", results.get("encoder", ""), learned_from, *own, "this card"]))
    return (
        "## Beside published figures\n\nOn the same test relations. Encoders, supervision and protocols differ; published "
        "figures are quoted, not reproduced here.\n\n" + "\n".join(rows)
    )


def _data(results: Mapping[str, Any], data_license: str) -> str:
    rows = [table_row(["rows", "number"]), "|---|---|"]
    rows += [table_row([key.replace("_", " "), value]) for key, value in results["counts"].items()]
    licence = f" Licence: {escape_markdown(data_license)}." if data_license else ""
    if "test_dataset" in results:
        licence += f" Novel relations: {escape_markdown(results['test_dataset'])}."
    return (
        f"## Data\n\n{escape_markdown(results['dataset'])}.{licence} Labelled training data shares neither relations nor sentences "
        f"with validation and test; rows dropped for that are counted here.\n\n**Learned from:** {method_text(results).supervision}"
        "\n\n" + "\n".join(rows)
    )


def _relations(results: Mapping[str, Any], names: Mapping[str, str]) -> str:
    relations = results["relations"]

    def listed(key: str) -> str:
        shown = [f"{relation} ({names[relation]})" if relation in names else relation for relation in relations[key]]
        return "; ".join(escape_markdown(relation) for relation in shown) or "none"

    return (
        f"## Relations\n\n**Known (trained on, {len(relations['known'])}):** {listed('known')}\n\n"
        f"**Known, held out for choosing ({len(relations['held_out'])}):** {listed('held_out')}\n\n"
        f"**Novel (tested on, {len(relations['novel'])}):** {listed('novel')}"
    )


def _training(results: Mapping[str, Any], base_model: str | None) -> str:
    origin = f"Started from {escape_markdown(base_model)}. " if base_model else ""
    if "word_vectors" in results:
        origin += f"The encoder is a CNN; its word vectors: {escape_markdown(results['word_vectors'])}. "
    # Indented code cannot be closed from inside, as a fence can.
    blocks = {
        key: "\n".join(
            "    " + line
            for line in json.dumps(results[key], indent=2, sort_keys=True, ensure_ascii=True).splitlines()
        )
        for key in ("settings", "versions")
    }
    return (
        f"## Training\n\n{origin}Settings (those that differ from the defaults of the arguments' classes):\n\n{blocks['settings']}\n\n"
        f"Versions:\n\n{blocks['versions']}"
    )
