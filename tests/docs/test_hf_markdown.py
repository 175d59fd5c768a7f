"""Docstrings in the style of Hugging Face become the Markdown that a person would have written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "site"))

from hf_markdown import as_markdown, loosened  # noqa: E402


DOCSTRING = r"""Embed \\(x_i\\).

Args:
    rows (`np.ndarray` of shape `(n, d)`, floating):
        One row each, see [`~hf_relation.RelationDiscovery.fit`].
    reduction (`str`, defaults to `"sum"`):
        - `"sum"`: of all,
          also of none.
        - `"mean"`
    *others: more, **also: as for [`missing`].

Returns:
    `dict`: with
        - `a`

Raises:
    UsageError: no rows; or [`fit()`] was not called.

Example:

```python
>>> embed([`x`])
1

```
"""
EXPECTED = r"""Embed `\(x_i\)`.

**Arguments**
{: .doc-part }

- **`rows`** (`np.ndarray` of shape `(n, d)`, floating): One row each, see [`fit`][to.RelationDiscovery.fit].
- **`reduction`** (`str`, defaults to `"sum"`):

    - `"sum"`: of all,
      also of none.
    - `"mean"`
- **`*others`**: more, **also: as for `missing`.

**Returns**
{: .doc-part }

`dict`: with

- `a`

**Raises**
{: .doc-part }

- **`UsageError`**: no rows; or [`fit()`][to.fit] was not called.

**Example**
{: .doc-part }

```pycon
>>> embed([`x`])
1

```
"""


def squeezed(text: str) -> str:
    """Without the number of empty lines, which means nothing outside code."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before)


def test_a_docstring_of_every_kind_of_part():
    known = {"hf_relation.RelationDiscovery.fit": "to.RelationDiscovery.fit", "fit": "to.fit"}
    assert squeezed(as_markdown(DOCSTRING, known.get)) == squeezed(EXPECTED)


def test_a_reference_beside_a_link_stays_a_link():
    assert as_markdown("See [`a`](b.md) and [`a`][b].", lambda name: "wrong") == "See [`a`](b.md) and [`a`][b]."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("text\n- a\n- b", "text\n\n- a\n- b"),
        ("text\n\n- a\n- b", "text\n\n- a\n- b"),
        ("- a\n  goes on\n- b", "- a\n  goes on\n- b"),
        ("```\nx\n- y\n```", "```\nx\n- y\n```"),
        ("| a |\n|---|\n| - |", "| a |\n|---|\n| - |"),
    ],
)
def test_lists_begin_after_an_empty_line(written, meant):
    assert loosened(written.splitlines()) == meant
