"""Pictures of pruning runs: nothing is cut off, and any number of languages can be drawn."""

from __future__ import annotations

import pytest

from hf_relation.runs import prune_heads_figures as figures


matplotlib = pytest.importorskip("matplotlib")
RANKINGS = ("lowest", "random", "highest")
NUMBERS = ("4", "8")


def a_run(seed, targets):
    scores = {target: 0.3 + 0.02 * place + 0.1 * seed for place, target in enumerate(targets)}
    search = {"num_heads": 3, "test": {target: score - 0.01 for target, score in scores.items()}, "validation": 0.9}
    job = {
        "name": "cross-lingual",
        "unpruned": {"test": scores},
        "searches": dict.fromkeys(RANKINGS, search),
        "curves": {ranking: dict.fromkeys(NUMBERS, scores) for ranking in RANKINGS},
    }
    return {"seed": seed, "jobs": [job]}


def drawn(folder, targets):
    runs = [a_run(seed, targets) for seed in (0, 1)]
    return figures.draw(folder, runs, figures.summarize(runs), metric="accuracy", title="pos, cross-lingual, from en")


def test_no_text_reaches_the_border(tmp_path):
    from matplotlib.image import imread

    for file in drawn(tmp_path, ["de", "zh"]):
        pixels = imread(file)[..., :3]
        for border in (pixels[:8], pixels[-8:], pixels[:, :12], pixels[:, -12:]):
            assert (border == 1).all(), file


def test_many_languages_are_drawn_in_several_pictures(tmp_path):
    targets = [f"language {number}" for number in range(14)]  # with four bars each more than one chart may have
    names = [file.name for file in drawn(tmp_path, targets) if file.name.startswith("scores")]
    assert names == ["scores.png", "scores_2.png"]


def test_bars_of_a_language_stand_together_and_are_named_once(tmp_path, monkeypatch):
    charts = []
    monkeypatch.setattr(figures, "bar_chart", lambda bars, file, **_: charts.append(bars) or file)
    drawn(tmp_path, ["de", "zh"])
    assert [bar.name for bar in charts[0]] == ["de", "", "", "", "zh", "", "", ""]
    assert [bar.group for bar in charts[0]] == ["unpruned", *(f"{ranking} first" for ranking in RANKINGS)] * 2
    assert charts[0][0].value == pytest.approx(35) and charts[0][1].value == pytest.approx(34)


def test_curves_begin_unpruned_and_stand_side_by_side(tmp_path, monkeypatch):
    charts = []
    monkeypatch.setattr(figures, "line_chart", lambda lines, file, **more: charts.append((lines, more)) or file)
    drawn(tmp_path, ["de"])
    ((lines, more),) = charts
    assert more["title"].startswith("de: ")  # or all titles of a long name would end alike
    assert more["side_by_side"] and [line.name for line in lines] == [f"{ranking} first" for ranking in RANKINGS]
    assert lines[2].points == [(number, pytest.approx(35)) for number in (0, 4, 8)]
