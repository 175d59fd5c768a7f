"""The card (README.md) of a fine-tuned pair classifier, written from the figures of its run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards.config_card import listed
from hf_relation.cards.corpora import OWN_FILES, corpus_languages, corpus_licence, licence_section
from hf_relation.cards.families import FAMILIES
from hf_relation.cards.header import yaml_header
from hf_relation.cards.papers import citation_section
from hf_relation.cards.published import PUBLISHED_FINECL
from hf_relation.cards.snippets import extraction_code, use_section
from hf_relation.cards.training_card import training_section
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, one_line, table_row


FIGURES = {
    "f1": "micro F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "ign_f1": "Ign F1",
    "official_macro_f1": "official macro F1",
}
_FAMILY = FAMILIES["pair_classification"]
# Corpora whose published figures stand beside ours, and what is different in these.
_PUBLISHED_AS = {"docred": "docred", "redocred": "docred", "semeval": "semeval", "tacred": "tacred"}
_OTHER_DATA = {"redocred": " The published figures are of DocRED, whose labels Re-DocRED has completed: another test."}


def classification_card_text(
    results: Mapping[str, Any],
    *,
    name: str,
    seed: int | None = None,
    encoder: str | None = None,
    share: float | None = None,
    base_model: str | None = None,
    license: str | None = None,
    data_license: str | None = None,
    languages: Sequence[str] | None = None,
    limits: Sequence[str] = (),
) -> str:
    """Write the text of a card; see [`write_classification_card`] for the arguments.

    Returns:
        `str`: Markdown with a YAML header.
    """
    run = next(
        (run for run in results["runs"] if (run["seed"], run["encoder"], run["share"]) == (seed, encoder, share)), None
    )
    of_data = corpus_licence(str(results["dataset"])) if data_license is None else data_license
    start = "" if encoder is None else f" It started from the encoder {escape_markdown(encoder)}"
    start += "" if run is None else f" and was trained on {share:.3g} of the training texts ({run['train']:,})"
    parts = [
        _header(results, run, name=name, base_model=base_model, license=license, languages=languages),
        f"# {escape_markdown(name)}\n\n{_FAMILY.about}{start + '.' if start else ''}",
        use_section(extraction_code(False)),
        _figures(results, encoder, share),
        _published(results),
        _data(results, of_data),
        _relations(results),
        training_section(
            # Where encoders lay says nothing to others; the tables have their names.
            {key: value for key, value in results["settings"].items() if key != "encoders"},
            results["versions"],
            f"Started from {escape_markdown(base_model)}. " if base_model else "",
        ),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in (*_FAMILY.limits, *map(escape_markdown, limits))),
        licence_section(license, str(results["dataset"]), of_data),
        citation_section("pair_classification"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_classification_card(folder: str | os.PathLike[str], results: Mapping[str, Any], **settings: Any) -> Path:
    """Write the card of a fine-tuned pair classifier as `README.md`. Every string that comes from data is escaped.

    Args:
        folder (`str` or `PathLike`): folder of the checkpoint, which exists.
        results (`Mapping`): what `examples/finetune_relation.py` writes as `results.json`.
        name (`str`, *optional*): title of the card; by default the name of the folder.
        seed (`int`), encoder (`str`), share (`float`, *optional*): which run of `results` left this checkpoint.
        base_model (`str`, *optional*): Hub id of the encoder that training started from.
        license (`str`, *optional*): of the weights; unstated by default, as it is for whoever trained them to give.
        data_license (`str`, *optional*): of the training data, in words; by default what is known of the corpus.
        languages (`Sequence[str]`, *optional*): language codes; by default those of the corpus, where it is a known one.
        limits (`Sequence[str]`, defaults to none): further known limits.

    Returns:
        `Path`: the card.

    Raises:
        UsageError: the folder does not exist.
    """
    target = Path(folder) / "README.md"
    text = classification_card_text(results, **({"name": Path(folder).resolve().name} | settings))
    with atomic_file(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def _shown(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"


def _header(
    results: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    *,
    name: str,
    base_model: str | None,
    license: str | None,
    languages: Sequence[str] | None,
) -> str:
    dataset = one_line(results["dataset"])
    figures = {} if run is None else run["scores"]["test"]
    metrics = [
        {"type": "f1", "name": label, "value": round(float(figures[key]), 4)}
        for key, label in FIGURES.items()
        if key in figures
    ]
    measured = {
        "task": {"type": "relation-extraction", "name": "Relation extraction"},
        "dataset": {"type": dataset, "name": f"{dataset}: test", "split": "test"},
        "metrics": metrics,
    }
    return yaml_header(
        {
            "license": license,
            "language": corpus_languages(dataset) if languages is None else list(languages),
            "library_name": "hf_relation",
            "pipeline_tag": "token-classification",
            "tags": list(_FAMILY.tags),
            "datasets": [] if dataset == OWN_FILES else [dataset],
            "base_model": base_model,
            "model-index": [{"name": one_line(name), "results": [measured]}] if metrics else [],
        }
    )


def _cells(results: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [
        (encoder, share, cell["test"])
        for encoder, shares in results["summary"].items()
        for share, cell in shares.items()
        if "test" in cell
    ]


def _figures(results: Mapping[str, Any], encoder: str | None, share: float | None) -> str:
    cells = _cells(results)
    names = [key for key in FIGURES if any(key in figures for _, _, figures in cells)]
    seeds = len({run["seed"] for run in results["runs"]})
    header = ["encoder", "training texts", *(FIGURES[key] for key in names)]
    rows = [table_row(header), "|" + "---|" * len(header)]
    for called, of_texts, figures in cells:
        this = called == encoder and share is not None and of_texts == f"{share:g}"
        rows.append(
            table_row(
                [
                    f"{called} (this model's)" if this else called,
                    of_texts,
                    *(_shown(figures[key]) if key in figures else "" for key in names),
                ]
            )
        )
    return (
        f"## Figures\n\nPer cent on the test, mean ± standard deviation over {seeds} training seed(s), which also draw the share of the "
        'training texts. "No relation" is none of the relations that are averaged; Ign F1 leaves out facts that the training texts '
        "state.\n\n" + "\n".join(rows)
    )


def _published(results: Mapping[str, Any]) -> str:
    dataset = str(results["dataset"])
    found = [row for row in PUBLISHED_FINECL if row.dataset == _PUBLISHED_AS.get(dataset)]
    if not found:
        return ""
    header = ["system", "encoder", "training texts", "micro F1", "Ign F1", "source"]
    rows = [table_row(header), "|" + "---|" * len(header)]
    for row in found:
        ign = "" if row.ign_f1 is None else f"{row.ign_f1:.1f}"
        rows.append(table_row([row.system, row.encoder, f"{row.share:g}", f"{row.f1:.1f}", ign, row.source]))
    for encoder, share, figures in _cells(results):
        ours = [_shown(figures[key]) if key in figures else "" for key in ("f1", "ign_f1")]
        rows.append(table_row([encoder, str(results["encoders"].get(encoder, "")), share, *ours, "this card"]))
    return (
        "## Beside published figures\n\nEncoders, pre-training corpora and the texts of a share differ; published figures are quoted, not "
        f"reproduced here.{_OTHER_DATA.get(dataset, '')}\n\n" + "\n".join(rows)
    )


def _data(results: Mapping[str, Any], data_license: str) -> str:
    rows = [table_row(["rows", "number"]), "|---|---|"]
    rows += [table_row([key.replace("_", " "), value]) for key, value in results["counts"].items()]
    licence = f" Licence: {escape_markdown(data_license)}." if data_license else ""
    return (
        f"## Data\n\nCorpus: {escape_markdown(results['dataset'])}.{licence} Validation: {escape_markdown(results['validation_from'])}; "
        "never the test. No training text occurs in validation or test.\n\n" + "\n".join(rows)
    )


def _relations(results: Mapping[str, Any]) -> str:
    known, unseen = results["relations"], results.get("unseen_relations") or {}
    text = f"## Relations\n\n**Known (trained on, {len(known)}):** {listed(known)}"
    if unseen:
        text += (
            f"\n\n**In the test, not in training ({len(unseen)}):** {listed(list(unseen))}. Their {sum(unseen.values())} pairs count as "
            "missed: the model cannot find them."
        )
    return text
