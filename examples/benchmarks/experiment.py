"""What the benchmark scripts share in doing: their options, their data, and training runs by `hf_relation.runs`."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys
from argparse import ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from quick import QUICK_TRAINING, quick_part
from reporting import Finished, digest
from rich.console import Console
from transformers import HfArgumentParser

from hf_relation.data import overlap
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.runs.records import fingerprint
from hf_relation.training import ExperimentArguments, data_names, load_experiment_data, single_relation


# Options that no result depends on; the step after the embeddings is chosen when results are put together.
_NO_RESULT = {"num_threads", "resume", "overwrite", "variant"}
# Options that say what the data are; the checksums of the data stand for them.
_NO_RESULT |= {"train_dataset", "test_dataset", "unlabeled_share", "max_unlabeled_instances", "novel_share"}
_NO_RESULT |= {"shared_relations", "semeval_labels", "nyt_fb_overlapping", "crop_tokens", "train_on_evaluation_sets"}
_NOT_PASSED = {"resume", "overwrite", "variant"}
# Siamese-URE: a whitening would read labels. RoCORE starts from the checkpoint that its preset names.
_FIXED = {"siamese_ure": ["--whitening_per_relation", "0"]}
_OF_ITS_OWN = {"rocore": {"model_name_or_path"}}


@dataclass
class BenchmarkArguments(ExperimentArguments):
    """Options of every benchmark: those of a training script, and what is special to benchmarks."""

    output: str = field(
        default="runs/benchmark",
        metadata={"help": "folder of the report; finished parts in it are kept, and made again when settings change"},
    )
    quick: bool = field(
        default=False,
        metadata={"help": "a small part of the data and few steps, to see that it runs; figures not for quoting"},
    )
    seed: int = field(default=0, metadata={"help": "first training seed"})
    model_name_or_path: str | None = field(
        default=None, metadata={"help": "encoder to start from: folder or Hub id; default: the MiniLM-L6 base encoder"}
    )
    # A benchmark always goes on from what is finished.
    resume: bool = field(default=False, init=False)
    overwrite: bool = field(default=False, init=False)


@dataclass
class GridArguments(BenchmarkArguments):
    """Options of a benchmark that trains the cells of a grid."""

    keep_checkpoints: bool = field(
        default=False, metadata={"help": "keep the weights of every cell; without, its figures alone"}
    )


def output_field(default: str) -> str:
    """The option `--output` with another default."""
    about = BenchmarkArguments.__dataclass_fields__["output"].metadata
    folder: str = field(default=default, metadata=dict(about))
    return folder


class HelpFormatter(ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter):
    """Show defaults, and the description as it stands."""


ArgumentsT = TypeVar("ArgumentsT", bound=BenchmarkArguments)


def parse(
    kind: type[ArgumentsT], argv: Sequence[str] | None, description: str | None
) -> tuple[ArgumentsT, list[str], list[str]]:
    """Read the command line; what stands behind `--` is for every training run.

    Returns:
        The options, those for training, and the whole command line.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    own, training = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = HfArgumentParser(
        (kind,),  # type: ignore[arg-type]
        usage="%(prog)s [options] [-- options of every training run of MORE, see examples/train_more.py --help]",
        description=description,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    (arguments,) = parser.parse_args_into_dataclasses(args=own)
    if arguments.num_seeds < 1 or arguments.num_cluster_seeds < 1:
        raise UsageError("`num_seeds` and `num_cluster_seeds` must be at least 1.")
    if arguments.num_threads is not None:
        torch.set_num_threads(arguments.num_threads)
    return arguments, training, given


@dataclass(frozen=True)
class Run:
    """A finished training run.

    Args:
        results (`dict`): what `hf_relation.runs.more.main` gives: `"summary"`, `"runs"`, `"relations"`, ...
        folder (`Path`): its checkpoints are `seed-N` in it.
    """

    results: dict[str, Any]
    folder: Path

    def seconds(self) -> list[float]:
        """Seconds of training for every seed, evaluations while training included."""
        found = []
        for run in self.results["runs"]:
            logged = [entry["train_runtime"] for entry in run["history"] if "train_runtime" in entry]
            found.append(float(logged[-1]))
        return found


class Experiment:
    """The data of a benchmark and the runs on them.

    Args:
        arguments ([`BenchmarkArguments`]): what the benchmark is told.
        training (`Sequence[str]`): further options of every training run of MORE.
        console (`Console`): for progress.
        others (`Mapping[str, Sequence[str]]`, *optional*): further options of the training runs of other methods, by the name
            of their module in `hf_relation.runs`.
        word_vectors (`str`, *optional*): file of word vectors for methods that work on them.
    """

    def __init__(
        self,
        arguments: BenchmarkArguments,
        training: Sequence[str],
        console: Console,
        others: Mapping[str, Sequence[str]] | None = None,
        *,
        word_vectors: str | None = None,
    ) -> None:
        self.folder = Path(arguments.output)
        self.console = console
        self.word_vectors = None if word_vectors is None else Path(word_vectors)
        self.options = {"more": list(training)} | {run: list(options) for run, options in (others or {}).items()}
        self.data = load_experiment_data(arguments)
        self.published = not arguments.quick and data_names(arguments)["published"] == "fewrel"
        if arguments.quick:
            arguments, self.data = quick_part(arguments, self.data, self.folder / "quick-data")
            self.options = {run: [*quick, *self.options.get(run, [])] for run, quick in QUICK_TRAINING.items()}
        if not self.data.test:
            raise UsageError("There is nothing to score on: give --test_file, a JSONL file of novel relations.")
        self.arguments = arguments
        self.finished = Finished(self.folder / "finished")
        self.memory: dict[str, Any] = {}  # what the parts of one call share
        console.print("Data:", ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in self.data.counts.items()))

    @property
    def training(self) -> list[str]:
        """Further options of every training run of MORE."""
        return self.options["more"]

    def settings(self) -> dict[str, Any]:
        """What determines the figures of every part: options that change results, and checksums of the data."""
        places = ("_dir", "_file")
        kept = {
            item.name: getattr(self.arguments, item.name)
            for item in dataclasses.fields(ExperimentArguments)
            if not item.name.endswith(places) and item.name not in _NO_RESULT
        }
        determined = kept | {
            "seed": self.arguments.seed,
            "model_name_or_path": self.arguments.model_name_or_path,
            "train": fingerprint(self.data.train),
            "validation": fingerprint(self.data.validation),
            "test": fingerprint(self.data.test),
        }
        # FewRel's own unlabelled part is always the same.
        of_fewrel = self.published and self.arguments.unlabeled_file is self.arguments.max_unlabeled_instances is None
        if self.data.unlabeled and not of_fewrel:
            determined["unlabeled"] = fingerprint(self.data.unlabeled)
        return determined

    def about(self) -> dict[str, Any]:
        """The data in figures, for a report."""
        return {"counts": self.data.counts, "novel_relations": len(self.data.novel_relations)}

    def train(self, name: str, options: Sequence[str], run: str = "more") -> Run:
        """Train with every seed, or take what an earlier call with the same settings trained.

        Args:
            name: for people; it begins the name of the run's folder.
            options: of this run, as for its training script; those given for all runs of the method win over them.
            run: module of `hf_relation.runs` that trains.
        """
        every = [*options, *self.options.get(run, [])]
        folder = self._run_folder(name, every)
        self.console.rule(name)
        argv = [
            *every,
            *_as_options(self.arguments, _OF_ITS_OWN.get(run, set())),
            *_FIXED.get(run, []),
            "--seed",
            str(self.arguments.seed),
        ]
        with redirect_stdout(sys.stderr):  # what a benchmark prints is its report
            main = importlib.import_module(f"hf_relation.runs.{run}").main
            results = main([*argv, "--output_dir", str(folder), "--resume", "true"])
        return Run(results, folder)

    def cell(self, name: str, options: Sequence[str], *, keep_checkpoints: bool) -> dict[str, Any]:
        """Train one cell of a grid, or take its figures as they were kept.

        Args:
            name, options: as in [`train`].
            keep_checkpoints: without, weights go once the figures are kept.

        Returns:
            `"runs"`: for every training seed `"seed"` and `"scores"`, as in results.json; `"seconds"`: of training, by seed.
        """

        def make() -> dict[str, Any]:
            run = self.train(name, options)
            kept = [{"seed": each["seed"], "scores": each["scores"]} for each in run.results["runs"]]
            return {"runs": kept, "seconds": run.seconds()}

        settings = self.settings() | {"options": list(options), "training": self.training}
        work = self.finished.get(name, settings, make)
        if not keep_checkpoints:
            shutil.rmtree(self._run_folder(name, [*options, *self.training]), ignore_errors=True)
        return work

    def _run_folder(self, name: str, every: Sequence[str]) -> Path:
        return self.folder / "runs" / f"{name}-{digest({**self.settings(), 'options': list(every)})}"

    def seen(self, train: Sequence[Any] | None = None, unlabeled: Sequence[Any] = ()) -> str:
        """Say whether training has seen relations or sentences of the test set.

        Args:
            train: the labelled instances a method has learned from; by default the training part of this experiment.
            unlabeled: those whose labels it has not read.
        """
        rows = self.data.train if train is None else train
        known = {single_relation(row) for row in rows}
        relations = len(known & set(self.data.novel_relations))
        sentences = overlap([*rows, *unlabeled], [*self.data.test])
        return f"yes: {relations} relations, {sentences} sentences" if relations or sentences else "no"


def seed_means(runs: Sequence[Mapping[str, Any]], part: str, steps: str, figure: str) -> dict[int, float]:
    """A figure by training seed, averaged over the cluster seeds.

    Args:
        runs: with `"seed"` and `"scores"`, as in results.json.
        part: `"validation"` (held-out known relations) or `"test"`.
        steps: what was done to the embeddings, e.g. `"plain"`.
        figure: e.g. `"bcubed_f1"`.
    """
    found = {}
    for run in runs:
        scores = [score[figure] for score in run["scores"][part][steps]]
        found[int(run["seed"])] = sum(scores) / len(scores)
    return found


def _as_options(arguments: BenchmarkArguments, but: Collection[str] = ()) -> list[str]:
    """The shared options, all of them, so that no preset stands in for one."""
    options: list[str] = []
    names = [item.name for item in dataclasses.fields(ExperimentArguments)] + ["model_name_or_path"]
    for name in names:
        value = getattr(arguments, name)
        if name in _NOT_PASSED or name in but or value is None:
            continue
        options += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return options


def run_script(main: Callable[[], Any]) -> None:
    """Run a benchmark from the shell: errors in a sentence, exit status 2 for wrong use and 1 otherwise."""
    try:
        main()
    except (HfRelationError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
