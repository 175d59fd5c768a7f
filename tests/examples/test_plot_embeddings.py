"""examples/plot_embeddings.py: from a file of labelled instances to a map and its figures."""

import importlib.util
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from transformers import BertConfig, BertModel

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.embedding import embed_instances
from hf_relation.errors import UsageError
from tests.common.tiny_models import tiny_backbone, tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


matplotlib = pytest.importorskip("matplotlib")
SCRIPT = Path(__file__).parents[2] / "examples" / "plot_embeddings.py"
IDS = {"born_in": "P19", "founded_by": "P112", "flows_into": "P403", "spouse_of": "P26"}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("plot_embeddings", SCRIPT)
    module = sys.modules["plot_embeddings"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("plot_embeddings")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny checkpoint, the tiny encoder it could have started from, and twenty sentences of four relations."""
    folder = tmp_path_factory.mktemp("plot")
    model, processor = tiny_more(seed=3, normalize_blocks=True)
    model.save_pretrained(folder / "checkpoint")
    processor.save_pretrained(folder / "checkpoint")
    tokenizer = tiny_tokenizer("bert")
    for name, width in (("base", 32), ("wide", 64)):
        settings = tiny_backbone("bert", len(tokenizer), hidden_size=width)
        settings.pop("model_type")
        BertModel(BertConfig(**settings)).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    write_jsonl(folder / "rows.jsonl", sample_instances(20))
    write_jsonl(
        folder / "ids.jsonl", [row | {"relations": [IDS[row["relations"][0]]]} for row in sample_instances(20)]
    )
    (folder / "data" / "fewrel").mkdir(parents=True)
    names = {"P19": ["place of birth", ""], "P112": ["founded by", ""], "P403": ["mouth", ""]}  # P26 is missing
    (folder / "data" / "fewrel" / "pid2name.json").write_text(json.dumps(names), encoding="utf-8")
    return folder


def options(folder, output, *more, file="rows.jsonl"):
    return [
        *("--checkpoint", str(folder / "checkpoint"), "--base", str(folder / "base"), "--file", str(folder / file)),
        *("--output", str(output), "--perplexity", "4", *more),
    ]


@pytest.fixture(scope="module")
def drawn(script, folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "map.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        results = script.main(options(folder, output))
    texts = ["".join(text.itertext()) for text in ElementTree.parse(output).iter("{http://www.w3.org/2000/svg}text")]
    return output, results, texts


def slow_silhouette(rows, gold):
    """Rousseeuw 1987: (b - a) / max(a, b), averaged."""
    values = []
    for i, row in enumerate(rows):
        distances = [float(np.linalg.norm(row - other)) for other in rows]
        mean = {
            name: np.mean([d for j, d in enumerate(distances) if gold[j] == name and j != i]) for name in set(gold)
        }
        a, b = mean[gold[i]], min(value for name, value in mean.items() if name != gold[i])
        values.append((b - a) / max(a, b))
    return np.mean(values)


def test_figures_are_those_of_the_embeddings_before_and_after(script, folder, drawn):
    _, results, _ = drawn
    rows = list(read_jsonl(folder / "rows.jsonl"))
    gold = [row["relations"][0] for row in rows]
    model, processor = script.load_encoder(folder / "checkpoint")
    plain, plain_processor, name = script.untrained(model, processor, str(folder / "base"), 0)
    assert name == "base" and plain_processor.marker_policy == "none" and plain.projection is None
    assert plain.config.pooling == model.config.pooling and plain.config.normalize_blocks
    start = BertModel.from_pretrained(folder / "base").state_dict()
    assert all((plain.backbone.state_dict()[key] == value).all() for key, value in start.items())
    for when, encoder, its_processor in (("before", plain, plain_processor), ("after", model, processor)):
        embeddings = embed_instances(encoder, its_processor, rows)
        assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
        found = results["separation"][when]
        assert found["silhouette"] == pytest.approx(slow_silhouette(embeddings, gold), abs=1e-5)
        same = []
        for i in range(len(rows)):
            order = np.argsort(
                [np.inf if j == i else np.linalg.norm(embeddings[i] - embeddings[j]) for j in range(len(rows))]
            )
            same.append(np.mean([gold[j] == gold[i] for j in order[:10]]))
        assert found["same_relation_neighbours"] == pytest.approx(np.mean(same))


def test_picture_and_file_say_what_they_show(drawn):
    output, results, texts = drawn
    written = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(results)) and written["instances"] == 20 and written["versions"]
    after = results["separation"]["after"]["silhouette"]
    assert f"after training: checkpoint (silhouette {after:.2f})" in texts
    assert "rows.jsonl: 20 instances of 4 relations (t-SNE)" in texts
    assert {"born_in", "founded_by", "flows_into", "spouse_of"} <= set(texts)
    assert "Ada Brenner" not in output.read_text(encoding="utf-8") + json.dumps(written)  # no text of the corpus


def test_the_same_seed_gives_the_same_picture(script, folder, tmp_path):
    files = []
    for name in ("a.png", "b.png"):
        script.main(options(folder, tmp_path / name, "--relations", "2", "--per_relation", "4"))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_relations_are_chosen_by_number_id_or_name(script, folder, tmp_path):
    def relations(*more):
        arguments = script.parse(options(folder, tmp_path / "map.png", *more, file="ids.jsonl"))
        rows, names = script.load_instances(arguments)
        assert {row["relations"][0] for row in rows} == set(names)
        return rows, names

    data = ["--data_dir", str(folder / "data")]
    assert relations()[1] == {name: name for name in ("P112", "P19", "P26", "P403")}  # no names at hand
    assert relations(*data)[1] == {"P26": "P26", "P112": "founded by", "P403": "mouth", "P19": "place of birth"}
    assert relations(*data, "--relations", "mouth", "P19")[1] == {"P403": "mouth", "P19": "place of birth"}
    rows, names = relations("--relations", "3", "--per_relation", "2")
    assert len(names) == 3 and len(rows) == 6
    with pytest.raises(UsageError, match="has no relation 'sibling'. It has, among others: P26, founded by, mouth"):
        relations(*data, "--relations", "mouth", "sibling")


def test_random_weights_can_stand_for_the_start(script, folder, tmp_path):
    argv = options(folder, tmp_path / "map.png")
    argv[argv.index("--base") + 1] = "random"
    results = script.main(argv)
    assert results["separation"]["before"]["encoder"] == "random weights"
    assert results["separation"]["before"]["silhouette"] != results["separation"]["after"]["silhouette"]


@pytest.mark.parametrize(
    "more, message",
    [
        (["--perplexity", "20"], "below the number of instances"),
        (["--perplexity", "0"], "above 0"),
        (["--relations", "1"], "choose 2 to 48 relations, got 1"),
        (["--output", "map.jpg"], "must end in .png, .svg, .pdf"),
        (["--base", "WIDE"], "bert with 32 dimensions, .* is bert with 64: it did not start from that"),
        (["--file", "/nowhere/rows.jsonl"], "/nowhere/rows.jsonl"),
    ],
)
def test_wrong_use_is_told_plainly(script, folder, tmp_path, more, message):
    more = [str(folder / "wide") if word == "WIDE" else word for word in more]
    with pytest.raises(UsageError, match=message):
        script.main(options(folder, tmp_path / "map.png", *more))
    assert not list(tmp_path.iterdir())


def test_help_teaches(script, capsys):
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "python examples/plot_embeddings.py --data_dir data" in text
    assert "t-SNE does not see them" in text


def test_without_matplotlib_it_stops_before_any_sentence_is_embedded(script, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(script, "embed_instances", lambda *args, **kwargs: pytest.fail("sentences were embedded"))
    with pytest.raises(ImportError, match=r"hf_relation\[viz\]"):
        script.main(["--file", str(folder / "any.jsonl"), "--output", str(folder / "map.png")])
