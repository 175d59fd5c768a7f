"""Discovery over shards: the same steps as pure functions of files, which can be stopped and gone on with at any time.

Importing this room is light; every stage imports what it needs.
"""

from hf_relation.sharded.discover import discover_sharded
from hf_relation.sharded.failures import ShardFailures
from hf_relation.sharded.launched import discover_launched
from hf_relation.sharded.result import ShardedResult
from hf_relation.sharded.settings import ShardedSettings
from hf_relation.sharded.stream import RelationStream


__all__ = [
    "RelationStream",
    "ShardFailures",
    "ShardedResult",
    "ShardedSettings",
    "discover_launched",
    "discover_sharded",
]
