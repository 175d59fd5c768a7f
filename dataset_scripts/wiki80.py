"""Convert wiki80 to Parquet and a dataset card; `python dataset_scripts/wiki80.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("wiki80", example="python dataset_scripts/wiki80.py --data-dir data/wiki80 --output-dir out/wiki80")
