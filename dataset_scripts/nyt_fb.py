"""Convert NYT+FB (your own licensed file) to Parquet and a dataset card; `python dataset_scripts/nyt_fb.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "nyt_fb",
        example="python dataset_scripts/nyt_fb.py --data-dir data/nyt_fb --output-dir out/nyt_fb --config sup",
    )
