"""Files of the corpora in their own folders and formats: which split plays which part, and what never gets into training."""

from __future__ import annotations

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.task_data import LANGUAGES, TRAINED_ON, load_task, read_wanted
from tests.common.tiny_tasks import tagged_words, write_cola, write_columns, write_conllu


def sentences(rows):
    return [" ".join(row["tokens"]) for row in rows]


def named(word, tag="B-person"):
    return [(word, tag), ("ran", "O")]


def test_wnut_keeps_its_types_or_has_those_of_conll(tmp_path):
    folder = tmp_path / "wnut17"
    write_columns(folder / "wnut17train.conll", [named("Ada"), named("Nile", "B-location"), named("Yo", "B-product")])
    write_columns(folder / "emerging.dev.conll", [named("Bo")])
    write_columns(folder / "emerging.test.annotated", [named("Cy")])
    data = load_task(read_wanted("wnut17/ner"), tmp_path)
    assert (sentences(data.train), sentences(data.validation), sentences(data.test)) == (
        ["Ada ran", "Nile ran", "Yo ran"],
        ["Bo ran"],
        ["Cy ran"],
    )
    assert [row["tags"][0] for row in data.train] == ["B-person", "B-location", "B-product"]
    english = load_task(read_wanted("en", "ner"), tmp_path)
    assert [row["tags"][0] for row in english.train] == ["B-PER", "B-LOC", "B-MISC"]
    assert (english.name, english.corpus, english.metric) == ("en", "wnut17/ner_misc", None)


@pytest.mark.parametrize("folder", ["weibo_ner", "ner_zh_weibo", "golden-horse/data", "."])
def test_weibo_is_found_under_every_name_of_its_folder(tmp_path, folder):
    for part, letter in (("train", "科"), ("dev", "技"), ("test", "王")):
        rows = [[(f"{letter}0", "B-GPE.NAM"), ("在0", "O")]]
        write_columns(tmp_path / folder / f"weiboNER_2nd_conll.{part}", rows)
    data = load_task(read_wanted("zh", "ner"), tmp_path)
    assert [data.train[0]["tokens"][0], data.validation[0]["tokens"][0], data.test[0]["tokens"][0]] == [
        "科",
        "技",
        "王",
    ]
    assert data.train[0]["tags"] == ["B-LOC", "O"]


def iob2corpus(folder, news=10, wikipedia=10):
    write_columns(
        folder / "hironsan.txt", ([(f"彼{n}", "B-PSN"), ("は", "O")] for n in range(news)), "{word}\tx\t{tag}"
    )
    write_columns(folder / "ja.wikipedia.conll", ([(f"日{n}", "B-DATE"), ("は", "O")] for n in range(wikipedia)))


def test_japanese_entities_without_a_training_part_are_cut_into_three(tmp_path):
    iob2corpus(tmp_path / "ner_ja_iob2corpus")
    data = load_task(read_wanted("ja", "ner"), tmp_path, test_share=0.25, validation_share=0.2)
    # A quarter of 20 are 5; a fifth of the other 15 are 3.
    assert data.counts == {"train": 12, "validation": 3, "test": 5} and data.num_dropped == 0
    assert sorted(sentences(data.rows)) == sorted([f"彼{n} は" for n in range(10)] + [f"日{n} は" for n in range(10)])
    assert data.origins == {
        "train": "the rest of wikinews + wikipedia",
        "validation": "0.2 of wikinews + wikipedia",
        "test": "0.25 of wikinews + wikipedia",
    }
    again = load_task(read_wanted("ja", "ner"), tmp_path, test_share=0.25, validation_share=0.2)
    assert again == data
    other = load_task(read_wanted("ja", "ner"), tmp_path, test_share=0.25, validation_share=0.2, split_seed=1)
    assert other.counts == data.counts and sentences(other.test) != sentences(data.test)


def test_a_development_and_a_test_part_alone_are_only_evaluated_on_or_cut(tmp_path):
    write_conllu(tmp_path / "ud" / "de_gsd-ud-dev.conllu", tagged_words(6))
    write_conllu(tmp_path / "ud" / "de_gsd-ud-test.conllu", tagged_words(4, first=6))
    target = load_task(read_wanted("de", "pos"), tmp_path, train=False)
    assert target.origins == {"train": "none", "validation": "validation", "test": "test"}
    assert target.counts == {"train": 0, "validation": 6, "test": 4}
    trained = load_task(read_wanted("de", "pos"), tmp_path)
    assert trained.counts == {"train": 7, "validation": 1, "test": 2}
    assert sorted(sentences(trained.rows)) == sorted(sentences(target.rows))


def test_what_was_held_out_and_the_development_set_are_cut_into_three_without_training_rows(tmp_path):
    write_cola(tmp_path / "val.tsv", [(f"held {n}", n % 2) for n in range(10)])
    write_cola(tmp_path / "dev.tsv", [(f"dev {n}", n % 2) for n in range(10)])
    data = load_task(read_wanted("cola"), tmp_path)
    expected = sorted([f"held {n}" for n in range(10)] + [f"dev {n}" for n in range(10)])
    assert sorted(row["text"] for row in data.rows) == expected  # each once: none lost, none in two parts
    assert data.num_dropped == 0 and data.origins["train"] == "the rest of validation + held_out"
    alone = load_task(read_wanted("cola"), tmp_path, train=False)
    assert alone.origins == {"train": "none", "validation": "held_out", "test": "validation"}


def test_test_parts_without_labels_are_no_test(tmp_path):
    folder = tmp_path / "CoLA"
    write_cola(folder / "train.tsv", [(f"train {n}", n % 2) for n in range(4)])
    write_cola(folder / "val.tsv", [("held", 1)])
    write_cola(folder / "dev.tsv", [("dev", 0)])
    (folder / "test.tsv").write_text("index\tsentence\n0\tnobody knows\n", encoding="utf-8")
    data = load_task(read_wanted("cola"), tmp_path)
    assert data.origins == {"train": "train", "validation": "held_out", "test": "validation"}
    assert "nobody knows" not in {row["text"] for row in data.rows}


def test_pairs_are_the_same_only_if_both_texts_are(tmp_path):
    lines = {"train": ["a\tb\t1", "a\tc\t0", "c\ta\t0"], "val": ["b\ta\t1"], "dev": ["a\tb\t0"]}
    for part, rows in lines.items():
        text = "\n".join(f"{number}\t{row}" for number, row in enumerate(rows))
        (tmp_path / f"{part}.tsv").write_text(text + "\n", encoding="utf-8")
    data = load_task(read_wanted("wnli"), tmp_path)
    assert data.num_dropped == 1 and data.counts == {"train": 2, "validation": 1, "test": 1}


def test_training_rows_that_are_all_in_the_test_are_told(tmp_path):
    for part in ("train", "dev", "test"):
        write_conllu(tmp_path / "ud" / f"en_ewt-ud-{part}.conllu", tagged_words(3))
    with pytest.raises(UsageError, match="All 3 training rows of ud/en_ewt .* validation or test"):
        load_task(read_wanted("en", "pos"), tmp_path)
    assert load_task(read_wanted("en", "pos"), tmp_path, train=False).counts["test"] == 3


def test_scores_of_similarity(tmp_path):
    for part, score in (("train", 1.5), ("dev", 2.0), ("test", 5)):
        row = f"m\timages\t2014\t1\t{score}\tA {part}.\tB.\n"
        path = tmp_path / "glue" / "STS-B" / f"sts-{part}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row, encoding="utf-8")
    data = load_task(read_wanted("stsb"), tmp_path)
    assert data.kind == "score" and [row["label"] for row in data.rows] == [1.5, 2.0, 5.0]


@pytest.mark.parametrize(
    ("given", "task", "full_name"),
    [(code, task, full) for task, languages in LANGUAGES.items() for code, full in languages.items()],
)
def test_every_language_is_a_configuration_with_labels(given, task, full_name):
    wanted = read_wanted(f" {given} ", task)
    assert (wanted.name, wanted.full_name, wanted.folder) == (given, full_name, None)
    assert read_wanted(TRAINED_ON.get(full_name, full_name)).corpus == wanted.corpus


def test_a_corpus_may_lie_in_a_folder_of_its_own(tmp_path):
    for part in ("train", "valid", "test"):
        write_columns(tmp_path / "atis" / "de" / f"{part}.txt", [[(part, "B-city"), ("bitte", "O")]])
    wanted = read_wanted(f"de=conll_slots@{tmp_path / 'atis' / 'de'}")
    data = load_task(wanted, tmp_path / "nothing here")
    assert data.name == "de" and [row["tokens"][0] for row in data.rows] == ["train", "valid", "test"]


@pytest.mark.parametrize(
    ("given", "task", "message"),
    [
        ("redocred", None, "no task that is known here"),
        ("redocred/documents", "pos", "no task that is known here"),
        ("de=", "pos", "no task that is known here"),
        ("de", "ner", "one of en, zh, ja, or "),
        ("snips/words", None, "no configuration 'words'; it has slots, intent"),
    ],
)
def test_what_is_no_task_is_told(given, task, message):
    with pytest.raises(UsageError, match=message):
        read_wanted(given, task)
