"""Convert JSONL files of your own to Parquet and a dataset card; `python dataset_scripts/jsonl.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "jsonl", example="python dataset_scripts/jsonl.py train=train.jsonl test=test.jsonl --output-dir out/mine"
    )
