"""The card of an extraction checkpoint: figures where they belong, hostile strings inert, published figures beside."""

import re

import pytest
import yaml

from hf_relation.cards import extraction_card_text, write_extraction_card
from hf_relation.errors import UsageError


HOSTILE = "a|b\n# <script>alert(1)</script> [x](http://evil) `code` ![](y) ../../etc " + "z" * 300


def figures(value):
    return {f"triple_{key}": value for key in ("precision", "recall", "f1")}


def results(**changes):
    mean = {"mean": 0.875, "sd": 0.0125}
    report = {
        "mode": "all_pairs",
        "all": figures(mean),
        "overlap": {"Normal": figures(mean) | {"num_documents": 4}, "EPO": figures(mean) | {"num_documents": 0}},
        "number": {"Single": figures(mean) | {"num_documents": 4}},
        "count": {"1": figures(mean) | {"num_documents": 4}},
    }
    of_mode = {"paper": report, "fitted": report}
    one = {"paper": {"all": figures(0.86)}, "fitted": {"all": figures(0.88)}}
    return {
        "dataset": "webnlg",
        "encoder": "tiny",
        "one_pair": False,
        "validation_from": "the corpus' own part",
        "counts": {"train": 3, "test": 4},
        "relations": ["born in", HOSTILE],
        "summary": {"scores": {"test": {"all_pairs": of_mode, "gold_pairs": of_mode}}},
        "runs": [
            {
                "seed": 0,
                "scores": {"test": {"all_pairs": one, "gold_pairs": one}},
                "calibration": {
                    "calibration_error": {"before": 0.2, "after": 0.05},
                    "false_positives": {"num_unrelated": 40, "rate": 0.125},
                },
            }
        ],
        "settings": {"kernel_rank": 8},
        "versions": {"python": "3.11"},
        **changes,
    }


def test_figures_of_all_seeds_in_the_text_and_of_this_one_in_the_header():
    card = extraction_card_text(results(), name="mine", seed=0, base_model="user/base")
    header = yaml.safe_load(card.split("---\n")[1])
    values = [metric["value"] for metric in header["model-index"][0]["results"][0]["metrics"]]
    assert values == [0.88, 0.88] and header["base_model"] == "user/base"
    assert (
        "87.5 ± 1.2" in card and "| Normal | 4 |" in card and "| EPO |" not in card and "| 1 triple(s) | 4 |" in card
    )
    assert "0.200 before calibration, 0.050 after" in card and "Of 40 candidate pairs" in card and "12.5 %" in card


def test_published_figures_stand_beside_with_encoder_and_evaluation():
    card = extraction_card_text(results(), name="mine")
    assert re.search(r"KernelRE \(REDN\) \| BERT-base \(110 M\) \| micro F1, gold pairs given \| 96.3", card)
    assert "not the same data" in card
    assert "Beside published" not in extraction_card_text(results(dataset="jsonl"), name="mine")


def test_official_metric_and_raw_text_are_shown_where_measured():
    official = {"test": {"paper": 0.85, "fitted": {"mean": 0.861, "sd": 0.002}}}
    joint = {
        "test": {
            "entities": {"strict_f1": 0.9, "partial_f1": 0.95},
            "triples": {"paper": {"triple_f1": 0.7}, "fitted": {"triple_f1": 0.72}},
        }
    }
    summary = results()["summary"] | {"semeval": official, "joint": joint}
    card = extraction_card_text(results(summary=summary), name="mine")
    assert "85.0 with threshold 0.5, 86.1 ± 0.2 fitted" in card
    assert "strict F1 (span and type) 90.0, partial 95.0" in card and "72.0 fitted" in card
    assert "Raw text" not in extraction_card_text(results(), name="mine")


def test_fault_24_and_25_hostile_names_stay_text():
    hostile = results(dataset=HOSTILE, encoder=HOSTILE, validation_from=HOSTILE, counts={HOSTILE: 1})
    card = extraction_card_text(hostile, name=HOSTILE, base_model=HOSTILE, data_license=HOSTILE, limits=[HOSTILE])
    body = card.split("---\n", 2)[2]
    assert "<script>" not in body and "http://" not in body and not re.search(r"(?<!\\)\]\(", body)
    assert len(re.findall(r"^# ", body, flags=re.MULTILINE)) == 1
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "hf_relation"


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UsageError):
        write_extraction_card(tmp_path / "none", results())
    assert write_extraction_card(tmp_path, results()).name == "README.md"
