"""Convert FewRel to Parquet and a dataset card; `python dataset_scripts/fewrel.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "fewrel",
        example="python dataset_scripts/fewrel.py --data-dir data/fewrel --output-dir out/fewrel --config openre",
    )
