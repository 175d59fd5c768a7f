"""What classes of this package do differently from those of transformers on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hf_relation.pushing import push_saved


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


class PackagedClass:
    """A mixin for models, configs and processors, before the class of transformers: their code stays in this package."""

    @classmethod
    def register_for_auto_class(cls, *args: Any, **kwargs: Any) -> None:
        """As in transformers, for classes of your own; those of this package are never copied into a checkpoint.

        transformers calls it for every class that it found through code in a repository, and would then copy the class's file, which
        does not work alone, at every save. See [`~hf_relation.remote_code.add_remote_code`] for what works.
        """
        if not cls.__module__.startswith("hf_relation."):
            super().register_for_auto_class(*args, **kwargs)  # type: ignore[misc]


class HubClass(PackagedClass):
    """A mixin for configs and processors: pushed without the empty card that transformers makes up."""

    if TYPE_CHECKING:

        def save_pretrained(self, save_directory: Any, **kwargs: Any) -> Any: ...

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> CommitInfo:
        """Publish on the Hub, in one commit. The card that the repository has stays; there is none where it has none.

        Args:
            repo_id (`str`): `"user/name"`; made where it does not exist.
            commit_message, commit_description (`str`, *optional*): of the commit.
            private (`bool`, *optional*): whether a new repository is private; by default as the account says.
            token (`str` or `bool`, *optional*): Hub token; by default that of `hf auth login`.
            revision (`str`, *optional*): branch; made where it does not exist.
            create_pr (`bool`, defaults to `False`): open a pull request instead of committing.
            tags (`Sequence[str]`, *optional*): added to those of the card.
            **kwargs: passed to `save_pretrained`.

        Returns:
            `CommitInfo`: `commit_url` is the address.

        Raises:
            UsageError: the name is no repository's, or the files name a folder of this machine.
            CheckpointError: the Hub refused, or was not reached; its own error is the cause.
        """
        return push_saved(
            lambda folder: self.save_pretrained(folder, **kwargs),
            repo_id,
            commit_message=commit_message or f"Upload {type(self).__name__}",
            commit_description=commit_description,
            private=private,
            token=token,
            revision=revision,
            create_pr=create_pr,
            tags=tags or (),
        )
