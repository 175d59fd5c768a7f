"""Convert NYT's triples to Parquet and a dataset card; `python dataset_scripts/nyt_triples.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "nyt_triples",
        example="python dataset_scripts/nyt_triples.py --data-dir data/nyt_triples --output-dir out/nyt_triples",
    )
