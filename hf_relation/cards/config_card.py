"""The card of a model that was saved, written from its settings: what it is, and that nobody has measured it yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards.families import FAMILIES, Family
from hf_relation.cards.papers import citation_section
from hf_relation.cards.snippets import CNN_CODE, FINECL_CODE, TASKS_CODE, discovery_code, extraction_code, use_section
from hf_relation.data.markdown import escape_markdown, table_row


_MOST_NAMES = 500
# Models that say for a pair of a document which of their relations hold.
EXTRACTORS = ("kernel_re", "pair_classification")
_UNNAMED = re.compile(r"LABEL_\d+")
_OF_FAMILY = {
    "finecl": (
        ("temperature", "temperature"),
        ("weight of a label that was learned first", "alpha"),
        ("first epoch of the learning order", "first_epoch"),
        ("last epoch of the learning order", "last_epoch"),
        ('"no relation"', "na_relation"),
    ),
    "pair_classification": (
        ("labels of a pair", "kind"),
        ('"no relation"', "na_relation"),
        ("head and tail", "combination"),
        ("text as a whole", "text"),
    ),
}
NOT_EVALUATED = (
    "Not evaluated: no figures. This card was written from the model's settings when it was saved, and they say neither which texts "
    "it was trained on nor how good it is. Evaluate it on labelled text of your own before you rely on it, and write down here the "
    "data, the splits, and which relations were known and which novel."
)
LICENCE = (
    "Not stated. What a model may be used for depends on the licences of its training data and of the encoder that it started from. "
    "Whoever publishes it should put `license:` into the header of this file."
)


def config_card(config: Any, *, parameters: int | None = None, dtype: str | None = None) -> tuple[dict[str, Any], str]:
    """Write the card of a model from its settings.

    Args:
        config (`PreTrainedConfig`): of the model; its strings are escaped.
        parameters (`int`, *optional*): number of its weights.
        dtype (`str`, *optional*): their type.

    Returns:
        `tuple[dict, str]`: fields of the header, and the text below it, for [`~hf_relation.cards.header.signed`].

    Example:

    ```python
    >>> from hf_relation.cards.config_card import config_card
    >>> from hf_relation.models.more import MOREConfig
    >>> header, body = config_card(MOREConfig(backbone_config={"model_type": "bert"}))
    >>> body.splitlines()[0], header["library_name"]
    ('# MORE over bert (12 layers, 768 wide)', 'hf_relation')

    ```
    """
    family = FAMILIES.get(config.model_type)
    parts = [
        f"# {title(config)}\n\n{family.about if family else 'A model of this library.'}",
        use_section(code) if (code := model_code(config)) else "",
        settings_section(config, parameters=parameters, dtype=dtype),
        names_section(config),
        f"## Data and figures\n\n{NOT_EVALUATED}",
        limits_section(family),
        f"## Licence\n\n{LICENCE}",
        citation_section(config.model_type),
    ]
    return config_header(config), "\n\n".join(part for part in parts if part)


def config_header(config: Any) -> dict[str, Any]:
    """The fields of the header that follow from a model's settings."""
    family = FAMILIES.get(config.model_type)
    header: dict[str, Any] = {"library_name": "hf_relation"}
    if config.model_type in EXTRACTORS:
        header["pipeline_tag"] = "token-classification"
    return header | {"base_model": base_model(config), "tags": list(family.tags) if family else []}


def base_model(config: Any) -> str | None:
    """The Hub id that a model was loaded from; `None` for a folder, and where it is not known."""
    name = getattr(config, "_name_or_path", "") or ""
    # Only of what came from the Hub is a commit known; a folder may be named like a repository.
    from_hub = (
        getattr(config, "_commit_hash", None) and re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists()
    )
    return name if from_hub else None


def title(config: Any) -> str:
    """A title for a model without a name: `"MORE over bert (12 layers, 768 wide)"`."""
    family = FAMILIES.get(config.model_type)
    name = family.name if family else config.model_type
    encoder = getattr(config, "backbone_config", None)
    if encoder is None:
        return escape_markdown(name)
    sizes = encoder.get_text_config()
    return escape_markdown(
        f"{name} over {encoder.model_type} ({sizes.num_hidden_layers} layers, {sizes.hidden_size} wide)"
    )


def model_code(config: Any) -> str:
    """Code that uses a model of this kind; empty for an unknown kind."""
    kind = config.model_type
    if kind in ("more", "rocore", "siamese_ure"):
        return discovery_code()
    if kind in EXTRACTORS:
        return extraction_code(bool(getattr(config, "entity_types", ())))
    return {"finecl": FINECL_CODE, "multitask": TASKS_CODE, "relation_cnn": CNN_CODE}.get(kind, "")


def settings_section(config: Any, *, parameters: int | None = None, dtype: str | None = None) -> str:
    """The table of what the settings say: method, encoder, pooling, pruned heads."""
    family = FAMILIES.get(config.model_type)
    rows: list[tuple[str, object]] = [("kind", config.model_type)]
    if family:
        rows.append(("method", f"{family.name} ({family.paper})"))
    rows += _encoder_rows(config)
    for label, name in (
        *_OF_FAMILY.get(config.model_type, ()),
        ("pair representation", "pooling"),
        ("pooled layer", "layer"),
        ("width of an embedding", "embedding_dim"),
        ("known relations of its classifier", "num_known_relations"),
        ("novel relations of its classifier", "num_novel_relations"),
        ("clusters of its head", "num_clusters"),
        ("loss", "loss"),
        ("kernel rank", "rank"),
        ("state of a text", "text_embedding"),
        ("word vectors", "word_vectors"),
    ):
        value = getattr(config, name, None)
        if value is not None:
            rows.append((label, " + ".join(value) if isinstance(value, list) else value))
    if parameters is not None:
        rows.append(("weights", f"{parameters:,}" + (f" ({dtype})" if dtype else "")))
    if getattr(config, "backbone_config", None) is not None:
        rows.append(("pruned attention heads", _pruned(getattr(config, "pruned_heads", None))))
    return "## What it is\n\n" + "\n".join([table_row(["setting", "value"]), "|---|---|", *map(table_row, rows)])


def names_section(config: Any) -> str:
    """The names that a model predicts: relations, types of entities, labels of tasks."""
    parts = []
    if config.model_type in EXTRACTORS:
        parts.append(f"**Relations ({len(config.relations)}):** {listed(config.relations)}")
        if types := getattr(config, "entity_types", ()):
            parts.append(f"**Types of entities that its tagger finds ({len(types)}):** {listed(types)}")
    elif config.model_type == "multitask":
        rows = [
            f"| {escape_markdown(name)} | {task.kind} | {len(task.labels) or ''} | {listed(task.labels) if task.labels else ''} |"
            for name in config.task_names
            for task in [config.task(name)]
        ]
        parts.append("\n".join([table_row(["task", "kind", "labels", "names"]), "|---|---|---|---|", *rows]))
    else:
        names = list((getattr(config, "id2label", None) or {}).values())
        if names and not all(_UNNAMED.fullmatch(str(name)) for name in names):
            what = "Relations that it was pre-trained to tell apart" if config.model_type == "finecl" else "Labels"
            parts.append(f"**{what} ({len(names)}):** {listed(names)}")
    return "## Labels\n\n" + "\n\n".join(parts) if parts else ""


def limits_section(family: Family | None, *more: str) -> str:
    """The section of what a model cannot do; `more` are sentences without strings from data."""
    limits = [*(family.limits if family else ()), *more]
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits) if limits else ""


def listed(names: Sequence[object]) -> str:
    """Names in one paragraph, escaped; of very many the first ones, and how many are left out."""
    rest = len(names) - _MOST_NAMES
    shown = "; ".join(escape_markdown(name) for name in names[:_MOST_NAMES])
    return (shown or "none") + (f"; and {rest:,} more" if rest > 0 else "")


def _encoder_rows(config: Any) -> list[tuple[str, object]]:
    encoder = getattr(config, "backbone_config", None) or config
    sizes = encoder.get_text_config()
    named = (
        ("layers", "num_hidden_layers"),
        ("wide", "hidden_size"),
        ("attention heads a layer", "num_attention_heads"),
        ("rows of word embeddings", "vocab_size"),
    )
    found = [
        f"{getattr(sizes, name):,} {label}" for label, name in named if isinstance(getattr(sizes, name, None), int)
    ]
    return [("encoder", f"{encoder.model_type}: " + ", ".join(found))]


def _pruned(heads: Mapping[str, Sequence[int]] | None) -> str:
    if not heads:
        return "none"
    layers = sorted(heads.items(), key=lambda item: int(item[0]))
    return "; ".join(f"layer {layer}: {', '.join(map(str, sorted(numbers)))}" for layer, numbers in layers)
