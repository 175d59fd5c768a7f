"""examples/benchmarks/discovery.py: what is compared, what counts, and that every part runs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, v_measure_score

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError, UsageError
from tests.common.tiny_benchmarks import FOLDER, read_table
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


NAMES = (
    "discovery",
    "discovery_bertopic",
    "discovery_corpora",
    "discovery_jobs",
    "discovery_names",
    "discovery_report",
    "discovery_systems",
)
INSTANCE = {
    "text": "In Lindau Ada was born.",
    "head": {"start": 10, "end": 13, "type": None},
    "tail": {"start": 3, "end": 9, "type": None},
}


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(FOLDER))
    before = set(sys.modules)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in [*NAMES, "memory"]})
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").is_file():
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A corpus of three relations; training had one of them, and a sentence of another."""
    folder = tmp_path_factory.mktemp("data")
    rows = sample_instances(20)
    corpus = [row for row in rows if row["relations"][0] in ("born_in", "founded_by", "spouse_of")]
    of = {
        name: [row for row in corpus if row["relations"] == [name]] for name in ("born_in", "founded_by", "spouse_of")
    }
    leaked = dict(of["born_in"][0], id="leaked", relations=["flows_into"])
    write_jsonl(folder / "corpus.jsonl", corpus)
    write_jsonl(folder / "train.jsonl", [*of["spouse_of"][:1], leaked])
    return SimpleNamespace(folder=folder, corpus=corpus, of=of, leaked=of["born_in"][0]["id"])


def words_encoder(texts):
    """Unit rows of counts of first letters: near where texts begin their words alike."""
    rows = np.array(
        [
            [sum(word[0] == letter for word in text.split()) for letter in "abcdefghijklmnopqrstuvwxyz "]
            for text in texts
        ]
    )
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def test_what_a_sentence_encoder_reads(scripts):
    views = {view: scripts.discovery_jobs.text_of(INSTANCE, view) for view in scripts.discovery_jobs.TEXTS}
    assert views == {"sentence": "In Lindau Ada was born.", "masked": "In Y X was born.", "span": "Lindau Ada"}


def test_names_are_compared_with_the_relation_a_cluster_has_most_of(scripts):
    vectors = {
        "born": [1, 0, 0],
        "birth": [0.8, 0.6, 0],
        "comes into life": [0, 1, 0],
        "wife": [0, 0, 1],
        "Born": [1, 0, 0],
    }

    def encode(texts):
        return np.array([vectors[text] for text in texts], dtype=float)

    names = scripts.discovery_names
    assert names.relations_of_clusters([0, 0, 0, 1, 1, -1], ["a", "b", "b", "b", "a", "c"]) == {
        0: "b",
        1: "a",
        -1: "c",
    }
    gold = {"P19": "birth", "P26": "wife"}
    assert names.named_relations(["born", "wife"], ["P19", "P26"], gold, encode) == 1.0
    assert (
        names.named_relations(["born", "birth"], ["P19", "P19"], gold, encode) == 0.5
    )  # one relation, however many clusters
    assert names.named_relations(["born"], ["P26"], gold, encode) == 0.0  # near to the name of another relation
    meanings = {"P19": ("birth", None), "P26": ("wife", None)}
    scored = names.score_names({0: "born", 5: "wife"}, [0, 0, -1], ["P19", "P19", "P26"], meanings, encode)
    assert scored["name_similarity"] == pytest.approx(0.8) and scored["unique"] == 1.0 and scored["named"] == 0.5
    assert names.score_names({}, [-1], ["P19"], meanings, encode) == {"named": 0.0}


def test_what_training_had_is_apart(scripts, files):
    train = list(read_jsonl(files.folder / "train.jsonl"))
    corpus = scripts.discovery_corpora.load("file", None, train, file=str(files.folder / "corpus.jsonl"))
    seen = {corpus.instances[i]["id"] for i in corpus.seen.rows}
    assert seen == {files.leaked} | {row["id"] for row in files.of["spouse_of"]}
    assert set(corpus.unseen.gold) == {"born_in", "founded_by"} and corpus.meanings["born_in"][0] == "born in"
    assert corpus.unseen.gold == [corpus.instances[i]["relations"][0] for i in corpus.unseen.rows]
    with pytest.raises(UsageError, match="at least 2"):
        scripts.discovery_corpora.load(
            "file", None, [*train, *files.of["born_in"]], file=str(files.folder / "corpus.jsonl")
        )
    with pytest.raises(UsageError, match="--file"):
        scripts.discovery_corpora.load("file", None, train)


def test_gold_labels_stay_with_the_parent(scripts, files, tmp_path):
    train = list(read_jsonl(files.folder / "train.jsonl"))
    corpus = scripts.discovery_corpora.load("file", None, train, file=str(files.folder / "corpus.jsonl"))
    path = workshop(scripts, tmp_path).instances(corpus)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [row["id"] for row in corpus.instances]
    assert all(row["relations"] == [] for row in rows)


def workshop(scripts, folder, **changes):
    settings = {"model": None, "num_threads": 1, "n_init": 2, "seeds": range(2)} | changes
    return scripts.discovery_systems.Workshop(folder, folder / "cache", **settings)


@pytest.fixture
def planted(scripts, files, monkeypatch):
    """Jobs that give planted labels at once: ours are right, all others put the first two rows apart."""
    jobs = []
    gold = {row["id"]: row["relations"][0] for row in files.corpus}

    def run(self, script, job, *, python=None):
        jobs.append((script, dict(job)))
        if job["job"] == "embed":
            Path(job["embeddings"]).touch()
            return {"wall": 2.0, "cpu": 1.0, "peak_bytes": 300 * 2**20}
        rows = [json.loads(line)["id"] for line in open(job["instances"], encoding="utf-8")]
        labels = [int(gold[rows[i]] == "born_in") for i in job["rows"]]
        if job["encoder"] != "ours":
            labels[:2] = [-1, -1] if job["system"] == "bertopic" else [2, 2]
        seconds = {"cluster": 0.5, "describe": 0.25}
        assert ("variants" in job) == (job["system"] == "bertopic")
        one = {"labels": labels, "names": {"0": "founded by", "1": "born in"}, "wall": seconds, "cpu": seconds}
        runs = [{"seed": seed, **one} for seed in job["seeds"]]
        made = {"variants": [runs] * len(job["variants"])} if "variants" in job else {"runs": runs}
        return made | {"peak_bytes": 200 * 2**20}

    monkeypatch.setattr(scripts.discovery_systems.Workshop, "run", run)
    monkeypatch.setattr(scripts.discovery.TextEncoder, "from_pretrained", lambda: words_encoder)
    monkeypatch.setattr(scripts.discovery_systems.Workshop, "missing", lambda self, system: None)
    return jobs


def argv_of(files, output, *more):
    names = ["--file", str(files.folder / "corpus.jsonl"), "--train_file", str(files.folder / "train.jsonl")]
    return ["--corpora", "file", *names, "--output", str(output), "--num_seeds", "2", *more]


def test_figures_are_those_of_the_unseen_rows(scripts, files, planted, tmp_path, capsys):
    argv = argv_of(files, tmp_path, "--systems", "ours", "frozen", "bertopic", "bertopic-singletons")
    content = scripts.discovery.main(argv)
    rows = {row["system"]: row for row in content["corpora"][0]["rows"]}
    unseen = [row for row in files.corpus if row["id"] != files.leaked and row["relations"] != ["spouse_of"]]
    gold = [row["relations"][0] for row in unseen]
    right = [int(relation == "born_in") for relation in gold]
    apart = [2, 2, *right[2:]]
    for name, labels in (("ours", right), ("frozen", apart), ("bertopic", apart)):
        assert rows[name]["unseen"]["ari"] == pytest.approx((adjusted_rand_score(gold, labels), 0.0))
        assert rows[name]["unseen"]["v_measure"] == pytest.approx((v_measure_score(gold, labels), 0.0))
    alone = [100, 101, *right[2:]]
    assert rows["bertopic-singletons"]["unseen"]["v_measure"][0] == pytest.approx(v_measure_score(gold, alone))
    assert rows["bertopic"]["unseen"]["num_left_out"][0] == 2 and rows["bertopic"]["unseen"]["found"][0] == 2
    assert rows["frozen"]["unseen"]["found"][0] == 3 and rows["frozen"]["unseen"]["true"] == 2
    assert rows["ours"]["names"]["named"][0] == 1.0 and rows["ours"]["peak_bytes"] == 300 * 2**20
    assert rows["ours"]["seconds"] == {"encode": 1.0, "cluster": 0.5, "describe": 0.25}
    assert content["corpora"][0]["data"]["seen"]["relations"] == ["born_in", "spouse_of"]
    markdown = (tmp_path / "discovery.md").read_text(encoding="utf-8")
    table = read_table(markdown, 1)
    assert [line[0] for line in table[1:]] == [rows[name]["title"].replace("_", "\\_") for name in rows]
    assert "FILE" in content["command"] and str(tmp_path) not in markdown
    # Finished clusterings are not made again, embeddings neither.
    made = len(planted)
    assert scripts.discovery.main(argv)["corpora"] == content["corpora"] and len(planted) == made


def test_leads_count_unseen_rows_and_the_best_peer(scripts, files, planted, tmp_path):
    content = scripts.discovery.main(argv_of(files, tmp_path, "--systems", "ours", "ours-auto", "frozen", "bertopic"))
    rows = {row["system"]: row for row in content["corpora"][0]["rows"]}
    leads = {(lead["ours"], lead["figure"]): lead for lead in content["leads"]}
    given = leads[rows["ours"]["title"], "V"]
    best = max((rows["frozen"], rows["bertopic"]), key=lambda row: row["unseen"]["v_measure"][0])
    assert given["points"] == pytest.approx(
        100 * (rows["ours"]["unseen"]["v_measure"][0] - best["unseen"]["v_measure"][0])
    )
    # Beside what finds its number itself stand only peers that do so, too.
    assert leads[rows["ours-auto"]["title"], "B³ F1"]["best_peer"] == rows["bertopic"]["title"]


def test_without_bertopic_the_report_says_how_to_get_it(scripts, files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scripts.discovery.TextEncoder, "from_pretrained", lambda: words_encoder)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bertopic" else find_spec(name) or True
    )
    content = scripts.discovery.main(argv_of(files, tmp_path, "--systems", "bertopic"))
    (row,) = content["corpora"][0]["rows"]
    assert "pip install bertopic" in row["skipped"] and content["leads"] == [] and content["bertopic"] is None
    assert "pip install bertopic" in (tmp_path / "discovery.md").read_text(encoding="utf-8")
    assert "pip install bertopic" in capsys.readouterr().err
    assert scripts.discovery_systems.bertopic_version(str(tmp_path / "no-python")) is None


def test_jobs_give_what_the_estimator_gives(scripts, files, checkpoint, tmp_path, monkeypatch):
    def here(self, script, job, *, python=None):
        assert script == "discovery_jobs.py" and python is None
        path, outcome = self.job_file(job)
        scripts.discovery_jobs.main([str(path)])
        return json.loads(outcome.read_text(encoding="utf-8"))

    train = list(read_jsonl(files.folder / "train.jsonl"))
    corpus = scripts.discovery_corpora.load("file", None, train, file=str(files.folder / "corpus.jsonl"))
    monkeypatch.setattr(scripts.discovery_systems.Workshop, "run", here)
    shop = workshop(scripts, tmp_path, model=str(checkpoint))
    (ours,) = scripts.discovery_systems.find(["ours"])
    made = shop.work(ours, corpus, "unseen")
    rows = [corpus.instances[i] for i in corpus.unseen.rows]
    discovery = RelationDiscovery.from_pretrained(checkpoint, num_relations=2, n_init=2)
    embeddings = discovery.embed(corpus.instances)
    np.testing.assert_allclose(np.load(next(shop.cache.glob("*.npy"))), embeddings, atol=1e-5)
    for run in made["runs"]:
        result = discovery.set_params(seed=run["seed"]).fit_predict(rows, embeddings[corpus.unseen.rows])
        assert run["labels"] == result.labels.tolist()
        assert run["names"] == {str(relation.id): relation.name for relation in result.relations}
        assert run["wall"]["describe"] > 0 and run["wall"]["cluster"] > 0


def test_a_child_process_finds_planted_groups(scripts, files, tmp_path):
    """Two groups of embeddings far apart, whatever the texts are."""
    labels = np.arange(len(files.corpus)) % 2
    instances, embeddings = tmp_path / "rows.jsonl", tmp_path / "rows.npy"
    write_jsonl(instances, files.corpus)
    np.save(embeddings, np.eye(2, dtype=np.float32)[labels])
    job = {"job": "cluster", "instances": str(instances), "embeddings": str(embeddings)}
    job |= {"rows": list(range(1, len(labels))), "system": "kmeans", "num_relations": 2, "n_init": 2, "seeds": [0, 1]}
    shop = workshop(scripts, tmp_path)
    made = shop.run("discovery_jobs.py", job)
    for run in made["runs"]:
        assert adjusted_rand_score(labels[1:], run["labels"]) == 1.0 and len(set(run["names"].values())) == 2
    assert made["peak_bytes"] is None or 20 * 2**20 < made["peak_bytes"] < 2**36
    with pytest.raises(HfRelationError, match="exit status"):
        shop.run("discovery_jobs.py", {"job": "no such job"})


def test_from_file_to_report(scripts, files, checkpoint, tmp_path, capsys):
    job = {"instances": str(files.folder / "corpus.jsonl"), "output": str(tmp_path / "out"), "num_relations": 2}
    made = scripts.discovery_jobs.end_to_end(job | {"model": str(checkpoint), "num_threads": 1})
    lines = (tmp_path / "out" / "instances.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(files.corpus)
    assert made["report"] == (tmp_path / "out" / "report.html").is_file()
    assert made["encode"]["wall"] > 0 and made["other"]["wall"] > 0
    text = scripts.discovery_report.end_to_end_section(
        made | {"num_sentences": 9, "report_bytes": 2**20, "peak_bytes": None}, 1
    )
    assert "9 sentences" in text and ("1.0 MiB" in text) == made["report"]


class FakeTopics:
    """What BERTopic does, as far as the benchmark sees it: topics by the first letter, `q` is an outlier."""

    def __init__(self, **models):
        self.models = models
        self.vectorizer_model = models["vectorizer_model"]
        self.calls: list = []
        FakeTopics.last = self

    def fit_transform(self, texts, embeddings):
        self.topics_ = [-1 if text[0] == "q" else ord(text[0]) - ord("a") for text in texts]
        return self.topics_, None

    def reduce_topics(self, texts, nr_topics):
        self.calls.append(("reduce_topics", nr_topics))
        self.topics_ = [min(topic, 0) for topic in self.topics_]

    def reduce_outliers(self, texts, topics, strategy, embeddings):
        self.calls.append(("reduce_outliers", strategy, len(embeddings)))
        return [max(topic, 0) for topic in topics]

    def update_topics(self, texts, topics, vectorizer_model):
        self.topics_ = topics

    def get_topics(self):
        return {
            topic: [("one", 0.5), ("two", 0.4), ("", 0.0), ("", 0.0), ("five", 0.0)] for topic in set(self.topics_)
        }


@pytest.mark.parametrize(
    ("settings", "labels", "calls"),
    [
        ({"cluster": "own"}, [0, 1, -1], []),
        ({"cluster": "own", "outliers": "nearest"}, [0, 1, 0], [("reduce_outliers", "embeddings", 3)]),
        # nr_topics counts the outliers, so that two topics and the outliers are three.
        ({"cluster": "reduced"}, [0, 0, -1], [("reduce_topics", 3)]),
        ({"cluster": "kmeans"}, [0, 1, -1], []),
    ],
)
def test_bertopic_is_asked_for_what_the_table_says(scripts, monkeypatch, settings, labels, calls):
    made = {}

    def model(name):
        def build(*args, **kwargs):
            made[name] = kwargs
            return SimpleNamespace(fit_transform=lambda rows: rows[:, :2])

        return build

    for name, attribute, value in (
        ("bertopic", "BERTopic", FakeTopics),
        ("hdbscan", "HDBSCAN", model("hdbscan")),
        ("umap", "UMAP", model("umap")),
    ):
        module = ModuleType(name)
        setattr(module, attribute, value)
        monkeypatch.setitem(sys.modules, name, module)
    job = {"num_relations": 2, "n_init": 3, "num_threads": 1}
    bertopic, embeddings = scripts.discovery_bertopic, np.eye(3)
    reducer = bertopic.Reducer(embeddings, 7)
    reducer.wall = 100.0
    run = bertopic.topics(job, settings, ["a text", "b text", "q text"], embeddings, 7, reducer)
    assert run["labels"] == labels and FakeTopics.last.calls == calls
    assert run["names"] == {topic: "one, two" for topic in set(labels) - {-1}}
    assert made["umap"]["random_state"] == 7 and ("hdbscan" in made) == (settings["cluster"] != "kmeans")
    assert 100 < run["wall"]["cluster"] < 160  # the reduction counts for every setting
    assert FakeTopics.last.models["umap_model"].transform(embeddings) is reducer.rows
    with pytest.raises(ValueError, match="reduced"):
        reducer.transform(embeddings[:1])


def test_wrong_options_and_help(scripts, capsys):
    with pytest.raises(UsageError, match="num_seeds"):
        scripts.discovery.main(["--num_seeds", "0"])
    with pytest.raises(SystemExit) as stop:
        scripts.discovery.main(["--help"])
    assert stop.value.code == 0 and "--bertopic_python" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_peak_memory_is_that_of_the_process():
    code = (
        "import memory; before = memory.peak_resident(); block = bytearray(b'x' * 100 * 2**20); del block; "
        "print(memory.peak_resident() - before, memory.status_bytes('VmRSS') - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, capture_output=True, text=True, check=True)
    grown, left = map(int, done.stdout.split())
    assert 100 * 2**20 <= grown + 2**20 and left < grown / 2
