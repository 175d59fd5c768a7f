"""The card (README.md) of a checkpoint that extracts named relations, written from the figures of its run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards.config_card import listed
from hf_relation.cards.corpora import OWN_FILES, corpus_languages, corpus_licence, licence_section
from hf_relation.cards.families import EXTRACTION_LIMITS
from hf_relation.cards.header import yaml_header
from hf_relation.cards.papers import citation_section
from hf_relation.cards.published import PUBLISHED_KERNEL_RE
from hf_relation.cards.snippets import extraction_code, use_section
from hf_relation.cards.training_card import training_section
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, one_line, table_row


_MODES = {
    "all_pairs": "all pairs: entities given, every ordered pair of them is a candidate",
    "gold_pairs": "gold pairs: the pairs that have a relation are given as well, as in the authors' evaluation",
}
_ONE_PAIR = {
    "all_pairs": "the marked pair of every sentence",
    "gold_pairs": "marked pairs that have a relation, alone",
}
_RULES = {"paper": "threshold 0.5", "fitted": "threshold, calibration fitted on validation"}


def extraction_card_text(
    results: Mapping[str, Any],
    *,
    name: str,
    seed: int | None = None,
    base_model: str | None = None,
    license: str | None = None,
    data_license: str | None = None,
    languages: Sequence[str] | None = None,
    limits: Sequence[str] = (),
) -> str:
    """Write the text of a card; see [`write_extraction_card`] for the arguments.

    Returns:
        `str`: Markdown with a YAML header.
    """
    run = next((run for run in results["runs"] if run["seed"] == seed), None)
    joint = "joint" in results["summary"]
    of_data = corpus_licence(str(results["dataset"])) if data_license is None else data_license
    parts = [
        _header(results, run, name=name, base_model=base_model, license=license, languages=languages),
        f"# {escape_markdown(name)}\n\nKernelRE (Li and Tian, 2020) over {escape_markdown(results['encoder'])}: for every pair of "
        f"entities of a text, and every relation, how probable it is that the relation holds; several relations of one pair, and "
        f"none, are possible. {len(results['relations'])} relations"
        + (", and a tagger that finds the entities in raw text." if joint else "."),
        use_section(extraction_code(joint)),
        _figures(results),
        _official(results),
        _joint(results),
        _published(results),
        _trust(results, run),
        _data(results, of_data),
        _relations(results),
        training_section(
            results["settings"],
            results["versions"],
            f"Started from {escape_markdown(base_model)}. " if base_model else "",
        ),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in (*EXTRACTION_LIMITS, *map(escape_markdown, limits))),
        licence_section(license, str(results["dataset"]), of_data),
        citation_section("kernel_re"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_extraction_card(folder: str | os.PathLike[str], results: Mapping[str, Any], **settings: Any) -> Path:
    """Write the card of a checkpoint that extracts relations as `README.md`. Every string that comes from data is escaped.

    Args:
        folder (`str` or `PathLike`): folder of the checkpoint, which exists.
        results (`Mapping`): what `examples/train_kernel_re.py` writes as `results.json`.
        name (`str`, *optional*): title of the card; by default the name of the folder.
        seed (`int`, *optional*): training seed of this checkpoint.
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
    text = extraction_card_text(results, **({"name": Path(folder).resolve().name} | settings))
    with atomic_file(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def _value(figure: Any) -> float:
    return float(figure["mean"]) if isinstance(figure, Mapping) else float(figure)


def _shown(figure: Any) -> str:
    if isinstance(figure, Mapping):
        return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"
    return f"{100 * figure:.1f}"


def _header(
    results: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    *,
    name: str,
    base_model: str | None,
    license: str | None,
    languages: Sequence[str] | None,
) -> str:
    figures = run["scores"]["test"] if run is not None else results["summary"]["scores"]["test"]
    metrics = [
        {"type": "f1", "name": f"micro F1 of triples, {mode.replace('_', ' ')}", "value": round(_value(found), 4)}
        for mode, report in figures.items()
        for found in [report["fitted"]["all"]["triple_f1"]]
    ]
    official = (run or {}).get("semeval") or results["summary"].get("semeval")
    if official:
        metrics.append(
            {"type": "f1", "name": "official macro F1", "value": round(_value(official["test"]["fitted"]), 4)}
        )
    dataset = one_line(results["dataset"])
    return yaml_header(
        {
            "license": license,
            "language": corpus_languages(dataset) if languages is None else list(languages),
            "library_name": "hf_relation",
            "pipeline_tag": "token-classification",
            "tags": ["relation-extraction", "kernel-re"],
            "datasets": [] if dataset == OWN_FILES else [dataset],
            "base_model": base_model,
            "model-index": [
                {
                    "name": one_line(name),
                    "results": [
                        {
                            "task": {"type": "relation-extraction", "name": "Relation extraction"},
                            "dataset": {"type": dataset, "name": f"{dataset}: test", "split": "test"},
                            "metrics": metrics,
                        }
                    ],
                }
            ],
        }
    )


def _figures(results: Mapping[str, Any]) -> str:
    names = _ONE_PAIR if results["one_pair"] else _MODES
    seeds = len(results["runs"])
    text = [
        f"## Figures\n\nMicro precision, recall and F1 of triples on the test, in per cent; "
        f"{'mean ± standard deviation over ' if seeds > 1 else ''}{seeds} training seed(s). The two ways of choosing candidate pairs are different tasks; do not compare one with the other."
    ]
    header = ["texts", "number", "P", "R", "F1"]
    for mode, reports in results["summary"]["scores"]["test"].items():
        for rules, report in reports.items():
            rows = [table_row(header), "|" + "---|" * len(header)]
            lines = [("all", report["all"])] + [
                (f"{key} triple(s)" if section == "count" else key, figures)
                for section in ("overlap", "number", "count")
                for key, figures in report.get(section, {}).items()
                if figures.get("num_documents")
            ]
            for label, figures in lines:
                cells = [_shown(figures[f"triple_{key}"]) for key in ("precision", "recall", "f1")]
                rows.append(table_row([label, figures.get("num_documents", ""), *cells]))
            text.append(f"**{names[mode]}; {_RULES[rules]}**\n\n" + "\n".join(rows))
    return "\n\n".join(text)


def _official(results: Mapping[str, Any]) -> str:
    found = results["summary"].get("semeval")
    if not found:
        return ""
    return (
        "**Official metric of SemEval-2010 Task 8** (macro F1 of nine relations with their directions, without Other), test: "
        f"{_shown(found['test']['paper'])} with threshold 0.5, {_shown(found['test']['fitted'])} fitted on validation."
    )


def _joint(results: Mapping[str, Any]) -> str:
    found = results["summary"].get("joint")
    if not found:
        return ""
    entities, triples = found["test"]["entities"], found["test"]["triples"]
    return (
        f"**Raw text**, test: entities strict F1 (span and type) {_shown(entities['strict_f1'])}, partial "
        f"{_shown(entities['partial_f1'])}; triples strict F1 (both entities and the relation) "
        f"{_shown(triples['paper']['triple_f1'])} with threshold 0.5, {_shown(triples['fitted']['triple_f1'])} fitted on validation."
    )


def _published(results: Mapping[str, Any]) -> str:
    rows = [row for row in PUBLISHED_KERNEL_RE if row.dataset == results["dataset"]]
    if not rows:
        return ""
    header = ["system", "encoder", "evaluation", "F1", "source"]
    lines = [table_row(header), "|" + "---|" * len(header)]
    lines += [table_row([row.system, row.encoder, row.evaluation, f"{row.f1:.1f}", row.source]) for row in rows]
    of_test = results["summary"]["scores"]["test"]
    names = _ONE_PAIR if results["one_pair"] else _MODES
    lines += [
        table_row(
            ["this model", results["encoder"], names[mode], _shown(reports["fitted"]["all"]["triple_f1"]), "this card"]
        )
        for mode, reports in of_test.items()
    ]
    return (
        "## Beside published figures\n\nEncoders, evaluation and in part data differ (the paper's WebNLG counts 31,511 instances, "
        "this one's files hold 6,222 sentences: not the same data); published figures are quoted, not reproduced here.\n\n"
        + "\n".join(lines)
    )


def _trust(results: Mapping[str, Any], run: Mapping[str, Any] | None) -> str:
    found = (run or {}).get("calibration") or {}
    error = found.get("calibration_error", {})
    text = []
    if "before" in error and "after" in error:
        text.append(
            f"Expected calibration error of candidates with a probability of at least 0.05: {error['before']:.3f} before "
            f"calibration, {error['after']:.3f} after it."
        )
    rate = found.get("false_positives")
    if rate:
        text.append(
            f"Of {rate['num_unrelated']} candidate pairs of the test that have no relation and merely stand together, "
            f"{100 * rate['rate']:.1f} % are given one (missing gold labels count against the model)."
        )
    return "## How far to trust a score\n\n" + " ".join(text) if text else ""


def _data(results: Mapping[str, Any], data_license: str) -> str:
    rows = [table_row(["rows", "number"]), "|---|---|"]
    rows += [table_row([key.replace("_", " "), value]) for key, value in results["counts"].items()]
    licence = f" Licence: {escape_markdown(data_license)}." if data_license else ""
    return (
        f"## Data\n\nCorpus: {escape_markdown(results['dataset'])}.{licence} Validation: {escape_markdown(results['validation_from'])}; never "
        "the test. No training sentence occurs in validation or test.\n\n" + "\n".join(rows)
    )


def _relations(results: Mapping[str, Any]) -> str:
    """Known relations, which the model has, apart from those of the test that training does not have."""
    known, unseen = results["relations"], results.get("unseen_relations") or {}
    parts = [
        f"**Known (trained on, {len(known)}):** {listed(known)}",
        f"**Novel (in the test, not in training, {len(unseen)}):** {listed(list(unseen))}"
        + (f". Their {sum(unseen.values())} triples count as missed: the model cannot find them." if unseen else ""),
    ]
    return "## Relations\n\n" + "\n\n".join(parts)
