"""The stages, each a pure function of files and settings.

A stage takes the files it reads, a folder to write into, the name of its shard and its settings. It writes files whose names begin
with that of the shard, and returns how many rows went out and what else is to be known of the shard. Heavy imports are made inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.sharded.stages.assigning import assign_shard
from hf_relation.sharded.stages.averaging import mean_centers, settle_relations
from hf_relation.sharded.stages.describing import describe_all
from hf_relation.sharded.stages.drawing import draw_candidates
from hf_relation.sharded.stages.embedding import embed_shard
from hf_relation.sharded.stages.fitting import fit_sample
from hf_relation.sharded.stages.labelling import label_shard
from hf_relation.sharded.stages.merging import merge_centers
from hf_relation.sharded.stages.reading import read_shard
from hf_relation.sharded.stages.sampling import draw_sample
from hf_relation.sharded.stages.splitting import split_file


StageFunction = Callable[[Sequence[Path], Path, str, Mapping[str, Any]], tuple[int, dict[str, Any]]]
STAGE_FUNCTIONS: dict[str, StageFunction] = {
    "split": split_file,
    "read": read_shard,
    "embed": embed_shard,
    "draw": draw_candidates,
    "sample": draw_sample,
    "fit": fit_sample,
    "assign": assign_shard,
    "merge": merge_centers,
    "label": label_shard,
    "describe": describe_all,
}
# Without rounds of k-means over all rows; `plan.stages_of` gives those of a run.
STAGES: tuple[str, ...] = tuple(STAGE_FUNCTIONS)
# "assign" again, between "merge" and "label", and these: called "mean-1", "mean-2" and so on, by the round.
STAGE_FUNCTIONS |= {"mean": mean_centers, "settle": settle_relations}
