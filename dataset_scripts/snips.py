"""Convert SNIPS to Parquet and a dataset card; `python dataset_scripts/snips.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("snips", example="python dataset_scripts/snips.py --data-dir data/snips --output-dir out/snips")
