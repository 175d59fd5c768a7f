"""noisy_labels.py with a tiny encoder: orders that are shared, arms that differ in weights alone, a choice on known relations."""

import json
import statistics

import pytest

from hf_relation.errors import UsageError
from tests.common.tiny_benchmarks import TINY, options, read_table


def test_the_weighting_is_chosen_on_known_relations_under_noise(scripts):
    def arm(known, novel):
        return {"validation": {"bcubed_f1": known}, "test": {"bcubed_f1": novel}}

    clean = {"noise": 0.0, "arms": {"a": arm([0.9, 0.9], [0.1, 0.1]), "b": arm([0.1, 0.1], [0.9, 0.9])}}
    noisy = {"noise": 0.4, "arms": {"a": arm([0.3, 0.5], [0.9, 0.9]), "b": arm([0.5, 0.6], [0.2, 0.2])}}
    assert scripts.noisy_labels.choose([clean, noisy], ["a", "b"]) == "b"
    assert scripts.noisy_labels.choose([clean], ["a", "b"]) == "a"


@pytest.mark.parametrize("wrong", ["2.7", "a:b", "1:2:3"])
def test_weightings_have_two_numbers(scripts, wrong):
    assert scripts.noisy_labels.read_weightings(["2:0.5"]) == {"2:0.5": (2.0, 0.5)}
    with pytest.raises(UsageError, match="takes alpha:never, such as 2.718:0.1, got"):
        scripts.noisy_labels.read_weightings([wrong])


def test_arms_are_compared_seed_by_seed_and_a_second_call_makes_nothing_anew(scripts, encoder, files, tmp_path):
    chosen = "--label_noise 0.4 --losses sup_con --weightings 4:0.1 --order_epochs 2 --order_learning_rate 3e-3 --encoder cnn"
    argv = options(encoder, files, tmp_path, *chosen.split(), "--", *TINY, "--word_embedding_dim", "8")
    content = scripts.noisy_labels.main(argv)
    (order,) = (tmp_path / "orders").glob("*/learning-order/learning_order.jsonl")
    rows = [json.loads(line) for line in order.read_text(encoding="utf-8").splitlines()]
    right = {row["id"]: row["relations"] for row in known_rows(files)}
    wrong = [row["relations"] != right[row["id"]] for row in rows]
    assert sum(wrong) == round(0.4 * len(rows)) > 0
    for name, flag in (("wrong", True), ("right", False)):
        orders = [row["learning_order"][0] for row, bad in zip(rows, wrong, strict=True) if bad is flag]
        for epoch in (1, 2):
            share = statistics.mean(each is not None and each <= epoch for each in orders)
            assert content["orders"][0]["about"][name]["learned_by_epoch"][epoch - 1] == pytest.approx(share, abs=1e-4)
    kept = {}
    for path in (tmp_path / "finished").glob("*.json"):
        part = json.loads(path.read_text(encoding="utf-8"))
        kept["--learning_order" in part["settings"]["options"]] = part
    plain, weighted = kept[False]["settings"]["options"], kept[True]["settings"]["options"]
    assert weighted[: len(plain)] == plain and "--learning_order_never_weight" in weighted[len(plain) :]
    (cell,) = content["cells"]
    for arm, part in (("equal", kept[False]), ("4:0.1", kept[True])):
        expected = [
            statistics.mean(s["ari"] for s in run["scores"]["test"]["plain"]) for run in part["result"]["runs"]
        ]
        assert cell["arms"][arm]["test"]["ari"] == pytest.approx(expected) and len(expected) == 2
    assert content["chosen"] == "4:0.1"
    tables = (tmp_path / "noisy_labels.md").read_text(encoding="utf-8")
    assert [row[:2] for row in read_table(tables)[1:]] == [["40%", "all"], ["40%", "right"], ["40%", "wrong"]]
    assert [row[2] for row in read_table(tables, 1)[1:]] == ["equal", "4:0.1"]
    assert len(read_table(tables, 2)) == 2
    stamps = {path: path.stat().st_mtime_ns for path in [order, *(tmp_path / "finished").iterdir()]}
    assert scripts.noisy_labels.main(argv)["cells"] == content["cells"]
    assert stamps == {path: path.stat().st_mtime_ns for path in [order, *(tmp_path / "finished").iterdir()]}


def known_rows(files):
    return [json.loads(line) for line in (files / "known.jsonl").read_text(encoding="utf-8").splitlines()]


def test_wrong_use_is_told(scripts, encoder, files, tmp_path):
    for more, message in (
        (["--losses", "center"], "`--losses` takes ranked_list, sup_con, got 'center'"),
        (["--variant", "whitening"], "needs --whitening_per_relation"),
        (["--held_out_relations", "0"], "Weights are chosen on held-out known relations"),
    ):
        with pytest.raises(UsageError, match=message):
            scripts.noisy_labels.main(options(encoder, files, tmp_path, *more))
