"""Convert TACRED (your own licensed files) to Parquet and a dataset card; `python dataset_scripts/tacred.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "tacred",
        example="python dataset_scripts/tacred.py --data-dir data/tacred --output-dir out/tacred --config openre",
    )
