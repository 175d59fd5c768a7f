"""Convert QNLI to Parquet and a dataset card; `python dataset_scripts/qnli.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("qnli", example="python dataset_scripts/qnli.py --data-dir data/qnli --output-dir out/qnli")
