"""Named settings of runs: those of the papers, and those of the shipped checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.runs.finecl_presets import (
    FINECL,
    FINECL_MINILM,
    PAIR_CLASSIFICATION,
    PAIR_CLASSIFICATION_MINILM,
)
from hf_relation.runs.kernel_re_presets import KERNEL_RE, KERNEL_RE_MINILM
from hf_relation.runs.more_presets import MINILM, MORE, MORE_OF_ENCODER, MORE_RLL
from hf_relation.runs.prune_heads_presets import ACL2021
from hf_relation.runs.rocore_presets import ROCORE, ROCORE_MINILM
from hf_relation.runs.select_tasks_presets import GRADTS
from hf_relation.runs.siamese_ure_presets import SIAMESE_URE, SIAMESE_URE_MINILM


@dataclass(frozen=True)
class Preset:
    """Settings that belong together; they stand in for the defaults of a run, and any option given wins over them.

    Args:
        about (`str`): what the settings are, in one sentence.
        source (`str`): where they come from.
        settings (`Mapping[str, Any]`): option -> value.
        method (`str`, defaults to `"more"`): the run it is for.
        of_encoder (`Mapping[str, Mapping[str, Any]]`): the settings that depend on `--encoder`.
    """

    about: str
    source: str
    settings: Mapping[str, Any]
    method: str = "more"
    of_encoder: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "more": Preset(
        "the paper's settings, over the encoder you name (the paper has BERT-base and a CNN)",
        "Wang et al., MORE, ICASSP 2021; steps and lengths from the authors' code",
        MORE,
        of_encoder=MORE_OF_ENCODER,
    ),
    "more-rll": Preset(
        "the settings of MORE's second paper, which are MORE's where it says nothing",
        "Lou et al., MORE-RLL, CCL 2021",
        MORE_RLL,
        of_encoder=MORE_OF_ENCODER,
    ),
    "minilm": Preset(
        "how the shipped checkpoint was trained",
        "model_cards/more-minilm-fewrel.md",
        MINILM,
        of_encoder={"transformer": {}},
    ),
    "rocore": Preset(
        "the paper's settings, for an encoder of twelve layers that you name (the paper has BERT-base)",
        "Zhao et al., RoCORE, EMNLP 2021; lengths from the authors' code",
        ROCORE,
        method="rocore",
    ),
    "rocore-minilm": Preset(
        "from the shipped checkpoint of MORE, with 22.7 M parameters",
        "chosen on known relations of FewRel in the place of novel ones (--novel held-out); see docs/benchmarks.md",
        ROCORE_MINILM,
        method="rocore",
    ),
    "siamese-ure": Preset(
        "the paper's settings, over the encoder you name (the paper has BERT-base-cased)",
        "Zhang and Chen, Siamese-URE, ECAI 2023; epochs and schedule from the authors' code",
        SIAMESE_URE,
        method="siamese-ure",
    ),
    "siamese-ure-minilm": Preset(
        "for MiniLM-L6: its last two layers, AdamW, clusters that start at k-means, one neighbour at a time",
        "chosen on known relations of FewRel in the place of unlabelled ones (--novel held-out)",
        SIAMESE_URE_MINILM,
        method="siamese-ure",
    ),
    "kernel-re": Preset(
        "the paper's settings for WebNLG, over the encoder you name (the paper has BERT-base-uncased)",
        "Li and Tian, Downstream Model Design of Pre-trained Language Model for Relation Extraction Task, 2020; schedule from "
        "the authors' code",
        KERNEL_RE,
        method="kernel-re",
    ),
    "kernel-re-minilm": Preset(
        "for MiniLM-L6: kernels of rank 64, a loss over pairs, marked mentions",
        "tried on validation sentences of SemEval-2010 Task 8 and WebNLG, not searched; see docs/benchmarks.md",
        KERNEL_RE_MINILM,
        method="kernel-re",
    ),
    "finecl": Preset(
        "the paper's settings, over the encoder you name (the paper has RoBERTa-base)",
        "Hogan, Li and Shang, FineCL, EMNLP 2022; optimisation and temperature from the authors' code",
        FINECL,
        method="finecl",
    ),
    "finecl-minilm": Preset(
        "for MiniLM-L6 and some hundred documents",
        "tried on validation sentences of wiki80 and SemEval-2010 Task 8, not searched; see docs/benchmarks.md",
        FINECL_MINILM,
        method="finecl",
    ),
    "pair-classification": Preset(
        "FineCL's fine-tuning on sentences at 1, 10 and 100 %, over the encoder you name",
        "the authors' code of Hogan, Li and Shang, FineCL, EMNLP 2022",
        PAIR_CLASSIFICATION,
        method="pair-classification",
    ),
    "pair-classification-minilm": Preset(
        "for MiniLM-L6: its last four layers, fewer epochs",
        "tried on validation sentences of wiki80 and SemEval-2010 Task 8, not searched; see docs/benchmarks.md",
        PAIR_CLASSIFICATION_MINILM,
        method="pair-classification",
    ),
    "acl2021": Preset(
        "the paper's settings: fine-tune anew for every head that goes, over the encoder you name (the paper has multilingual "
        "BERT and XLM-R base)",
        "Ma et al., Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks, ACL 2021",
        ACL2021,
        method="prune-heads",
    ),
    "gradts": Preset(
        "the paper's settings, over the encoder you name (the paper has BERT-base-cased)",
        "Ma et al., GradTS, EMNLP 2021; optimisation from the authors' code",
        GRADTS,
        method="select-tasks",
    ),
}

# Without a preset: what differs from the defaults for transformers.
OF_ENCODER: dict[str, dict[str, Any]] = {
    "transformer": {},
    "cnn": {
        "marker_policy": "none",
        "pooling": ["sentence_max"],
        "normalize_blocks": False,
        "projection_dim": 64,
        "max_length": 120,
        "learning_rate": 0.003,
        "weight_decay": 0.0,
        "max_steps": 1000,
        "eval_steps": 100,
        "save_steps": 100,
        "bf16": False,
    },
}


def presets_of(method: str) -> dict[str, Preset]:
    """Give the presets of a method.

    Args:
        method (`str`): `"more"`, `"rocore"`, ...

    Returns:
        `dict[str, Preset]`: by name.

    Example:

    ```python
    >>> from hf_relation.runs.presets import presets_of
    >>> list(presets_of("more"))
    ['more', 'more-rll', 'minilm']

    ```
    """
    return {name: preset for name, preset in PRESETS.items() if preset.method == method}


def preset_settings(name: str | None, encoder: str = "transformer", *, method: str = "more") -> dict[str, Any]:
    """Give the defaults that a preset and the kind of encoder stand for.

    Args:
        name (`str`, *optional*): a name in [`presets_of`].
        encoder (`str`, defaults to `"transformer"`): `"transformer"` or `"cnn"`.
        method (`str`, defaults to `"more"`): the run they are for.

    Returns:
        `dict[str, Any]`: option -> value.

    Raises:
        UsageError: an unknown preset, or one that is not for this encoder.

    Example:

    ```python
    >>> from hf_relation.runs.presets import preset_settings
    >>> settings = preset_settings("more")
    >>> settings["learning_rate"], settings["pooling"]
    (1e-05, ['head_marker', 'tail_marker'])
    >>> preset_settings("more", "cnn")["learning_rate"]
    0.003

    ```
    """
    base = OF_ENCODER.get(encoder, {}) if method == "more" else {}
    presets = presets_of(method)
    if name is None:
        return dict(base)
    if name not in presets:
        raise UsageError(f"There is no preset {name!r}. Use one of {', '.join(presets)}; --help says what they are.")
    preset = presets[name]
    if preset.of_encoder and encoder not in preset.of_encoder:
        raise UsageError(
            f"The preset {name!r} is for --encoder {' or '.join(preset.of_encoder)}, not for {encoder!r}."
        )
    return {**base, **preset.settings, **preset.of_encoder.get(encoder, {})}
