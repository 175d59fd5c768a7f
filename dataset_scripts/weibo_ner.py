"""Convert Weibo NER to Parquet and a dataset card; `python dataset_scripts/weibo_ner.py --help` tells how."""

from hf_relation.data.convert_command import run_converter


if __name__ == "__main__":
    run_converter(
        "weibo_ner",
        example="python dataset_scripts/weibo_ner.py --data-dir data/weibo_ner --output-dir out/weibo_ner",
    )
