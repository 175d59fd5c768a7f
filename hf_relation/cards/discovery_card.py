"""The card of a saved discovery: which relations it found, how, in what, and what of the corpus is inside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards.config_card import LICENCE, base_model, limits_section, listed, settings_section, title
from hf_relation.cards.families import FAMILIES, FITTED_TAG, PAIR_LIMITS
from hf_relation.cards.generated import give_way, write_generated
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import discovery_code, prediction_code, use_section
from hf_relation.data.markdown import table_row


_MOST_RELATIONS = 500
_FIGURES = (
    "Not evaluated: no figures. Nobody compared these relations with gold labels when they were saved. Cohesion says how alike the "
    "sentences of a relation look to the encoder, not whether they state the same relation: read examples of each before you use it."
)
_UNFITTED_FIGURES = (
    "Not evaluated: no figures. The settings say neither which texts the encoder was trained on nor how good it is. Evaluate it on "
    "labelled text of your own before you rely on it."
)
_GUESS = "A number of relations that was estimated is a guess within a range, not a finding."
_NEW = "New sentences get the most similar of these relations; predicting opens no new one."


def discovery_card(
    state: Any, *, config: Any = None, parameters: int | None = None, dtype: str | None = None
) -> tuple[dict[str, Any], str]:
    """Write the card of a discovery.

    Args:
        state ([`~hf_relation.discovery.state.DiscoveryState`]): what is saved; its strings are escaped. Example texts and the
            corpus are counted, not shown.
        config (`PreTrainedConfig`, *optional*): of the encoder; `None` for a discovery of ready embeddings.
        parameters (`int`, *optional*): number of the encoder's weights.
        dtype (`str`, *optional*): their type.

    Returns:
        `tuple[dict, str]`: fields of the header, and the text below it, for [`~hf_relation.cards.header.signed`].
    """
    family = None if config is None else FAMILIES.get(config.model_type)
    fitted = state.fitted
    width = None if fitted is None or config is not None else int(fitted["n_features_in"])
    over = "ready embeddings" if config is None else title(config)
    if fitted is None:
        name, about = (
            f"Discovery with {over}",
            "A pair encoder with the steps that come after it. Nothing has been discovered with it yet.",
        )
        code = "" if config is None else discovery_code(str(state.settings.get("algorithm", "kmeans")))
    else:
        known, novel = _by_kind(fitted["relations"])
        name = f"{len(fitted['relations'])} relations discovered with {over}"
        about = (
            f"Relations discovered in a corpus of {_number(state):,} instances: {len(novel)} novel ones that clustering found"
            + (f", and {len(known)} known ones that were given by name." if known else "; no relation was given.")
        )
        code = prediction_code(width)
    parts = [
        f"# {name}\n\n{about}" + (f" {family.about}" if family else ""),
        use_section(code) if code else "",
        _relations(state),
        _how(state),
        _inside(state),
        "" if config is None else settings_section(config, parameters=parameters, dtype=dtype),
        f"## Figures\n\n{_UNFITTED_FIGURES if fitted is None else _FIGURES}",
        limits_section(family, *(() if family else PAIR_LIMITS), *(() if fitted is None else (_GUESS, _NEW))),
        f"## Licence\n\n{LICENCE}"
        + ("" if fitted is None else " The texts inside are under the licence of their corpus."),
        citation_section(config.model_type) if config is not None else "",
    ]
    header = {
        "library_name": "hf_relation",
        "base_model": None if config is None else base_model(config),
        "tags": [
            *(family.tags if family else ("open-relation-discovery", "clustering")),
            *([] if fitted is None else [FITTED_TAG]),
        ],
    }
    return header, "\n\n".join(part for part in parts if part)


def write_discovery_card(
    folder: str | os.PathLike[str], state: Any, model: Any = None, *, target: str | os.PathLike[str] | None = None
) -> bool:
    """Write the card of a discovery as `README.md`, unless somebody wrote one.

    Args:
        folder (`str` or `PathLike`): the folder that is being filled.
        state ([`~hf_relation.discovery.state.DiscoveryState`]): what is saved there.
        model (`PreTrainedModel`, *optional*): the encoder, where it is saved there, too.
        target (`str` or `PathLike`, *optional*): where the files will be moved to, if that is another folder; a card of
            somebody's there stays.

    Returns:
        `bool`: whether a card was written.
    """
    if model is None:
        header, body = discovery_card(state)
    else:
        dtype = str(model.dtype).removeprefix("torch.")
        header, body = discovery_card(state, config=model.config, parameters=model.num_parameters(), dtype=dtype)
    written = write_generated(folder, header, body)
    if target is not None:
        give_way(folder, target)
    return written and (Path(folder) / "README.md").is_file()


def _by_kind(relations: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    known = [relation for relation in relations if relation.get("kind") == "known"]
    return known, [relation for relation in relations if relation.get("kind") != "known"]


def _number(state: Any) -> int:
    labels = state.arrays.get("labels")
    return 0 if labels is None else len(labels)


def _relations(state: Any) -> str:
    """The tables of known and novel relations, apart."""
    parts = []
    if state.fitted is None:
        known = [] if state.gate is None else list(state.gate.relations)
        return (
            ""
            if not known
            else (
                f"## Relations\n\n**Known ({len(known)}), which the encoder was trained on:** {listed(known)}\n\n**Novel:** none yet."
            )
        )
    for heading, relations in zip(("Known", "Novel"), _by_kind(state.fitted["relations"]), strict=True):
        if not relations:
            parts.append(f"### {heading} (0)\n\nnone")
            continue
        rows = [table_row(["id", "name", "instances", "cohesion", "keywords"]), "|---|---|---|---|---|"]
        rows += [
            table_row(
                [each["id"], each["name"], each["size"], f"{each['cohesion']:.2f}", ", ".join(each["keywords"][:5])]
            )
            for each in relations[:_MOST_RELATIONS]
        ]
        rest = len(relations) - _MOST_RELATIONS
        more = f"\n\nAnd {rest:,} more; `discovery.json` holds them all." if rest > 0 else ""
        parts.append(f"### {heading} ({len(relations)})\n\n" + "\n".join(rows) + more)
    return "## Relations\n\n" + "\n\n".join(parts)


def _how(state: Any) -> str:
    """How the relations were found: steps, algorithm, and where their number comes from."""
    settings = state.settings
    rows: list[tuple[str, object]] = [("algorithm", settings.get("algorithm", "kmeans"))]
    rows += [(key, value) for key, value in sorted((settings.get("algorithm_kwargs") or {}).items())]
    whitened, components = state.whitening is not None, settings.get("pca_components")
    steps = [
        *(["within-class whitening"] if whitened else []),
        *([f"PCA to {components} dimensions"] if components else []),
    ]
    rows.append(("steps after the embedding", ", ".join(steps) or "none"))
    if settings.get("pair_weighting"):
        rows.append(("weighting of pairs", settings["pair_weighting"]))
    rows.append(("seed", settings.get("seed", 0)))
    rows.append(("number of relations", _chosen(state)))
    return "## How\n\n" + "\n".join([table_row(["setting", "value"]), "|---|---|", *map(table_row, rows)])


def _chosen(state: Any) -> str:
    if state.fitted is None:
        number = state.settings.get("num_relations", "auto")
        return "estimated from the corpus" if number == "auto" else f"{number}, given"
    estimate, requested = state.fitted.get("estimate"), state.fitted.get("requested")
    if estimate:
        return f"estimated: {estimate['best']}, plausible from {estimate['low']} to {estimate['high']} (criterion {estimate['criterion']})"
    return "chosen by the algorithm" if requested == "auto" else f"{requested}, given"


def _inside(state: Any) -> str:
    """What of the corpus is in the folder: whoever publishes it must know."""
    if state.fitted is None:
        return ""
    examples = sum("text" in example for each in state.fitted["relations"] for example in each.get("examples", ()))
    texts = [row for row in state.rows or () if "text" in row]
    lines = [
        f"- `discovery.json`: names, keywords and patterns, made from the corpus, and {examples:,} example texts of it."
        if examples
        else "- `discovery.json`: names, keywords and patterns, made from the corpus; no example texts."
        if any(each.get("keywords") or each.get("patterns") for each in state.fitted["relations"])
        else "- `discovery.json`: names and sizes; no example texts.",
        f"- `discovery_corpus.jsonl`: all {len(texts):,} instances of the corpus with their texts."
        if texts
        else f"- `discovery_corpus.jsonl`: the ids of {len(state.rows):,} instances, no text."
        if state.rows
        else "- No `discovery_corpus.jsonl`: the corpus itself was not saved, so relations can be predicted but not changed.",
    ]
    points = state.arrays.get("tree.points")
    if "vectors" in state.arrays:
        lines.append(
            "- `discovery.safetensors`: the vector of every instance; much of a text can be guessed from its vector."
        )
    elif points is not None and len(points) > len(state.fitted["relations"]):
        # All algorithms but k-means recognise a relation by single instances.
        lines.append(
            f"- `discovery.safetensors`: {len(points):,} vectors to know the relations by, most of them of single instances; much of a "
            "text can be guessed from its vector."
        )
    left_out = int((state.arrays["labels"] < 0).sum()) if "labels" in state.arrays else 0
    note = f" {left_out:,} of {_number(state):,} instances belong to no relation." if left_out else ""
    return "## What of the corpus is inside\n\n" + "\n".join(lines) + (f"\n\n{note.strip()}" if note else "")
