"""The card of a fine-tuned pair classifier: figures of its run, published ones beside, hostile strings inert."""

import re

import pytest
from huggingface_hub import ModelCard

from hf_relation.cards import classification_card_text, write_classification_card
from hf_relation.cards.published import PUBLISHED_FINECL
from hf_relation.errors import UsageError
from tests.cards.markdown_reader import split, tables


def results(**changes):
    def cell(value):
        figures = {"f1": {"mean": value, "sd": 0.0125}, "macro_f1": {"mean": value / 2, "sd": 0.0}}
        return {"validation": figures, "test": figures}

    runs = [
        {
            "seed": seed,
            "encoder": encoder,
            "share": share,
            "train": 7000,
            "kind": "single_label",
            "scores": {"test": {"f1": 0.51 + share / 10, "macro_f1": 0.4}},
        }
        for seed in (0, 1)
        for encoder in ("base", "finecl")
        for share in (0.01, 1.0)
    ]
    return {
        "method": "PairClassification",
        "dataset": "semeval",
        "encoders": {"base": "user/base", "finecl": "seed-42"},
        "validation_from": "a part of the training texts",
        "counts": {"train": 7000, "test": 2717},
        "relations": ["born in", "spouse"],
        "unseen_relations": {},
        "summary": {
            "base": {"0.01": cell(0.25), "1": cell(0.75)},
            "finecl": {"0.01": cell(0.375), "1": cell(0.875)},
        },
        "runs": runs,
        "settings": {"batch_size": 8, "encoders": ["finecl=/home/somebody/runs/finecl/seed-42"]},
        "versions": {"python": "3.11"},
        **changes,
    }


def test_figures_of_all_runs_in_the_text_and_of_this_one_in_the_header():
    text = classification_card_text(results(), name="m", seed=1, encoder="finecl", share=0.01, base_model="user/base")
    header, body = split(text)
    figures = {result.metric_name: result.metric_value for result in ModelCard(text).data.eval_results}
    assert figures == {"micro F1": 0.511, "macro F1": 0.4} and header["base_model"] == "user/base"
    ours = next(table for table in tables(body) if table[0][0] == "encoder")
    assert ours[0] == ["encoder", "training texts", "micro F1", "macro F1"]
    assert ["finecl (this model's)", "0.01", "37.5 ± 1.2", "18.8 ± 0.0"] in ours and [
        "base",
        "1",
        "75.0 ± 1.2",
        "37.5 ± 0.0",
    ] in ours
    assert (
        "over 2 training seed(s)" in body and "0.01 of the training texts (7,000)" in body and "hogan2022fine" in body
    )
    assert '"batch_size": 8' in body
    assert "somebody" not in text, "no folder of this machine"
    assert not ModelCard(classification_card_text(results(), name="m")).data.eval_results, "of no run in particular"


def test_published_figures_stand_beside_with_their_encoders():
    body = split(classification_card_text(results(), name="m"))[1]
    shown = next(table for table in tables(body) if table[0][0] == "system")
    assert ["FineCL", "RoBERTa-base (125 M)", "0.01", "51.2", "", "Hogan et al., EMNLP 2022, Table 5"] in shown
    assert ["none", "BERT-base (110 M)", "1", "87.8", "", "Hogan et al., EMNLP 2022, Table 5"] in shown
    assert ["finecl", "seed-42", "1", "87.5 ± 1.2", "", "this card"] in shown and len(shown) == 1 + 15 + 4
    redocred = classification_card_text(results(dataset="redocred"), name="m")
    assert (
        re.search(r"FineCL \| RoBERTa-base \(125 M\) \| 0.1 \| 50.3 \| 48.3 \|", redocred)
        and "another test" in redocred
    )
    assert "another test" not in body
    assert "Beside published" not in classification_card_text(results(dataset="wiki80"), name="m")


def test_published_figures_are_those_of_the_tables():
    figures = {(row.system, row.encoder[:4], row.dataset, row.share): (row.f1, row.ign_f1) for row in PUBLISHED_FINECL}
    assert len(figures) == len(PUBLISHED_FINECL) == 45
    for key, value in {
        ("ERICA", "RoBE", "docred", 0.1): (50.1, 48.1),
        ("none", "BERT", "docred", 0.01): (19.9, 18.8),
        ("none", "RoBE", "tacred", 0.01): (27.3, None),
        ("weighted contrastive (WCL)", "RoBE", "tacred", 1.0): (69.7, None),
        ("FineCL", "RoBE", "tacred", 0.1): (62.7, None),
        ("ERICA", "RoBE", "semeval", 0.01): (50.3, None),
    }.items():
        assert figures[key] == value, key


def test_unseen_relations_and_a_missing_folder(tmp_path):
    text = classification_card_text(results(unseen_relations={"ruler": 3}), name="m")
    assert "**In the test, not in training (1):** ruler. Their 3 pairs count as missed" in text
    with pytest.raises(UsageError):
        write_classification_card(tmp_path / "none", results())
    assert write_classification_card(tmp_path, results()).name == "README.md"
