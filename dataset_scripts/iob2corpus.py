"""Convert IOB2Corpus to Parquet and a dataset card; `python dataset_scripts/iob2corpus.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "iob2corpus",
        example="python dataset_scripts/iob2corpus.py --data-dir data/iob2corpus --output-dir out/iob2corpus",
    )
