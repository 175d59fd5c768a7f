"""fuzzing.py: what it says without running, that a planted fault is found and replayed, and a short real run where atheris is."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from hf_relation.errors import MissingPackageError, UsageError
from tests.fuzz.targets import readers


PATH = Path(__file__).parents[2] / "examples" / "fuzzing.py"
GOOD = b'[{"title": "", "sents": [["Ada"]], "vertexSet": [], "labels": []}]'


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("fuzzing", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_teaches_and_the_list_names_targets(script, capsys):
    with pytest.raises(SystemExit) as caught:
        script.main(["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert all(word in shown for word in ("--target", "--seconds", "--corpus", "--seed", "--replay", "test_found.py"))
    assert script.main(["--list", "--target", "spans", "--target", "docred"]) == 0
    spans, docred = capsys.readouterr().out.splitlines()
    assert spans.startswith("spans: ") and "cropping" in spans and docred == "readers: docred"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--target", "nothing"], "no target 'nothing'"),
        (["--seconds", "0"], "at least 1"),
        (["--nonsense"], "no argument"),
        (["--replay", "absent", "--target", "spans"], "the one --target"),
        (["--replay", "absent", "--target", "docred"], "no file absent"),
    ],
)
def test_wrong_arguments_are_refused(script, argv, message):
    with pytest.raises((UsageError, SystemExit), match=message):
        script.main(argv)


def test_without_the_fuzzer_the_error_says_what_to_install(script, monkeypatch):
    monkeypatch.setitem(sys.modules, "atheris", None)
    with pytest.raises(MissingPackageError, match=r'pip install "hf_relation\[fuzz\]"'):
        script.main(["--target", "docred"])


def test_a_saved_input_is_replayed(script, tmp_path, capsys, monkeypatch):
    path = tmp_path / "crash"
    path.write_bytes(GOOD)
    assert script.main(["--target", "docred", "--replay", str(path)]) == 0
    assert "nothing is wrong" in capsys.readouterr().out

    def lost(path, *args, **kwargs):
        raise KeyError("vertexSet")

    monkeypatch.setattr(readers, "read_docred", lost)
    assert script.main(["--target", "docred", "--replay", str(path)]) == 1
    assert "KeyError: 'vertexSet'" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed (extra `fuzz`)")
def test_a_short_run_counts_its_executions(tmp_path):
    command = [sys.executable, str(PATH), "--target", "tokens", "--seconds", "2", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[1].split()[1].replace(",", "")) > 10
