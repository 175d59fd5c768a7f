"""Discovery end to end, beside what people use today: groups, their number, their names, seconds and memory.

Corpora: FewRel's 16 novel relations (the frozen 1,600 sentences, and all 11,200), SemEval-2010 Task 8 without Other, and the
sentence pairs of Re-DocRED's development documents. Rows whose relation or sentence the checkpoint had in training are taken
out; they are clustered by themselves and stand in the column "seen", which counts for nothing.

Systems: hf_relation with the gold number of relations and with the number it finds; k-means on frozen features (mentions and
what is between them) and on sentence-transformers' embeddings of the same encoder, all-MiniLM-L6-v2 (of the sentence, of the
sentence with its mentions masked, and from mention to mention); BERTopic on the same embeddings, with the number it finds and with
the gold number. Peers that take a number get the gold one. No setting is chosen here.

Every system runs in a process of its own that sees no gold label; its peak memory is the larger one of encoding and clustering.
Embeddings are kept in --cache_dir and finished clusterings in --output; delete them to measure again. BERTopic is made where it is
installed; --bertopic_python names another interpreter that has it.

--end_to_end also runs `hf-relation discover` from a file with all 11,200 sentences to its report.

Writes discovery.md and discovery.json to --output.

Examples:
  python examples/benchmarks/discovery.py --data_dir data --output runs/discovery
  python examples/benchmarks/discovery.py --data_dir data --corpora fewrel --systems ours sentence bertopic
  python examples/benchmarks/discovery.py --file mine.jsonl --train_file known.jsonl --model runs/more/seed-0 --corpora file
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from discovery_corpora import CORPORA, Corpus, load, training_rows
from discovery_names import Encode, score_names
from discovery_report import FIGURES, NAMES, document, leads
from discovery_systems import SYSTEMS, System, Workshop, bertopic_version, find, mean_seconds, peak_bytes
from experiment import HelpFormatter, run_script
from reporting import command_line, mean_sd, write_report
from rich.console import Console

from hf_relation.embedding import TextEncoder
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report


QUICK_ROWS = 12


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    parser.add_argument("--output", type=Path, default=Path("runs/discovery"), help="folder of the report")
    parser.add_argument("--cache_dir", type=Path, help="folder of the embeddings; default: cache in --output")
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument(
        "--corpora", nargs="+", choices=[*CORPORA, "file"], default=list(CORPORA), help="what to cluster"
    )
    parser.add_argument(
        "--systems", nargs="+", choices=[system.name for system in SYSTEMS], default=[], help="default: all"
    )
    parser.add_argument("--file", help="the corpus 'file': JSON lines with one relation a row")
    parser.add_argument("--model", help="our checkpoint; default: the shipped one")
    parser.add_argument("--trained_on", default="fewrel", help="the corpus whose training part --model learned from")
    parser.add_argument("--train_file", help="JSON lines that --model learned from, in the place of --trained_on")
    parser.add_argument("--num_seeds", type=int, default=3, help="seeds of every system")
    parser.add_argument("--n_init", type=int, default=60, help="restarts of k-means, of every system that has them")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads of every system")
    parser.add_argument("--bertopic_python", default=sys.executable, help="the Python that BERTopic runs in")
    parser.add_argument(
        "--end_to_end", action="store_true", help="also `hf-relation discover` from a file to its report"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} rows a relation, to see that it runs")
    arguments = parser.parse_args(argv)
    for name in ("num_seeds", "n_init", "num_threads"):
        if getattr(arguments, name) < 1:
            raise UsageError(f"--{name} must be at least 1, got {getattr(arguments, name)}.")
    return arguments


def make_row(system: System, corpus: Corpus, workshop: Workshop, encode: Encode, clock: str) -> dict[str, Any]:
    """Figures of a system on a corpus: means and deviations over the seeds."""
    about = {"system": system.name, "title": system.title, "supervision": system.supervision}
    about |= {"own_number": system.own_number, "noise": system.noise}
    missing = workshop.missing(system)
    if missing is not None:
        return about | {"skipped": missing}
    row: dict[str, Any] = dict(about)
    for part, rows in corpus.parts().items():
        made = workshop.work(system, corpus, part)
        scores = [clustering_report(rows.gold, run["labels"], noise=system.noise) for run in made["runs"]]
        row[part] = {key: mean_sd(score[key] for score in scores) for key in (*FIGURES, "nmi", "num_left_out")}
        row[part]["found"] = mean_sd(len(set(run["labels"]) - {-1}) for run in made["runs"])
        row[part]["true"] = rows.num_relations
        if part == "unseen":
            names = [
                score_names(
                    {int(label): name for label, name in run["names"].items()},
                    run["labels"],
                    rows.gold,
                    corpus.meanings,
                    encode,
                )
                for run in made["runs"]
            ]
            row["names"] = {key: _mean([each.get(key) for each in names]) for key in NAMES}
            row["names_of_first_seed"] = made["runs"][0]["names"]
            row["seconds"] = {"encode": made["encoding"][clock]}
            row["seconds"] |= {step: mean_seconds(made, step, clock) for step in ("cluster", "describe")}
            row["peak_bytes"] = peak_bytes(made)
    return row


def _mean(values: Sequence[float | None]) -> tuple[float, float] | None:
    numbers = [value for value in values if value is not None]
    return mean_sd(numbers) if numbers else None


def run_end_to_end(arguments: argparse.Namespace, workshop: Workshop, corpus: Corpus) -> dict[str, Any]:
    """From a file of the corpus to the report, by the command line."""
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "job": "end_to_end",
            "instances": str(workshop.instances(corpus)),
            "output": folder,
            "num_relations": corpus.unseen.num_relations,
            "model": arguments.model,
        }
        made = workshop.run("discovery_jobs.py", job)
        report = Path(folder) / "report.html"
        size = report.stat().st_size if report.is_file() else None
    return {key: made[key] for key in ("encode", "other", "report", "peak_bytes")} | {
        "num_sentences": len(corpus.instances),
        "report_bytes": size,
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments = parse(argv)
    console = Console(stderr=True)
    clock = "cpu" if arguments.num_threads == 1 else "wall"
    workshop = Workshop(
        arguments.output,
        arguments.cache_dir or arguments.output / "cache",
        model=arguments.model,
        num_threads=arguments.num_threads,
        n_init=arguments.n_init,
        seeds=range(arguments.num_seeds),
        bertopic_python=arguments.bertopic_python,
    )
    systems = find(arguments.systems)
    skipped = sorted({message for system in systems if (message := workshop.missing(system)) is not None})
    for message in skipped:
        console.print(f"Left out: {message}", markup=False, soft_wrap=True)
    train = training_rows(arguments.trained_on, arguments.train_file, arguments.data_dir)
    per_relation = QUICK_ROWS if arguments.quick else None
    encode = TextEncoder.from_pretrained()
    corpora: list[dict[str, Any]] = []
    made_end_to_end = None
    for name in arguments.corpora:
        corpus = load(name, arguments.data_dir, train, file=arguments.file, per_relation=per_relation)
        rows = []
        for system in systems:
            console.log(f"{name}: {system.name}", markup=False)
            rows.append(make_row(system, corpus, workshop, encode, clock))
        about = {
            "unseen": {"rows": len(corpus.unseen.rows), "relations": sorted(set(corpus.unseen.gold))},
            "seen": {"rows": len(corpus.seen.rows), "relations": sorted(set(corpus.seen.gold))},
        }
        corpora.append({"corpus": name, "title": corpus.title, "data": about, "rows": rows})
        if arguments.end_to_end and (name == "fewrel-all" or arguments.corpora == [name]):
            console.log(f"{name}: from file to report")
            made_end_to_end = run_end_to_end(arguments, workshop, corpus)
    command = command_line("examples/benchmarks/discovery.py", sys.argv[1:] if argv is None else list(argv))
    content = {
        "benchmark": "discovery",
        "quick": arguments.quick,
        "command": command,
        "clock": clock,
        "bertopic": bertopic_version(arguments.bertopic_python),
        "corpora": corpora,
        "leads": leads(corpora),
        "end_to_end": made_end_to_end,
    }
    markdown, data = write_report(arguments.output, "discovery", document(content, arguments, skipped), content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    run_script(main)
