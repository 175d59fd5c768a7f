"""Searches that train: how many heads to prune, which tasks and instances to train together."""

from hf_relation.selection.bandit import TaskUtilities, sample_tasks
from hf_relation.selection.instances import (
    ThresholdChoice,
    choose_threshold,
    instance_correlations,
    select_instances,
)
from hf_relation.selection.mixing import MixingSearch, choose_mixing_ratios
from hf_relation.selection.pruning import PruningSearch, search_each_source
from hf_relation.selection.pruning_result import PruningResult, SourceSearch
from hf_relation.selection.task_selector import TaskSelector
from hf_relation.selection.task_sets import TaskComparison, TaskSelection, compare_task_sets, task_sets
from hf_relation.selection.trials import Trial


__all__ = [
    "MixingSearch",
    "PruningResult",
    "PruningSearch",
    "SourceSearch",
    "TaskComparison",
    "TaskSelection",
    "TaskSelector",
    "TaskUtilities",
    "ThresholdChoice",
    "Trial",
    "choose_mixing_ratios",
    "choose_threshold",
    "compare_task_sets",
    "instance_correlations",
    "sample_tasks",
    "search_each_source",
    "select_instances",
    "task_sets",
]
