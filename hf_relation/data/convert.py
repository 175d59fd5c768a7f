"""Upstream files -> Parquet and a card, as the Hub and `datasets.load_dataset` read them."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..compat import hub_errors
from ..errors import CheckpointError, UsageError
from ..uploading import upload_files
from .atomic import atomic_folder
from .dataset_card import ConvertedSplit, dataset_card
from .kinds import KINDS, Kind
from .recipe import Recipe, available_splits


_ROWS_PER_GROUP = 10_000


def convert(
    recipe: Recipe,
    output_dir: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    configurations: Sequence[str] | None = None,
    overwrite: bool = False,
) -> list[ConvertedSplit]:
    """Write a corpus as Parquet files and a `README.md` whose header tells `datasets` which files are which split.

    Rows are streamed, so memory stays flat for sources that stream. The folder appears whole or not at all.

    Args:
        recipe (`Recipe`): one of `RECIPES`, or the result of `jsonl_recipe`.
        output_dir (`str` or `PathLike`): the folder to make: `<configuration>/<split>-00000-of-00001.parquet` and
            `README.md`. `datasets.load_dataset(output_dir, configuration)` reads it.
        data_dir (`str` or `PathLike`, *optional*): folder with the upstream files, or with a folder of the corpus' name;
            by default the one of `find_data_dir()`. Nothing is downloaded.
        configurations (`Sequence[str]`, *optional*): which to convert; all by default.
        overwrite (`bool`): replace an output folder that is not empty.

    Returns:
        `list[ConvertedSplit]`: what was written.

    Raises:
        UsageError: unknown configuration, missing upstream files, or an output folder that is not empty.
        InvalidRowError: an upstream file is not of its format.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data.convert import convert
    >>> from hf_relation.data.recipe import jsonl_recipe
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> row = '{"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}'
    >>> _ = (folder / "rows.jsonl").write_text(row)
    >>> convert(jsonl_recipe({"train": folder / "rows.jsonl"}), folder / "out")[0].rows
    1
    >>> sorted(path.name for path in (folder / "out").iterdir())
    ['README.md', 'default']

    ```
    """
    chosen = list(recipe.configurations) if configurations is None else list(configurations)
    if not chosen:
        raise UsageError(f"no configuration chosen. {recipe.name} has {', '.join(recipe.configurations)}.")
    # Files of one's own need no corpus folder; every other recipe reads from its folder.
    folder = Path(".") if recipe.name == "jsonl" else recipe.folder(data_dir)
    plan = {name: available_splits(recipe, name, folder) for name in chosen}
    written: list[ConvertedSplit] = []
    with atomic_folder(output_dir, overwrite=overwrite) as temporary:
        for name, splits in plan.items():
            (temporary / name).mkdir()
            for split_name, split in splits.items():
                path = temporary / name / f"{split_name}-00000-of-00001.parquet"
                kind = recipe.configuration(name).kind
                rows, relations = write_parquet(path, split.rows(folder), kind=kind)
                written.append(ConvertedSplit(name, split_name, rows, relations))
        (temporary / "README.md").write_text(dataset_card(recipe, written), encoding="utf-8")
    return written


def write_parquet(path: Path, rows: Iterator[Any], *, kind: Kind = "instance") -> tuple[int, dict[str, int]]:
    """Write rows as one Parquet file, 10,000 rows at a time, with the schema's features in its metadata.

    Args:
        path (`Path`): the file; not atomic by itself.
        rows (`Iterator`): rows in normal form.
        kind (`str`): what a row is, one of `KINDS`.

    Returns:
        `tuple[int, dict[str, int]]`: the number of rows, and how often each label occurs, most frequent first.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = KINDS[kind].features().arrow_schema
    count = 0
    relations: Counter[str] = Counter()
    rows = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(rows, _ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
            for row in group:
                relations.update(KINDS[kind].labels(row))
    return count, dict(relations.most_common())


def push(folder: str | os.PathLike[str], repo_id: str, *, private: bool = False, require_private: bool = False) -> str:
    """Upload a converted corpus to the Hub.

    Args:
        folder (`str` or `PathLike`): as `convert` wrote it.
        repo_id (`str`): `"user/name"`; the dataset repository is created when it does not exist.
        private (`bool`): make a new repository private.
        require_private (`bool`): refuse a repository that is there already and is public.

    Returns:
        `str`: address of the commit.

    Raises:
        UsageError: `repo_id` is not of the form `"user/name"`, or the repository is public and must not be.
        CheckpointError: the Hub refused, or was not reached.
    """
    check_repo_id(repo_id)
    if require_private:
        _refuse_public(repo_id)
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    return str(upload_files(files, repo_id, repo_type="dataset", private=private).commit_url)


def _refuse_public(repo_id: str) -> None:
    """`private` says nothing of a repository that exists."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = HfApi().repo_info(repo_id, repo_type="dataset")
    except RepositoryNotFoundError:
        return
    except hub_errors() as error:
        raise CheckpointError(f"The Hub did not say whether '{repo_id}' is private: {error}") from error
    if not found.private:
        raise UsageError(
            f"{repo_id} is public, and these rows may not be redistributed. Push to a private repository."
        )


def check_repo_id(repo_id: str) -> None:
    """Refuse anything but `"user/name"` with a `UsageError`."""
    owner, slash, name = repo_id.partition("/")
    if not (owner and slash and name) or "/" in name or repo_id != repo_id.strip():
        raise UsageError(f"the repository must be given as user/name, got {repo_id!r}.")


def convert_and_push(
    recipe: Recipe,
    *,
    output_dir: str | os.PathLike[str] | None,
    push_to: str | None,
    private: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    configurations: Sequence[str] | None = None,
    overwrite: bool = False,
) -> tuple[list[ConvertedSplit], str | None]:
    """What the converters in `dataset_scripts/` do: convert to a folder, to the Hub, or both.

    Args:
        recipe, data_dir, configurations, overwrite: see `convert`.
        output_dir (`str` or `PathLike`, *optional*): keep the files here; without it they are made in a temporary folder.
        push_to (`str`, *optional*): `"user/name"` to upload to.
        private (`bool`): make a new repository private.

    Returns:
        `tuple[list[ConvertedSplit], str | None]`: what was written, and the address of the commit when pushed.

    Raises:
        UsageError: neither `output_dir` nor `push_to` is given, a corpus that may not be redistributed would be pushed to a
            repository not asked to be private, and as `convert` and `push` do.
    """
    if output_dir is None and push_to is None:
        raise UsageError("nowhere to write to. Give an output folder, a repository to push to, or both.")
    if push_to is not None:
        check_repo_id(push_to)
        if not (recipe.redistributable or private):
            raise UsageError(
                f"{recipe.title} may not be redistributed ({recipe.licence_text}), so it is not pushed to a public repository. "
                "Write it to a folder, or use `--private` with a repository that only licensed users can read."
            )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "converted" if output_dir is None else Path(output_dir)
        written = convert(recipe, folder, data_dir=data_dir, configurations=configurations, overwrite=overwrite)
        return written, None if push_to is None else push(
            folder, push_to, private=private, require_private=not recipe.redistributable
        )
