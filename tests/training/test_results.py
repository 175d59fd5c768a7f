"""What of a run's settings gets into results and cards."""

from __future__ import annotations

from hf_relation.training import RelationTrainingArguments, changed_settings


def test_no_token_and_no_folder_is_written_down(tmp_path):
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, max_steps=3, hub_token="hf_secret")
    found = changed_settings(args)
    assert found["max_steps"] == 3 and "hf_secret" not in str(found) and str(tmp_path) not in str(found)
