"""`push`: a folder to a repository of the Hub, in one commit."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hf_relation.cards.generated import CARD, may_replace, read_standing
from hf_relation.hub.plan import PushPlan, plan_push
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

    What is sent is what [`plan_push`] says, in one commit. Of a saved discovery the corpus stays here unless `corpus=True`:
    its texts are yours, and may not be for others; a copy without it is made and sent. Names, keywords and example texts of
    the relations are part of a discovery; look at `discovery.json` before you publish one of confidential texts.

    Args:
        folder (`str`, `PathLike` or [`PushPlan`]): the folder, or what [`plan_push`] made of it.
        repo_id (`str`): `"user/name"`; made where it does not exist.
        repo_type, corpus: as for [`plan_push`]; not with a plan.
        private, token, revision, commit_message, create_pr: as for [`~hf_relation.uploading.upload_files`].

    Returns:
        `CommitInfo`: `commit_url` is the address.

    Raises:
        UsageError: the folder is none of these, or the name is no repository's.
        CheckpointError: the folder is damaged, or the Hub refused or was not reached.
    """
    plan = folder if isinstance(folder, PushPlan) else plan_push(folder, repo_type=repo_type, corpus=corpus)
    with tempfile.TemporaryDirectory(prefix="hf_relation-push-") as temporary:
        source = _without_corpus(plan, Path(temporary)) if plan.without_corpus else plan.folder
        names = plan_push(source, repo_type=plan.repo_type).files if plan.without_corpus else plan.files
        return upload_files(
            {name: source / name for name in names},
            repo_id,
            repo_type=plan.repo_type,
            private=private,
            token=token,
            revision=revision,
            commit_message=commit_message,
            create_pr=create_pr,
            space_sdk="gradio" if plan.repo_type == "space" else None,
        )


def _without_corpus(plan: PushPlan, target: Path) -> Path:
    """A copy of a saved discovery without its corpus."""
    from hf_relation.discovery import RelationDiscovery

    RelationDiscovery.from_pretrained(plan.folder).save_pretrained(target, corpus=False)
    for name in plan.files:  # a card of somebody's, and what else the discovery knows nothing of
        if name == CARD and may_replace(read_standing(plan.folder)):
            continue  # a generated one says that the corpus is inside
        if name.endswith((".md", ".py")) or not (target / name).exists():
            shutil.copyfile(plan.folder / name, target / name)
    return target
