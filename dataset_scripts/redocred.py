"""Convert Re-DocRED to Parquet and a dataset card; `python dataset_scripts/redocred.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "redocred", example="python dataset_scripts/redocred.py --data-dir data/redocred --output-dir out/redocred"
    )
