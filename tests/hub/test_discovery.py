"""Fitted discoveries on a Hub: no text unasked, one commit, errors that say what to do."""

from __future__ import annotations

import json
from pathlib import Path

from tests.common.tiny_tokenizers import sample_instances
from tests.hub.children import environment, run_child
from tests.hub.server import LocalHub


PUSH = """
import json
from pathlib import Path
import numpy as np
from hf_relation import RelationDiscovery, RelationExtractor
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances

save_tiny_checkpoint(Path("more"))
rows = sample_instances()
discovery = RelationDiscovery.from_pretrained("more", num_relations=3).fit(rows)
np.save("embeddings.npy", discovery.embed(rows))
np.save("labels.npy", discovery.labels_)

first = discovery.push_to_hub("user/found", corpus=True)
second = discovery.push_to_hub("user/found", commit_message="without texts")
assert second.commit_url.endswith(second.oid) and first.oid != second.oid
discovery.push_to_hub("user/examples", examples=True, private=True)

with_texts = RelationDiscovery.from_pretrained("user/found", revision=first.oid)
assert with_texts.merge([0, 1]) is not None
assert with_texts.relations_[0].examples
loaded = RelationDiscovery.from_pretrained("user/found")
assert np.array_equal(loaded.predict(rows).labels, discovery.labels_)
assert [r.name for r in loaded.relations_] == [r.name for r in discovery.relations_]
assert [r.examples for r in loaded.relations_] == [[], [], []]
assert RelationDiscovery.from_pretrained("user/examples").relations_ == discovery.relations_

save_tiny_extractor(Path("kernel"), entity_types=["PERSON", "PLACE"])
extractor = RelationExtractor.from_pretrained("kernel")
extractor.push_to_hub("user/kernel", private=True)
again = RelationExtractor.from_pretrained("user/kernel")
assert again.rules.thresholds == extractor.rules.thresholds and again.extract(sample_documents()) == extractor.extract(sample_documents())

def raised(kind, **options):
    try:
        discovery.push_to_hub(**options)
    except kind as error:
        assert error.__cause__ is not None and options["repo_id"] in str(error), error
        return str(error)
    raise AssertionError(options)

assert "user/name" in raised(UsageError, repo_id="user/a/b")
assert "logged in" in raised(CheckpointError, repo_id="other/found")
raised(CheckpointError, repo_id="user/found", token="hf_wrong")
try:
    RelationDiscovery.from_pretrained("user/found", revision="none")
except CheckpointError as error:
    assert "user/found" in str(error) and "none" in str(error)
"""
OFFLINE = """
import sys
import numpy as np
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import CheckpointError

loaded = RelationDiscovery.from_pretrained("user/found")
assert np.array_equal(loaded.predict(embeddings=np.load("embeddings.npy")).labels, np.load("labels.npy"))
try:
    loaded.push_to_hub("user/found")
except CheckpointError as error:
    assert error.__cause__ is not None and "user/found" in str(error), error
else:
    raise AssertionError
"""


def texts_in(files: dict[str, bytes]) -> set[str]:
    """Names of the files that hold a text of the corpus, as it stands or escaped."""
    forms = [form for row in sample_instances() for form in (row["text"], json.dumps(row["text"])[1:-1])]
    return {name for name, data in files.items() if any(form.encode() in data for form in forms)}


def test_discoveries_without_their_texts(hub: LocalHub, tmp_path: Path) -> None:
    run_child(PUSH, environment(hub, tmp_path))

    newest, before, _ = hub.repository("user/found").history("main")
    assert (newest.title, before.title) == ("without texts", "Upload RelationDiscovery")
    assert "discovery_corpus.jsonl" in texts_in(hub.files("user/found", revision=before.sha))
    assert not texts_in(hub.files("user/found")) and "discovery_corpus.jsonl" not in hub.files("user/found")
    # The generated card is renewed: it says what is in the repository now.
    cards = [hub.files("user/found", revision=commit.sha)["README.md"] for commit in (newest, before)]
    assert [b"No `discovery_corpus.jsonl`" in card for card in cards] == [True, False]
    assert texts_in(hub.files("user/examples")) == {"discovery.json"}
    assert hub.repository("user/examples").private and not hub.repository("user/found").private
    assert {name for _, name in hub.repositories} == {"user/found", "user/examples", "user/kernel"}
    for name in ("user/found", "user/examples", "user/kernel"):
        assert not any(str(tmp_path).encode() in data for data in hub.files(name).values()), name

    hub.stop()
    run_child(OFFLINE, environment(hub, tmp_path, offline=True))
