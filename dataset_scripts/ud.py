"""Convert Universal Dependencies to Parquet and a dataset card; `python dataset_scripts/ud.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("ud", example="python dataset_scripts/ud.py --data-dir data/ud --output-dir out/ud --config en_ewt")
