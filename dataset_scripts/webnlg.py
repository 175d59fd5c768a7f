"""Convert WebNLG to Parquet and a dataset card; `python dataset_scripts/webnlg.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter("webnlg", example="python dataset_scripts/webnlg.py --data-dir data/webnlg --output-dir out/webnlg")
