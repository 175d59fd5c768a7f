"""pooling_loss.py with a tiny encoder: cells and effects."""

import json
import statistics

import numpy as np
import pytest

from hf_relation.errors import UsageError
from tests.common.tiny_benchmarks import TINY, options, read_table


def test_effects_of_two_factors_by_hand(scripts):
    cells = {(0, 0): 0.5, (1, 0): 0.6, (0, 1): 0.7, (1, 1): 0.9}
    found = scripts.pooling_loss.effects(cells)
    assert found[(0,)] == pytest.approx(0.15)  # mean of +0.1 and +0.2
    assert found[(1,)] == pytest.approx(0.25)  # mean of +0.2 and +0.3
    assert found[(0, 1)] == pytest.approx(0.05)  # half of 0.2 - 0.1


def test_effects_of_three_factors_are_those_of_a_regression(scripts):
    levels = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    values = np.random.default_rng(0).normal(size=8)
    signs = 2 * np.array(levels) - 1
    found = scripts.pooling_loss.effects(dict(zip(levels, values, strict=True)))
    assert len(found) == 7
    columns = np.column_stack([np.ones(8), *(signs[:, list(which)].prod(axis=1) for which in found)])
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    assert list(found.values()) == pytest.approx(list(2 * coefficients[1:]))


@pytest.fixture(scope="module")
def pooling_loss(scripts, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("pooling_loss")
    argv = options(encoder, files, output, "--max_steps", "1", "--", *TINY)
    return output, argv, scripts.pooling_loss.main(argv)


def test_the_four_cells_differ_in_pooling_and_loss_alone(pooling_loss):
    _, _, content = pooling_loss
    assert [tuple(cell["levels"].values()) for cell in content["cells"]] == [
        ("marker starts", "ranked list"),
        ("marker starts", "sup_con"),
        ("mention + between means", "ranked list"),
        ("mention + between means", "sup_con"),
    ]
    assert content["factors"]["pooling"]["mention + between means"][1:] == ["head_mean", "tail_mean", "between_mean"]
    settings = []
    for path in sorted((pooling_loss[0] / "finished").iterdir()):
        settings.append(json.loads(path.read_text(encoding="utf-8"))["settings"])
    assert len(settings) == 4
    assert len({json.dumps({key: value for key, value in each.items() if key != "options"}) for each in settings}) == 1


def test_effects_come_from_the_kept_scores_seed_by_seed(pooling_loss):
    output, _, content = pooling_loss
    for part in ("validation", "test"):
        cells = {}
        for path in (output / "finished").iterdir():
            runs = json.loads(path.read_text(encoding="utf-8"))["result"]["runs"]
            cells[path.name.split("-")[1]] = [
                statistics.mean(score["bcubed_f1"] for score in run["scores"][part]["plain"]) for run in runs
            ]
        pooling = [
            ((m0 - s0) + (m1 - s1)) / 2
            for s0, s1, m0, m1 in zip(cells["00"], cells["01"], cells["10"], cells["11"], strict=True)
        ]
        effect = content["effects"][0]
        assert effect["of"] == ["pooling"] and effect[part]["by_seed"] == pytest.approx(pooling)
        assert effect[part]["sd"] == pytest.approx(statistics.stdev(pooling))
        assert content["cells"][3]["figures"][part]["bcubed_f1"] == pytest.approx(statistics.mean(cells["11"]))


def test_the_report_has_cells_and_effects(scripts, pooling_loss, monkeypatch):
    output, argv, content = pooling_loss
    markdown = (output / "pooling_loss.md").read_text(encoding="utf-8")
    cells, effects = read_table(markdown), read_table(markdown, 1)
    assert len(cells) == 5 and [row[0] for row in effects[1:]] == ["pooling", "loss", "pooling x loss"]
    known = content["effects"][2]["validation"]
    assert effects[3][1] == f"{known['mean']:+.3f} ± {known['sd']:.3f}"
    assert not list((output / "runs").iterdir())  # weights go once the figures are kept
    monkeypatch.setattr(scripts.experiment.Experiment, "train", None)  # nothing is trained again
    assert scripts.pooling_loss.main(argv)["cells"] == content["cells"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--variant", "whitening"], "--variant whitening needs --whitening_per_relation"),
        (["--held_out_relations", "0"], "give --held_out_relations or --validation_file"),
        (["--num_seeds", "0"], "`num_seeds` and `num_cluster_seeds` must be at least 1"),
    ],
)
@pytest.mark.parametrize("script", ["pooling_loss", "adversarial"])
def test_wrong_use_is_told_plainly(scripts, encoder, files, tmp_path, script, arguments, message):
    with pytest.raises(UsageError, match=message):
        getattr(scripts, script).main(options(encoder, files, tmp_path, *arguments))
