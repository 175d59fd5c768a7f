"""The card (README.md) of a model that FineCL pre-trained: its data, when labels were learned, its losses, and what to expect of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_relation.cards.config_card import config_header, limits_section, listed, model_code, settings_section
from hf_relation.cards.corpora import corpus_licence
from hf_relation.cards.families import FAMILIES
from hf_relation.cards.header import yaml_header
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import use_section
from hf_relation.cards.training_card import training_section
from hf_relation.data.atomic import atomic_file
from hf_relation.data.markdown import escape_markdown, table_row


VERDICT = (
    "What the weights add is small: the paper itself has 0.3 F1 on DocRED between all labels weighing the same and the learning order (58.7 "
    "and 59.0), without a spread over seeds; without pre-training it has 58.2. What was measured with this package stands in "
    "docs/benchmarks.md."
)
_OBJECTIVES = {
    "finecl": "labels weighed by the epoch at which a classifier first predicted them",
    "contrastive": "all labels weighing the same (plain contrastive learning)",
    "wcl": "labels weighed by a classifier that was trained on clean texts (after Wan et al., 2023); no entity discrimination",
    "mlm": "masked words alone",
}


def write_pretraining_card(
    folder: str | os.PathLike[str], config: Any, results: Mapping[str, Any], *, seed: int
) -> Path:
    """Write the card of a pre-trained model as `README.md`. Every string that comes from data is escaped.

    Args:
        folder (`str` or `PathLike`): folder of the model, which exists.
        config ([`~hf_relation.FineCLConfig`]): its settings.
        results (`Mapping`): what `examples/pretrain_finecl.py` writes as `results.json`.
        seed (`int`): which run of `results` left this model.

    Returns:
        `Path`: the card.
    """
    run = next(run for run in results["runs"] if run["seed"] == seed)
    family = FAMILIES["finecl"]
    header = config_header(config)
    name = f"FineCL, {results['encoder']}, seed {seed}"
    parts = [
        yaml_header(header),
        f"# {escape_markdown(name)}\n\n{family.about} Objective: {_OBJECTIVES[results['objective']]}.",
        use_section(model_code(config)),
        _learned(run),
        _losses(run),
        _data(results),
        settings_section(config),
        training_section(
            results["settings"], results["versions"], f"Started from {escape_markdown(results['encoder'])}. "
        ),
        limits_section(family, VERDICT),
        _licence(results),
        citation_section("finecl"),
    ]
    target = Path(folder) / "README.md"
    with atomic_file(target) as stream:
        stream.write(("\n\n".join(part for part in parts if part) + "\n").encode("utf-8"))
    return target


def _learned(run: Mapping[str, Any]) -> str:
    learned = run.get("learned")
    if not learned:
        return ""
    epochs = len(next(iter(learned.values())))
    header = table_row(["labels", *(f"epoch {number}" for number in range(1, epochs + 1))])
    rows = [table_row([name, *(f"{100 * share:.0f}" for share in shares)]) for name, shares in learned.items()]
    return (
        "## Learning order\n\nPer cent of the training labels that the classifier of stage 1 had predicted by the end of every epoch"
        + ("; `replaced` were made wrong on purpose" if "replaced" in learned else "")
        + ".\n\n"
        + "\n".join([header, "|" + "---|" * (epochs + 1), *rows])
    )


def _losses(run: Mapping[str, Any]) -> str:
    rows = [
        table_row([name.removeprefix("eval_").replace("_", " "), f"{value:.3f}"])
        for name, value in run["validation"].items()
    ]
    return "## Losses on texts set aside\n\n" + "\n".join([table_row(["loss", "value"]), "|---|---|", *rows])


def _data(results: Mapping[str, Any]) -> str:
    rows = [table_row([key.replace("_", " "), value]) for key, value in results["counts"].items()]
    names = ", ".join(map(escape_markdown, results["corpora"]))
    return (
        f"## Data\n\nTrained on {names}. Relations ({len(results['relations'])}): {listed(results['relations'])}\n\n"
        + "\n".join([table_row(["rows", "number"]), "|---|---|", *rows])
    )


def _licence(results: Mapping[str, Any]) -> str:
    lines = [
        f"- {escape_markdown(name)}: {escape_markdown(corpus_licence(str(name)) or 'not stated')}"
        for name in results["corpora"]
    ]
    return "## Licence\n\nWeights: not stated; they depend on that of the encoder and of the data:\n\n" + "\n".join(
        lines
    )
