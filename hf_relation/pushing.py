"""Publishing what has a `save_pretrained`: saved into a temporary folder, checked, and sent as one commit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hf_relation.cards.generated import CARD, may_replace
from hf_relation.compat import hub_errors
from hf_relation.data.files import parse_json
from hf_relation.data.stale_files import stale_files
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.uploading import upload_files


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

T = TypeVar("T")


def push_saved(
    save: Callable[[Path], object],
    repo_id: str,
    *,
    commit_message: str,
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    tags: Sequence[str] = (),
    replace_card: bool = False,
) -> CommitInfo:
    """Save into a temporary folder and upload all of it in one commit: the repository has all of it, or stays as it was.

    A README.md that is in the repository stays, unless it was generated and nobody changed it: then that of the folder takes its
    place. No card is made up here: without one in the folder or the repository there is none.

    Args:
        save (`Callable`): writes the files into the folder it is given.
        repo_id (`str`): `"user/name"`; made where it does not exist.
        commit_message (`str`), commit_description (`str`, *optional*): of the commit.
        private (`bool`, *optional*): whether a new repository is private; by default as the account says.
        token (`str` or `bool`, *optional*): Hub token; by default the one that is logged in with.
        revision (`str`, *optional*): branch; made where it does not exist.
        create_pr (`bool`, defaults to `False`): open a pull request instead of committing.
        tags (`Sequence[str]`): added to the card, whichever it is.
        replace_card (`bool`, defaults to `False`): replace the README.md of the repository by that of the folder, whoever wrote
            it.

    Returns:
        `CommitInfo`: `commit_url` is the address.

    Raises:
        UsageError: `repo_id` is no repository's name, or the files name a folder of this machine.
        CheckpointError: the Hub refused, or was not reached; its own error is the cause.
    """
    there = _files_there(repo_id, token=token, revision=revision)
    with tempfile.TemporaryDirectory(prefix="hf_relation-push-") as temporary:
        folder = Path(temporary) / "files"
        save(folder)
        check_base_of_adapter(folder)
        card = _card_there(repo_id, token=token, revision=revision) if CARD in there and not replace_card else None
        keep_card = card is not None and not ((folder / CARD).is_file() and may_replace(card))
        if tags:
            if card is not None and keep_card:
                (folder / CARD).write_text(card, encoding="utf-8")
            tag_card(folder, tags)
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        if keep_card and not tags:
            files.pop(CARD, None)
        return upload_files(
            files,
            repo_id,
            private=private,
            token=token,
            revision=revision,
            commit_message=commit_message,
            commit_description=commit_description,
            create_pr=create_pr,
            delete=stale_files(files, there),
        )


def tag_card(folder: Path, tags: Sequence[str]) -> None:
    """Add tags to the card in a folder; a card of tags alone where there is none.

    Args:
        folder (`Path`): a saved model or processor.
        tags (`Sequence[str]`): those that the card has are not repeated.
    """
    from huggingface_hub import ModelCard, ModelCardData

    path = folder / CARD
    if path.is_file():
        card = ModelCard(path.read_text(encoding="utf-8"))
    else:
        card = ModelCard(f"---\n{ModelCardData(library_name='hf_relation').to_yaml()}\n---\n")
    header: Any = card.data
    header.tags = list(dict.fromkeys([*(header.tags or ()), *tags]))
    card.save(path)


def refuse_push(options: Mapping[str, object]) -> None:
    """Refuse `push_to_hub=True` among the options of a `save_pretrained` that would push less than it saves.

    Raises:
        UsageError: it is among them.
    """
    if options.get("push_to_hub"):
        raise UsageError("`save_pretrained` does not push. Call push_to_hub('user/name').")


def check_base_of_adapter(folder: Path) -> None:
    """Refuse an adapter whose base model others cannot get.

    Args:
        folder (`Path`): a saved model, adapter or other.

    Raises:
        UsageError: it is an adapter of a model in a local folder.
    """
    path = folder / "adapter_config.json"
    if not path.is_file():
        return
    base = parse_json(path.read_bytes(), what=str(path)).get("base_model_name_or_path")
    if (
        isinstance(base, str)
        and base.count("/") == 1
        and not base.startswith((".", "/", "~"))
        and not Path(base).exists()
    ):
        return
    raise UsageError(
        "The model is an adapter, and its base model is not on the Hub, so that others could not load it"
        f"{f' (base_model_name_or_path is {base!r})' if base else ''}. Merge it (`model.merge_and_unload()` of peft) and push "
        "the merged model; or push the base model and set `model.peft_config['default'].base_model_name_or_path = \"user/base\"`."
    )


def _files_there(repo_id: str, *, token: str | bool | None, revision: str | None) -> list[str]:
    """Files in the repository; a branch that is not there yet begins with those of the main one."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return _at_branch(lambda api, branch: api.list_repo_files(repo_id, revision=branch), repo_id, token, revision)
    except CheckpointError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            return []
        raise


def _card_there(repo_id: str, *, token: str | bool | None, revision: str | None) -> str:
    def download(api: HfApi, branch: str | None) -> str:
        path = Path(api.hf_hub_download(repo_id, CARD, revision=branch))
        return path.read_text(encoding="utf-8", errors="replace")

    return _at_branch(download, repo_id, token, revision)


def _at_branch(
    ask: Callable[[HfApi, str | None], T], repo_id: str, token: str | bool | None, revision: str | None
) -> T:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RevisionNotFoundError

    api = HfApi(token=token)
    try:
        try:
            return ask(api, revision)
        except RevisionNotFoundError:
            return ask(api, None)
    except HFValidationError as error:
        raise UsageError(f"A repository is named as user/name, got {repo_id!r}: {error}") from error
    except hub_errors() as error:
        raise CheckpointError(
            f"The Hub did not say what is in '{repo_id}': {error} Nothing was changed there."
        ) from error
