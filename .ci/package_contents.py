"""Whether sdist and wheel hold the package, all of it, and nothing else: `python .ci/package_contents.py dist`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


PACKAGE = "hf_relation"
# Each stands for a kind of data file that a pattern in pyproject.toml has to catch.
NEEDED = (
    "py.typed",
    "shipped/more-minilm-fewrel/config.json",
    "shipped/more-minilm-fewrel/delta.safetensors",
    "discovery/report/page.html.j2",
    "discovery/report/page.css",
    "discovery/report/page.js",
)
# Beside the package a source distribution may hold these, and what setuptools adds.
BESIDE = {
    "pyproject.toml",
    "setup.cfg",
    "PKG-INFO",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
    "MANIFEST.in",
}


def problems(names: set[str], tracked: set[str], beside: set[str]) -> list[str]:
    """What is wrong with a distribution.

    Args:
        names (`set[str]`): the files in it, as paths from its root.
        tracked (`set[str]`): the files of the package that are under version control.
        beside (`set[str]`): names at its root that may stand beside the package.

    Returns:
        `list[str]`: a line each; empty if nothing is.
    """
    inside = {name for name in names if name.split("/")[0] == PACKAGE}
    others = {name for name in names - inside if name.split("/")[0] not in beside}
    found = [f"lacks {name}" for name in sorted(tracked - inside)]
    found += [f"holds {name}, which is not under version control" for name in sorted(inside - tracked)]
    found += [f"holds {name}, which does not belong there" for name in sorted(others)]
    return found + [f"lacks {PACKAGE}/{name}" for name in NEEDED if f"{PACKAGE}/{name}" not in names]


def main(folder: str) -> int:
    """Print what is wrong with the distributions of a folder; the exit status."""
    (wheel,) = Path(folder).glob("*.whl")
    (sdist,) = Path(folder).glob("*.tar.gz")
    listed = subprocess.run(["git", "ls-files", PACKAGE], capture_output=True, text=True, check=True)
    tracked = set(listed.stdout.split())
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if not name.endswith("/")}
    with tarfile.open(sdist) as archive:
        in_sdist = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    info = next(name.split("/")[0] for name in in_wheel if ".dist-info/" in name)
    found = [f"{wheel.name} {problem}" for problem in problems(in_wheel, tracked, {info})]
    found += [f"{sdist.name} {problem}" for problem in problems(in_sdist, tracked, {*BESIDE, f"{PACKAGE}.egg-info"})]
    if f"{info}/licenses/LICENSE" not in in_wheel:
        found.append(f"{wheel.name} lacks the licence")
    print(
        "\n".join(found)
        or f"{wheel.name}: {len(in_wheel)} files; {sdist.name}: {len(in_sdist)} files; as they should be"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
