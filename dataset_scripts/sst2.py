"""Convert SST-2 to Parquet and a dataset card; `python dataset_scripts/sst2.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("sst2", example="python dataset_scripts/sst2.py --data-dir data/sst2 --output-dir out/sst2")
