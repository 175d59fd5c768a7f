"""Thompson sampling over tasks and mixing ratios by a Gaussian process: they find what helps, and repeat themselves."""

import numpy as np
import pytest
from scipy import integrate, stats

from hf_relation.errors import TrainingError, UsageError
from hf_relation.selection import choose_mixing_ratios, sample_tasks
from hf_relation.selection.mixing import expected_improvement


class Learner:
    """Its score moves by what a task is worth, with noise."""

    def __init__(self, worth):
        self.worth, self.rng, self.score = worth, np.random.default_rng(0), 0.5

    def __call__(self, task):
        self.score += self.worth[task] + self.rng.normal(0, 0.002)
        return self.score


WORTH = {"cola": 0.01, "sst": 0.008, "wnli": -0.01, "rte": -0.004}


def test_tasks_that_help_have_the_highest_utility():
    found = sample_tasks(list(WORTH), Learner(WORTH), start_score=0.5, num_rounds=200, decay=0.02)
    assert set(found.best(2)) == {"cola", "sst"} and found.best(1, without=["cola"]) == ["sst"]
    drawn = [task for task, _ in found.history]
    assert len(drawn) == 200 and drawn.count("cola") + drawn.count("sst") > 120
    again = sample_tasks(list(WORTH), Learner(WORTH), start_score=0.5, num_rounds=200, decay=0.02)
    assert again == found


def test_posteriors_count_wins_and_losses():
    scores = iter([0.6, 0.6, 0.5])  # better, equal (no harm), worse
    found = sample_tasks(["cola"], lambda task: next(scores), start_score=0.5, num_rounds=3, decay=0.0)
    assert (found.alpha, found.beta) == ((3.0,), (2.0,)) and found.utilities == {"cola": 0.6}
    scores = iter([0.6, 0.5])
    found = sample_tasks(
        ["cola"], lambda task: next(scores), start_score=0.5, num_rounds=2, decay=0.5, prior=(2.0, 4.0)
    )
    assert found.alpha[0] == pytest.approx(2.5) and found.beta[0] == pytest.approx(5.0)  # 2 -> 3 -> 2.5; 4 -> 4 -> 5


def test_ratios_near_the_best_are_found_and_searches_go_on(tmp_path):
    def train(ratios):
        return -abs(ratios["sst"] / ratios["cola"] - 0.5) - abs(ratios["wnli"] / ratios["cola"])

    found = choose_mixing_ratios(["cola", "sst", "wnli"], train, num_trials=10, save_to=tmp_path / "mixing.json")
    random = [trial.score for trial in found.trials[:4]]
    assert found.tried[0] == (1, 1, 1) and len(set(found.tried)) == 10
    assert found.score > max(random) and found.score > -0.6
    assert found.score == max(row["score"] for row in found.rows() if row["chosen"]) == train(found.ratios)
    cut = choose_mixing_ratios(["cola", "sst", "wnli"], train, num_trials=6, save_to=tmp_path / "cut.json")
    assert cut.tried == found.tried[:6]
    whole = choose_mixing_ratios(["cola", "sst", "wnli"], train, num_trials=10, save_to=tmp_path / "cut.json")
    assert whole.tried == found.tried and whole.ratios == found.ratios


def test_few_ratios_repeat():
    found = choose_mixing_ratios(["a", "b"], lambda ratios: ratios["b"] * 1.0, num_trials=5, num_random=2, largest=1)
    assert set(found.tried) == {(1, 0), (1, 1)} and found.ratios == {"a": 1, "b": 1}


def test_expected_improvement_is_the_integral():
    mean, deviation, best = 0.3, 0.7, 0.5
    expected, _ = integrate.quad(lambda x: (x - best) * stats.norm.pdf(x, mean, deviation), best, np.inf)
    assert expected_improvement(np.array([mean]), np.array([deviation]), best)[0] == pytest.approx(expected)


def test_bad_input_is_told():
    for settings in (
        {"tasks": []},
        {"tasks": ["a", "a"]},
        {"num_rounds": 0},
        {"decay": 2.0},
        {"prior": (0.0, 1.0)},
        {"seed": -1},
    ):
        with pytest.raises(UsageError, match=next(iter(settings))):
            sample_tasks(**({"tasks": ["a"], "train_step": len, "start_score": 0.0, "num_rounds": 1} | settings))
    with pytest.raises(TrainingError, match="Round 0"):
        sample_tasks(["a"], lambda task: float("nan"), start_score=0.0, num_rounds=1)
    for settings in ({"tasks": ["a"]}, {"tasks": ["a", "a"]}, {"num_random": 1}, {"largest": 0}, {"num_trials": 0}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            choose_mixing_ratios(**({"tasks": ["a", "b"], "train_and_score": len} | settings))
    with pytest.raises(TrainingError, match="Trial 0"):
        choose_mixing_ratios(["a", "b"], lambda ratios: None)
