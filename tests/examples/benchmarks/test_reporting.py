"""What the benchmark scripts share: figures as text, finished parts, published rows, options."""

import math
import re
import statistics

import pytest

from hf_relation.cards.published import PUBLISHED_FEWREL
from hf_relation.errors import CheckpointError
from tests.common.tiny_benchmarks import FOLDER


def test_mean_and_deviation_are_the_sample_ones(scripts):
    values = [0.7, 0.75, 0.71, 0.9]
    assert scripts.reporting.mean_sd(values) == pytest.approx((statistics.mean(values), statistics.stdev(values)))
    assert scripts.reporting.mean_sd([0.25]) == (0.25, 0.0)


def test_figures_as_text(scripts):
    shown, seconds = scripts.reporting.shown, scripts.reporting.shown_seconds
    assert shown(0.7384, 0.0166) == "0.738 ± 0.017"
    assert shown(0.02, 0.1, sign=True) == "+0.020 ± 0.100" and shown(0.5) == "0.500" and shown(None) == ""
    assert (seconds(1.234), seconds(1234.5), seconds(None)) == ("1.2", "1,234", "")


def test_tables_survive_any_name(scripts):
    table = scripts.reporting.markdown_table(["name", "value"], [["a|b\n<b>`x`", "1"], ["", "2"]])
    assert len(table.splitlines()) == 4
    assert table.splitlines()[2] == r"| a\|b &lt;b&gt;\`x\` | 1 |"
    with pytest.raises(ValueError, match="3 cells, the table 2 columns"):
        scripts.reporting.markdown_table(["name", "value"], [["a", "b", "c"]])


def test_finished_parts_are_kept_until_settings_change(scripts, tmp_path):
    finished = scripts.reporting.Finished(tmp_path / "finished")
    made = []

    def make():
        made.append(len(made))
        return {"value": [1.5, (made[-1], 2)]}

    assert finished.get("a", {"x": 1, "y": 2}, make) == {"value": [1.5, [0, 2]]}
    assert finished.get("a", {"y": 2, "x": 1}, make) == {"value": [1.5, [0, 2]]}  # read
    assert finished.get("a", {"x": 2, "y": 2}, make) == {"value": [1.5, [1, 2]]}
    assert made == [0, 1]
    for path in (tmp_path / "finished").iterdir():
        path.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged .* Delete it"):
        finished.get("a", {"x": 1, "y": 2}, make)


def test_a_failed_part_is_not_kept(scripts, tmp_path):
    finished = scripts.reporting.Finished(tmp_path / "finished")
    with pytest.raises(ValueError):
        finished.get("a", {}, lambda: {"value": math.nan})
    assert not (tmp_path / "finished").exists()


def test_the_command_names_no_place_of_this_machine(scripts):
    argv = [
        "--data_dir",
        "/home/x/data",
        "--train_file",
        "a.jsonl",
        "b c.jsonl",
        "--seed",
        "3",
        "--output=/o",
        "--quick",
    ]
    assert scripts.reporting.command_line("s.py", argv) == (
        "python s.py --data_dir DATA --train_file FILE FILE --seed 3 --output=OUT --quick"
    )
    assert "'{\"a\": 1}'" in scripts.reporting.command_line("s.py", ["--", "--loss_kwargs", '{"a": 1}'])


def test_published_rows_are_those_of_the_package(scripts):
    ours = {row.system: row for row in scripts.published.PUBLISHED}
    for row in PUBLISHED_FEWREL:
        for figure in ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari"):
            assert getattr(ours[row.system], figure) == getattr(row, figure)


@pytest.mark.parametrize(
    "figures", [("bcubed_precision", "bcubed_recall", "bcubed_f1"), ("homogeneity", "completeness", "v_measure")]
)
def test_published_rows_fit_together(scripts, figures):
    """The third figure is the harmonic mean of the two others, up to their rounding."""
    for row in scripts.published.PUBLISHED:
        a, b, mean = (getattr(row, figure) for figure in figures)
        assert mean == pytest.approx(2 * a * b / (a + b), abs=0.0021), row.system


def test_every_option_that_the_readme_names_exists(scripts, capsys):
    known = set()
    for script in ("openre", "pooling_loss", "adversarial", "open_world", "scale"):
        with pytest.raises(SystemExit):
            getattr(scripts, script).main(["--help"])
        known |= set(re.findall(r"--\w+", capsys.readouterr().out))
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    others = {
        "--markdown",
        "--max_steps",
        "--word_vectors",
        "--save_strategy",
        "--help",
        "--bertopic_python",
        "--cache_dir",
        "--end_to_end",
    }  # of speed.py, train_more.py and discovery.py
    assert set(re.findall(r"--\w+", text)) <= known | others
    for path in re.findall(r"examples/[\w/]+\.\w+", text):
        assert (FOLDER.parents[1] / path).is_file(), path
