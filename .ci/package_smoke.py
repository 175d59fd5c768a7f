"""Run by an environment that has only what was installed: `python package_smoke.py OUT SOURCE`, OUT as written by discover."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import hf_relation


out, source = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
home = Path(hf_relation.__file__).resolve()
assert source not in home.parents, f"imported from the source: {home}"
assert metadata.version("hf_relation") == hf_relation.__version__

rows = (out / "instances.jsonl").read_text(encoding="utf-8").splitlines()
relations = json.loads((out / "relations.json").read_text(encoding="utf-8"))
assert len(rows) == 282, len(rows)
assert len({json.loads(row)["label"] for row in rows}) == 13, relations

from transformers import pipeline  # noqa: E402  (the task is known because hf_relation was imported)


instances = list(hf_relation.read_jsonl("sample.jsonl"))[:40]
found = pipeline("open-relation-discovery")(instances, num_relations=4)
assert len(found["relations"]) == 4 and len(found["instances"]) == 40
missing = [name for name in hf_relation.__all__ if not hasattr(hf_relation, name)]
assert not missing, missing
print(f"hf_relation {hf_relation.__version__} from {home.parent}: {len(rows)} instances, 13 relations; pipeline runs")
