"""Part of discovery.py: its tables and the report."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from reporting import QUICK, markdown_table, shown, shown_seconds


FIGURES = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "v_measure": "V",
    "ari": "ARI",
}
NAMES = {
    "name_similarity": "name to gold name",
    "description_similarity": "name to gold description",
    "named": "gold relations named",
    "unique": "unique",
}
MIB = 2**20


def groups_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Figures of the clusterings."""
    cells = []
    for row in rows:
        if "skipped" in row:
            continue
        unseen, seen = row["unseen"], row.get("seen")
        mean, sd = unseen["found"]
        found = shown(mean, sd, digits=1) if sd or row["own_number"] else f"{mean:g}"
        left_out = f"{unseen['num_left_out'][0]:,.0f}" if unseen["num_left_out"][0] else ""
        cells.append(
            [
                *(row["title"], row["supervision"]),
                *(shown(*unseen[key]) for key in FIGURES),
                *(f"{found} / {unseen['true']}", left_out, shown(*seen["bcubed_f1"]) if seen else ""),
            ]
        )
    columns = ["system", "learned from", *FIGURES.values(), "relations found / true", "left out", "seen: B³ F1"]
    return markdown_table(columns, cells, text_columns=2)


def names_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Names, seconds, memory."""
    cells = []
    for row in rows:
        if "skipped" in row:
            continue
        names = [shown(None if value is None else value[0]) for value in (row["names"][key] for key in NAMES)]
        seconds = [shown_seconds(row["seconds"][step]) for step in ("encode", "cluster", "describe")]
        peak = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / MIB:,.0f}"
        cells.append([row["title"], *names, *seconds, peak])
    columns = ["system", *NAMES.values(), "encoding, s", "clustering, s", "describing, s", "peak, MiB"]
    return markdown_table(columns, cells)


def leads(corpora: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How far ours is ahead of the best peer, in points: of all peers, and of those that find their number themselves."""
    found = []
    for corpus in corpora:
        rows = [row for row in corpus["rows"] if "skipped" not in row]
        for ours, own in (("ours", False), ("ours-auto", True)):
            mine = next((row for row in rows if row["system"] == ours), None)
            peers = [row for row in rows if not row["system"].startswith("ours") and (row["own_number"] or not own)]
            if mine is None or not peers:
                continue
            for key in ("bcubed_f1", "v_measure"):
                best = max(peers, key=lambda row: row["unseen"][key][0])
                values = (mine["unseen"][key][0], best["unseen"][key][0])
                found.append(
                    {
                        "corpus": corpus["title"],
                        "ours": mine["title"],
                        "figure": FIGURES[key],
                        "value": values[0],
                        "best_peer": best["title"],
                        "peer_value": values[1],
                        "points": 100 * (values[0] - values[1]),
                    }
                )
    return found


def leads_table(found: Sequence[Mapping[str, Any]]) -> str:
    columns = ["corpus", "ours", "best peer", "figure", "ours", "peer", "points ahead"]
    cells = [
        [
            *(lead["corpus"], lead["ours"], lead["best_peer"], lead["figure"]),
            *(shown(lead["value"]), shown(lead["peer_value"]), f"{lead['points']:+.1f}"),
        ]
        for lead in found
    ]
    return markdown_table(columns, cells, text_columns=4)


def end_to_end_section(made: Mapping[str, Any], num_threads: int) -> str:
    peak = "" if made["peak_bytes"] is None else f"; at most {made['peak_bytes'] / MIB:,.0f} MiB of memory"
    report = (
        f"`--report` ({made['report_bytes'] / MIB:.1f} MiB)"
        if made["report"]
        else "without `--report`, which there is not"
    )
    return (
        f"`hf-relation discover FILE --num-relations N --output FOLDER`, {report}, {made['num_sentences']:,} sentences, "
        f"{num_threads} thread(s): {shown_seconds(made['encode']['wall'])} s on the clock in the encoder (loading included; "
        f"{shown_seconds(made['encode']['cpu'])} s of the processor), {shown_seconds(made['other']['wall'])} s "
        f"({shown_seconds(made['other']['cpu'])}) for everything else{peak}."
    )


def document(content: Mapping[str, Any], arguments: argparse.Namespace, skipped: Sequence[str]) -> list[str]:
    """The report for people."""
    seconds = "Seconds of the processor" if content["clock"] == "cpu" else "Seconds on the clock"
    sections = [
        "# Discovery end to end",
        f"**{QUICK}.**" if content["quick"] else "",
        f"    {content['command']}",
        f"Fractions; mean ± sd over {arguments.num_seeds} seeds. {seconds}, {arguments.num_threads} thread(s): encoding of all rows, "
        "clustering, and finding words, names and examples (BERTopic does both at once). Peak: resident memory of the process, "
        "the larger of encoding and clustering.",
        *(f"Left out: {message}." for message in skipped),
    ]
    if content["leads"]:
        sections += ["## Ahead of the best peer", leads_table(content["leads"])]
    for corpus in content["corpora"]:
        unseen, seen = corpus["data"]["unseen"], corpus["data"]["seen"]
        about = f"{unseen['rows']:,} sentences of {len(unseen['relations'])} relations that training did not have"
        about += (
            f"; {seen['rows']:,} others of {len(seen['relations'])} relations that it had."
            if seen["rows"]
            else "; none that it had."
        )
        sections += [f"## {corpus['title']}", about, groups_table(corpus["rows"]), names_table(corpus["rows"])]
    if content["end_to_end"]:
        sections += ["## From file to report", end_to_end_section(content["end_to_end"], arguments.num_threads)]
    sections.append(
        '"seen": rows whose relation (by its name) or sentence the checkpoint had in training, clustered by themselves; they count '
        "toward nothing. Relations that two corpora name differently may still share some in meaning. Names are compared by "
        'cosines of all-MiniLM-L6-v2, for every cluster with the gold relation it has most of; "gold relations named": share of the '
        "gold relations whose name is, of all gold names, the nearest to the name of a cluster that has most of them. Names of k-means on sentence-transformers are our keywords of its clusters, those of frozen "
        "features our names; BERTopic's are the first four words of a topic. \"found\" does not count BERTopic's outliers."
    )
    return sections
