"""The figures of a discovery run in its card: over all seeds, of one checkpoint, and beside published ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hf_relation.cards.methods import ON_GOLD, method_text
from hf_relation.cards.published import PublishedResult
from hf_relation.data.markdown import escape_markdown, table_row


FIGURES = {
    "bcubed_precision": "B-cubed P",
    "bcubed_recall": "B-cubed R",
    "bcubed_f1": "B-cubed F1",
    "v_measure": "V",
    "homogeneity": "H",
    "completeness": "C",
    "ari": "ARI",
}
INDEXED = ("bcubed_f1", "bcubed_precision", "bcubed_recall", "v_measure", "ari")
_PARTS = {
    "validation": "held-out known relations (used to choose the weights and the embeddings)",
    "test": "novel relations (test)",
}
_HELD_OUT_TEST = "held-out known relations in the place of novel ones"
VARIANTS = {
    "plain": "as the model gives them",
    "pca": "after PCA",
    "whitening": "after within-class whitening",
    "whitening+pca": "after within-class whitening and PCA",
    "head": "predicted by the novel classifier",
    "transductive": "nearest of the centres of the unlabelled text",
    "transductive, whitening+pca": "nearest of the centres of the unlabelled text, after within-class whitening and PCA",
}


def chosen_figures(
    results: Mapping[str, Any], run: Mapping[str, Any] | None, part: str, variant: str
) -> dict[str, float] | None:
    """Mean figures of one run, or over all runs.

    Args:
        results (`Mapping`): of the run, see [`~hf_relation.cards.write_model_card`].
        run (`Mapping`, *optional*): the entry of one training seed; `None` for all of them.
        part (`str`): `"validation"` or `"test"`.
        variant (`str`): which embeddings, or classifier.

    Returns:
        `dict[str, float]` or `None`: `None` where the run has no such figures.
    """
    if run is None:
        found = results["summary"]["scores"].get(part, {}).get(variant)
        return None if found is None else dict(found)
    scores = run["scores"].get(part, {}).get(variant)
    return {key: sum(score[key] for score in scores) / len(scores) for key in scores[0]} if scores else None


def _part(results: Mapping[str, Any], part: str) -> str:
    return _HELD_OUT_TEST if part == "test" and results.get("novel") == "held-out" else _PARTS.get(part, part)


def figures_section(results: Mapping[str, Any], run: Mapping[str, Any] | None) -> str:
    """The section of a run's figures: means and deviations over seeds, and those of one checkpoint.

    Args:
        results (`Mapping`): of the run.
        run (`Mapping`, *optional*): the entry of the checkpoint's training seed.
    """
    summary, evaluation = results["summary"], results["evaluation"]
    seeds = [each["seed"] for each in results["runs"]]
    rows = [table_row(["relations", "embeddings", *FIGURES.values()]), "|---|---|" + "---|" * len(FIGURES)]
    for part, variants in summary["scores"].items():
        for variant, figures in variants.items():
            cells = [f"{figures[key]:.3f} ± {figures[f'{key}_sd']:.3f}" for key in FIGURES]
            mark = " (chosen)" if variant == summary["chosen"] else ""
            rows.append(table_row([_part(results, part), VARIANTS.get(variant, variant) + mark, *cells]))
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
        rows = [table_row(["relations", *FIGURES.values()]), "|---|" + "---|" * len(FIGURES)]
        for part in summary["scores"]:
            figures = chosen_figures(results, run, part, chosen)
            if figures is not None:
                rows.append(table_row([_part(results, part), *(f"{figures[key]:.3f}" for key in FIGURES)]))
        text += (
            f"\n\nThis checkpoint alone (training seed {run['seed']}, embeddings {VARIANTS[chosen]}, mean over the cluster "
            "seeds):\n\n" + "\n".join(rows)
        )
    return text


def published_section(results: Mapping[str, Any], published: Sequence[PublishedResult]) -> str:
    """The section of published figures with those of this model in the last row; empty where there are none.

    Args:
        results (`Mapping`): of the run.
        published (`Sequence[PublishedResult]`): the figures to compare with.
    """
    figures = chosen_figures(results, None, "test", results["summary"]["chosen"])
    if not published or figures is None:
        return ""
    columns = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari")
    header = ["system", "encoder", "learned from", *(FIGURES[key] for key in columns), "source"]
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
