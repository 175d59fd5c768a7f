"""Convert MELD to Parquet and a dataset card; `python dataset_scripts/meld.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("meld", example="python dataset_scripts/meld.py --data-dir data/meld --output-dir out/meld")
