"""Attention heads: how much each matters, whether two tasks need the same ones, masking and pruning them."""

from hf_relation.heads.combining import sum_importances
from hf_relation.heads.comparing import HeadCorrelation, compare_heads
from hf_relation.heads.importance import head_importance
from hf_relation.heads.instances import instance_importance
from hf_relation.heads.normalizing import normalize_scores
from hf_relation.heads.result import HeadImportance
from hf_relation.models.head_files import load_pruned, save_pruned
from hf_relation.models.head_surgery import (
    HeadLayout,
    head_gates,
    head_layout,
    mask_heads,
    prune_heads,
    pruned_heads,
    register_head_layout,
)


__all__ = [
    "HeadCorrelation",
    "HeadImportance",
    "HeadLayout",
    "compare_heads",
    "head_gates",
    "head_importance",
    "head_layout",
    "instance_importance",
    "load_pruned",
    "mask_heads",
    "normalize_scores",
    "prune_heads",
    "pruned_heads",
    "register_head_layout",
    "save_pruned",
    "sum_importances",
]
