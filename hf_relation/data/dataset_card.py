"""The card of a converted corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from .corpus_papers import PAPERS, corpus_languages
from .kinds import KINDS
from .markdown import escape_markdown, one_line, table_row
from .recipe import Configuration, Recipe


_OFFSETS = "Offsets are character offsets into `text`, end exclusive: `text[start:end]` is the mention."
_JOINED = ": tokens are joined by single spaces, blank tokens are left out"
_MOST_LABELS = 500
_LIMITS = (
    "Labels are those of the source, its errors and gaps included. A pair without a label may have a relation that nobody annotated.",
    "Texts may name people and say things about them that are wrong or no longer true.",
)


@dataclass(frozen=True)
class ConvertedSplit:
    """One split that was written: its configuration and name, its rows, and how often each label (relation, tag, class) occurs."""

    configuration: str
    split: str
    rows: int
    relations: Mapping[str, int]


def dataset_card(recipe: Recipe, splits: Sequence[ConvertedSplit]) -> str:
    """The `README.md` of a converted corpus.

    Args:
        recipe (`Recipe`): the corpus.
        splits (`Sequence[ConvertedSplit]`): what was written; names and labels in it are escaped.

    Returns:
        `str`: Markdown with a YAML header (`configs:`, `dataset_info:`), a snippet, the counts, the labels, the schema, source, licence and papers.
    """
    of_configuration: dict[str, list[ConvertedSplit]] = {}
    for split in splits:
        of_configuration.setdefault(split.configuration, []).append(split)
    present = {recipe.configuration(name).kind for name in of_configuration}
    kinds = [content for kind, content in KINDS.items() if kind in present]
    joined = _JOINED if present & {"instance", "document"} else ""
    body = [f"# {escape_markdown(recipe.title)}", recipe.about, _snippet(of_configuration)]
    body += [
        _configuration_section(name, recipe.configuration(name), parts) for name, parts in of_configuration.items()
    ]
    body += [
        "## Schema",
        *([_OFFSETS] if joined else []),
        "\n".join(f"- {content.about}" for content in kinds),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _LIMITS),
        f"## Source and licence\n\nSource: {recipe.source}. Licence: {recipe.licence_text}.\n"
        f"Converted by hf_relation; the converter changes the format only{joined}.",
        _papers(recipe),
    ]
    return (
        _header(recipe, of_configuration, [content.tag for content in kinds])
        + "\n\n"
        + "\n\n".join(filter(None, body))
        + "\n"
    )


def _header(recipe: Recipe, of_configuration: Mapping[str, Sequence[ConvertedSplit]], tags: Sequence[str]) -> str:
    content: dict[str, Any] = {
        "license": recipe.licence or None,
        # Where the licence has no identifier of the Hub, it takes a name.
        "license_name": "see-source" if recipe.licence == "other" else None,
        "language": corpus_languages(recipe.name, tuple(of_configuration)),
        "pretty_name": one_line(recipe.title),
        "tags": [*dict.fromkeys(tags), "hf_relation"],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if position == 0 else {}),
                "data_files": [{"split": part.split, "path": f"{name}/{part.split}-*"} for part in parts],
            }
            for position, (name, parts) in enumerate(of_configuration.items())
        ],
        "dataset_info": _features(recipe, of_configuration),
    }
    kept = {key: value for key, value in content.items() if value not in (None, [])}
    return "---\n" + yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000) + "---"


def _features(recipe: Recipe, configurations: Mapping[str, Any]) -> Any:
    """The columns of every configuration, as `datasets` writes them into a card."""
    from datasets import DatasetInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    data = DatasetCardData()
    infos = {
        name: DatasetInfo(features=KINDS[recipe.configuration(name).kind].features(), config_name=name)
        for name in configurations
    }
    DatasetInfosDict(infos).to_dataset_card_data(data)
    return data.to_dict()["dataset_info"]


def _snippet(of_configuration: Mapping[str, Sequence[ConvertedSplit]]) -> str:
    several = (
        f" The others of the {len(of_configuration)} configurations are loaded by their names, as second argument."
        if len(of_configuration) > 1
        else ""
    )
    # `datasets` names a dataset after its folder, and "." has no name.
    return (
        f"## Use\n\nPut this file's folder (or the repository's id) in the place of `place`.{several}\n\n```python\n"
        "from pathlib import Path\n\nfrom datasets import load_dataset\n\n"
        'place = str(Path(".").resolve())\ndataset = load_dataset(place)\nfor name, split in dataset.items():\n'
        "    print(name, len(split), split[0] if len(split) else None)\n```"
    )


def _configuration_section(name: str, configuration: Configuration, parts: Sequence[ConvertedSplit]) -> str:
    labels = KINDS[configuration.kind].label_name
    rows = [table_row(["split", "rows", labels]), "|---|---|---|"]
    rows += [table_row([part.split, f"{part.rows:,}", f"{len(part.relations):,}"]) for part in parts]
    return "\n\n".join(
        [
            f"## Configuration {escape_markdown(name)}",
            configuration.about,
            "\n".join(rows),
            *_labels(labels, parts),
        ]
    )


def _labels(title: str, parts: Sequence[ConvertedSplit]) -> list[str]:
    """A table of the labels of a configuration: how often each occurs in every split."""
    counts: dict[str, int] = {}
    for part in parts:
        for label, number in part.relations.items():
            counts[label] = counts.get(label, 0) + number
    if not counts:
        return []
    names = sorted(counts, key=lambda label: (-counts[label], label))
    rows = [table_row([title, *(part.split for part in parts)]), "|---" * (len(parts) + 1) + "|"]
    rows += [table_row([name, *(part.relations.get(name, 0) for part in parts)]) for name in names[:_MOST_LABELS]]
    rest = len(names) - _MOST_LABELS
    return ["\n".join(rows), *([f"And {rest:,} more {title}, which are less frequent."] if rest > 0 else [])]


def _papers(recipe: Recipe) -> str:
    papers = PAPERS.get(recipe.name, ())
    if not papers:
        return "" if recipe.name == "jsonl" else "## Citation\n\nNo paper of its own is known here; cite the source."
    return "## Citation\n\n```bibtex\n" + "\n".join(papers) + "\n```"
