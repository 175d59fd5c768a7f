"""open_world.py with a tiny encoder, and its figures against counts by hand."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from hf_relation.data import sentence_key
from hf_relation.errors import UsageError
from hf_relation.runs.more import main as train
from tests.common.tiny_benchmarks import TINY, options, read_table


SPLIT = "--held_out_relations 3 --validation_per_relation 12".split()


@pytest.fixture(scope="module")
def run(scripts, encoder, files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("open-world")
    given = [option for option in options(encoder, files, folder / "x", *SPLIT)]
    data = given[: given.index("--model_name_or_path")]
    small = ["--num_cluster_seeds", "1", "--n_init", "2", "--pca_components", "4", *SPLIT]
    train(
        [
            *data,
            *small,
            *TINY,
            "--num_seeds",
            "1",
            "--model_name_or_path",
            str(encoder),
            "--output_dir",
            str(folder / "more"),
        ]
    )
    argv = [
        *data,
        *small,
        "--num_seeds",
        "2",
        "--labelled",
        "3",
        "--test_per_relation",
        "5",
        "--seen_per_relation",
        "9",
    ]
    argv += ["--checkpoint", str(folder / "more" / "seed-42"), "--output", str(folder / "out"), "--dtype", "float32"]
    return folder / "out", argv, scripts.open_world.main(argv)


def test_the_table_holds_every_method_and_part(scripts, run):
    output, _, content = run
    found = {(row["part"], row["method"]) for row in content["rows"]}
    methods = set(scripts.open_world_methods.METHODS)
    assert found == {("unseen", name) for name in methods} | {
        ("seen", name) for name in methods if "checkpoint" not in name
    }
    table = read_table((output / "open_world.md").read_text(encoding="utf-8"))
    assert len(table) == 1 + len(content["rows"])
    for cells, row in zip(table[1:], content["rows"], strict=True):
        assert cells[:3] == [row["part"], "3", row["method"]] and len(row["seeds"]) == 2
        mean = np.mean([each["known_f1"] for each in row["seeds"]])
        assert cells[3].startswith(f"{mean:.3f} ±")
    assert json.loads((output / "open_world.json").read_text(encoding="utf-8"))["rows"] == content["rows"]


def test_a_second_call_reads_the_kept_embeddings_and_gives_the_same(scripts, run, monkeypatch):
    _, argv, content = run
    monkeypatch.setattr(scripts.open_world.RelationDiscovery, "embed", None)
    assert scripts.open_world.main(argv)["rows"] == content["rows"]


def test_another_split_than_that_of_the_checkpoint_is_refused(scripts, run):
    with pytest.raises(UsageError, match="held out"):
        scripts.open_world.main([*run[1], "--split_seed", "5"])
    with pytest.raises(UsageError, match="labelled"):
        scripts.open_world.main([*run[1], "--labelled", "0"])


def test_labelled_rows_and_the_set_share_no_sentence(scripts):
    rows = [{"text": f"Ada met Bo {i // 2} times.", "id": str(i)} for i in range(60)]
    names = np.repeat(["a", "b", "c"], 20)
    vectors = np.arange(60, dtype=np.float32)[:, None]
    pool = scripts.open_world.Pool(rows, names, vectors, -vectors, np.arange(60))
    arguments = SimpleNamespace(labelled=[4], test_per_relation=16, novel_per_relation=10)
    given, asked = scripts.open_world.draw(pool, pool, 4, arguments, seed=1)
    taken = {sentence_key(rows[int(place)]["text"]) for place in given.vectors[:, 0]}
    known = asked.vectors[asked.kinds == "known", 0].astype(int)
    assert len(given.names) == 12 and len(known) < 48
    assert not taken & {sentence_key(rows[place]["text"]) for place in known}
    assert (given.negatives[:, 0] == -given.vectors[given.sources, 0]).all()
    assert (asked.names[asked.kinds == "known"] == names[known]).all()
    assert (asked.kinds == "none").sum() == (len(known) + 30) // 2


def test_figures_by_hand(scripts):
    methods = scripts.open_world_methods
    vectors = np.eye(10, dtype=np.float32)
    asked = methods.Rows(
        vectors,
        np.array(["known"] * 4 + ["novel"] * 4 + ["none"] * 2),
        np.array(["a", "a", "b", "b", "x", "x", "y", "y", "", ""]),
    )
    # Of the known ones, two have the right name, one a wrong one, one is called novel; of the novel ones x is called "a" twice,
    # one y is called none, one y novel; of the pairs without a relation one is called known.
    decided = methods.Decided(
        np.array(["known", "known", "known", "novel", "known", "known", "none", "novel", "none", "known"]),
        np.array(["a", "a", "a", "", "a", "a", "", "", "", "b"]),
        np.full(10, 0.6),
    )
    figures = methods.figures_of(asked, decided, SimpleNamespace(pca_components=2, n_init=1), 0)
    assert figures["known_f1"] == pytest.approx(2 * 2 / (4 + 6))
    # x: one group, pure and whole; y: two groups of one row, precision 1, recall 1/2.
    assert figures["novel_bcubed_f1"] == pytest.approx(2 * 1.0 * 0.75 / 1.75)
    assert figures["none_f1"] == pytest.approx(2 * 1 / (2 + 2)) and figures["false_positives"] == 0.5
    # Two of each kind are drawn; both of the novel and the known ones may be right or wrong, one of the last two is.
    assert figures["ece"] in [pytest.approx(abs(0.6 - right / 6)) for right in range(1, 6)]
    kinds = np.array(["known", "novel", "none"])
    error = methods.calibration_error(kinds, np.array(["known", "none", "known"]), np.array([0.9, 0.9, 0.7]), 0)
    assert error == pytest.approx((2 * abs(0.9 - 0.5) + 0.7) / 3)
