"""Convert CoLA to Parquet and a dataset card; `python dataset_scripts/cola.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("cola", example="python dataset_scripts/cola.py --data-dir data/cola --output-dir out/cola")
