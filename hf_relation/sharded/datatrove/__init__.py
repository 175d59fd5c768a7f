"""Sharded discovery on datatrove: on this machine, on a Slurm cluster, on Ray; in a folder here or at any URL of fsspec.

Needs the extra `scale`, and Ray where Ray is to run it.
"""

from hf_relation.sharded.datatrove.executors import sharded_executors
from hf_relation.sharded.datatrove.local_executor import ShardsLocalExecutor
from hf_relation.sharded.datatrove.result import open_result
from hf_relation.sharded.datatrove.step import ShardStage


__all__ = ["ShardStage", "ShardsLocalExecutor", "open_result", "sharded_executors"]
