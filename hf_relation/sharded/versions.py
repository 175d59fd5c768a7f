"""Versions of the code that decides what comes out of a stage."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from hf_relation.version import __version__


# Raise it when a stage changes what it writes.
STAGES_VERSION = 1
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = {"hf_relation": __version__, "stages": str(STAGES_VERSION)}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return tuple(found.items())


def code_versions() -> dict[str, str]:
    """This package's version, that of its stages, and those of the libraries that compute.

    Example:

    ```python
    >>> from hf_relation.sharded.versions import code_versions
    >>> sorted(code_versions())
    ['hf_relation', 'numpy', 'scikit-learn', 'scipy', 'stages', 'torch', 'transformers']

    ```
    """
    return dict(_versions())
