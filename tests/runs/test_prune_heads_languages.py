"""Pruning runs over several languages: which rows every language gives, and which rankings are kept."""

from __future__ import annotations

import pytest

from hf_relation.heads import HeadImportance
from hf_relation.runs.prune_heads import main
from hf_relation.runs.prune_heads_arguments import parse
from hf_relation.runs.prune_heads_data import load_data
from tests.common.tiny_runs import save_tiny_encoder


TREEBANKS = {
    "en_ewt-ud-train": 12, "en_ewt-ud-dev": 3, "en_ewt-ud-test": 3, "zh_gsd-ud-train.v1": 9, "zh_gsd-ud-dev.v1": 3,
    "zh_gsd-ud-test.v1": 3, "zh_gsd-ud-test": 4, "de_gsd-ud-dev": 20, "de_gsd-ud-test": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Tiny treebanks, a tiny encoder, and how a run is told of them."""
    folder = tmp_path_factory.mktemp("languages")
    (folder / "ud").mkdir()
    for name, number in TREEBANKS.items():
        sentences = [
            f"1\t{name}{place}\t_\tNOUN" + "\t_" * 6 + f"\n2\t{'ran' if place % 2 else 'sat'}\t_\tVERB" + "\t_" * 6
            for place in range(number)
        ]
        (folder / "ud" / f"{name}.conllu").write_text("\n\n".join(sentences) + "\n\n", encoding="utf-8")
    encoder = save_tiny_encoder(folder / "encoder")
    settings = (
        "--task pos --num_train_epochs 1 --num_seeds 1 --batch_size 4 --max_heads 1 --plots false --use_cpu true"
    )
    return [
        "--data_dir",
        str(folder),
        "--model_name_or_path",
        str(encoder),
        "--disable_tqdm",
        "true",
        *settings.split(),
    ]


@pytest.mark.parametrize("limit", [[], ["--max_train_rows", "5", "--max_eval_rows", "2"]])
def test_every_target_with_a_training_part_is_trained_on(options, tmp_path, limit):
    more = ["--setting", "multi-lingual", "--source", "en", "--targets", "en,zh,de", "--output_dir", str(tmp_path)]
    data = load_data(*parse([*options, *more, *limit]))
    assert [job.name for job in data.jobs] == ["en", "zh"] and data.left_out == ["de"]
    assert data.targets["zh"].corpus == "ud/zh_gsd_v1"
    english, both = (len(job.train) for job in data.jobs)
    assert (english, both) == ((5, 10) if limit else (12, 21))


@pytest.mark.parametrize("combine, names", [("merge", ["merged"]), ("sum", ["sum"]), ("each", [])])
def test_the_ranking_that_is_pruned_by_is_kept(options, tmp_path, combine, names):
    sources = ["--source", "en,zh=ud/zh_gsd_v1", "--targets", "zh", "--save_models", "false"]
    results = main([*options, *sources, "--combine", combine, "--output_dir", str(tmp_path)])
    folder = tmp_path / "seed-42" / "cross-lingual"
    assert sorted(file.name for file in folder.glob("importance_*.json")) == sorted(
        f"importance_{name}.json" for name in ["en", "zh", *names]
    )
    searched = results["runs"][0]["jobs"][0]["searches"]["lowest"]
    ranking = HeadImportance.load(folder / f"importance_{searched['source']}.json").rank()
    assert searched["order"] == [list(ranking[0])]
