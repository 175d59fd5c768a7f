"""Calls that run code, open pickles or unpack archives are in no file that is shipped or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.conftest import REPOSITORY


FOLDERS = ("hf_relation", "examples", "dataset_scripts", "metrics")
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "tarfile", "bz2", "lzma"}
NAMES = {"eval", "exec", "__import__"}
CALLS = {
    *("torch.load", "joblib.load", "np.load", "numpy.load", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"),
    *("pickle.load", "pickle.loads", "shutil.unpack_archive", "pd.read_pickle", "pandas.read_pickle"),
}
METHODS = {"extractall", "extract", "unpack_archive"}
# A resumed checkpoint is looked at, whether its zip files are whole; nothing is taken out of them.
ALLOWED = {("hf_relation/training/manifest.py", "zipfile")}


def faults(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (name for name in names if name.split(".")[0] in MODULES | {"zipfile"})
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in NAMES | CALLS or (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS):
                if not (called.endswith(".extract") and "zip" not in called and "tar" not in called):
                    if called not in ("np.load", "numpy.load") or _true(node, "allow_pickle"):
                        yield called
            yield from (f"{key}=True" for key in ("trust_remote_code", "shell", "allow_pickle") if _true(node, key))


def _true(call: ast.Call, key: str) -> bool:
    """Whether a keyword is given, as anything but `False`."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == key]
    return any(not (isinstance(value, ast.Constant) and not value.value) for value in given)


def test_no_file_runs_code_opens_a_pickle_or_unpacks_an_archive() -> None:
    found = set()
    for folder in FOLDERS:
        files = [*(REPOSITORY / folder).rglob("*.py")]
        assert files, folder
        for path in files:
            where = str(path.relative_to(REPOSITORY))
            found |= {(where, what) for what in faults(path.read_text(encoding="utf-8"))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path, weights_only=True)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=trust)",
        "np.load(path, allow_pickle=True)",
        "archive.extractall(folder)",
        "import tarfile",
        "zip_file.extract(name)",
    ],
)
def test_the_gate_finds_what_is_planted(source: str) -> None:
    assert list(faults(source))


def test_zip_files_are_only_asked_whether_they_are_whole() -> None:
    """`ZipFile(...)` is opened, and nothing of it is used: no name, no member, no path."""
    tree = ast.parse((REPOSITORY / "hf_relation/training/manifest.py").read_text(encoding="utf-8"))
    uses = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "zipfile"
    ]
    assert sorted(use.attr for use in uses) == ["BadZipFile", "ZipFile"]
    opened = [node for node in ast.walk(tree) if isinstance(node, ast.withitem) and "ZipFile" in ast.unparse(node)]
    assert len(opened) == 1 and opened[0].optional_vars is None


def test_a_packed_file_of_zeros_does_not_fill_the_memory(tmp_path: Path) -> None:
    import gzip

    from hf_relation.data.files import MAX_LINE_BYTES, read_lines
    from hf_relation.errors import InvalidRowError

    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(MAX_LINE_BYTES // 2**20 + 8):
            stream.write(bytes(2**20))
    with pytest.raises(InvalidRowError, match="longer than"):
        list(read_lines(path))


def test_a_packed_file_that_is_read_as_a_whole_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    from hf_relation.data import files
    from hf_relation.errors import InvalidRowError

    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 5000 + b"1"))
    assert files.read_json(path) == 1
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 5000)
    with pytest.raises(InvalidRowError, match="unpacks to more than 5,000 bytes"):
        files.read_json(path)
