"""The part of `RelationDiscovery` that loads, saves and publishes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hf_relation.cards.discovery_card import write_discovery_card
from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.replacing import fill_folder
from hf_relation.discovery.fitted_state import fitted_from_state, state_of_fitted
from hf_relation.discovery.settings import merged_settings
from hf_relation.discovery.state import JSON_FILE, SETTINGS, DiscoveryState, read_checkpoint, write_state
from hf_relation.pushing import push_saved, refuse_push
from hf_relation.remote_code import add_remote_code


if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

    from hf_relation.clustering.whitening import WithinClassWhitening
    from hf_relation.discovery.fitted import FittedRelations


class SharedDiscovery:
    """Folders and repositories of [`~hf_relation.RelationDiscovery`]."""

    model: Any
    algorithm_kwargs: Mapping[str, Any] | None
    transform: Any
    _fitted: FittedRelations | None
    _stored: tuple[Any, DiscoveryState | None] | None

    if TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        @property
        def _seed(self) -> int: ...

        def _encoder(self) -> tuple[Any, Any]: ...

        def _state(self) -> DiscoveryState | None: ...

        def _whitening(self) -> WithinClassWhitening | None: ...

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        **params: Any,
    ) -> Self:
        """Load a checkpoint with the settings stored beside it, and a fitted discovery where it holds one.

        Args:
            name (`str` or path, *optional*): the default checkpoint (`None`), a local folder, or a Hub id. The folder of an adapter
                (LoRA) is loaded together with the model it was trained on, and merged with it.
            revision (`str`, *optional*): branch, tag or commit of a Hub id, for all its files.
            token (`str`, *optional*): Hub token.
            **params: constructor arguments; they win over the stored settings.

        Returns:
            [`RelationDiscovery`]: ready for `fit`, and for `predict` where the checkpoint holds a fitted discovery.
            Weights are loaded at first use.

        Raises:
            CheckpointError: no such checkpoint, or its files are damaged or from a newer version.
        """
        model, state = read_checkpoint(checkpoint_folder(name, revision=revision, token=token))
        settings = {} if state is None else state.settings
        discovery = cls(**merged_settings({"model": model} | settings, params))
        discovery._stored = (discovery.model, state)
        if state is not None and state.fitted is not None:
            discovery._fitted = fitted_from_state(state.fitted, state.arrays, state.rows)
        return discovery

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        corpus: bool = True,
        examples: bool = True,
        remote_code: bool = False,
        **kwargs: Any,
    ) -> None:
        """Save encoder, processor, settings and, once fitted, the relations: a folder that loads by itself, offline.

        Only safetensors and JSON are written (with `remote_code=True`, code too), and a card (`README.md`) that says what is in the
        folder, unless one stands there that somebody wrote.

        Of a model with an adapter (LoRA) on it, only the adapter is written, which needs its base model to load.

        Args:
            save_directory (`str` or `PathLike`): made where missing; other files in it are left alone.
            corpus (`bool`, defaults to `True`): with the fitted instances and their vectors. Without them `predict` works after
                loading, but not what changes relations.
            examples (`bool`, defaults to `True`): with the example texts of every relation. See [`push_to_hub`] on what else is
                made of texts.
            remote_code (`bool`, defaults to `False`): with the file that makes programs which do not import this package find
                it, see [`~hf_relation.remote_code.add_remote_code`].
            **kwargs: passed to `PreTrainedModel.save_pretrained`, e.g. `max_shard_size`.

        Raises:
            UsageError: `save_directory` is a file, a setting cannot be stored, or `push_to_hub=True`.
        """
        refuse_push(kwargs)
        stored = self._state()
        state = DiscoveryState(self._settings(), self._whitening(), gate=None if stored is None else stored.gate)
        if self._fitted is not None:
            state.fitted, state.arrays = state_of_fitted(self._fitted, corpus=corpus, examples=examples)
            if corpus and self._fitted.corpus is not None:
                state.rows = self._fitted.corpus.rows

        def fill(folder: Path) -> None:
            model = None
            if self.model is not None:
                model, processor = self._encoder()
                model.save_pretrained(folder, **kwargs)
                processor.save_pretrained(folder)
                if remote_code:
                    add_remote_code(folder)
            write_state(folder, state)
            write_discovery_card(folder, state, model, target=save_directory)

        fill_folder(save_directory, fill, last=JSON_FILE if self.model is None else "config.json")

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
        corpus: bool = False,
        examples: bool | None = None,
        remote_code: bool = False,
        replace_card: bool = False,
        **kwargs: Any,
    ) -> CommitInfo:
        """Publish on the Hub, in one commit, without texts unless you ask for them.

        `RelationDiscovery.from_pretrained(repo_id)` and `pipeline("open-relation-discovery", model=repo_id)` load it.

        Neither the corpus nor example texts are sent by default. What is still made of the corpus, and sent: names, keywords,
        patterns (the words between two mentions) and types of mentions of every relation, which hold single words and short
        phrases of texts, names of entities among them; how many instances a relation has, with the score of each; the means of
        their vectors and, with every `algorithm` but `"kmeans"` and after edits, vectors of single instances, which `predict` needs.
        Look at `discovery.json` before you publish a discovery in confidential texts.

        Args:
            repo_id (`str`): `"user/name"`; made where it does not exist.
            private (`bool`, *optional*): whether a new repository is private; by default as the account says.
            token (`str` or `bool`, *optional*): Hub token; by default that of `hf auth login`.
            revision (`str`, *optional*): branch; made where it does not exist.
            commit_message, commit_description (`str`, *optional*): of the commit.
            create_pr (`bool`, defaults to `False`): open a pull request instead of committing.
            corpus (`bool`, defaults to `False`): publish the instances with their texts and vectors, too. Needed by those who are
                to change the relations.
            examples (`bool`, *optional*): publish example texts of every relation; by default as `corpus`.
            remote_code (`bool`, defaults to `False`): as in [`save_pretrained`].
            replace_card (`bool`, defaults to `False`): replace the README.md of the repository by the generated card even where
                somebody wrote it.
            **kwargs: passed to `PreTrainedModel.save_pretrained`, e.g. `max_shard_size`.

        Returns:
            `CommitInfo`: `commit_url` is the address.

        Raises:
            UsageError: the name is no repository's, or the model is an adapter of one that others cannot get.
            CheckpointError: the Hub refused, or was not reached; its own error is the cause.

        Example:

        ```python
        >>> from hf_relation import RelationDiscovery
        >>> discovery = RelationDiscovery.from_pretrained().fit(instances)  # doctest: +SKIP
        >>> discovery.push_to_hub("my-name/river-relations", private=True).commit_url  # doctest: +SKIP
        'https://huggingface.co/my-name/river-relations/commit/...'

        ```
        """

        def save(folder: Path) -> None:
            self.save_pretrained(
                folder,
                corpus=corpus,
                examples=corpus if examples is None else examples,
                remote_code=remote_code,
                **kwargs,
            )

        return push_saved(
            save,
            repo_id,
            commit_message=commit_message or "Upload RelationDiscovery",
            commit_description=commit_description,
            private=private,
            token=token,
            revision=revision,
            create_pr=create_pr,
            replace_card=replace_card,
        )

    def _settings(self) -> dict[str, Any]:
        """What `discovery.json` holds of the constructor's arguments."""
        settings = {name: getattr(self, name) for name in SETTINGS}
        return settings | {
            "algorithm_kwargs": None if self.algorithm_kwargs is None else dict(self.algorithm_kwargs),
            "transform": None if self.transform is None else "whitening",
            "seed": self._seed,
        }
