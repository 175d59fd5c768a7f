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


def optional_base(module: str, name: str, *, extra: str) -> type:
    """A class of an optional dependency, to inherit from; without the dependency one that cannot be made.

    Args:
        module (`str`): dotted module name.
        name (`str`): of the class.
        extra (`str`): name of the extra in `pyproject.toml` that installs it.

    Returns:
        `type`: the class; or one whose constructor raises [`~hf_relation.errors.MissingPackageError`].

    Example:

    ```python
    >>> from hf_relation.compat import optional_base
    >>> optional_base("collections", "OrderedDict", extra="viz")
    <class 'collections.OrderedDict'>
    >>> optional_base("no_such_module", "Step", extra="scale")()
    Traceback (most recent call last):
        ...
    hf_relation.errors.MissingPackageError: `no_such_module` is needed for this. Install it with: pip install "hf_relation[scale]"

    ```
    """
    try:
        found: type = getattr(import_optional(module, extra=extra), name)
    except MissingPackageError:

        def refuse(self: object, *args: object, **options: object) -> None:
            import_optional(module, extra=extra)

        found = type(name, (), {"__init__": refuse})
    return found


def hub_errors() -> tuple[type[Exception], ...]:
    """What `huggingface_hub` raises when the Hub does not do as it was asked: no such name, not allowed, not reached, offline.

    Returns:
        `tuple`: exception classes, for `except`.

    Example:

    ```python
    >>> from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError
    >>> from hf_relation.compat import hub_errors
    >>> all(issubclass(e, hub_errors()) for e in (HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError))
    True

    ```
    """
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RevisionResolutionError

    # The base class is that of the HTTP client, whichever it is: a connection that fails raises it as it is.
    client_error = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    return (client_error, HFValidationError, RevisionResolutionError, OSError)
