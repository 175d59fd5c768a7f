"""adversarial.py with a tiny encoder: paired comparisons."""

import json
import math
import statistics

import pytest

from hf_relation.errors import UsageError
from tests.common.tiny_benchmarks import TINY, options, read_table


def test_paired_comparison_by_hand(scripts):
    found = scripts.adversarial.paired([0.5, 0.6, 0.7], [0.6, 0.62, 0.73])
    assert found["differences"] == pytest.approx([0.1, 0.02, 0.03])
    assert found["mean"] == pytest.approx(0.05) and found["sd"] == pytest.approx(math.sqrt(0.0019))
    assert found["t"] == pytest.approx(0.05 / math.sqrt(0.0019 / 3))
    # Two-sided tail of Student's t with two degrees of freedom: 1 - t / sqrt(2 + t^2).
    assert found["p"] == pytest.approx(1 - found["t"] / math.sqrt(2 + found["t"] ** 2))
    assert (found["positive"], found["sign_p"]) == (3, 0.25)
    one = scripts.adversarial.paired([0.5], [0.4])
    assert (one["t"], one["positive"], one["sign_p"]) == (None, 0, 1.0)
    assert scripts.adversarial.paired([0.5, 0.5], [0.5, 0.5])["sign_p"] is None


def test_cells_can_be_chosen(scripts):
    arguments = scripts.adversarial.Arguments()
    assert len(scripts.adversarial.grid(arguments)) == 6
    arguments.cells = ["0:0", "0.1:0.4"]
    assert scripts.adversarial.grid(arguments) == [(0.0, 0.0), (0.1, 0.4)]
    for wrong in ("0.1", "a:b", "1:2:3"):
        arguments.cells = [wrong]
        with pytest.raises(UsageError, match="word_dropout:label_noise, such as 0.1:0.4, got"):
            scripts.adversarial.grid(arguments)


def test_the_last_row_averages_the_cells_within_each_seed(scripts):
    cells = [
        {"figures": {part: {"without": without, "with": [0.5, 0.7]} for part in ("validation", "test")}}
        for without in ([0.5, 0.5], [0.3, 0.7])
    ]
    found = scripts.adversarial.over_cells(cells)["test"]
    assert found["without"] == pytest.approx([0.4, 0.6])
    assert found["paired"]["differences"] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("kind", ["cnn", "transformer"])
def test_runs_are_compared_seed_by_seed(scripts, encoder, files, tmp_path, kind):
    # One seed for the second encoder: what is compared is the same.
    chosen = ["--cells", "0.1:0.2", "--num_seeds", "1"] if kind == "transformer" else ["--cells", "0:0.5"]
    argv = options(encoder, files, tmp_path, "--encoder", kind, *chosen, "--max_steps", "1", "--", *TINY)
    content = scripts.adversarial.main(argv)
    assert [(cell["word_dropout"], cell["label_noise"]) for cell in content["cells"]] == (
        [(0.1, 0.2)] if kind == "transformer" else [(0.0, 0.5)]
    )
    cell = content["cells"][-1]
    kept = {}
    for path in (tmp_path / "finished").glob(
        f"{kind}-dropout-{cell['word_dropout']:g}-noise-{cell['label_noise']:g}-*"
    ):
        part = json.loads(path.read_text(encoding="utf-8"))
        arm = "with" if "-with-" in path.name else "without"
        given = part["settings"]["options"]
        assert given[given.index("--adversarial_weight") + 1] == ("1.0" if arm == "with" else "0")
        assert given[given.index("--label_noise") + 1] == str(cell["label_noise"])
        kept[arm] = part["result"]
    for part in ("validation", "test"):
        figures = {
            arm: [statistics.mean(s["bcubed_f1"] for s in run["scores"][part]["plain"]) for run in result["runs"]]
            for arm, result in kept.items()
        }
        assert cell["figures"][part]["with"] == pytest.approx(figures["with"])
        differences = [b - a for a, b in zip(figures["without"], figures["with"], strict=True)]
        assert cell["figures"][part]["paired"]["differences"] == pytest.approx(differences)
    ratio = statistics.mean(b / a for a, b in zip(kept["without"]["seconds"], kept["with"]["seconds"], strict=True))
    assert cell["slow_down"] == pytest.approx(ratio)
    table = read_table((tmp_path / "adversarial.md").read_text(encoding="utf-8"))
    assert len(table) == 3 and table[-1][0] == "all cells"
    assert not list((tmp_path / "runs").iterdir())
