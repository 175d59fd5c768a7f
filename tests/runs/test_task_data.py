"""Names on the command line to rows in three parts: which split is which part, what is cut off, dropped and drawn."""

from __future__ import annotations

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.runs.task_data import Wanted, load_task, read_wanted


def conllu(path, sentences):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = []
    for words in sentences:
        rows = [f"{place}\t{word}\t_\tNOUN" + "\t_" * 6 for place, word in enumerate(words.split(), 1)]
        blocks.append("\n".join(rows))
    path.write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")


def cola(folder, parts):
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        lines = [f"s\t{label}\t\t{sentence}" for sentence, label in rows]
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def texts(rows):
    return [row.get("text") or " ".join(row["tokens"]) for row in rows]


def test_parts_are_the_splits_where_there_are_three(tmp_path):
    for part, word in (("train", "a"), ("dev", "b"), ("test", "c")):
        conllu(tmp_path / "ud" / f"en_ewt-ud-{part}.conllu", [f"{word} {number}" for number in range(3)])
    data = load_task(read_wanted("en", "pos"), tmp_path)
    assert data.corpus == "ud/en_ewt" and data.kind == "tagged" and data.num_dropped == 0
    assert texts(data.train) == ["a 0", "a 1", "a 2"] and texts(data.validation)[0] == "b 0"
    assert data.origins == {"train": "train", "validation": "validation", "test": "test"}


def test_glue_tests_on_its_development_set_and_chooses_by_what_was_held_out(tmp_path):
    parts = {"train": [("t one", 1), ("t two", 0)], "val": [("v one", 1)], "dev": [("d one", 0)]}
    cola(tmp_path / "glue" / "CoLA", parts)  # a folder of another name
    data = load_task(read_wanted("cola"), tmp_path)
    assert (texts(data.train), texts(data.validation), texts(data.test)) == (["t one", "t two"], ["v one"], ["d one"])
    assert data.origins == {"train": "train", "validation": "held_out", "test": "validation"}
    assert data.metric == "matthews"


def test_a_validation_part_is_cut_off_where_there_is_none(tmp_path):
    cola(tmp_path, {"train": [(f"t {number}", number % 2) for number in range(20)], "dev": [("d", 1)]})
    data = load_task(read_wanted("cola"), tmp_path, validation_share=0.25)
    assert data.counts == {"train": 15, "validation": 5, "test": 1}
    assert data.origins["validation"] == "0.25 of train" and data.origins["test"] == "validation"
    assert set(texts(data.train)).isdisjoint(texts(data.validation))
    again = load_task(read_wanted("cola"), tmp_path, validation_share=0.25)
    other = load_task(read_wanted("cola"), tmp_path, validation_share=0.25, split_seed=1)
    assert texts(again.validation) == texts(data.validation) != texts(other.validation)


def test_a_corpus_of_one_part_is_cut_into_three(tmp_path):
    rows = [
        f"{number}\tIs it {number}?\tIt is {number}.\t{'entailment' if number % 2 else 'not_entailment'}"
        for number in range(20)
    ]
    (tmp_path / "dev.tsv").write_text("\n".join(["index\tquestion\tsentence\tlabel", *rows]) + "\n", encoding="utf-8")
    data = load_task(read_wanted("qnli"), tmp_path)
    assert data.counts == {"train": 14, "validation": 2, "test": 4}
    assert len({(row["text"], row["text_pair"]) for row in data.rows}) == 20
    alone = load_task(read_wanted("qnli"), tmp_path, train=False)
    assert alone.counts == {"train": 0, "validation": 0, "test": 20}


def test_training_rows_of_the_other_parts_are_dropped_and_counted(tmp_path):
    parts = {"train": [("same", 1), ("own", 0), ("held", 1)], "val": [("held", 1)], "dev": [("same", 0)]}
    cola(tmp_path, parts)
    data = load_task(read_wanted("cola"), tmp_path)
    assert texts(data.train) == ["own"] and data.num_dropped == 2


def test_rows_are_drawn_where_there_are_too_many(tmp_path):
    parts = {part: [(f"{part} {number}", number % 2) for number in range(12)] for part in ("train", "val", "dev")}
    cola(tmp_path, parts)
    data = load_task(read_wanted("cola"), tmp_path, max_train_rows=5, max_eval_rows=3)
    assert data.counts == {"train": 5, "validation": 3, "test": 3}
    assert data.origins["train"] == "train, 5 of 12 rows"
    assert texts(data.train) == sorted(texts(data.train), key=lambda each: int(each.split()[1]))  # still in order


def test_older_files_train_where_only_they_have_a_training_part(tmp_path):
    for part in ("train.v1", "dev.v1", "test.v1", "dev", "test"):
        conllu(tmp_path / "ud" / f"zh_gsd-ud-{part}.conllu", [f"{part} 一"])
    assert load_task(read_wanted("zh", "pos"), tmp_path).corpus == "ud/zh_gsd_v1"
    target = load_task(read_wanted("zh", "pos"), tmp_path, train=False)
    assert target.corpus == "ud/zh_gsd" and not target.train and texts(target.test) == ["test 一"]


def test_nothing_labelled_and_too_few_rows(tmp_path):
    (tmp_path / "test.tsv").write_text("index\tsentence\n0\tone\n", encoding="utf-8")
    with pytest.raises(UsageError, match="No row of cola/cola has a label"):
        load_task(read_wanted("cola"), tmp_path)
    cola(tmp_path / "few", {"train": [("one", 1)]})
    with pytest.raises(UsageError, match="too few"):
        load_task(read_wanted("cola"), tmp_path / "few")
    with pytest.raises(UsageError, match="does not exist"):
        load_task(read_wanted("cola"), tmp_path / "nowhere")


def test_bad_rows_name_file_and_line(tmp_path):
    (tmp_path / "train.tsv").write_text("s\t1\t\tgood\ns\t7\t\tbad\n", encoding="utf-8")
    with pytest.raises(InvalidRowError, match=r"train.tsv, line 2"):
        load_task(read_wanted("cola"), tmp_path)


@pytest.mark.parametrize(
    ("given", "task", "expected"),
    [
        ("de", "pos", Wanted("de", "ud", "de_gsd")),
        ("german=de", "pos", Wanted("german", "ud", "de_gsd")),
        ("wnut17", None, Wanted("wnut17", "wnut17", "ner")),
        ("wnut17/ner_misc", "ner", Wanted("wnut17/ner_misc", "wnut17", "ner_misc")),
        ("x=meld/sentiment@some/where", "text", Wanted("x", "meld", "sentiment", "some/where")),
    ],
)
def test_names(given, task, expected):
    assert read_wanted(given, task) == expected


@pytest.mark.parametrize(
    ("given", "task", "message"),
    [
        ("xx", "pos", "one of en, de"),
        ("fewrel", None, "no task that is known here"),
        ("wnut17/nothing", None, "no configuration 'nothing'"),
        ("", None, "no task"),
    ],
)
def test_unknown_names_are_told(given, task, message):
    with pytest.raises(UsageError, match=message):
        read_wanted(given, task)
