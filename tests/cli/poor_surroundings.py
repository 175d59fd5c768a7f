"""All commands, one after the other, for a process in poor surroundings (see test_faults_surroundings.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def commands(folder: Path, out: Path) -> dict[str, list[str]]:
    """What is run, by name, on the files that the test has made."""
    rows, checkpoint = str(folder / "rows of mine.jsonl"), str(folder / "the checkpoint")
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return {
        "check-data": ["check-data", rows],
        "discover": ["discover", rows, "--model", checkpoint, *written(out)],
        "seen": ["discover", rows, "--model", checkpoint, "--report", str(out / "the report.html")]
        + ["--plot", f"map={out / 'a map.svg'}", "--save", str(out / "saved")],
        "predict": ["discover", rows, "--model", str(out / "saved"), "--mode", "predict", "--json"],
        "evaluate": ["evaluate", rows, str(out / "found here" / "instances.jsonl"), "--json"],
        "extract": ["extract", rows, "--model", str(folder / "the extractor"), "--output", str(out / "triples")],
        "label": ["label", rows, "--facts", str(folder / "the facts.tsv"), "-o", str(out / "labelled ones.jsonl")],
        "convert": ["convert", "jsonl", f"train={rows}", "--output-dir", str(out / "as parquet")],
        "train": [word.replace("OUT", str(out / "a run")) for word in training],
        "heads": ["heads", "rank", "--help"],
    }


def written(out: Path) -> list[str]:
    return [
        *("--output", str(out / "found here"), "--export", str(out / "a table.csv")),
        *("--export", str(out / "graph.neo4j")),
    ]


def main() -> None:
    import codecs
    import locale
    import warnings

    from hf_relation.cli import app

    warnings.filterwarnings("error", category=EncodingWarning, module=r"hf_relation\b")
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir()
    encodings = [codecs.lookup(name).name for name in (sys.stdout.encoding, locale.getpreferredencoding(False))]
    codes = {}
    for name, arguments in commands(folder, out).items():
        sys.argv = ["hf-relation", *arguments]
        print(f"=== {name}", flush=True)
        try:
            app.main()
        except SystemExit as stop:
            codes[name] = stop.code or 0
    print("===", json.dumps({"codes": codes, "encodings": encodings}), flush=True)


if __name__ == "__main__":
    main()
