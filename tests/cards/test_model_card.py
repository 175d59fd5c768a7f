"""Model cards: valid header, right figures, and strings from data that stay text."""

import re
import runpy

import pytest
import yaml
from huggingface_hub import ModelCard

from hf_relation.cards import escape_markdown, model_card_text, table_row, write_model_card
from hf_relation.errors import UsageError


FIGURES = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "homogeneity", "completeness", "ari")

HOSTILE = [
    "a|b\n| c |",
    "`code` ```\n# heading",
    "<script>alert(1)</script>",
    "[link](javascript:alert(1)) ![x](http://e.x/y.png)",
    "---\nlicense: mit\n---",
    "../../etc/passwd",
    "x" * 300,
    "\u202egnp.exe\u2066",
    "end\r\n\r\n***",
    "\"quoted\" & 'single': {{ braces }} %s",
    "<!-- comment -->",
    "https://example.org www.example.org",
    "\ud800 lone",
]


def score(value):
    return {key: value for key in FIGURES}


def summary_of(*values):
    mean = sum(values) / len(values)
    return {key: mean for key in FIGURES} | {f"{key}_sd": 0.01 for key in FIGURES}


def results(**changes):
    content = {
        "dataset": "fewrel",
        "published": "fewrel",
        "encoder": "MiniLM-L6 (22.7 M)",
        "counts": {"read": 100, "dropped_sentence_in_test": 3, "train": 80, "validation": 10, "test": 7},
        "relations": {"known": ["P1", "P2"], "held_out": ["P3"], "novel": ["P177"]},
        "summary": {
            "chosen": "whitening",
            "best_run": 1,
            "scores": {
                "validation": {"plain": summary_of(0.8), "whitening": summary_of(0.9)},
                "test": {"plain": summary_of(0.7), "whitening": summary_of(0.5, 0.75)},
            },
        },
        "runs": [
            {
                "seed": seed,
                "scores": {
                    "validation": {"plain": [score(0.8)], "whitening": [score(0.9)]},
                    "test": {"plain": [score(0.7)], "whitening": [score(value - 0.25), score(value + 0.25)]},
                },
            }
            for seed, value in ((4, 0.5), (5, 0.75))
        ],
        "evaluation": {"cluster_seeds": [0, 1], "n_init": 60, "dtype": "float32"},
        "settings": {"learning_rate": 5e-5, "max_steps": 240},
        "versions": {"torch": "2.13.0"},
    }
    return content | changes


def header(text):
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return yaml.safe_load(match[1])


def test_header_is_yaml_that_the_hub_reads(tmp_path):
    path = write_model_card(tmp_path, results(), name="my-model", base_model="user/encoder", languages=["en", "de"])
    assert path == tmp_path / "README.md"
    card = ModelCard.load(path)
    assert card.data.license is None and card.data.base_model == "user/encoder"
    assert card.data.language == ["en", "de"]
    index = {(entry.dataset_split, entry.metric_type): entry.metric_value for entry in card.data.eval_results}
    assert index["test", "bcubed_f1"] == 0.625  # mean of the runs, chosen embeddings
    assert index["validation", "ari"] == 0.9


def test_the_header_of_one_checkpoint_has_its_own_figures():
    data = header(model_card_text(results(), name="x", seed=5))
    entries = {entry["dataset"]["split"]: entry["metrics"] for entry in data["model-index"][0]["results"]}
    values = {metric["type"]: metric["value"] for metric in entries["test"]}
    assert values["bcubed_f1"] == 0.75


def test_figures_stand_with_seeds_beside_published_ones():
    text = model_card_text(results(), name="x", seed=4)
    assert "2 training seed(s) x 2 cluster seeds" in text
    assert "| 0.625 ± 0.010 |" in text
    rocore = next(line for line in text.splitlines() if line.startswith("| RoCORE"))
    assert "BERT" in rocore and "unlabelled novel" in rocore and "0.796" in rocore
    own = next(line for line in text.splitlines() if line.startswith("| this model"))
    assert "MiniLM" in own and "known relations" in own and "0.625" in own


def test_a_variant_is_called_chosen_on_known_relations_only_where_some_were_held_out():
    content = results()
    assert "was chosen on the held-out known relations" in model_card_text(content, name="m")
    del content["summary"]["scores"]["validation"]
    for run in content["runs"]:
        run["scores"].pop("validation", None)
    text = model_card_text(content, name="m")
    assert "was chosen on the held-out" not in text and "held no known relations out" in text


def test_published_figures_need_the_same_test():
    assert "RoCORE" not in model_card_text(results(published=None), name="x")


def test_known_and_novel_relations_stand_apart_with_their_names():
    text = model_card_text(results(), name="x", relation_names={"P177": "crosses"})
    known = text[text.index("**Known (trained on, 2):**") :].split("\n")[0]
    novel = text[text.index("**Novel (tested on, 1):**") :].split("\n")[0]
    assert "P1; P2" in known and "P177" not in known
    assert "P177 (crosses)" in novel


def test_dropped_rows_are_counted():
    assert "| dropped sentence in test | 3 |" in model_card_text(results(), name="x")


def test_novel_relations_of_another_corpus_are_named_as_such():
    text = model_card_text(results() | {"test_dataset": "semeval"}, name="x")
    metadata = header(text)
    of_split = {each["dataset"]["split"]: each["dataset"]["type"] for each in metadata["model-index"][0]["results"]}
    assert of_split["test"] == "semeval" and of_split["validation"] == metadata["datasets"][0] == results()["dataset"]
    assert "Novel relations: semeval." in text and "Novel relations: " not in model_card_text(results(), name="x")


def test_a_run_without_validation_or_test_has_a_card():
    content = results()
    for part in ("validation", "test"):
        del content["summary"]["scores"][part]
    content["relations"] = {"known": ["P1"], "held_out": [], "novel": []}
    content["summary"]["chosen"] = "plain"
    text = model_card_text(content, name="x")
    assert "model-index" not in header(text)
    assert "none" in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_strings_from_data_stay_text(tmp_path, hostile):
    content = results(
        dataset=hostile,
        encoder=hostile,
        relations={"known": [hostile], "held_out": [hostile], "novel": [hostile]},
        settings={hostile: hostile},
    )
    path = write_model_card(
        tmp_path, content, name=hostile, base_model="user/x", license="mit", data_license=hostile, seed=4
    )
    text = path.read_text(encoding="utf-8")
    plain = model_card_text(
        results(
            dataset="D",
            encoder="E",
            relations={"known": ["R"], "held_out": ["R"], "novel": ["R"]},
            settings={"S": "S"},
        ),
        name="N",
        base_model="user/x",
        license="mit",
        data_license="L",
        seed=4,
    )
    assert header(text)["license"] == "mit"
    assert structure(text) == structure(plain)


def structure(text):
    """Headings, table shapes, code and HTML outside of code: everything markup could change."""
    body = text[re.match(r"---\n(.*?)\n---\n", text, re.DOTALL).end() :]
    lines = body.splitlines()
    inline = "\n".join(line for line in lines if not line.startswith("    "))
    # What Markdown does not see: escaped characters and entities.
    visible = re.sub(r"\\.|&#?\w+;", "", re.sub(r"```python.*?```", "", inline, flags=re.DOTALL))
    return {
        "headings": [line for line in lines if line.startswith("##")],
        "tables": [line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")],
        "html": re.findall(r"[<>]", visible),
        "links": re.findall(r"\]\(|https?://|www\.", visible),
        "code": visible.count("`"),
        "lines": len(lines),
    }


def test_the_same_results_give_the_same_bytes(tmp_path):
    first = write_model_card(tmp_path, results(), name="x").read_bytes()
    assert write_model_card(tmp_path, results(), name="x").read_bytes() == first


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        write_model_card(tmp_path / "nowhere", results())


@pytest.mark.parametrize(
    "value, expected",
    [
        ("a|b", r"a\|b"),
        ("<b>", "&lt;b&gt;"),
        ("a\r\n\tb\u2028c", "a b c"),
        ("# x", r"\# x"),
        ("1. http://a", "1\\. http:\u2060//a"),
        ("- x", r"\- x"),
        ("---", r"\---"),
        ("2) x", r"2\) x"),
        ("-0.5", "-0.5"),
        ("well-known (1.5)", "well-known (1.5)"),
        ("*x* _y_ ~~z~~ $w$", r"\*x\* \_y\_ \~\~z\~\~ \$w\$"),
        (r"\|", r"\\\|"),
        (3, "3"),
    ],
)
def test_escaping(value, expected):
    assert escape_markdown(value) == expected


def test_a_row_has_as_many_cells_as_given():
    assert table_row(["|", "a|", "|b|"]).replace(r"\|", "").count("|") == 4


def test_the_snippet_runs(tmp_path, monkeypatch, capsys):
    from tests.common.tiny_models import tiny_more

    model, processor = tiny_more("bert")
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    text = write_model_card(tmp_path, results(), name="x").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    (tmp_path / "snippet.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(tmp_path / "snippet.py"))
    assert len(re.findall(r"[01]", capsys.readouterr().out)) == 4
