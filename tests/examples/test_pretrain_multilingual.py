"""examples/pretrain_multilingual.py: from two tiny treebanks to an encoder that loads."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertModel

from hf_relation.errors import UsageError
from hf_relation.runs.tiny_encoder import by_frequency, letters, pack, read_sentences


SCRIPT = Path(__file__).parents[2] / "examples" / "pretrain_multilingual.py"
ENGLISH = ("the old boat sails past a mill", "a café by the river sells tea", "the mill by the river is old")
CHINESE = ("我们 在 河边 喝茶", "老 船 经过 磨坊", "河边 的 磨坊 很 老")
ARABIC = ("القارب القديم في النهر", "نشرب الشاي في المقهى", "المقهى قديم")
FINAL = "a lonely lighthouse xylophone"  # in the test part, and once in the training part


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pretrain_multilingual", SCRIPT)
    module = sys.modules["pretrain_multilingual"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("pretrain_multilingual")


def write_treebank(path, sentences):
    blocks = [
        "\n".join(f"{place}\t{word}\t_\tNOUN" + "\t_" * 6 for place, word in enumerate(text.split(), 1))
        for text in sentences
    ]
    path.write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")


def numbered(sentences, times, end):
    """Sentences several times over, each with a number of its own."""
    return [f"{number} {text}{end}" for number in range(times) for text in sentences]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "ud").mkdir()
    write_treebank(folder / "ud" / "en_ewt-ud-train.conllu", [*numbered(ENGLISH, 12, " ."), FINAL, FINAL])
    write_treebank(folder / "ud" / "en_ewt-ud-test.conllu", [FINAL])
    write_treebank(folder / "ud" / "zh_gsd-ud-train.v1.conllu", [CHINESE[0], *numbered(CHINESE[1:], 6, " , 好")])
    write_treebank(folder / "ud" / "zh_gsd-ud-dev.conllu", numbered(CHINESE[1:2], 1, " ， 好"))
    write_treebank(folder / "ud" / "zh_gsd-ud-test.conllu", [CHINESE[0].replace(" ", "") + " 。"])
    write_treebank(folder / "ud" / "ar_padt-ud-dev.v1.conllu", numbered(ARABIC, 3, " ."))
    write_treebank(folder / "ud" / "de_gsd-ud-test.conllu", ENGLISH)
    return folder


def pretrain(script, data, output, *more):
    sizes = "--hidden_size 32 --num_layers 1 --num_heads 2 --vocab_size 300 --max_length 24 --batch_tokens 192"
    return script.main(
        [
            *("--data_dir", str(data), "--output_dir", str(output), "--languages", "en,zh,ar", "--max_steps", "40"),
            *(*sizes.split(), "--learning_rate", "0.01", "--held_out_share", "0.2", *more),
        ]
    )


@pytest.fixture(scope="module")
def trained(script, data, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "encoder"
    return output, pretrain(script, data, output)


def test_the_encoder_loads_and_reads_every_script(trained):
    output, _ = trained
    model, tokenizer = AutoModel.from_pretrained(output), AutoTokenizer.from_pretrained(output)
    assert type(model) is BertModel and (model.config.num_hidden_layers, model.config.num_attention_heads) == (1, 2)
    assert model.config.hidden_dropout_prob == 0.1 and model.config.max_position_embeddings == 24
    assert model.config.vocab_size == len(tokenizer) <= 300 and tokenizer.model_max_length == 24
    assert not {".bin", ".pt", ".pkl"} & {file.suffix for file in output.iterdir()}
    for text in (*ENGLISH, *CHINESE[1:], *ARABIC):
        pieces = tokenizer(text.split(), is_split_into_words=True, return_tensors="pt")
        assert tokenizer.unk_token_id not in pieces["input_ids"], text
        assert torch.isfinite(model(**pieces).last_hidden_state).all()
    assert "".join(tokenizer.tokenize("café")).replace("##", "") == "café"
    assert tokenizer.tokenize("磨坊") == ["磨", "坊"]
    assert tokenizer.tokenize("Mill") != tokenizer.tokenize("mill")


def test_what_is_written_says_what_it_is_and_the_losses_fall(trained):
    output, results = trained
    assert json.loads((output / "pretraining.json").read_text(encoding="utf-8")) == results
    assert [each["language"] for each in results["languages"]] == ["en", "zh", "ar"]
    fallen = {each["language"]: each["loss_before"] - each["loss_after"] for each in results["languages"]}
    assert fallen["en"] > 1 and fallen["zh"] > 0.5, fallen  # Arabic has 7 sentences to learn from and 2 held out
    english = results["languages"][0]
    assert 0 < english["loss_after"] < english["loss_before"] and english["loss_of_frequencies"] < math.log(300)
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "no substitute for multilingual BERT" in card and "--languages en,zh,ar --vocab_size 300" in card
    assert str(output) not in card and "| ar | Arabic, PADT" in card


def test_the_loss_of_frequencies_is_that_of_counting(script, trained):
    tokenizer = AutoTokenizer.from_pretrained(trained[0])
    rows = pack([text.split() for text in ENGLISH], tokenizer)
    pieces = [piece for row in rows for piece in row["input_ids"] if piece not in tokenizer.all_special_ids]
    batch = {"labels": torch.tensor([[-100, pieces[0], -100, tokenizer.vocab["老"]]])}
    chances = [(pieces.count(pieces[0]) + 1) / (len(pieces) + len(tokenizer)), 1 / (len(pieces) + len(tokenizer))]
    expected = -sum(map(math.log, chances)) / 2
    assert by_frequency(rows, tokenizer)(batch).item() == pytest.approx(expected)


def test_test_parts_are_never_trained_on(script, data, trained, tmp_path):
    output, results = trained
    english, chinese, arabic = results["languages"]
    assert english["sentences"] == 36 and english["parts"] == [
        "train of ud/en_ewt"
    ]  # without the one of the test part
    assert chinese["parts"] == ["validation of ud/zh_gsd", "train of ud/zh_gsd_v1"]
    assert chinese["sentences"] == 12  # the test part of version 2 has the first of three, with other punctuation
    assert arabic["sentences"] == 9 and arabic["parts"] == ["validation of ud/ar_padt_v1"]
    vocab = AutoTokenizer.from_pretrained(output).get_vocab()
    assert not {"x", "##x", "喝"} & set(vocab) and {"，", ","} <= set(vocab)
    with pytest.raises(UsageError, match="'de' has no sentences to train on in ud/: test parts are for testing alone"):
        pretrain(script, data, tmp_path / "new", "--languages", "en,de")
    assert not list(tmp_path.iterdir())


def test_a_sentence_counts_once(script, data):
    assert letters(["Ｔｅａ", "，", "老船", "。"]) == letters(["Tea", ",", "老", "船", "."]) == "Tea老船"
    _, sentences = read_sentences("zh", str(data))
    assert len({letters(words) for words in sentences}) == len(sentences)


def test_the_same_seed_gives_the_same_files(script, data, trained, tmp_path):
    output, _ = trained
    pretrain(script, data, tmp_path / "again")
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (output / name).read_bytes()
    pretrain(script, data, tmp_path / "other", "--seed", "1")
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != (output / "model.safetensors").read_bytes()


def test_a_folder_is_replaced_only_when_asked_and_only_an_encoder_of_this_script(script, data, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is not empty"):
        pretrain(script, data, folder)
    with pytest.raises(UsageError, match="no encoder of this script"):
        pretrain(script, data, folder, "--overwrite")
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]
    (folder / "thesis.txt").rename(folder / "pretraining.json")
    pretrain(script, data, folder, "--overwrite", "--max_steps", "1")
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize(
    "more, message",
    [
        (["--num_heads", "5"], "multiple of --num_heads"),
        (["--batch_tokens", "16"], "--max_length 8 to --batch_tokens"),
        (["--held_out_share", "1"], "above 0 and below 1"),
        (["--languages", "en,xx"], "'xx' is no task that is known here"),
        (["--languages", "en,cola"], "'cola' has whole texts"),
        (["--languages", "en,en"], "different names"),
        (["--data_dir", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_use_is_told_plainly(script, data, tmp_path, more, message):
    with pytest.raises(UsageError, match=message):
        pretrain(script, data, tmp_path / "out", *more)
    assert not list(tmp_path.iterdir())
