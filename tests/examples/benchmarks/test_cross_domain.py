"""The cross-domain benchmark on two tiny corpora in their true formats."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from tests.common.tiny_benchmarks import TINY, read_table
from tests.common.tiny_corpora import SEMEVAL_NAMES, write_redocred, write_semeval


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    write_semeval(folder)
    write_redocred(folder, "dev_revised.json")
    return folder


def options(encoder, corpora, output, *more):
    return [
        *("--data_dir", str(corpora), "--model_name_or_path", str(encoder), "--output", str(output)),
        *"--num_seeds 1 --num_cluster_seeds 2 --n_init 2 --pca_components 4 --variant plain".split(),
        *more,
    ]


def test_both_directions(scripts, encoder, corpora, tmp_path, capsys):
    argv = options(encoder, corpora, tmp_path, "--train_on_evaluation_sets", "true", "--directions")
    argv += ["semeval-redocred", "redocred-semeval", "--methods", "between", "between-pca", "more-minilm"]
    content = scripts.cross_domain.main([*argv, "--", *TINY])
    there, back = content["directions"]
    assert there["relations"]["novel"] == ["P131", "P17", "P36", "P6"]
    # 6 relations of SemEval: two are held out, a third of them; 102 sentences of two pairs, half of them unlabelled.
    assert [len(there["relations"][key]) for key in ("known", "held_out")] == [4, 2]
    assert (there["data"]["unlabeled"], there["data"]["test"]) == (102, 102)
    assert back["relations"]["novel"] == sorted(SEMEVAL_NAMES)
    assert (back["data"]["unlabeled"], back["data"]["test"]) == (47, 24)  # SemEval has a training file
    for made in (there, back):
        assert [row["method"] for row in made["rows"]] == ["between", "between-pca", "more-minilm"]
        assert all(row["seen"] == "no" and 0 <= row["test"]["bcubed_f1"] <= 1 for row in made["rows"])
    assert json.loads((tmp_path / "cross_domain.json").read_text(encoding="utf-8"))["directions"] == [there, back]
    markdown = (tmp_path / "cross_domain.md").read_text(encoding="utf-8")
    assert "## semeval to redocred" in markdown and "## redocred to semeval" in markdown
    table = read_table(markdown, 1)
    assert len(table) == 4 and f"{back['rows'][0]['test']['ari']:.3f}" in table[1][table[0].index("ARI")]
    assert str(corpora) not in markdown
    capsys.readouterr()
    scripts.cross_domain.main([*argv, "--", *TINY])
    assert "embedding" not in capsys.readouterr().err  # every row was kept


def test_rocore_starts_from_what_learned_the_known_relations_of_the_direction(
    scripts, encoder, corpora, tmp_path, monkeypatch
):
    told = []

    def start(argv):
        told.append(dict(zip(argv[::2], argv[1::2], strict=True)))
        figures = clustering_report([0, 0, 1], [0, 1, 1])
        run = {"seed": 0, "scores": {"test": {"head": [figures]}}, "history": [{"train_runtime": 3.0}]}
        return {"encoder": "somewhere/tiny", "runs": [run]}

    monkeypatch.setitem(sys.modules, "hf_relation.runs.rocore", SimpleNamespace(main=start))
    monkeypatch.setattr(scripts.scoring, "_measure", lambda *_: (1.0, {"plain": 2.0}, 30))
    argv = options(encoder, corpora, tmp_path, "--directions", "semeval-redocred", "--methods", "rocore")
    content = scripts.cross_domain.main([*argv, "--rocore_options", "--learning_rate 0.5", "--", *TINY])
    (made,) = content["directions"]
    assert [row["method"] for row in made["rows"]] == ["rocore"] and told[0]["--learning_rate"] == "0.5"
    assert (told[0]["--train_dataset"], told[0]["--test_dataset"]) == ("semeval", "redocred")
    assert told[0]["--unlabeled_share"] == "0.5" and told[0]["--held_out_relations"] == "2"
    start_folder = Path(told[0]["--init"])
    results = json.loads((start_folder.parent / "results.json").read_text(encoding="utf-8"))
    assert set(results["relations"]["known"]) < set(SEMEVAL_NAMES) and (start_folder / "config.json").is_file()
    of_fewrel = SimpleNamespace(train=None)  # nothing is trained for it
    assert scripts.cross_domain.start_of_rocore(of_fewrel, "fewrel-semeval") == []


def test_the_shipped_checkpoint_stands_beside_fewrel_alone(scripts):
    def names(given, direction):
        return [method.name for method in scripts.cross_domain.methods_of(given, direction)]

    assert "shipped" in names([], "fewrel-semeval") and "more-minilm" not in names([], "fewrel-semeval")
    assert "shipped" not in names([], "semeval-fewrel") and "more-minilm" in names([], "semeval-fewrel")
    assert names(["between", "shipped"], "redocred-fewrel") == ["between"]


@pytest.mark.parametrize("direction", ["fewrel", "fewrel-fewrel", "fewrel-snips", "jsonl-fewrel"])
def test_directions_are_between_two_known_corpora(scripts, direction):
    with pytest.raises(UsageError, match="KNOWN-NOVEL"):
        scripts.cross_domain.main(["--directions", direction])


def test_files_are_refused(scripts):
    with pytest.raises(UsageError, match="openre.py"):
        scripts.cross_domain.main(["--train_file", "known.jsonl"])
