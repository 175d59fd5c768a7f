"""The card of a model that a trainer pushes: its settings, what it was trained on as far as the trainer knows, and the figures it logged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_relation.cards.config_card import (
    EXTRACTORS,
    LICENCE,
    NOT_EVALUATED,
    config_header,
    limits_section,
    listed,
    model_code,
    names_section,
    settings_section,
    title,
)
from hf_relation.cards.families import FAMILIES
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import use_section
from hf_relation.data.markdown import escape_markdown, one_line, table_row


_NOT_FIGURES = ("runtime", "samples_per_second", "steps_per_second")
_SPREAD = "_sd"
_DISCOVERY = ("more", "rocore", "siamese_ure")


@dataclass(frozen=True)
class TrainingFacts:
    """What a trainer knows of its run.

    Args:
        num_train (`int`): training rows.
        num_eval (`int`): evaluation rows; 0 without an evaluation.
        known (`Sequence[str]`): relations of the training labels; none where it has no labels of relations.
        held_out (`Sequence[str]`): relations of the evaluation rows that training has no label of.
        shared (`Sequence[str]`): relations of the evaluation rows that training has labels of.
        metrics (`Mapping[str, float]`): the figures of an evaluation, without `eval_`; standard deviations end in `_sd`.
        metrics_step (`int`): training step of that evaluation.
        step (`int`): training step of the weights.
        seed (`int`): training seed.
        cluster_seeds (`int`): seeds of k-means that an evaluation averages.
        settings (`Mapping`): arguments that differ from their defaults, JSON-able.
        versions (`Mapping[str, str]`): of the libraries.
    """

    num_train: int
    num_eval: int = 0
    known: Sequence[str] = ()
    held_out: Sequence[str] = ()
    shared: Sequence[str] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_step: int = 0
    step: int = 0
    seed: int = 0
    cluster_seeds: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def training_card(
    config: Any,
    facts: TrainingFacts,
    *,
    name: str | None = None,
    license: str | None = None,
    languages: Sequence[str] = (),
    tags: Sequence[str] = (),
    base_model: str | None = None,
    datasets: Sequence[str] = (),
    parameters: int | None = None,
    dtype: str | None = None,
) -> tuple[dict[str, Any], str]:
    """Write the card of a model from its settings and the run of its trainer.

    Args:
        config (`PreTrainedConfig`): of the model.
        facts ([`TrainingFacts`]): of the run; strings in it are escaped.
        name (`str`, *optional*): title of the card.
        license (`str`, *optional*): of the weights; unstated by default.
        languages, tags, datasets (`Sequence[str]`): for the header.
        base_model (`str`, *optional*): Hub id of what training started from.
        parameters (`int`, *optional*): number of weights.
        dtype (`str`, *optional*): their type.

    Returns:
        `tuple[dict, str]`: fields of the header, and the text below it, for [`~hf_relation.cards.header.signed`].
    """
    family = FAMILIES.get(config.model_type)
    shown = title(config) if name is None else escape_markdown(name)
    found = config_header(config)
    header: dict[str, Any] = {
        "license": license,
        "language": list(languages),
        **found,
        "base_model": base_model or found["base_model"],
        "tags": [*found["tags"], *tags],
        "datasets": list(datasets),
        "model-index": _index(one_line(name or config.model_type), facts, datasets, config.model_type),
    }
    parts = [
        f"# {shown}\n\n{family.about if family else 'A model of this library.'}",
        use_section(code) if (code := model_code(config)) else "",
        _figures(facts, config.model_type),
        _data(facts, datasets, config.model_type),
        settings_section(config, parameters=parameters, dtype=dtype),
        names_section(config),
        training_section(facts.settings, facts.versions),
        limits_section(family),
        f"## Licence\n\n{LICENCE if license is None else f'Weights: {escape_markdown(license)}.'}",
        citation_section(config.model_type),
    ]
    return header, "\n\n".join(part for part in parts if part)


def training_section(settings: Mapping[str, Any], versions: Mapping[str, Any], origin: str = "") -> str:
    """The section of the settings and versions of a run; `origin` is Markdown that stands in front.

    Example:

    ```python
    >>> from hf_relation.cards.training_card import training_section
    >>> training_section({"steps": 7}, {}).splitlines()[5]
    '      "steps": 7'

    ```
    """
    settings_block, versions_block = (indented_json(content) for content in (settings, versions))
    return (
        f"## Training\n\n{origin}Settings (those that differ from the defaults of the arguments' classes):\n\n{settings_block}\n\n"
        f"Versions:\n\n{versions_block}"
    )


def indented_json(content: Mapping[str, Any]) -> str:
    """JSON as indented code, which cannot be closed from inside, as a fence can."""
    lines = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True, default=str).splitlines()
    return "\n".join(f"    {line}" for line in lines)


def _kept(facts: TrainingFacts) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in facts.metrics.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and not name.endswith((*_NOT_FIGURES, _SPREAD))
        and "num_" not in name
    }


def _evaluated_on(facts: TrainingFacts) -> str:
    return "held-out known relations" if facts.held_out and not facts.shared else "evaluation data"


def _index(name: str, facts: TrainingFacts, datasets: Sequence[str], model_type: str) -> list[dict[str, Any]]:
    figures = _kept(facts)
    if not figures:
        return []
    corpus = one_line(datasets[0]) if datasets else "not stated"
    kind = "multi-task"
    if model_type in _DISCOVERY:
        kind = "open-relation-discovery"
    elif model_type in EXTRACTORS:
        kind = "relation-extraction"
    elif model_type == "finecl":
        kind = "feature-extraction"
    return [
        {
            "name": name,
            "results": [
                {
                    "task": {"type": kind, "name": kind.replace("-", " ").capitalize()},
                    "dataset": {
                        "type": corpus,
                        "name": f"{corpus}: {_evaluated_on(facts)}",
                        "split": "validation",
                    },
                    "metrics": [
                        {"type": key, "name": key.replace("_", " "), "value": round(value, 4)}
                        for key, value in figures.items()
                    ],
                }
            ],
        }
    ]


def _figures(facts: TrainingFacts, model_type: str) -> str:
    figures = _kept(facts)
    if not figures:
        return f"## Figures\n\n{NOT_EVALUATED.partition(' Evaluate it')[0]}"
    rows = [table_row(["figure", "value", "standard deviation"]), "|---|---|---|"]
    for name, value in figures.items():
        spread = facts.metrics.get(f"{name}{_SPREAD}")
        rows.append(table_row([name.replace("_", " "), f"{value:.4f}", "" if spread is None else f"{spread:.4f}"]))
    means = (
        f", each the mean over {facts.cluster_seeds} seed(s) of k-means with the true number of relations"
        if model_type in _DISCOVERY
        else ""
    )
    when = (
        f"after step {facts.metrics_step}"
        if facts.metrics_step == facts.step
        else f"after step {facts.metrics_step}; these weights are those of step {facts.step}"
    )
    return (
        f"## Figures\n\nOf the {_evaluated_on(facts)} that the trainer was given, one training seed ({facts.seed}), {when}{means}. "
        "If they chose the step, the loss or any setting, they are better than figures on data that chose nothing. No figure here is "
        "of novel relations or of a test set.\n\n" + "\n".join(rows)
    )


def _data(facts: TrainingFacts, datasets: Sequence[str], model_type: str) -> str:
    corpora = ", ".join(map(escape_markdown, datasets)) or "The corpora were not stated."
    rows = [table_row(["part", "rows"]), "|---|---|", table_row(["training", f"{facts.num_train:,}"])]
    rows.append(table_row(["evaluation", f"{facts.num_eval:,}" if facts.num_eval else "none"]))
    text = [f"## Data and splits\n\n{corpora}", "\n".join(rows)]
    if facts.known:
        text.append(f"**Known relations, trained on ({len(facts.known)}):** {listed(facts.known)}")
    if facts.held_out:
        text.append(f"**Known relations, held out for evaluation ({len(facts.held_out)}):** {listed(facts.held_out)}")
    if facts.shared:
        text.append(
            f"**Known relations, in training and evaluation ({len(facts.shared)}), so that figures are not those of relations that "
            f"training has not seen:** {listed(facts.shared)}"
        )
    what_for = (
        "those of a corpus are what the model is for"
        if model_type in _DISCOVERY
        else "the model names none that it was not trained on"
    )
    text.append(f"**Novel relations:** the trainer was given no test of any; {what_for}.")
    return "\n\n".join(text)
