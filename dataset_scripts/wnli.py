"""Convert WNLI to Parquet and a dataset card; `python dataset_scripts/wnli.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("wnli", example="python dataset_scripts/wnli.py --data-dir data/wnli --output-dir out/wnli")
