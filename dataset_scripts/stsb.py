"""Convert STS-B to Parquet and a dataset card; `python dataset_scripts/stsb.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("stsb", example="python dataset_scripts/stsb.py --data-dir data/stsb --output-dir out/stsb")
