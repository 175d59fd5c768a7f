"""What cards say of the corpora that are known by name: licences and languages."""

from __future__ import annotations

from hf_relation.data.markdown import escape_markdown


OWN_FILES = "jsonl"
_RECIPE_OF = {"semeval": "semeval2010_task8", "semeval2010": "semeval2010_task8"}
_UNSTATED = (
    "Weights: not stated. What they may be used for depends on the licences of the training data and of the encoder that training "
    "started from; whoever publishes them should put `license:` into the header of this file."
)


def corpus_licence(name: str) -> str:
    """What upstream states of a corpus' licence, in words; empty for one that is not known here.

    Example:

    ```python
    >>> from hf_relation.cards.corpora import corpus_licence
    >>> corpus_licence("semeval"), corpus_licence("mine")
    ("CC BY 3.0 Unported (the task's README)", '')

    ```
    """
    from hf_relation.data.recipes import RECIPES  # the readers of all corpora

    recipe = RECIPES.get(_RECIPE_OF.get(name, name))
    return "" if recipe is None else recipe.licence_text


def corpus_languages(name: str) -> list[str]:
    """The language codes of a corpus of relations; none for one that is not known here."""
    return ["en"] if corpus_licence(name) else []


def licence_section(license: str | None, dataset: str, of_data: str) -> str:
    """The section on licences: of the weights, and of the training data, both escaped.

    Args:
        license (`str`, *optional*): of the weights.
        dataset (`str`): name of the training data.
        of_data (`str`): its licence, empty where it is not known.
    """
    weights = _UNSTATED if license is None else f"Weights: {escape_markdown(license)}."
    known = f" Training data ({escape_markdown(dataset)}): {escape_markdown(of_data)}." if of_data else ""
    return f"## Licence\n\n{weights}{known or f' Training data ({escape_markdown(dataset)}): not stated.'}"
