"""The one place for imports that depend on what is installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from hf_relation.errors import MissingPackageError


def import_optional(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module (`str`): dotted module name, e.g. `"matplotlib.pyplot"`.
        extra (`str`): name of the extra in `pyproject.toml` that installs it.

    Returns:
        `ModuleType`: the imported module.

    Raises:
        MissingPackageError: the module (or one it needs) is not installed; the message holds the `pip install` line.

    Example:

    ```python
    >>> from hf_relation.compat import import_optional
    >>> import_optional("json", extra="viz").__name__
    'json'

    ```
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f'`{module}` is needed for this. Install it with: pip install "hf_relation[{extra}]"'
        ) from error
