"""Relations of very different frequency: mean shift, which finds their number, beside k-means, which is told it.

MORE's second experiment (NYT+FB-sup) with what data can be had. A corpus is split by frequency: relations with --least to
--most instances are novel, half of them for validation and half for test; MORE is trained on others, common and rare ones. The
bandwidth of mean shift is estimated from the rows that are clustered, with a quantile chosen on the validation relations.

  --dataset redocred  natural frequencies: novel relations from Re-DocRED. Its development documents are an evaluation set, so
                      unless the training documents are there (train_revised.json), MORE learns from other relations of FewRel
  --dataset fewrel    FewRel's known relations, cut to a long tail
  --dataset jsonl     your own corpus in --train_file, for instance NYT+FB after `hf-relation convert`

Steps between embedding and clustering (nothing, PCA, whitening, both), the quantile and the training step are chosen on the
validation relations; k-means is given the gold number, mean shift nothing.

Writes imbalanced.md and imbalanced.json to --output. Finished rows are kept there and not made again unless settings change.

Examples:
  python examples/benchmarks/imbalanced.py --data_dir data --output runs/imbalanced --num_threads 2
  python examples/benchmarks/imbalanced.py --data_dir data --encoders cnn --output runs/imbalanced -- --max_steps 300
  python examples/benchmarks/imbalanced.py --dataset jsonl --train_file nyt-fb.jsonl --output runs/nyt-fb
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment import Experiment, GridArguments, Run, output_field, parse, run_script
from imbalanced_corpora import Corpus, make_corpus
from reporting import QUICK, command_line, digest, markdown_table, shown, shown_seconds, write_report
from rich.console import Console
from scoring import frozen_encoder

from hf_relation.data import write_jsonl
from hf_relation.discovery.encoder import load_encoder
from hf_relation.errors import UsageError
from hf_relation.training import (
    EmbeddedParts,
    embed_parts,
    score_clusterings,
    score_parts,
    single_relation,
    summarize_runs,
)
from hf_relation.training.scoring import VARIANTS


AUTO = '{"bandwidth_quantile": "auto"}'
ALGORITHMS = {"mean_shift": "mean shift", "kmeans": "k-means, gold k"}
FIGURES = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "v_measure": "V",
    "ari": "ARI",
}
STEPS = {"plain": "none", "pca": "PCA", "whitening": "whitening", "whitening+pca": "whitening + PCA"}
FROZEN = {"pooling": ["head_mean", "tail_mean", "between_mean"], "normalize_blocks": True}
OF_ENCODER = {
    "transformer": [
        *("--encoder", "transformer", "--loss_kwargs", '{"reduction": "mean_informative"}'),
        *"--classes_per_batch 24 --instances_per_class 6 --learning_rate 5e-5 --max_steps 120".split(),
    ],
    "cnn": ["--encoder", "cnn"],
}


@dataclass
class Arguments(GridArguments):
    output: str = output_field("runs/imbalanced")
    dataset: str = field(
        default="redocred", metadata={"choices": ["redocred", "fewrel", "jsonl"], "help": "the corpus; see above"}
    )
    train_file: list[str] | None = field(
        default=None, metadata={"help": "JSONL files of the whole corpus, with --dataset jsonl"}
    )
    least: int | None = field(
        default=None,
        metadata={"help": "instances of a novel relation, at least; default: 20 (Re-DocRED's development set: 10)"},
    )
    most: int | None = field(
        default=None,
        metadata={"help": "at most; default: 2000 (fewrel: 200, Re-DocRED's development set: 400)"},
    )
    encoders: list[str] = field(
        default_factory=lambda: ["transformer", "cnn"],
        metadata={"choices": ["transformer", "cnn"], "help": "what MORE is trained over"},
    )
    n_init: int = field(default=10, metadata={"help": "restarts of k-means"})
    # Not for the command line: what this benchmark is about.
    algorithm: str = field(default="mean_shift", init=False)
    cluster_kwargs: str = field(default=AUTO, init=False)
    frequency_split: list[int] | None = field(default=None, init=False)
    validation_file: str | None = field(default=None, init=False)
    test_file: str | None = field(default=None, init=False)
    held_out_relations: int = field(default=0, init=False)
    validation_per_relation: int = field(default=10**9, init=False)  # as unbalanced as the test


def with_files(arguments: Arguments, corpus: Corpus) -> GridArguments:
    """The arguments of every benchmark, for the parts of the corpus as files: what training runs read."""
    folder = Path(arguments.output) / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation", "test"):
        write_jsonl(folder / f"{name}.jsonl", getattr(corpus.split, name))
    shared = {item.name: getattr(arguments, item.name) for item in dataclasses.fields(GridArguments) if item.init}
    return GridArguments(
        **shared
        | {
            "dataset": "jsonl",
            "train_file": [str(folder / "train.jsonl")],
            "validation_file": str(folder / "validation.jsonl"),
            "test_file": str(folder / "test.jsonl"),
        }
    )


def frozen(experiment: Experiment) -> dict[str, Any]:
    """Features of the encoder as it is, clustered both ways."""
    model, processor, name = frozen_encoder(experiment.arguments.model_name_or_path, FROZEN)
    embedded = embed(model, processor, experiment)
    scores = {algorithm: score(embedded, algorithm, experiment) for algorithm in ALGORITHMS}
    return {"encoder": name, "runs": [scores], "cluster_seconds": cluster_seconds(embedded, scores, experiment)}


def trained(experiment: Experiment, encoder: str) -> dict[str, Any]:
    """MORE trained with every seed: mean shift as the run itself scored it, k-means on its checkpoints."""
    run: Run = experiment.train(f"more-{encoder}", OF_ENCODER[encoder])
    runs, seconds = [], {}
    for each in run.results["runs"]:
        embedded = embed(*load_encoder(run.folder / f"seed-{each['seed']}"), experiment)
        runs.append({"mean_shift": each["scores"], "kmeans": score(embedded, "kmeans", experiment)})
        seconds = seconds or cluster_seconds(embedded, runs[0], experiment)
    if not experiment.arguments.keep_checkpoints:
        shutil.rmtree(run.folder, ignore_errors=True)
    return {
        "encoder": "CNN" if encoder == "cnn" else run.results["encoder"].split("/")[-1],
        "runs": runs,
        "cluster_seconds": seconds,
        "train_seconds": run.seconds(),
    }


def embed(model: Any, processor: Any, experiment: Experiment) -> EmbeddedParts:
    arguments = experiment.arguments
    return embed_parts(
        model,
        processor,
        experiment.data,
        whitening_per_relation=arguments.whitening_per_relation,
        shrinkage=arguments.whitening_shrinkage,
    )


def score(embedded: EmbeddedParts, algorithm: Any, experiment: Experiment) -> dict[str, Any]:
    arguments = experiment.arguments
    return score_parts(
        embedded,
        cluster_seeds=range(arguments.num_cluster_seeds),
        n_init=arguments.n_init,
        pca_components=arguments.pca_components,
        algorithm=algorithm,
        cluster_kwargs=json.loads(AUTO) if algorithm == "mean_shift" else None,
    )


def cluster_seconds(
    embedded: EmbeddedParts, scores: Mapping[str, Any], experiment: Experiment
) -> dict[str, dict[str, float]]:
    """Seconds of clustering the test part once, with the quantile as chosen, by algorithm and steps."""
    found: dict[str, dict[str, float]] = {}
    for algorithm in ALGORITHMS:
        found[algorithm] = {}
        for steps, (figures, *_) in scores[algorithm]["test"].items():
            whitened, reduced = VARIANTS[steps]
            quantile = figures.get("bandwidth_quantile")
            start = time.perf_counter()
            score_clusterings(
                embedded.rows["test"],
                embedded.gold["test"],
                seeds=[0],
                n_init=experiment.arguments.n_init,
                transform=embedded.whitening if whitened else None,
                pca_components=experiment.arguments.pca_components if reduced else None,
                algorithm=algorithm,  # type: ignore[arg-type]
                cluster_kwargs={} if quantile is None else {"bandwidth_quantile": quantile},
            )
            found[algorithm][steps] = time.perf_counter() - start
    return found


def row_of(title: str, work: Mapping[str, Any], algorithm: str, experiment: Experiment) -> dict[str, Any]:
    """The row of an encoder and an algorithm: steps chosen on the validation relations, means and deviations."""
    summary = summarize_runs(
        [{"scores": run[algorithm]} for run in work["runs"]], variant=experiment.arguments.variant
    )
    steps = summary["chosen"]
    test, validation = (summary["scores"][part][steps] for part in ("test", "validation"))
    train_seconds = work.get("train_seconds")
    return {
        "title": title,
        "encoder": work["encoder"],
        "algorithm": algorithm,
        "steps": steps,
        "test": test,
        "validation": validation,
        "all_steps": summary["scores"],
        "clusters_found": test.get("num_clusters"),
        "training_seeds": len(work["runs"]),
        "seconds": {
            "train": None if train_seconds is None else sum(train_seconds) / len(train_seconds),
            "cluster": work["cluster_seconds"][algorithm][steps],
        },
    }


def main_table(rows: Sequence[Mapping[str, Any]], num_novel: int) -> str:
    columns = ["embeddings", "encoder", "clustering", "steps", *FIGURES.values()]
    cells = []
    for row in rows:
        test = row["test"]
        given = f"{num_novel} (given)"
        found = shown(row["clusters_found"], test.get("num_clusters_sd"), digits=1) or given
        cells.append(
            [row["title"], row["encoder"], ALGORITHMS[row["algorithm"]], STEPS[row["steps"]]]
            + [shown(test[key], test[f"{key}_sd"]) for key in FIGURES]
            + [found, shown_seconds(row["seconds"]["train"]), shown_seconds(row["seconds"]["cluster"])]
        )
    return markdown_table([*columns, "clusters", "training, s", "clustering, s"], cells, text_columns=4)


def choice_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What was chosen on the validation relations, and how it looked there."""
    columns = ["embeddings", "encoder", "clustering", *STEPS.values(), "quantile", "clusters"]
    cells = []
    for row in rows:
        scored = row["all_steps"]["validation"]
        chosen = row["validation"]
        cells.append(
            [row["title"], row["encoder"], ALGORITHMS[row["algorithm"]]]
            + [shown(scored[steps]["bcubed_f1"]) if steps in scored else "" for steps in STEPS]
            + [shown(chosen.get("bandwidth_quantile")), shown(chosen.get("num_clusters"), digits=1)]
        )
    return markdown_table(columns, cells, text_columns=3)


def sizes(instances: Sequence[Any]) -> dict[str, int]:
    counts = sorted(Counter(single_relation(row) for row in instances).values())
    return {
        "instances": len(instances),
        "relations": len(counts),
        "smallest": counts[0],
        "median": counts[len(counts) // 2],
        "largest": counts[-1],
    }


def document(experiment: Experiment, corpus: Corpus, content: Mapping[str, Any]) -> list[str]:
    arguments, parts = experiment.arguments, content["parts"]
    part_rows = [[name, *(f"{value:,}" for value in part.values())] for name, part in parts.items()]
    return [
        "# Relations of very different frequency",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {content['command']}",
        f"{corpus.about} Novel: {corpus.least} to {corpus.most:,} instances (before sentences that two parts share were taken "
        "out of the training and of the validation part).",
        markdown_table(["part", "instances", "relations", "smallest", "median", "largest"], part_rows),
        f"Test: mean ± sd over {arguments.num_seeds} training seed(s) x {arguments.num_cluster_seeds} cluster seeds (mean shift "
        "uses no chance up to 2,000 rows); fractions.",
        main_table(content["rows"], parts["test"]["relations"]),
        "Whitening is fitted on the training part, so frozen rows with it have learned from known relations, too. Seconds: "
        "training of one seed with its evaluations; clustering the test part once.",
        "## How quantile and steps were chosen",
        "B-cubed F1 on the validation relations, by the steps between embedding and clustering; quantile, and clusters "
        f"found there ({parts['validation']['relations']} relations), with the steps chosen. The figures of mean shift are "
        "those that its quantile was chosen by. Test relations chose nothing.",
        choice_table(content["rows"]),
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    console = Console(stderr=True)
    corpus = make_corpus(
        arguments.dataset,
        data_dir=arguments.data_dir,
        files=arguments.train_file,
        bounds=(arguments.least, arguments.most),
        seed=arguments.split_seed,
    )
    experiment = Experiment(with_files(arguments, corpus), training, console)
    if len(experiment.data.held_out_relations) < 2:
        raise UsageError(
            "Fewer than 2 validation relations are left once sentences of the test part are taken out. Change --split_seed, "
            "--least or --most."
        )
    settings = experiment.settings()
    works = []
    if "transformer" in arguments.encoders:
        works.append(("frozen", experiment.finished.get("frozen", settings, lambda: frozen(experiment))))
    for encoder in arguments.encoders:
        of_run = settings | {"options": OF_ENCODER[encoder], "training": experiment.training}
        work = experiment.finished.get(f"more-{encoder}", of_run, lambda encoder=encoder: trained(experiment, encoder))
        works.append(("MORE", work))
    data = experiment.data
    content = {
        "benchmark": "imbalanced",
        "quick": arguments.quick,
        "command": command_line("examples/benchmarks/imbalanced.py", given),
        "corpus": {"name": arguments.dataset, "about": corpus.about, "least": corpus.least, "most": corpus.most},
        "split": corpus.split.counts,
        "counts": data.counts,
        "parts": {name: sizes(getattr(data, name)) for name in ("train", "validation", "test")},
        "settings": settings,
        "settings_digest": digest(settings),
        "training_options": experiment.training,
        "rows": [row_of(title, work, algorithm, experiment) for title, work in works for algorithm in ALGORITHMS],
    }
    markdown, figures = write_report(experiment.folder, "imbalanced", document(experiment, corpus, content), content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {figures}")
    return content


if __name__ == "__main__":
    run_script(main)
