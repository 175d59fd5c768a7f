"""`push`: a folder to a repository of the Hub, in one commit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_relation.cards.generated import CARD, may_replace, read_standing
from hf_relation.hub.plan import PushPlan, plan_push
from hf_relation.pushing import push_saved
from hf_relation.remote_code import CODE_FILE, add_remote_code
from hf_relation.uploading import RepoType, upload_files


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


def push(
    folder: str | os.PathLike[str] | PushPlan,
    repo_id: str,
    *,
    repo_type: RepoType | None = None,
    corpus: bool = False,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload with hf_relation",
    create_pr: bool = False,
) -> CommitInfo:
    """Publish a folder: a checkpoint, an adapter, a saved discovery or extractor, a converted corpus, a metric, a Space.

    What is sent is what [`plan_push`] says, in one commit. Of a saved discovery the corpus and the example texts of its relations stay
    here unless `corpus=True`: they are yours, and may not be for others; a copy without them is made and sent. Names,
    keywords and patterns of the relations, which are made of words of the texts, are part of a discovery; look at
    `discovery.json` before you publish one of confidential texts.

    A model's README.md that somebody wrote in the repository stays, unless the folder has one that somebody wrote. Weights of an
    earlier version that would be taken for those of the new one are deleted in the same commit.

    Args:
        folder (`str`, `PathLike` or [`PushPlan`]): the folder, or what [`plan_push`] made of it.
        repo_id (`str`): `"user/name"`; made where it does not exist.
        repo_type, corpus: as for [`plan_push`]; not with a plan.
        private, token, revision, commit_message, create_pr: as for [`~hf_relation.uploading.upload_files`].

    Returns:
        `CommitInfo`: `commit_url` is the address.

    Raises:
        UsageError: the folder is none of these, the name is no repository's, or it is an adapter of a model that others cannot get.
        CheckpointError: the folder is damaged, or the Hub refused or was not reached.
    """
    plan = folder if isinstance(folder, PushPlan) else plan_push(folder, repo_type=repo_type, corpus=corpus)
    options: dict[str, Any] = {
        "private": private,
        "token": token,
        "revision": revision,
        "commit_message": commit_message,
        "create_pr": create_pr,
    }
    if plan.repo_type != "model":
        files = {name: plan.folder / name for name in plan.files}
        sdk = "gradio" if plan.repo_type == "space" else None
        return upload_files(files, repo_id, repo_type=plan.repo_type, space_sdk=sdk, **options)
    by_hand = CARD in plan.files and not may_replace(read_standing(plan.folder))
    copy = _without_texts if plan.without_texts else _copy
    return push_saved(lambda target: copy(plan, target), repo_id, replace_card=by_hand, **options)


def _copy(plan: PushPlan, target: Path) -> None:
    target.mkdir()
    for name in plan.files:
        shutil.copyfile(plan.folder / name, target / name)


def _without_texts(plan: PushPlan, target: Path) -> None:
    """A copy of a saved discovery without its corpus and its example texts."""
    from hf_relation.discovery import RelationDiscovery

    RelationDiscovery.from_pretrained(plan.folder).save_pretrained(target, corpus=False, examples=False)
    if CODE_FILE in plan.files:
        add_remote_code(target)
    for name in plan.files:
        # A card that we generated says what was in the folder, the new one what is.
        ours = name == CARD and may_replace(read_standing(plan.folder))
        if not ours and (name.endswith(".md") or not (target / name).exists()):
            shutil.copyfile(plan.folder / name, target / name)
