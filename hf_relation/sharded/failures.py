"""What is raised when some shards of a stage failed, and the others are done."""

from __future__ import annotations

from collections.abc import Mapping

from hf_relation.errors import HfRelationError


_SHOWN = 10


def reason_of(error: BaseException) -> str:
    """What to say of an error in a shard.

    Args:
        error (`BaseException`): what was raised.

    Returns:
        `str`: its message where it was raised on purpose or by the operating system; else its kind as well.

    Example:

    ```python
    >>> from hf_relation.sharded.failures import reason_of
    >>> reason_of(KeyError("id"))
    "KeyError('id')"

    ```
    """
    return f"{error}" if isinstance(error, (HfRelationError, OSError)) else repr(error)


class ShardFailures(HfRelationError):
    """Shards that failed; all others of the stage are done, and kept.

    Args:
        stage (`str`): the stage.
        failures (`Mapping[str, str]`): what went wrong, by shard.
        number (`int`): how many shards the stage has.
        workdir (`str`): where the others are kept.

    Attributes:
        lines (`list[str]`): the message, one line for a shard.

    Example:

    ```python
    >>> from hf_relation.sharded import ShardFailures
    >>> print(ShardFailures("read", {"0000-00001": "line 7: no `text`."}, 3, "work"))
    Stage "read": 1 of 3 shards failed; the others are done, and kept in work. Put it right and start again
    with the same arguments; if that changes an input, with on_change="redo" (--redo on the command line).
      0000-00001: line 7: no `text`.

    ```
    """

    def __init__(self, stage: str, failures: Mapping[str, str], number: int, workdir: str) -> None:
        self.stage, self.failures, self.number, self.workdir = stage, dict(sorted(failures.items())), number, workdir
        reasons = [f"  {shard}: {reason}" for shard, reason in self.failures.items()]
        if len(reasons) > _SHOWN:
            reasons[_SHOWN:] = [f"  and {len(reasons) - _SHOWN} more"]
        head = (
            f'Stage "{stage}": {len(failures)} of {number} shards failed; the others are done, and kept in {workdir}. Put it right '
            'and start again with the same arguments; if that changes an input, with on_change="redo" (--redo on the command line).'
        )
        self.lines = [head, *reasons]
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple[object, ...]:
        return (ShardFailures, (self.stage, self.failures, self.number, self.workdir))
