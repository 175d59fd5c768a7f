"""What the pipelines of this package have in common: a saved one loads again, and a published one, too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from transformers import Pipeline


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


class SharedPipeline(Pipeline):
    """A pipeline that is saved and published as the estimator behind it.

    transformers would copy the file of the pipeline's class beside the weights, note it as `custom_pipelines`, and refuse to
    load the folder without `trust_remote_code=True`; and it would replace the card by an empty one.
    """

    def _estimator(self) -> Any:
        """What has the `save_pretrained` and `push_to_hub` to use."""
        raise NotImplementedError

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Save model, processor and settings; `pipeline(task, model=folder)` loads them again.

        Args:
            save_directory (`str` or `PathLike`): made where missing; other files in it are left alone.
            **kwargs: `remote_code=True` adds the file that makes programs which do not import this package find it, see
                [`~hf_relation.remote_code.add_remote_code`]; others are passed to `PreTrainedModel.save_pretrained`.
        """
        self._estimator().save_pretrained(save_directory, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> CommitInfo:
        """Publish model, processor and settings on the Hub, in one commit; `pipeline(task, model=repo_id)` loads them again.

        Args:
            repo_id (`str`): `"user/name"`; made where it does not exist.
            **kwargs: as for [`~hf_relation.RelationExtractor.push_to_hub`]: `private`, `token`, `revision`, `commit_message`,
                `commit_description`, `create_pr`, `remote_code`, `replace_card`, and arguments of
                `PreTrainedModel.save_pretrained`.

        Returns:
            `CommitInfo`: `commit_url` is the address.

        Raises:
            UsageError: the name is no repository's, or the model is an adapter of one that others cannot get.
            CheckpointError: the Hub refused, or was not reached; its own error is the cause.
        """
        kwargs["commit_message"] = kwargs.get("commit_message") or f"Upload {type(self).__name__}"
        found: CommitInfo = self._estimator().push_to_hub(repo_id, **kwargs)
        return found
