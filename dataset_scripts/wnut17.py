"""Convert WNUT-17 to Parquet and a dataset card; `python dataset_scripts/wnut17.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("wnut17", example="python dataset_scripts/wnut17.py --data-dir data/wnut17 --output-dir out/wnut17")
