"""Convert slot files of one's own, such as ATIS to Parquet and a dataset card; `python dataset_scripts/conll_slots.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "conll_slots",
        example="python dataset_scripts/conll_slots.py --data-dir data/conll_slots --output-dir out/conll_slots",
    )
