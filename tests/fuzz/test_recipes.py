"""Corpora as they are converted: a bad file is named, whichever of a split's files it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hf_relation.data.recipes import RECIPES
from hf_relation.errors import InvalidRowError, UsageError


SPLITS = [
    (name, configuration, split)
    for name, recipe in RECIPES.items()
    for configuration, content in list(recipe.configurations.items())[:4]  # of the treebanks, which are many, some
    for split in content.splits
]


def fill(folder: Path, name: str, configuration: str, split: str) -> list[Path]:
    """Write broken files under the names that the split asks for."""
    files = RECIPES[name].configurations[configuration].splits[split].files
    for _ in range(20):
        try:
            return files(folder)
        except UsageError as error:
            asked = re.match(r"([\w.+-]+?)(?:\[\.gz\])? ", str(error))
            assert asked is not None, error
            (folder / asked[1]).write_bytes(b"\x00 broken\n")
    raise AssertionError("files are missing")


@pytest.mark.parametrize(("name", "configuration", "split"), SPLITS)
def test_errors_name_the_file(name: str, configuration: str, split: str, tmp_path: Path) -> None:
    paths = fill(tmp_path, name, configuration, split)
    with pytest.raises((InvalidRowError, UsageError)) as caught:
        list(RECIPES[name].configurations[configuration].splits[split].rows(tmp_path))
    assert any(str(path) in str(caught.value) for path in paths), caught.value
