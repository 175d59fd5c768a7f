"""Options that make the benchmark scripts tiny, and a reader of their tables."""

from pathlib import Path


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
TINY = (
    "--use_cpu true --disable_tqdm true --bf16 false --max_steps 2 --logging_steps 1 --classes_per_batch 3 "
    "--instances_per_class 3 --max_length 96 --eval_strategy no --save_strategy no --load_best_model_at_end False"
).split()


def options(encoder, files, output, *more):
    return [
        *("--dataset", "jsonl", "--train_file", str(files / "known.jsonl"), "--test_file", str(files / "novel.jsonl")),
        *("--model_name_or_path", str(encoder), "--output", str(output)),
        *"--held_out_relations 2 --num_seeds 2 --num_cluster_seeds 2 --n_init 2 --pca_components 4".split(),
        *more,
    ]


def read_table(markdown, number=0):
    """Cells of a Markdown table, its header first."""
    tables = [block for block in markdown.split("\n\n") if block.startswith("|")]
    lines = tables[number].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in [lines[0], *lines[2:]]]
