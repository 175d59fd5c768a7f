"""Rows of the table of methods: from the work of a method to its figures, and to text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from experiment import Experiment
from methods import ITS_OWN, Method
from published import PublishedRow
from reporting import markdown_table, shown, shown_seconds
from scoring import score_method

from hf_relation.errors import UsageError
from hf_relation.training import summarize_runs


FIGURES = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "homogeneity": "H",
    "completeness": "C",
    "v_measure": "V",
    "ari": "ARI",
}
COLUMNS = ["method", "encoder", "learned from", "seen", "steps", *FIGURES.values()]
COST = ["training, s", "encoding, s", "clustering, s", "parameters"]


def row_of(method: Method, work: Mapping[str, Any], variant: str | None) -> dict[str, Any]:
    """The row of a method: what its steps are, and mean and deviation of its figures."""
    if "skipped" in work:
        about = {"method": method.name, "title": method.title, "supervision": method.supervision}
        return about | {"skipped": work["skipped"]}
    runs = work["runs"]
    scored = list(runs[0]["scores"]["test"])
    allowed = [steps for steps in scored if steps in method.steps] or scored
    if len(allowed) > 1 and variant in allowed:
        allowed, chosen_by = [variant], "--variant"
    elif len(allowed) > 1:
        chosen_by = "held-out known relations"
    else:
        chosen_by = "stored with it" if method.kind == "checkpoint" else "definition"
    if len(allowed) > 1 and "validation" not in runs[0]["scores"]:
        raise UsageError(
            f"Method {method.name!r} has a choice between {', '.join(allowed)}, and no known relations are held out to make "
            "it. Give --variant, --held_out_relations or --validation_file."
        )
    # What a novel classifier predicts has no figures on held-out known relations.
    kept = [
        {
            "scores": {
                part: {steps: scores[steps] for steps in allowed}
                for part, scores in run["scores"].items()
                if set(allowed) <= set(scores)
            }
        }
        for run in runs
    ]
    summary = summarize_runs(kept, variant=allowed[0] if len(allowed) == 1 else None)
    chosen = summary["chosen"]
    return {
        "method": method.name,
        "title": method.title,
        "encoder": work["encoder"],
        "supervision": method.supervision,
        "seen": work["seen"],
        "steps": chosen,
        "steps_chosen_by": chosen_by,
        "test": summary["scores"]["test"][chosen],
        "held_out_known": summary["scores"].get("validation", {}).get(chosen),
        "all_steps": summary["scores"],
        "training_seeds": len(runs),
        "cluster_seeds": len(runs[0]["scores"]["test"][chosen]),
        "seconds": {
            "train": work["seconds"].get("train"),
            "encode": work["seconds"]["encode"],
            "cluster": work["seconds"]["cluster"].get(chosen),
        },
        "parameters": work["parameters"],
    }


def make_row(method: Method, experiment: Experiment, variant: str | None) -> dict[str, Any]:
    """Make the row of a method, or take it as it was kept."""
    settings = experiment.settings() | {
        "kind": method.kind,
        "arguments": method.arguments,
        "steps": method.steps,
        "training": experiment.options.get(method.run, []) if method.kind == "trained" else [],
    }
    if method.algorithm is not None:
        settings["algorithm"] = method.algorithm
    if method.name == "rw-hac" and experiment.word_vectors is not None:
        settings["word_vectors"] = experiment.word_vectors.name
    settings = json.loads(json.dumps(settings))
    work = experiment.finished.get(method.name, settings, lambda: score_method(method, experiment))
    return row_of(method, work, variant)


def main_table(rows: Sequence[Mapping[str, Any]], published: Sequence[PublishedRow]) -> str:
    """Our rows, then the published ones."""
    cells = [_cells(row) for row in rows]
    cells += [
        [f"{row.system} (published)", row.encoder, row.supervision, "not stated", "its own"]
        + [shown(getattr(row, key), (row.sd or {}).get(key)) for key in FIGURES]
        + [""] * len(COST)
        for row in published
    ]
    return markdown_table([*COLUMNS, *COST], cells, text_columns=5)


def _cells(row: Mapping[str, Any]) -> list[str]:
    if "skipped" in row:
        about = [row["title"], "", row["supervision"], "", f"not made: {row['skipped']}"]
        return about + [""] * (len(FIGURES) + len(COST))
    parameters = "" if row["parameters"] is None else f"{row['parameters'] / 1e6:.1f} M"
    return [
        *(row["title"], row["encoder"], row["supervision"], row["seen"], row["steps"]),
        *(shown(row["test"][key], row["test"][f"{key}_sd"]) for key in FIGURES),
        *(shown_seconds(row["seconds"][key]) for key in ("train", "encode", "cluster")),
        parameters,
    ]


def known_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the steps were chosen by: B-cubed F1 on the held-out known relations."""
    cells = [
        [row["title"], row["steps_chosen_by"]]
        + [
            shown(figures["bcubed_f1"], figures["bcubed_f1_sd"]) if figures else ""
            for steps in ("plain", "pca", "whitening", "whitening+pca", ITS_OWN)
            for figures in [row["all_steps"].get("validation", {}).get(steps)]
        ]
        for row in rows
        if "skipped" not in row
    ]
    columns = ["method", "chosen by", "plain", "PCA", "whitening", "whitening + PCA", "its own"]
    return markdown_table(columns, cells, text_columns=2)


def found_numbers(rows: Sequence[Mapping[str, Any]]) -> str:
    """A sentence on the methods that find the number of relations themselves."""
    found = [
        f"{row['title']}: {shown(row['test']['num_clusters'], row['test']['num_clusters_sd'], digits=1)}"
        for row in rows
        if "skipped" not in row and "num_clusters" in row["test"]
    ]
    return f"Number of relations found, where the method is not told: {'; '.join(found)}." if found else ""
