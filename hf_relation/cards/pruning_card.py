"""The card of a model of a head-pruning run: before its heads were pruned, or after, with the scores of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_relation.cards.config_card import config_header, limits_section, names_section, settings_section
from hf_relation.cards.corpora import corpus_licence
from hf_relation.cards.families import FAMILIES
from hf_relation.cards.header import yaml_header
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import TASKS_CODE, use_section
from hf_relation.cards.training_card import training_section
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, one_line, table_row


PRUNED_BY = "lowest"  # the search whose model a run keeps


def write_pruning_card(
    folder: str | os.PathLike[str], config: Any, results: Mapping[str, Any], *, seed: int, job: str, pruned: bool
) -> Path:
    """Write the card of a model that a pruning run kept, as `README.md`. Every string that comes from data is escaped.

    Args:
        folder (`str` or `PathLike`): folder of the model.
        config (`PreTrainedConfig`): of the model.
        results (`Mapping`): what `hf-relation train prune-heads` writes as `results.json`.
        seed (`int`): training seed of the model.
        job (`str`): which of the run's searches it belongs to.
        pruned (`bool`): whether its heads are pruned.

    Returns:
        `Path`: the card.

    Raises:
        UsageError: the folder does not exist.
    """
    text = pruning_card_text(config, results, seed=seed, job=job, pruned=pruned)
    target = Path(folder) / "README.md"
    with atomic_file(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def pruning_card_text(config: Any, results: Mapping[str, Any], *, seed: int, job: str, pruned: bool) -> str:
    """Write the text of a card; see [`write_pruning_card`] for the arguments.

    Returns:
        `str`: Markdown with a YAML header.
    """
    run = next(run for run in results["runs"] if run["seed"] == seed)
    own = next(each for each in run["jobs"] if each["name"] == job)
    scores = own["searches"][PRUNED_BY]["test"] if pruned else own["unpruned"]["test"]
    what = (
        "after its least important attention heads were pruned" if pruned else "before any attention head was pruned"
    )
    name = f"{results['task']}, {'pruned' if pruned else 'unpruned'}, {job}"
    family = FAMILIES["multitask"]
    parts = [
        f"# {escape_markdown(name)}\n\n{family.about} This one was fine-tuned for {escape_markdown(results['task'])} over "
        f"{escape_markdown(results['encoder'])}, and stands here {what}.",
        use_section(TASKS_CODE),
        _figures(results, own, job, scores, pruned),
        _data(results),
        settings_section(config),
        names_section(config),
        training_section(results["settings"], results["versions"]),
        limits_section(
            family,
            "The number of pruned heads was chosen on the validation part of the sources; a target's own texts chose nothing.",
            "Heads that one task or language does not need may be those that another needs.",
        ),
        _licence(results),
        citation_section("multitask", "pruning"),
    ]
    return f"{_header(config, results, name, scores)}\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _header(config: Any, results: Mapping[str, Any], name: str, scores: Mapping[str, float]) -> str:
    entries = [
        {
            "task": {"type": "multi-task", "name": one_line(results["task"])},
            "dataset": {"type": corpus, "name": f"{corpus}: test ({one_line(target)})", "split": "test"},
            "metrics": [{"type": one_line(results["metric"]), "value": round(value, 4)}],
        }
        for target, value in scores.items()
        for corpus in [_corpus(results, target)]
    ]
    header = config_header(config)
    return yaml_header(
        {
            **header,
            "tags": [*header["tags"], "attention-head-pruning"],
            "datasets": list(dict.fromkeys(_corpus(results, name) for name in results["corpora"])),
            "model-index": [{"name": one_line(name), "results": entries}],
        }
    )


def _corpus(results: Mapping[str, Any], target: str) -> str:
    return one_line(results["corpora"].get(target, {}).get("corpus", target))


def _figures(
    results: Mapping[str, Any], own: Mapping[str, Any], job: str, scores: Mapping[str, float], pruned: bool
) -> str:
    summary = results["summary"][job]
    seeds = len(results["runs"])
    over = f"mean ± standard deviation over {seeds} training seeds" if seeds > 1 else "one training seed"
    rows = [table_row(["test", "this model", "unpruned", "pruned", "gain"]), "|---|---|---|---|---|"]
    for target, value in scores.items():
        found = summary["targets"][target]
        figures = (found["unpruned"], found[PRUNED_BY]["pruned"], found[PRUNED_BY]["gain"])
        rows.append(table_row([target, f"{100 * value:.1f}", *map(_shown, figures)]))
    search = own["searches"][PRUNED_BY]
    heads = f" {search['num_heads']} heads are gone, least important first; " if pruned else " "
    return (
        f'## Figures\n\n{escape_markdown(results["metric"])} on the test parts, in per cent; "this model" is one training seed, the '
        f"others: {over}.{heads}validation of the sources: {100 * own['unpruned']['validation']:.1f} before, "
        f"{100 * search['validation']:.1f} after. No published figure is of the same encoder and data, so none stands beside.\n\n"
        + "\n".join(rows)
    )


def _shown(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"


def _data(results: Mapping[str, Any]) -> str:
    rows = [
        table_row(["name", "corpus", "train", "validation", "test", "part in the run"]),
        "|---|---|---|---|---|---|",
    ]
    for name, corpus in results["corpora"].items():
        counts = [corpus["counts"].get(part, 0) for part in ("train", "validation", "test")]
        part = "source: trained on, heads ranked on" if name in results["sources"] else "target: tested on"
        rows.append(table_row([name, corpus["corpus"], *counts, part]))
    return f"## Data and splits\n\nSetting: {escape_markdown(results['setting'])}.\n\n" + "\n".join(rows)


def _licence(results: Mapping[str, Any]) -> str:
    names = dict.fromkeys(str(corpus["corpus"]) for corpus in results["corpora"].values())
    lines = [
        f"- {escape_markdown(name)}: {escape_markdown(corpus_licence(name.partition('/')[0]) or 'not stated')}"
        for name in names
    ]
    return "## Licence\n\nWeights: not stated; they depend on that of the encoder and of the data:\n\n" + "\n".join(
        lines
    )
