"""All families of models by one face, for what concerns every one of them: files, adapters, exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from transformers import AutoModel, PreTrainedModel

from tests.common import test_common_extractors as extractors
from tests.common import test_common_models as models
from tests.common import test_common_multitask as multitask
from tests.common import test_common_pretraining as pretraining


class Face(NamedTuple):
    """What a check needs of a family.

    Args:
        make: from a kind of encoder to a model in evaluation mode and its processor (a tokenizer for the multi-task model).
        kinds: the encoders it is checked with.
        scores: from a model and its processor to a tensor of what the model is for, of the sample sentences.
        loss: from a model and its processor to its loss over them.
        auto: the Auto class that loads it.
    """

    make: Callable[..., tuple[PreTrainedModel, Any]]
    kinds: tuple[str, ...]
    scores: Callable[..., torch.Tensor]
    loss: Callable[..., torch.Tensor]
    auto: Any = AutoModel


def _of_pairs(name: str, family: models.Family) -> Face:
    return Face(
        family.make,
        family.kinds,
        lambda model, processor: models.embed(model, processor(models.INSTANCES)),
        lambda model, processor: model(**family.loss_inputs(processor, models.INSTANCES, models.LABELS)).loss,
    )


def _of_documents(name: str, family: extractors.Extractor) -> Face:
    return Face(
        family.make,
        family.kinds,
        lambda model, processor: extractors.scores(model, processor(extractors.DOCUMENTS)),
        lambda model, processor: model(**family.loss_inputs(processor, extractors.DOCUMENTS)).loss,
    )


def _for_pretraining(name: str, family: pretraining.Pretraining) -> Face:
    return Face(
        family.make,
        family.kinds,
        pretraining.scores,
        lambda model, processor: pretraining.loss_of(name, model, processor),
        family.auto,
    )


FAMILIES: dict[str, Face] = {
    **{name: _of_pairs(name, family) for name, family in models.MODELS.items()},
    **{name: _of_documents(name, family) for name, family in extractors.EXTRACTORS.items()},
    **{name: _for_pretraining(name, family) for name, family in pretraining.PRETRAINING.items()},
    **{
        name: Face(make, multitask.kinds_of(name), multitask.scores, multitask.loss_of)
        for name, make in multitask.MULTITASK.items()
    },
}

# One family of every class, with what is most used; the rest of `FAMILIES` are settings of these.
CLASSES = (
    *("more", "more-cnn", "rocore", "siamese-ure", "kernel-re", "kernel-re-joint-lstm", "multitask-mean"),
    *("pair-classification-single", "finecl-pretraining"),
)
# A cheap check of a class runs with every encoder; one that concerns settings runs with one encoder for every family, in
# turn, so that none is left out.
CLASS_AND_KIND = [(name, kind) for name in CLASSES for kind in FAMILIES[name].kinds]
FAMILY_AND_KIND = [
    (name, face.kinds[number % len(face.kinds)]) for number, (name, face) in enumerate(sorted(FAMILIES.items()))
]
