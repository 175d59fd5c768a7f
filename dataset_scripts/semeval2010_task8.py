"""Convert SemEval-2010 Task 8 to Parquet and a dataset card; `python dataset_scripts/semeval2010_task8.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "semeval2010_task8",
        example="python dataset_scripts/semeval2010_task8.py --data-dir data/semeval2010_task8 --output-dir out/semeval",
    )
