"""Rows 22 to 31 of the fault plan: bad files and checkpoints; hostile text in what is written."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.discovery import RelationDiscovery
from tests.common.faces import Outcome, command_on
from tests.common.tiny_tokenizers import make_instance, sample_instances


Discover = Callable[..., Outcome]
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy that can be damaged."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "damaged"))


def lines() -> list[bytes]:
    return [json.dumps(row).encode() for row in sample_instances()]


def test_fault_22_jsonl_with_a_byte_order_mark_and_extra_fields(tiny_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join(lines()))
    plain = command_on(tiny_checkpoint, file)
    wide = sample_instances()
    wide[0] |= {f"column {i}": i for i in range(10_000)}  # type: ignore[typeddict-item]
    file.write_bytes(b"\xef\xbb\xbf" + b"\n".join(json.dumps(row).encode() for row in wide))
    assert command_on(tiny_checkpoint, file).labels == plain.labels


@pytest.mark.parametrize("bad", [b"{broken", b"[1]", b"\xff\xfe{}", b'{"id": NaN}'])
def test_fault_22_a_bad_line_is_named_or_skipped_and_listed(bad: bytes, tiny_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join([*lines()[:3], bad, *lines()[3:]]))
    refused = command_on(tiny_checkpoint, file)
    assert refused.code == 1 and "line 4" in refused.message
    kept = command_on(tiny_checkpoint, file, "--skip-bad")
    assert kept.content is not None and [row["line"] for row in kept.content["skipped"]] == [4]
    assert len(kept.labels) == 12


def test_fault_22_another_encoding_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(line.decode() for line in lines()), encoding="utf-16")
    outcome = command_on(tiny_checkpoint, file)
    assert outcome.code == 1 and "UTF-" in outcome.message


def test_fault_23_to_25_hostile_text_in_files(tiny_checkpoint: Path, tmp_path: Path) -> None:
    odd = '=HYPERLINK("http://x") <script>alert(1)</script> ../../|`\n'
    rows = [make_instance(f"<h>={odd}{i}</h> met <t>@SUM(1) {i}</t>", id=f"={i}") for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    exports = [f"--export={tmp_path / name}" for name in ("all.jsonl", "all.csv")]
    outcome = command_on(tiny_checkpoint, tmp_path / "rows.jsonl", "--output", str(out), *exports, num_relations=1)
    assert outcome.content is not None, outcome.message
    for file in (out / "relations.csv", tmp_path / "all.csv"):
        with open(file, newline="", encoding="utf-8-sig") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "\t", "\r"))]
    exported = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [row["text"] for row in exported] == [row["text"] for row in rows]
    assert sorted(path.name for path in out.iterdir()) == ["instances.jsonl", "relations.csv", "relations.json"]
    result = RelationDiscovery.from_pretrained(tiny_checkpoint, num_relations=1).fit_predict(rows)
    long = "../../" + "|`\n" * 100
    result.set_names({0: long}).save(tmp_path / "named")
    assert sorted(path.name for path in (tmp_path / "named").iterdir()) == sorted(path.name for path in out.iterdir())
    saved = json.loads((tmp_path / "named" / "relations.json").read_text())
    assert saved["relations"][0]["name"] == long.strip()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 0xFF
    path.write_bytes(bytes(content))


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "26 no bytes": ("model.safetensors", lambda path: path.write_bytes(b"")),
    "26 cut short": ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-100])),
    "26 one byte": ("model.safetensors", flip),
    "26 a header of 200 MB": (
        "model.safetensors",
        lambda path: path.write_bytes((200_000_000).to_bytes(8, "little") + path.read_bytes()[8:]),
    ),
    "26 discovery arrays": ("discovery.safetensors", flip),
    "27 a pickle instead": (
        "model.safetensors",
        lambda path: (path.unlink(), path.with_name("pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))),
    ),
    "29 not UTF-8": ("discovery.json", lambda path: path.write_bytes(b"\xff\xfe\x00")),
    "29 NaN": ("discovery.json", lambda path: path.write_text('{"format_version": 2, "seed": NaN}')),
    "29 a key twice": ("discovery.json", lambda path: path.write_text('{"format_version": 2, "format_version": 2}')),
    "29 deep": ("discovery.json", lambda path: path.write_text("[" * 5_000_000)),
    "30 newer": ("discovery.json", lambda path: path.write_text('{"format_version": 99}')),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_faults_26_to_30_a_damaged_checkpoint_is_refused_by_file(
    name: str, discover: Discover, checkpoint: Path, request: pytest.FixtureRequest
) -> None:
    file, damage = DAMAGE[name]
    damage(checkpoint / file)
    try:
        outcome = discover(sample_instances(), model=checkpoint)
    except Exception:
        # `transformers.pipeline` loads the weights itself, with errors of its own.
        assert file == "model.safetensors" and request.node.callspec.params["discover"] == "pipeline"
        return
    assert outcome.content is None and file in outcome.message and outcome.code in (None, 1), outcome
    if name.startswith("30"):
        assert "pip install -U" in outcome.message


def test_fault_27_a_pickle_beside_the_weights_is_never_opened(discover: Discover, checkpoint: Path) -> None:
    class Canary:
        def __reduce__(self) -> Any:
            return Path.write_text, (checkpoint / "canary", "ran")

    for name in ("pytorch_model.bin", "discovery.pkl", "training_args.bin"):
        (checkpoint / name).write_bytes(pickle.dumps(Canary()))
    assert len(discover(sample_instances(), model=checkpoint).labels) == 12
    assert not (checkpoint / "canary").exists()


@pytest.mark.parametrize(
    "extra",
    [
        {"trust_remote_code": True},
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"_attn_implementation_internal": "someone/kernels"},
        {"_name_or_path": "someone/other"},
    ],
)
def test_fault_28_settings_that_would_run_code_are_not_followed(
    extra: dict[str, Any], discover: Discover, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint / "config.json"
    config = json.loads(path.read_text())
    config |= extra
    path.write_text(json.dumps(config))
    (checkpoint / "evil.py").write_text(f"open({str(checkpoint / 'canary')!r}, 'w')")

    def no_network(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    outcome = discover(sample_instances(), model=checkpoint)
    assert outcome.content is not None or (outcome.message and outcome.code in (None, 1))
    assert "network was tried" not in outcome.message and not (checkpoint / "canary").exists()


@pytest.mark.parametrize(("key", "value"), [("model_type", "bert"), ("hidden_size", 10**12), ("vocab_size", 10**12)])
def test_fault_28_wrong_types_and_huge_sizes_are_refused(
    key: str, value: Any, discover: Discover, checkpoint: Path
) -> None:
    path = checkpoint / "config.json"
    config = json.loads(path.read_text())
    if key == "model_type":
        config[key] = value
    else:
        config["encoder_config" if "encoder_config" in config else "backbone_config"][key] = value
    path.write_text(json.dumps(config))
    outcome = discover(sample_instances(), model=checkpoint)
    assert outcome.content is None and outcome.message and outcome.code in (None, 1)
