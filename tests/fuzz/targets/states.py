"""JSON files beside weights: loaded and usable, or refused as a damaged checkpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from hf_relation.checkpoints import BASE_SHA256, merge
from hf_relation.discovery import KnownRelations, OpenWorldGate, RelationDiscovery
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.extraction import IsotonicCalibration
from hf_relation.extraction.decisions import DecisionRules
from hf_relation.extraction.state import read_rules, write_rules
from hf_relation.extraction.symmetry import SymmetricRelations
from hf_relation.extraction.thresholds import Thresholds
from hf_relation.extraction.type_constraints import TypeConstraints
from hf_relation.heads import HeadImportance
from hf_relation.models.head_selection import read_heads, stored_heads
from tests.common.planted import planted_corpus
from tests.fuzz.targets.configs import settings_of
from tests.fuzz.targets.source import file_of, folder_of


@cache
def _discovery() -> tuple[dict[str, bytes], list[dict[str, Any]], np.ndarray]:
    """Files of a fitted discovery with known relations, and rows to ask it about."""
    instances, embeddings, gold = planted_corpus((12, 9, 6), noise=0.2)
    rows = [row for row, relation in zip(instances, gold.tolist(), strict=True) if relation < 2]
    known = KnownRelations(rows, embeddings[gold < 2], negatives=None)
    model = RelationDiscovery(num_relations=2, n_init=2, pca_components=4).fit(instances, embeddings, known=known)
    folder = folder_of({}, "discovery-made")
    model.save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    return files, instances, embeddings


def discovery(content: bytes) -> None:
    """`discovery.json`: what loads can be asked, written out and saved again."""
    files, instances, embeddings = _discovery()
    folder = folder_of(files | {"discovery.json": content}, "discovery")
    try:
        loaded = RelationDiscovery.from_pretrained(folder)
    except (CheckpointError, UsageError) as error:
        assert str(error)
        return
    if not loaded.__sklearn_is_fitted__():
        return
    result = loaded.predict(instances, embeddings)
    assert len(result.labels) == len(instances)
    json.dumps(result.to_dict(), allow_nan=False).encode()
    assert str(result)
    for name in ("result.csv", "result.nt", "result.jsonl"):
        result.export(file_of(b"", name))


def corpus(content: bytes) -> None:
    """The rows of a fitted discovery, with the digest that belongs to them."""
    files, instances, embeddings = _discovery()
    settings = json.loads(files["discovery.json"])
    settings["sha256"]["discovery_corpus.jsonl"] = hashlib.sha256(content).hexdigest()
    changed = {"discovery.json": json.dumps(settings).encode("utf-8"), "discovery_corpus.jsonl": content}
    try:
        loaded = RelationDiscovery.from_pretrained(folder_of(files | changed, "discovery"))
    except (CheckpointError, UsageError) as error:
        assert str(error)
        return
    loaded.predict(instances, embeddings)


@cache
def _gate() -> tuple[dict[str, Any], dict[str, np.ndarray], np.ndarray]:
    instances, embeddings, gold = planted_corpus((12, 9, 6), noise=0.2)
    known = embeddings[gold < 2]
    names = ["spouse" if relation == 0 else "founder" for relation in gold.tolist() if relation < 2]
    fitted = OpenWorldGate().fit(known, names, negatives=known[::-1] + embeddings[gold == 2][0], corpus=embeddings)
    return *fitted.get_state(), embeddings


def gate(content: bytes) -> None:
    """The state of an open-world gate."""
    state = settings_of(content)
    if state is None:
        return
    _, arrays, embeddings = _gate()
    try:
        loaded = OpenWorldGate.from_state(state, arrays)
    except CheckpointError as error:
        assert str(error)
        return
    decision = loaded.decide(embeddings)
    assert np.isfinite(decision.probabilities).all()
    again = OpenWorldGate.from_state(json.loads(json.dumps(loaded.get_state()[0])), loaded.get_state()[1])
    assert np.array_equal(again.decide(embeddings).known, decision.known)


@cache
def _rules() -> dict[str, bytes]:
    folder = folder_of({"model.safetensors": b"weights"}, "rules-made")
    rules = DecisionRules(
        Thresholds(0.4, {"born in": 0.7}, f1=0.9),
        calibration=IsotonicCalibration(per_relation=True, min_positives=1).fit(
            [[2.0, 1.0], [-1.0, 0.0]], [[1, 0], [0, 1]]
        ),
        type_constraints=TypeConstraints({"born in": [("PERSON", None)], "spouse": None}),
        symmetric=SymmetricRelations(["spouse"], inverses=[("parent of", "child of")]),
        top_k=2,
        reflexive_pairs=True,
    )
    write_rules(folder, rules)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def extraction(content: bytes) -> None:
    """`extraction.json`: rules that come back the same, or a damaged checkpoint."""
    folder = folder_of(_rules() | {"extraction.json": content}, "rules")
    try:
        rules = read_rules(folder)
    except CheckpointError as error:
        assert str(error)
        return
    write_rules(folder, rules)
    again = read_rules(folder)
    assert again.thresholds == rules.thresholds and again.type_constraints == rules.type_constraints
    assert (again.top_k, again.reflexive_pairs) == (rules.top_k, rules.reflexive_pairs)


_MANIFEST = {
    "format_version": 1,
    "base_sha256": BASE_SHA256,
    "prefix": "encoder.",
    "added_tokens": [{"id": 4, "content": "[E1]", "special": True}],
}


@cache
def _base() -> tuple[dict[str, bytes], dict[str, bytes]]:
    from safetensors.numpy import save

    weights = save({"layer.weight": np.ones((3, 2), np.float32)})
    delta = save({"encoder.layer.weight.full": np.ones((3, 2), np.float16)})
    tokenizer = json.dumps({"truncation": None, "padding": None, "added_tokens": [], "model": {}}).encode()
    return {"model.safetensors": weights, "tokenizer.json": tokenizer}, {
        "delta.safetensors": delta,
        "config.json": b"{}",
    }


def checkpoint(content: bytes) -> None:
    """`checkpoint.json` of a shipped change: a merged folder, or an error that says what is wrong."""
    base, source = _base()
    target = folder_of({}, "merged")
    try:
        merge(folder_of(source | {"checkpoint.json": content}, "change"), folder_of(base, "base"), target)
    except CheckpointError as error:
        assert str(error)
        return
    tokens = json.loads((target / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    assert isinstance(tokens, list) and all(isinstance(token, dict) for token in tokens)
    assert (target / "model.safetensors").is_file() and not (target / "checkpoint.json").exists()


def importance(content: bytes) -> None:
    """How much heads matter, from a file."""
    path = file_of(content, "importance.json")
    try:
        loaded = HeadImportance.load(path)
    except CheckpointError as error:
        assert str(path) in str(error)
        return
    assert loaded.raw.ndim == 2 and np.isfinite(loaded.raw).all()
    loaded.save(path)
    assert np.array_equal(HeadImportance.load(path).raw, loaded.raw)


def heads(content: bytes) -> None:
    """Pruned heads, from a file."""
    settings = settings_of(content)
    if settings is None:
        return
    try:
        found = read_heads(settings.get("pruned_heads"), num_layers=3, num_heads=4, what="`pruned_heads`")
    except UsageError as error:
        assert "pruned_heads" in str(error)
        return
    for layer, numbers in found.items():
        assert 0 <= layer < 3 and all(type(number) is int and 0 <= number < 4 for number in numbers)
    json.dumps(stored_heads(found))


def constraints(content: bytes) -> None:
    """Which types a relation may have, from a file of the user's."""
    path = file_of(content, "types.json")
    try:
        loaded = TypeConstraints.from_json(path)
    except (UsageError, InvalidRowError) as error:
        assert str(path) in str(error)
        return
    loaded.allows("born in", "PERSON", None)
    again = TypeConstraints.from_json(loaded.save_json(path))
    assert again == loaded


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8")


def _importance_file() -> bytes:
    path = file_of(b"", "importance.json")
    raw = np.array([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0]])
    HeadImportance(raw, "gate", num_examples=7, layers=("a", "b"), heads=("0", "1", "2"), pruned=((0, 2),)).save(path)
    return path.read_bytes()


STATE_TARGETS: dict[str, Callable[[bytes], None]] = {
    "discovery": discovery,
    "discovery-corpus": corpus,
    "gate": gate,
    "extraction": extraction,
    "checkpoint": checkpoint,
    "head-importance": importance,
    "pruned-heads": heads,
    "type-constraints": constraints,
}


@cache
def state_seeds() -> dict[str, list[bytes]]:
    """Files as the package writes them; made when they are asked for, since a discovery is fitted for some."""
    return {
        "discovery": [_discovery()[0]["discovery.json"]],
        "discovery-corpus": [_discovery()[0]["discovery_corpus.jsonl"]],
        "gate": [_dumped(_gate()[0])],
        "extraction": [_rules()["extraction.json"]],
        "checkpoint": [_dumped(_MANIFEST)],
        "head-importance": [_importance_file()],
        "pruned-heads": [_dumped({"format_version": 1, "pruned_heads": {"0": [1, 3], "2": [0]}})],
        "type-constraints": [_dumped({"born in": [["PERSON", None], ["ORG", "LOC"]], "spouse": None})],
    }
