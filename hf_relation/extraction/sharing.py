"""The part of `RelationExtractor` that loads, saves and publishes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hf_relation.cards.generated import give_way
from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.replacing import fill_folder
from hf_relation.errors import UsageError
from hf_relation.extraction.loading import NO_CHECKPOINT
from hf_relation.extraction.state import write_rules
from hf_relation.pushing import push_saved, refuse_push
from hf_relation.remote_code import add_remote_code


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

    from hf_relation.extraction.decisions import DecisionRules


class SharedExtractor:
    """Folders and repositories of [`~hf_relation.RelationExtractor`]."""

    model: Any
    processor: Any
    rules: DecisionRules

    if TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        **settings: Any,
    ) -> Self:
        """Load a checkpoint with its rules.

        Args:
            name (`str` or path): a local folder, or a Hub id. The folder of an adapter (LoRA) is loaded together with the model it
                was trained on, and merged with it.
            revision (`str`, *optional*): branch, tag or commit of a Hub id.
            token (`str`, *optional*): Hub token for private repositories.
            **settings: further arguments of [`RelationExtractor`].

        Returns:
            [`RelationExtractor`].

        Raises:
            UsageError: no name is given.
            CheckpointError: there is no such checkpoint, or files are missing or damaged.
        """
        if name is None:
            raise UsageError(NO_CHECKPOINT)
        return cls(checkpoint_folder(name, revision=revision, token=token), **settings)

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], *, remote_code: bool = False, **kwargs: Any
    ) -> None:
        """Save model, processor and rules: a folder that loads by itself, offline.

        Only safetensors and JSON are written (with `remote_code=True`, code too), and a card (`README.md`) that says what is in the
        folder, unless one stands there that somebody wrote.

        Of a model with an adapter (LoRA) on it, only the adapter is written, which needs its base model to load.

        Args:
            save_directory (`str` or `PathLike`): made where missing; other files in it are left alone.
            remote_code (`bool`, defaults to `False`): with the file that makes programs which do not import this package find
                it, see [`~hf_relation.remote_code.add_remote_code`].
            **kwargs: passed to `PreTrainedModel.save_pretrained`, e.g. `max_shard_size`.

        Raises:
            UsageError: `save_directory` is a file, or `push_to_hub=True`.
        """
        refuse_push(kwargs)

        def fill(folder: Path) -> None:
            self.model.save_pretrained(folder, **kwargs)
            self.processor.save_pretrained(folder)
            if remote_code:
                add_remote_code(folder)
            write_rules(folder, self.rules)
            give_way(folder, save_directory)

        fill_folder(save_directory, fill, last="config.json")

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        create_pr: bool = False,
        remote_code: bool = False,
        replace_card: bool = False,
        **kwargs: Any,
    ) -> CommitInfo:
        """Publish model, processor and rules on the Hub, in one commit. They hold no texts.

        `RelationExtractor.from_pretrained(repo_id)` and `pipeline("relation-extraction", model=repo_id)` load it.

        Args:
            repo_id (`str`): `"user/name"`; made where it does not exist.
            private (`bool`, *optional*): whether a new repository is private; by default as the account says.
            token (`str` or `bool`, *optional*): Hub token; by default that of `hf auth login`.
            revision (`str`, *optional*): branch; made where it does not exist.
            commit_message, commit_description (`str`, *optional*): of the commit.
            create_pr (`bool`, defaults to `False`): open a pull request instead of committing.
            remote_code (`bool`, defaults to `False`): as in [`save_pretrained`].
            replace_card (`bool`, defaults to `False`): replace the README.md of the repository by the generated card even where
                somebody wrote it.
            **kwargs: passed to `PreTrainedModel.save_pretrained`, e.g. `max_shard_size`.

        Returns:
            `CommitInfo`: `commit_url` is the address.

        Raises:
            UsageError: the name is no repository's, or the model is an adapter of one that others cannot get.
            CheckpointError: the Hub refused, or was not reached; its own error is the cause.
        """
        return push_saved(
            lambda folder: self.save_pretrained(folder, remote_code=remote_code, **kwargs),
            repo_id,
            commit_message=commit_message or "Upload RelationExtractor",
            commit_description=commit_description,
            private=private,
            token=token,
            revision=revision,
            create_pr=create_pr,
            replace_card=replace_card,
        )
