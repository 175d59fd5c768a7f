"""Known relations of one corpus, novel ones of another: does what was learned carry over?

A direction such as fewrel-semeval takes the known relations of FewRel, and as novel ones those of SemEval-2010 Task 8: their
unlabelled text for methods that learn from it, and their test. Rows: frozen features, frozen features whitened by the known
relations, MORE (the shipped checkpoint where it was trained on the corpus of the known relations), and RoCORE, which starts from
that. What is done between embedding and clustering is chosen on held-out relations of the *first* corpus; no label of a novel
relation chooses anything.

Corpora: fewrel, semeval, redocred (sentence pairs), wiki80, and for those who have the licensed files tacred and nyt_fb. A
relation that both corpora have is known and leaves the novel ones; but from a frozen test (FewRel's, TACRED's) nothing is taken,
so there it leaves training. Where a corpus has no unlabelled text of its own (Re-DocRED without its training documents), half of
the novel sentences are that. Known relations of Re-DocRED come from its training documents, or, with
--train_on_evaluation_sets true and without those, from its development documents.

Writes cross_domain.md and cross_domain.json to --output. Finished rows are kept there and not made again unless the settings change.

Examples:
  python examples/benchmarks/cross_domain.py --data_dir data --output runs/cross-domain --train_on_evaluation_sets true
  python examples/benchmarks/cross_domain.py --data_dir data --directions fewrel-semeval --methods between whitening shipped
  python examples/benchmarks/cross_domain.py --data_dir data --directions fewrel-tacred tacred-fewrel --crop_tokens 80
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment import BenchmarkArguments, Experiment, output_field, parse, run_script
from methods import METHODS, Method, find
from reporting import QUICK, command_line, write_report
from rich.console import Console
from rows import main_table, make_row

from hf_relation.errors import UsageError
from hf_relation.training import load_experiment_data
from hf_relation.training.corpus_roles import CORPUS_NAMES, FROZEN_TESTS


DIRECTIONS = ("fewrel-semeval", "fewrel-redocred", "semeval-fewrel", "redocred-fewrel")
ROWS = ("between", "between-pca", "whitening", "shipped", "more-minilm", "rocore")
UNLABELED_SHARE = 0.5  # where a corpus has no unlabelled part


@dataclass
class Arguments(BenchmarkArguments):
    output: str = output_field("runs/cross-domain")
    directions: list[str] = field(
        default_factory=lambda: list(DIRECTIONS),
        metadata={"help": f"KNOWN-NOVEL, each of {', '.join(CORPUS_NAMES)}"},
    )
    methods: list[str] = field(
        default_factory=list,
        metadata={
            "choices": [method.name for method in METHODS],
            "help": f"rows to make; default: {', '.join(ROWS)}, of which more-minilm only where the known relations are not "
            "FewRel's; shipped is made only where they are",
        },
    )
    rocore_options: str = field(
        default="",
        metadata={"help": "further options of RoCORE's runs, in quotes; see examples/train_rocore.py --help"},
    )


def corpora_of(direction: str) -> tuple[str, str]:
    """The corpora of the known and of the novel relations."""
    known, _, novel = direction.partition("-")
    if known not in CORPUS_NAMES or novel not in CORPUS_NAMES or known == novel:
        raise UsageError(
            f"A direction is KNOWN-NOVEL with two different names of {', '.join(CORPUS_NAMES)}, got {direction!r}."
        )
    return known, novel


def arguments_of(arguments: Arguments, direction: str) -> Arguments:
    """The options of one direction: which corpora, how many relations to hold out, where the unlabelled text comes from."""
    known, novel = corpora_of(direction)
    made = dataclasses.replace(
        arguments,
        output=f"{arguments.output}/{direction}",
        train_dataset=known,
        test_dataset=novel,
        shared_relations="novel" if novel in FROZEN_TESTS else "known",
    )
    data = load_experiment_data(dataclasses.replace(made, held_out_relations=0))
    third = len(data.known_relations) // 3
    return dataclasses.replace(
        made,
        held_out_relations=min(arguments.held_out_relations, third) if third > 1 else 0,  # one alone chooses nothing
        unlabeled_share=arguments.unlabeled_share or (0.0 if data.unlabeled else UNLABELED_SHARE),
    )


def methods_of(names: Sequence[str], direction: str) -> list[Method]:
    """The rows of a direction."""
    of_fewrel = corpora_of(direction)[0] in ("fewrel", "wiki80")
    wanted = list(names) or [name for name in ROWS if name != "more-minilm" or not of_fewrel]
    # The shipped checkpoint has learned FewRel's known relations, whatever the direction says.
    return find([name for name in wanted if name != "shipped" or of_fewrel])


def start_of_rocore(experiment: Experiment, direction: str) -> list[str]:
    """Options that say what RoCORE starts from: a checkpoint of MORE that has learned the known relations of the direction."""
    if corpora_of(direction)[0] in ("fewrel", "wiki80"):
        return []  # the preset's, which is the shipped checkpoint
    (more,) = find(["more-minilm"])
    run = experiment.train(more.name, more.arguments["options"], more.run)
    best = run.results["runs"][run.results["summary"]["best_run"]]  # on held-out known relations
    return ["--init", str(run.folder / f"seed-{best['seed']}")]


def make_direction(arguments: Arguments, training: Sequence[str], direction: str, console: Console) -> dict[str, Any]:
    """All rows of a direction, and its data in figures."""
    console.rule(direction)
    others = {"rocore": shlex.split(arguments.rocore_options)}
    experiment = Experiment(arguments_of(arguments, direction), training, console, others)
    methods = methods_of(arguments.methods, direction)
    if experiment.data.unlabeled and any(method.run == "rocore" for method in methods):
        experiment.options["rocore"] = [*start_of_rocore(experiment, direction), *experiment.options["rocore"]]
    rows = [make_row(method, experiment, arguments.variant) for method in methods]
    data = experiment.data
    return {
        "direction": direction,
        "data": data.counts,
        "relations": {
            "known": data.known_relations,
            "held_out": data.held_out_relations,
            "novel": data.novel_relations,
        },
        "settings": experiment.settings(),
        "rows": rows,
    }


def section(made: Mapping[str, Any]) -> list[str]:
    """A direction for people."""
    known, novel = corpora_of(made["direction"])
    counts, relations = made["data"], made["relations"]
    about = (
        f"Known: {counts['train']:,} instances of {len(relations['known'])} relations of {known}, "
        f"{len(relations['held_out'])} others held out. Novel: {counts.get('unlabeled', 0):,} unlabelled and "
        f"{counts['test']:,} test instances of {len(relations['novel'])} relations of {novel}."
    )
    return [f"## {known} to {novel}", about, main_table(made["rows"], ())]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    if arguments.train_file or arguments.test_file or arguments.validation_file or arguments.unlabeled_file:
        raise UsageError("Directions are between named corpora; for files of your own use openre.py.")
    for direction in arguments.directions:
        corpora_of(direction)  # better now than after an hour
    console = Console(stderr=True)
    made = [make_direction(arguments, training, direction, console) for direction in arguments.directions]
    command = command_line("examples/benchmarks/cross_domain.py", given)
    content = {
        "benchmark": "cross_domain",
        "quick": arguments.quick,
        "command": command,
        "training_options": {"more": training, "rocore": shlex.split(arguments.rocore_options)},
        "directions": made,
    }
    sections = [
        "# Across corpora",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {command}",
        f"{arguments.algorithm} with the gold number of clusters, {arguments.n_init} restarts; float32. Fractions; mean ± sd over "
        "training seeds x cluster seeds (frozen rows and single checkpoints: cluster seeds alone).",
        *(part for each in made for part in section(each)),
        '"seen": whether training had relations (by name) or sentences of the test set. Corpora that name relations differently '
        "may still share some in meaning.",
    ]
    markdown, data = write_report(Path(arguments.output), "cross_domain", sections, content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    run_script(main)
