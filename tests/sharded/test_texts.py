"""Rows that are documents and texts: which become instances, which do not, and what is said of both."""

from __future__ import annotations

import json
import shutil

import pytest

from hf_relation import RelationDiscovery
from hf_relation.discovery.text_files import read_text_file
from hf_relation.errors import UsageError
from hf_relation.sharded import ShardedSettings, ShardFailures, discover_sharded
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import make_instance


LONG = "Bob" + "!?" * 90  # of one token each
TEXTS = [
    "Ada met Bob.",
    "Ada" + " and on" * 100 + " Bob.",
    "Nobody was there.",
    f"Ada met {LONG}",  # the second mention is longer than the model
    "Bob lives in Rome.",
    "Ada met herself.",
    "Ada left Rome.",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_checkpoint(folder)
    return folder


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_text(f"Ada\tPERSON\nBob\tPERSON\nRome\tPLACE\n{LONG}\tPERSON\n")
    return f"dictionary:{path}"


def chosen(model, names, **changes):
    return ShardedSettings(
        model=str(model),
        num_relations=1,
        shard_rows=2,
        text_options={"entities": names, "sentences": "text"},
        **changes,
    )


def test_texts_become_instances_and_what_does_not_fit_is_counted_over_all_shards(tmp_path, model, names):
    (tmp_path / "rows.txt").write_text("\n\n".join(TEXTS) + "\n")
    found = discover_sharded([tmp_path / "rows.txt"], tmp_path / "work", settings=chosen(model, names), workers=0)
    # As without shards: the same pairs, with ids by the position among the lines that are not blank, and the same report.
    whole = RelationDiscovery.from_pretrained(model).read_texts(TEXTS, names, sentences="text")
    assert [row["id"] for row in found.instance_rows()] == [row["id"] for row in whole.instances]
    assert list(found.instances()) == whole.instances
    assert found.text_report() == whole.report
    assert [id_.split("/")[0] for id_ in found.text_report().unreadable] == ["3"]
    assert found.text_report().windowed == 1 and found.text_report().without_entities == ["2"]
    assert found.relations[0].size == 4 == len(found) and found.left_out == 0


def test_lines_of_any_file_can_be_taken_as_texts(tmp_path, model, names):
    (tmp_path / "rows.log").write_text('Ada met Bob.\n{"text": "Ada left Rome."}\n')
    settings = chosen(model, names, plain_text=True)
    found = discover_sharded([tmp_path / "rows.log"], tmp_path / "work", settings=settings, workers=0)
    assert [row["text"] for row in found.instances()] == ["Ada met Bob.", '{"text": "Ada left Rome."}']


def test_instances_that_do_not_fit_are_an_error_as_without_shards(tmp_path, model, names):
    rows = [
        make_instance("<h>Ada</h> met <t>Bob</t>.", id="0"),
        make_instance(f"<h>Ada</h> met <t>{LONG}</t>", id="1"),
        {"id": "2", "text": "Ada left Rome."},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ShardFailures) as caught:
        discover_sharded([tmp_path / "rows.jsonl"], tmp_path / "work", settings=chosen(model, names), workers=0)
    assert caught.value.stage == "embed" and list(caught.value.failures) == ["0000-00000"]
    assert "rows.jsonl, 2 rows from line 1: the instance '1': " in str(caught.value)


def test_tables_keep_ids_and_lines(tmp_path, model, names):
    table = tmp_path / "rows.csv"
    table.write_text('id,said\na,"Ada met\nBob."\n,Bob lives in Rome.\n\n"c,1",Ada left Rome.\nd,Nobody.\n')
    (tmp_path / "more.tsv").write_text("said\nBob left Ada.\n")
    inputs = [table, tmp_path / "more.tsv"]
    found = discover_sharded(inputs, tmp_path / "work", settings=chosen(model, names, text_column="said"), workers=0)
    whole = RelationDiscovery.from_pretrained(model)
    rows = read_text_file(table, text_column="said").rows
    rows += read_text_file(inputs[1], text_column="said", first=len(rows)).rows
    assert [row["id"] for row in rows] == ["a", "1", "c,1", "d", "4"]
    assert list(found.instances()) == whole.read_texts(rows, names, sentences="text").instances
    # A bad row fails its shard alone, or is left out; the line is that of the table.
    with open(table, "a") as stream:
        stream.write("e\nf,Ada met Bob.\n")
    options = {"settings": chosen(model, names, text_column="said"), "workers": 0}
    with pytest.raises(ShardFailures, match="more or fewer cells") as raised:
        discover_sharded(inputs, tmp_path / "other", **options)
    (reason,) = raised.value.failures.values()
    assert f"{table}, line 8: the line has more or fewer cells" in reason
    options["settings"] = chosen(model, names, text_column="said", skip_bad=True)
    found = discover_sharded(inputs, tmp_path / "third", **options)
    assert [(row["line"], row["file"]) for row in found.skipped] == [(8, str(table))]
    assert [row["id"].split("/")[0] for row in found.instance_rows()] == ["a", "1", "c,1", "f", "6"]


def test_tables_that_cannot_be_read(tmp_path, model, names):
    for content, message in (
        (
            b"id,said\na,Ada met Bob.\n",
            "rows.csv has no column 'text'; it has: 'id', 'said'. Name one with --text-column",
        ),
        (b'text\n"Ada met', "line 2: the line is no CSV: unexpected end of data"),
        (b"text\nAda\xff met Bob.\n", "is not UTF-8: byte 0xff"),
    ):
        (tmp_path / "rows.csv").write_bytes(content)
        with pytest.raises(ShardFailures) as raised:
            discover_sharded(
                [tmp_path / "rows.csv"], tmp_path / "work", settings=chosen(model, names), workers=0, on_change="redo"
            )
        assert message in str(raised.value) and str(tmp_path / "rows.csv") in str(raised.value)
    with pytest.raises(UsageError, match="`text_column` must be the name of a column, got ''"):
        chosen(model, names, text_column="")


def test_no_pair_at_all_says_why(tmp_path, model, names):
    (tmp_path / "rows.txt").write_text("Nobody.\nAda sings.\nBob sings.\n")
    with pytest.raises(UsageError, match=r"No pair of entities was found in 3 texts with 2 mentions.*PERSON"):
        discover_sharded([tmp_path / "rows.txt"], tmp_path / "work", settings=chosen(model, names), workers=0)


def test_an_error_in_the_dictionary_is_not_blamed_on_a_row(tmp_path, model, names):
    (tmp_path / "rows.txt").write_text("Ada met Bob.\n")
    (tmp_path / "names.tsv").write_text("Ada\tPERSON\nAda\tPLACE\n")
    with pytest.raises(ShardFailures, match="line 2: the name 'Ada' has the type") as caught:
        discover_sharded([tmp_path / "rows.txt"], tmp_path / "work", settings=chosen(model, names), workers=0)
    assert "rows.txt, line" not in str(caught.value)


def test_another_dictionary_is_noticed(tmp_path, model, names):
    (tmp_path / "rows.txt").write_text("Ada met Bob.\nAda left Rome.\nAda saw Lindau.\n")
    arguments = ([tmp_path / "rows.txt"], tmp_path / "work")
    found = discover_sharded(*arguments, settings=chosen(model, names), workers=0)
    assert len(found) == 2
    with open(tmp_path / "names.tsv", "a") as stream:
        stream.write("Lindau\tPLACE\n")
    with pytest.raises(UsageError, match="entities/dictionary"):
        discover_sharded(*arguments, settings=chosen(model, names), workers=0)
    again = discover_sharded(*arguments, settings=chosen(model, names), workers=0, on_change="redo")
    assert len(again) == 3


def test_settings_of_a_checkpoint(tmp_path, model):
    stored = ShardedSettings.from_pretrained(model)
    assert (stored.model, stored.whitening, stored.n_init, stored.num_relations) == (str(model), True, 3, 3)
    chosen = ShardedSettings.from_pretrained(model, whitening=False, num_relations=7, shard_rows=5, seed=4)
    assert (chosen.whitening, chosen.num_relations, chosen.shard_rows, chosen.seed) == (False, 7, 5, 4)
    for given, message in [
        ({"pair_weighting": 0.5}, "near-duplicates among all instances"),
        ({"colour": 1}, "no setting 'colour'"),
        ({"algorithm": "hdbscan"}, "finds the number of relations itself"),
    ]:
        with pytest.raises(UsageError, match=message):
            ShardedSettings.from_pretrained(model, **given)
    bare = tmp_path / "bare"
    shutil.copytree(model, bare)
    (bare / "config.json").unlink()
    with pytest.raises(UsageError, match="holds no encoder"):
        ShardedSettings.from_pretrained(bare)
