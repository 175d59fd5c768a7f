"""The parts of runs on corpora: which files become what."""

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.extraction_arguments import ExtractionDataArguments, check_data_options
from hf_relation.runs.extraction_data import load_data
from tests.common.tiny_corpora import write_redocred, write_tacred


def test_redocred_with_its_development_file_alone_is_split_and_no_text_is_in_two_parts(tmp_path):
    write_redocred(tmp_path, "dev_revised.json")
    data = load_data(ExtractionDataArguments(dataset="redocred", data_dir=str(tmp_path)))
    parts = [data.train, data.validation, data.test]
    ids = [document["id"] for part in parts for document in part]
    assert all(parts) and len(ids) == len(set(ids))
    assert data.pairs == "all" and data.na_relation == "no relation"


def test_redocred_with_all_its_files_keeps_their_parts(tmp_path):
    for place, name in enumerate(("train_revised.json", "dev_revised.json", "test_revised.json")):
        write_redocred(tmp_path, name, offset=100 * place)
    data = load_data(ExtractionDataArguments(dataset="redocred", data_dir=str(tmp_path)))
    assert data.validation_from == "the corpus' own part"
    # Texts 100 and 101 of the training file are the first two of the validation file.
    assert (len(data.train), len(data.validation), len(data.test)) == (100, 102, 102)
    assert data.counts["train_dropped_sentence_in_validation"] == 2


def test_tacred_has_one_pair_a_text_and_no_relation_by_name(tmp_path):
    write_tacred(tmp_path)
    data = load_data(ExtractionDataArguments(dataset="tacred", data_dir=str(tmp_path)))
    assert data.pairs == "first" and data.na_relation == "no_relation" and "no_relation" not in data.relations
    assert data.typed


def test_files_are_for_jsonl_and_shares_are_shares():
    with pytest.raises(UsageError, match="for --dataset jsonl"):
        check_data_options(ExtractionDataArguments(dataset="tacred", test_file="x"))
    with pytest.raises(UsageError, match="between 0 and 1"):
        check_data_options(ExtractionDataArguments(test_share=1.0))
