"""What finds the entities of texts, by name: a checkpoint, a spaCy pipeline or a dictionary file."""

from __future__ import annotations

import os
from typing import Any

from hf_relation.compat import import_optional
from hf_relation.data.entity_dictionary import EntityDictionary
from hf_relation.errors import CheckpointError, UsageError


_LONGEST = 100_000  # tokenizers without a limit claim a much longer input
SPACY, DICTIONARY = "spacy:", "dictionary:"


def entity_source(source: Any, *, device: Any = None) -> Any:
    """What was given for `entities=`, ready to be asked with [`~hf_relation.data.entities_of`].

    Args:
        source (*optional*): the name of a source, see [`load_entity_source`]; a [`~hf_relation.RelationExtractor`] whose model
            has a tagger; or what `entities_of` takes, which is given back as it is.
        device (`str` or `torch.device`, *optional*): where a model that is loaded runs.

    Returns:
        A function of a list of texts or a pipeline; `None` for `None`.

    Raises:
        UsageError, CheckpointError: as [`load_entity_source`].
    """
    if isinstance(source, (str, os.PathLike)):
        return load_entity_source(source, device=device)
    if hasattr(source, "model") and hasattr(source, "extract"):
        from hf_relation.extraction.joint_entities import JointEntities

        return JointEntities(source.model, source.processor, device=source.device if device is None else device)
    return source


def load_entity_source(name: str | os.PathLike[str], *, device: Any = None) -> Any:
    """Load what finds entities, for `entities=`.

    | name | what |
    | --- | --- |
    | `"dictionary:FILE"` | [`~hf_relation.data.EntityDictionary`], from a file; upper and lower case count |
    | `"spacy:NAME"` | a spaCy pipeline, by package name or folder (needs the extra `spacy`); it may run code of its own, so load only what you trust |
    | a folder or Hub id | a token-classification checkpoint, or a KernelRE checkpoint with a tagger |

    With a token-classification checkpoint word pieces are joined to entities (`aggregation_strategy="simple"`), and a text
    longer than the model is read in windows that overlap by a fourth. Weights are read from safetensors only.

    Args:
        name (`str` or path): see above.
        device (`str` or `torch.device`, *optional*): where a model runs; by default on the CPU.

    Returns:
        Something that [`~hf_relation.data.entities_of`] takes.

    Raises:
        CheckpointError: it cannot be loaded, or has no fast tokenizer.
        UsageError: a KernelRE checkpoint has no tagger, or there is no such dictionary file.
        InvalidRowError: a line of a dictionary is bad.
        ImportError: spaCy is not installed.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> from hf_relation.extraction import load_entity_source
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "names.tsv"
    >>> _ = path.write_text("Ada\\tPERSON\\n")
    >>> load_entity_source(f"dictionary:{path}")(["Ada sings."])
    [[EntitySpan(start=0, end=3, type='PERSON')]]

    ```
    """
    name = os.fspath(name)
    for prefix in (SPACY, DICTIONARY):
        if name.startswith(prefix) and not name.removeprefix(prefix).strip():
            raise UsageError(f"{prefix!r} must be followed by a name, as in {prefix}NAME.")
    if name.startswith(DICTIONARY):
        return EntityDictionary.from_file(name.removeprefix(DICTIONARY))
    if name.startswith(SPACY):
        return _spacy_pipeline(name.removeprefix(SPACY))
    return _checkpoint(name, device)


def _spacy_pipeline(name: str) -> Any:
    spacy = import_optional("spacy", extra="spacy")
    try:
        return spacy.load(name)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"The spaCy pipeline {name!r} cannot be loaded: {error} Install it with: python -m spacy download {name}"
        ) from error


def _checkpoint(name: str, device: Any) -> Any:
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    from hf_relation.checkpoints import checkpoint_folder
    from hf_relation.extraction.joint_entities import is_joint, load_joint_entities
    from hf_relation.models.plain_config import LOCAL, config_of_folder
    from hf_relation.models.plain_loading import load_plain

    try:
        folder = checkpoint_folder(name)
        config = config_of_folder(folder)
        joint = is_joint(config)
        if not joint:
            model = load_plain(folder, AutoModelForTokenClassification, config)
            tokenizer = AutoTokenizer.from_pretrained(folder, config=config, **LOCAL)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{name!r} cannot be loaded as a token-classification model: {error}") from error
    if joint:
        return load_joint_entities(folder, device=device)
    if not tokenizer.is_fast:
        raise CheckpointError(f"{name!r} has no fast tokenizer, so that it does not say where entities are.")
    limits = (tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or _LONGEST)
    tokenizer.model_max_length = min(limits)
    windows = {"stride": min(limits) // 4} if min(limits) < _LONGEST else {}
    return pipeline(
        "token-classification",
        model=model,
        tokenizer=tokenizer,
        aggregation_strategy="simple",
        device="cpu" if device is None else device,
        **windows,
    )
