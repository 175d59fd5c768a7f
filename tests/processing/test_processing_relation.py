"""What stands in a batch: hand-written sequences, and rules that hold for every tokenizer family and marker policy."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoProcessor, AutoTokenizer, BertConfig, BertTokenizerFast, ByT5Tokenizer

from hf_relation.errors import UsageError
from hf_relation.models.more import MOREConfig
from hf_relation.processing import RelationProcessor
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, make_instance, sample_instances, tiny_tokenizer


POLICIES = {
    "none": {"marker_policy": "none"},
    "entity": {"marker_policy": "entity"},
    "typed": {"marker_policy": "typed", "entity_types": ["Person", "location"]},
}


@pytest.fixture(params=[(kind, policy) for kind in TOKENIZER_KINDS for policy in POLICIES], ids="-".join)
def processor(request):
    kind, policy = request.param
    return RelationProcessor(tiny_tokenizer(kind), **POLICIES[policy])


def tokens_of(processor, instance):
    return processor.tokenizer.convert_ids_to_tokens(processor.encode([instance])[0].input_ids)


def word_processor(words: str, **kwargs) -> RelationProcessor:
    vocab = {word: i for i, word in enumerate(f"[PAD] [UNK] [CLS] [SEP] [MASK] {words}".split())}
    return RelationProcessor(BertTokenizerFast(vocab=vocab), **kwargs)


# ---------------------------------------------------------------------------------------------- sequences by hand


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("none", "[CLS] rome is where ada was born [SEP]"),
        ("entity", "[CLS] [E2] rome [/E2] is where [E1] ada [/E1] was born [SEP]"),
        ("typed", "[CLS] [E2] rome [/E2] is where [E1:PERSON] ada [/E1:PERSON] was born [SEP]"),
    ],
)
def test_sequence_by_hand(policy, expected):
    processor = word_processor("rome is where ada was born", **POLICIES[policy])
    instance = make_instance("<t>Rome</t> is where <h>Ada</h> was born", head_type="person", tail_type="planet")
    tokens = tokens_of(processor, instance)
    assert " ".join(tokens) == expected
    encoded = processor.encode([instance])[0]
    assert [tokens[i] for i, flag in enumerate(encoded.head_token_mask) if flag] == ["ada"]
    assert [tokens[i] for i, flag in enumerate(encoded.tail_token_mask) if flag] == ["rome"]
    assert [tokens[i] for i, flag in enumerate(encoded.between_token_mask) if flag] == ["is", "where"]
    starts = {"none": ("ada", "rome"), "entity": ("[E1]", "[E2]"), "typed": ("[E1:PERSON]", "[E2]")}[policy]
    assert (tokens[encoded.head_marker_index], tokens[encoded.tail_marker_index]) == starts
    assert encoded.token_type_ids == [0] * encoded.length and not encoded.truncated


def test_byte_level_sequence_by_hand():
    processor = RelationProcessor(tiny_tokenizer("roberta"))
    tokens = tokens_of(processor, make_instance("<h>Ada Brenner</h> was born in <t>Lindau</t>."))
    assert tokens[0] == "<s>" and tokens[-1] == "</s>"
    first = tokens.index("[E1]")
    assert "".join(tokens[first + 1 : tokens.index("[/E1]")]) == "AdaĠBrenner"
    assert "".join(tokens[tokens.index("[E2]") + 1 : tokens.index("[/E2]")]) == "ĠLindau"


def test_types_are_found_whatever_their_case_and_none_or_unknown_ones_get_plain_markers():
    processor = word_processor("a b", marker_policy="typed", entity_types=["geo political"])
    for type_name, marker in [("Geo Political", "[E1:GEO_POLITICAL]"), (None, "[E1]"), ("unheard of", "[E1]")]:
        assert tokens_of(processor, make_instance("<h>a</h> <t>b</t>", head_type=type_name))[1] == marker


def test_a_span_with_spaces_at_its_ends_means_the_word():
    instance = {"text": "ada met bob", "head": {"start": 0, "end": 4}, "tail": {"start": 7, "end": 11}}
    for kind in TOKENIZER_KINDS:
        processor = RelationProcessor(tiny_tokenizer(kind))
        assert tokens_of(processor, instance) == tokens_of(processor, make_instance("<h>ada</h> met <t>bob</t>"))


def test_a_tokenizer_whose_tokens_begin_with_their_space():
    tokenizer = tiny_tokenizer("roberta")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", tokenizer.bos_token_id), ("</s>", tokenizer.eos_token_id)]
    )
    offsets = tokenizer("ada met bob", return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    assert any(start == 3 for start, _ in offsets)  # the space before "met" is part of its token
    processor = RelationProcessor(tokenizer)
    instance = {"text": "ada met bob", "head": {"start": 0, "end": 4}, "tail": {"start": 7, "end": 11}}
    tokens = "".join(tokens_of(processor, instance))
    assert tokens == "<s>[E1]ada[/E1]Ġmet[E2]Ġbob[/E2]</s>"


def test_two_mentions_in_one_token_are_kept_apart():
    processor = word_processor("xian xi an lies here")
    tokens = tokens_of(processor, make_instance("here lies <t>Xi</t><h>an</h>"))
    assert " ".join(tokens) == "[CLS] here lies [E2] xi [/E2] [E1] an [/E1] [SEP]"


def test_a_token_across_the_edge_of_a_mention_counts_as_mention():
    processor = word_processor("rome2 ada")
    tokens = tokens_of(processor, make_instance("<h>Rome</h>2 <t>Ada</t>"))
    assert " ".join(tokens) == "[CLS] [E1] rome2 [/E1] [E2] ada [/E2] [SEP]"


# ---------------------------------------------------------------------------------------------- batches


def test_batch_has_the_promised_columns(processor):
    batch = processor(sample_instances(12))
    assert list(processor.model_input_names) == sorted(batch, key=processor.model_input_names.index)
    assert set(batch) == set(processor.model_input_names)
    rows, width = batch["input_ids"].shape
    assert rows == 12
    for name, column in batch.items():
        assert column.dtype == torch.int64
        assert column.shape == ((rows,) if name.endswith("index") else (rows, width))
    has_types = "token_type_ids" in processor.tokenizer.model_input_names
    assert ("token_type_ids" in batch) == has_types


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_padded_row_equals_the_row_alone(processor, side):
    processor.tokenizer.padding_side = side
    instances = sample_instances(20)
    batch = processor(instances, return_tensors="np")
    for i, instance in enumerate(instances):
        alone = processor([instance], return_tensors="np")
        real = batch["attention_mask"][i] == 1
        shift = int(np.argmax(real))
        assert (shift > 0) == (side == "left" and not real.all())
        for name, column in alone.items():
            if name.endswith("index"):
                assert batch[name][i] - shift == column[0]
            else:
                np.testing.assert_array_equal(batch[name][i][real], column[0])
        padding = ~real
        assert (batch["input_ids"][i][padding] == processor.tokenizer.pad_token_id).all()
        for name in ("head_token_mask", "tail_token_mask", "between_token_mask"):
            assert not batch[name][i][padding].any()


def test_padding_and_tensor_choices():
    processor = RelationProcessor(tiny_tokenizer("bert"), max_length=100)
    instances = sample_instances(3)
    longest = max(row.length for row in processor.encode(instances))
    assert processor(instances)["input_ids"].shape == (3, longest)
    assert processor(instances, padding="max_length")["input_ids"].shape == (3, 100)
    assert processor(instances, pad_to_multiple_of=32)["input_ids"].shape[1] % 32 == 0
    assert isinstance(processor(instances, return_tensors="np")["input_ids"], np.ndarray)
    lists = processor(instances, return_tensors=None)
    assert [len(row) for row in lists["input_ids"]] == [longest] * 3
    ragged = processor(instances, padding=False, return_tensors=None)
    assert set(ragged) == set(lists)
    assert [len(row) for row in ragged["attention_mask"]] == [row.length for row in processor.encode(instances)]
    assert processor(instances[:1], padding=False)["input_ids"].shape[0] == 1
    with pytest.raises(UsageError, match="different lengths"):
        processor(instances, padding=False)
    with pytest.raises(UsageError, match="`padding` must be"):
        processor(instances, padding="longest_first")
    with pytest.raises(UsageError, match="'pt', 'np' or None"):
        processor(instances, return_tensors="tf")


def test_fault_01_no_rows_give_an_empty_batch(processor):
    assert processor.encode([]) == []
    assert processor([])["input_ids"].shape == (0, 0)
    assert processor([], padding=False, return_tensors=None)["input_ids"] == []


def test_inputs_are_not_altered_and_generators_are_taken(processor):
    instances = sample_instances(12)
    before = copy.deepcopy(instances)
    encoded = processor.encode(instances)
    assert instances == before
    assert processor.encode(instance for instance in instances) == encoded
    assert processor.encode(instances) == encoded


def test_a_single_instance_is_refused_with_the_remedy():
    processor = RelationProcessor(tiny_tokenizer("bert"))
    for wrong in (sample_instances(1)[0], "text", 3):
        with pytest.raises(UsageError, match="Put a single instance in a list"):
            processor.encode(wrong)


def test_long_lists_are_encoded_like_short_ones():
    processor = RelationProcessor(tiny_tokenizer("bert"))
    instances = [{**instance, "id": str(i)} for i, instance in enumerate(sample_instances(20) * 55)]  # over one chunk
    expected = processor.encode(sample_instances(20))
    assert processor.encode(instances) == expected * 55


# ---------------------------------------------------------------------------------------------- datasets


def test_map_over_a_dataset_and_pad_its_rows():
    processor = RelationProcessor(tiny_tokenizer("roberta"))
    instances = sample_instances(6)
    dataset = Dataset.from_list(instances)
    mapped = dataset.map(
        processor.encode_columns,
        batched=True,
        batch_size=4,
        remove_columns=dataset.column_names,
        load_from_cache_file=False,
    )
    batch = processor.pad(list(mapped), return_tensors="np")
    expected = processor(instances, return_tensors="np")
    assert set(batch) == set(expected)
    for name, column in expected.items():
        np.testing.assert_array_equal(batch[name], column)
    assert mapped["truncated"] == [False] * 6
    with pytest.raises(UsageError, match="Columns .'head', 'tail'. are missing"):
        processor.encode_columns({"text": ["a"]})


def test_pad_takes_labels_along():
    processor = RelationProcessor(tiny_tokenizer("bert"))
    rows = [{**row.to_dict(), "labels": i} for i, row in enumerate(processor.encode(sample_instances(3)))]
    assert processor.pad(rows)["labels"].tolist() == [0, 1, 2]


# ---------------------------------------------------------------------------------------------- settings


def test_markers_are_added_once_and_other_extra_tokens_stay():
    tokenizer = tiny_tokenizer("bert")
    tokenizer.add_special_tokens({"extra_special_tokens": ["<mine>"]})
    size = len(tokenizer)
    processor = RelationProcessor(tokenizer)
    assert processor.vocab_size == len(tokenizer) == size + 4
    assert RelationProcessor(tokenizer).vocab_size == size + 4
    assert "<mine>" in tokenizer.all_special_tokens and "[/E2]" in tokenizer.all_special_tokens
    assert RelationProcessor(tiny_tokenizer("bert"), marker_policy="none").vocab_size == len(tiny_tokenizer("bert"))


def test_max_length_defaults_to_the_tokenizer_and_at_most_512():
    for limit, expected in [(128, 128), (8192, 512), (int(1e30), 512)]:
        tokenizer = tiny_tokenizer("bert")
        tokenizer.model_max_length = limit
        assert RelationProcessor(tokenizer).max_length == expected
    assert RelationProcessor(tiny_tokenizer("bert"), max_length=50).max_length == 50


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"marker_policy": "star"}, "marker_policy"),
        ({"marker_policy": "typed"}, "needs the types"),
        ({"entity_types": ["ORG"]}, "read with marker_policy='typed' alone"),
        ({"long_text": "truncate"}, "`long_text` must be 'window' or 'error', got 'truncate'"),
        ({"max_length": 7}, "at least 8"),
        ({"max_length": 129}, "takes 128 tokens"),
        ({"max_length": "64"}, "must be an integer"),
        ({"max_length": True}, "must be an integer"),
    ],
)
def test_bad_settings_are_refused(kwargs, message):
    with pytest.raises(UsageError, match=message):
        RelationProcessor(tiny_tokenizer("bert"), **kwargs)


def test_tokenizers_that_cannot_work_are_refused_with_the_remedy():
    with pytest.raises(UsageError, match="ByT5Tokenizer is a slow"):
        RelationProcessor(ByT5Tokenizer())
    with pytest.raises(UsageError, match="got str"):
        RelationProcessor("bert-base-uncased")
    tokenizer = tiny_tokenizer("roberta")
    tokenizer.pad_token = None
    with pytest.raises(UsageError, match="no padding token"):
        RelationProcessor(tokenizer)


def test_a_tokenizer_that_knows_no_word_is_refused(tmp_path):
    """transformers makes one, without a word, of a folder that has an encoder and no vocabulary."""
    BertConfig(vocab_size=20).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="knows no word"):
        RelationProcessor(AutoTokenizer.from_pretrained(tmp_path))


# ---------------------------------------------------------------------------------------------- save and load


def test_save_and_load_gives_the_same_processor(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    loaded = RelationProcessor.from_pretrained(tmp_path)
    assert loaded.to_json_string() == processor.to_json_string()
    assert loaded.vocab_size == processor.vocab_size
    instances = sample_instances(20)
    assert loaded.encode(instances) == processor.encode(instances)
    for name, column in processor(instances, return_tensors="np").items():
        np.testing.assert_array_equal(loaded(instances, return_tensors="np")[name], column)


def test_saved_settings_are_plain_json(tmp_path):
    processor = RelationProcessor(tiny_tokenizer("bert"), "typed", ["person"], max_length=64, long_text="error")
    processor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "processor_config.json").read_text())
    assert saved == {
        "entity_types": ["PERSON"],
        "long_text": "error",
        "marker_policy": "typed",
        "max_length": 64,
        "processor_class": "RelationProcessor",
    }
    again = tmp_path / "again"
    RelationProcessor.from_pretrained(tmp_path).save_pretrained(again)
    assert (again / "processor_config.json").read_bytes() == (tmp_path / "processor_config.json").read_bytes()


def test_settings_given_when_loading_win_and_do_not_reach_the_tokenizer(tmp_path):
    tiny_tokenizer("bert").save_pretrained(tmp_path)  # a plain encoder's tokenizer: no processor settings
    processor = RelationProcessor.from_pretrained(tmp_path, marker_policy="none", max_length=32, long_text="error")
    assert (processor.marker_policy, processor.max_length, processor.long_text) == ("none", 32, "error")
    processor.save_pretrained(tmp_path / "saved")
    settings = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())
    assert not {"marker_policy", "max_length", "long_text"} & set(settings)


def test_auto_processor_finds_it_beside_a_model(tmp_path):
    AutoConfig.register("more", MOREConfig, exist_ok=True)
    AutoProcessor.register(MOREConfig, RelationProcessor, exist_ok=True)
    processor = RelationProcessor(tiny_tokenizer("xlm-roberta"), max_length=40)
    processor.save_pretrained(tmp_path)
    sizes = {"model_type": "bert", "vocab_size": processor.vocab_size, "hidden_size": 8, "num_attention_heads": 2}
    MOREConfig(backbone_config=sizes).save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is RelationProcessor
    assert loaded.encode(sample_instances(20)) == processor.encode(sample_instances(20))
