"""A run in a bucket of an S3 server (moto's, on the loopback address)."""

from __future__ import annotations

import pytest

from hf_relation.sharded import discover_sharded
from hf_relation.sharded.datatrove import open_result, sharded_executors
from tests.sharded.planted_files import settings, snapshot, write_planted


for package in ("datatrove", "s3fs", "moto"):
    pytest.importorskip(package, reason="needs the extra `scale`, s3fs and moto[server]; .ci/scale installs them")


@pytest.fixture
def bucket(monkeypatch):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    import fsspec

    system = fsspec.filesystem("s3")
    system.mkdir("bucket")
    yield system
    server.stop()


def test_inputs_and_folder_in_a_bucket(bucket, tmp_path):
    inputs, arrays, _, _, gold = write_planted(tmp_path / "in", parts=(30,))
    discover_sharded(inputs, tmp_path / "whole", settings=settings(), embeddings=arrays, workers=0)
    for path in (*inputs, *arrays):
        bucket.put_file(str(path), f"bucket/given/{path.name}")
    urls, ready = ([f"s3://bucket/given/{path.name}" for path in paths] for paths in (inputs, arrays))
    chosen = {"settings": settings(), "embeddings": ready, "workers": 1}
    executors = sharded_executors(urls, "s3://bucket/run", tasks=2, **chosen)
    executors[4].run()  # and stopped there
    bucket.invalidate_cache()
    bucket.rm_file("bucket/run/embed/0000-00001.npy")
    sharded_executors(urls, "s3://bucket/run", tasks=3, **chosen)[-1].run()
    bucket.invalidate_cache()
    made = {path.removeprefix("bucket/run/"): path for path in bucket.find("bucket/run") if "/logs/" not in path}
    whole = snapshot(tmp_path / "whole")
    assert made.keys() == whole.keys()
    for name, content in whole.items():
        assert name.startswith("manifest") or bucket.cat_file(made[name]) == content, name
    result = open_result("s3://bucket/run", copy=tmp_path / "copy")
    assert result.labels().tolist() == gold.tolist()
    assert '"ETag:' in (tmp_path / "copy/manifest.json").read_text()
