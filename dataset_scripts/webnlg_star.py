"""Convert WebNLG* to Parquet and a dataset card; `python dataset_scripts/webnlg_star.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "webnlg_star",
        example="python dataset_scripts/webnlg_star.py --data-dir data/webnlg_star --output-dir out/webnlg_star",
    )
