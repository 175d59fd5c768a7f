"""Sending files to a repository of the Hub, as one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hf_relation.compat import hub_errors
from hf_relation.errors import CheckpointError, UsageError


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

RepoType = Literal["model", "dataset", "space"]


def upload_files(
    files: Mapping[str, Path],
    repo_id: str,
    *,
    repo_type: RepoType = "model",
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload with hf_relation",
    commit_description: str | None = None,
    create_pr: bool = False,
    space_sdk: str | None = None,
    delete: Iterable[str] = (),
) -> CommitInfo:
    """Upload files in one commit: the repository has all of them, or stays as it was.

    Args:
        files (`Mapping[str, Path]`): path in the repository -> local file.
        repo_id (`str`): `"user/name"`; made where it does not exist.
        repo_type (`str`, defaults to `"model"`): `"model"`, `"dataset"` or `"space"`.
        private (`bool`, *optional*): whether a new repository is private; by default as the account says. A repository
            that is there stays as it is.
        token (`str` or `bool`, *optional*): Hub token; by default the one that is logged in with.
        revision (`str`, *optional*): branch; made where it does not exist.
        commit_message (`str`): of the commit.
        commit_description (`str`, *optional*): of the commit.
        create_pr (`bool`, defaults to `False`): open a pull request instead of committing.
        space_sdk (`str`, *optional*): of a new Space, e.g. `"gradio"`.
        delete (`Iterable[str]`): paths in the repository to delete in the same commit.

    Returns:
        `CommitInfo`: `commit_url` is the address.

    Raises:
        UsageError: no file, or a name that is no repository's.
        CheckpointError: the Hub refused, or was not reached; its own error is the cause.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HFValidationError

    if not files:
        raise UsageError(f"There is nothing to upload to {repo_id}.")
    api = HfApi(token=token)
    try:
        made = api.create_repo(
            repo_id, repo_type=repo_type, private=private, exist_ok=True, space_sdk=space_sdk
        ).repo_id
        if revision is not None and not create_pr:
            api.create_branch(made, branch=revision, repo_type=repo_type, exist_ok=True)
        changes = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in sorted(files.items())]
        return api.create_commit(
            made,
            [*changes, *(CommitOperationDelete(path_in_repo=name, is_folder=False) for name in delete)],
            commit_message=commit_message,
            commit_description=commit_description,
            repo_type=repo_type,
            revision=revision,
            create_pr=create_pr,
        )
    except HFValidationError as error:
        raise UsageError(f"A repository is named as user/name, got {repo_id!r}: {error}") from error
    except hub_errors() as error:
        raise CheckpointError(
            f"The Hub did not take '{repo_id}': {error} Nothing was changed there. Check the name, the network, and that you are "
            "logged in with a token that may write (`hf auth login`)."
        ) from error
