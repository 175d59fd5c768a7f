"""The stages with a tiny encoder, its whitening, and rows that are documents and texts."""

from __future__ import annotations

import json

import numpy as np

from hf_relation import RelationDiscovery
from hf_relation.sharded import ShardedSettings, discover_sharded
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


def test_encoder_and_whitening_of_a_checkpoint(tmp_path):
    save_tiny_checkpoint(tmp_path / "model")
    instances = sample_instances(20)
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, instances)))
    chosen = ShardedSettings(
        model=str(tmp_path / "model"), whitening=True, num_relations=3, shard_rows=8, num_centers=20
    )
    found = discover_sharded([tmp_path / "rows.jsonl"], tmp_path / "work", settings=chosen, workers=0)
    whole = RelationDiscovery.from_pretrained(tmp_path / "model")
    made = np.concatenate([np.load(path) for path in sorted((tmp_path / "work/embed").iterdir())])
    np.testing.assert_allclose(made, whole.embed(instances), atol=1e-5)
    # Every distinct row is a centre here, so that nothing is lost by the sample.
    assert found.labels().tolist() == whole.set_params(n_init=20).fit_predict(instances, made).labels.tolist()


def test_texts_and_documents_become_instances(tmp_path):
    names = tmp_path / "names.tsv"
    names.write_text("Ada\tPERSON\nBob\tPERSON\nRome\tPLACE\n")
    (tmp_path / "rows.txt").write_text("Ada met Bob.\n\nNobody was there.\nBob lives in Rome.\nAda left Rome.\n")
    save_tiny_checkpoint(tmp_path / "model")
    chosen = ShardedSettings(
        model=str(tmp_path / "model"), num_relations=1, shard_rows=2, text_options={"entities": f"dictionary:{names}"}
    )
    found = discover_sharded([tmp_path / "rows.txt"], tmp_path / "work", settings=chosen, workers=0)
    # ids of texts are their positions among the lines that are not blank
    assert [row["id"].split("/")[0] for row in found.instance_rows()] == ["0", "2", "3"]
    assert found.relations[0].size == 3
