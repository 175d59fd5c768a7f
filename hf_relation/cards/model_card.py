"""The card (README.md) of a trained checkpoint, written from the figures of its run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards.corpora import OWN_FILES, corpus_languages, corpus_licence, licence_section
from hf_relation.cards.header import yaml_header
from hf_relation.cards.methods import method_text
from hf_relation.cards.papers import citation_section
from hf_relation.cards.published import PUBLISHED_FEWREL, PublishedResult
from hf_relation.cards.run_figures import (
    FIGURES,
    INDEXED,
    VARIANTS,
    chosen_figures,
    figures_section,
    published_section,
)
from hf_relation.cards.snippets import discovery_code, use_section
from hf_relation.cards.training_card import training_section
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, one_line, table_row


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
    license: str | None = None,
    data_license: str | None = None,
    languages: Sequence[str] | None = None,
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
    of_data = corpus_licence(dataset) if data_license is None else data_license
    parts = [
        _header(results, run, name=name, base_model=base_model, license=license, languages=languages),
        f"# {escape_markdown(name)}\n\n{method.about}",
        use_section(discovery_code(str(results["evaluation"].get("algorithm", "kmeans")))),
        figures_section(results, run),
        published_section(results, published),
        _data(results, of_data),
        _relations(results, relation_names or {}),
        training_section(results["settings"], results["versions"], _origin(results, base_model)),
        "## Limits\n\n"
        + "\n".join(f"- {limit}" for limit in (method.origin, *_LIMITS, *map(escape_markdown, limits))),
        licence_section(license, dataset, of_data),
        citation_section(method.model_type),
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
        license (`str`, *optional*): of the weights; unstated by default, as it is for whoever trained them to give.
        data_license (`str`, *optional*): of the training data, in words; by default what is known of the corpus.
        languages (`Sequence[str]`, *optional*): language codes; by default those of the corpus, where it is a known one.
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


def _header(
    results: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    *,
    name: str,
    base_model: str | None,
    license: str | None,
    languages: Sequence[str] | None,
) -> str:
    chosen = results["summary"]["chosen"]
    dataset = one_line(results["dataset"])
    tested = one_line(results.get("test_dataset", dataset))
    entries = []
    for part, split, corpus in (
        ("test", "novel relations", tested),
        ("validation", "held-out known relations", dataset),
    ):
        figures = chosen_figures(results, run, part, chosen)
        if figures is None:
            continue
        metrics = [
            {"type": key, "name": f"{FIGURES[key]} ({VARIANTS[chosen]})", "value": round(figures[key], 4)}
            for key in INDEXED
        ]
        entries.append(
            {
                "task": {"type": "open-relation-discovery", "name": "Open relation discovery"},
                "dataset": {"type": corpus, "name": f"{corpus}: {split}", "split": part},
                "metrics": metrics,
            }
        )
    return yaml_header(
        {
            "license": license,
            "language": corpus_languages(dataset) if languages is None else list(languages),
            "library_name": "hf_relation",
            "tags": ["open-relation-discovery", "relation-extraction", *method_text(results).tags, "clustering"],
            "datasets": [] if dataset == OWN_FILES else [dataset],
            "base_model": base_model,
            "model-index": [{"name": one_line(name), "results": entries}] if entries else [],
        }
    )


def _data(results: Mapping[str, Any], data_license: str) -> str:
    rows = [table_row(["rows", "number"]), "|---|---|"]
    rows += [table_row([key.replace("_", " "), value]) for key, value in results["counts"].items()]
    licence = f" Licence: {escape_markdown(data_license)}." if data_license else ""
    if "test_dataset" in results:
        licence += f" Novel relations: {escape_markdown(results['test_dataset'])}."
    return (
        f"## Data\n\nCorpus: {escape_markdown(results['dataset'])}.{licence} Labelled training data shares neither relations nor sentences "
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


def _origin(results: Mapping[str, Any], base_model: str | None) -> str:
    origin = f"Started from {escape_markdown(base_model)}. " if base_model else ""
    if "word_vectors" in results:
        origin += f"The encoder is a CNN; its word vectors: {escape_markdown(results['word_vectors'])}. "
    return origin
