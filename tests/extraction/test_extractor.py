"""RelationExtractor: kinds of inputs, sources of entities, options, saving and loading."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, pipeline

from hf_relation.data import document_of_spans, fold_instances
from hf_relation.errors import CheckpointError, HfRelationError, InvalidRowError, UsageError
from hf_relation.extraction import (
    DecisionRules,
    RelationExtractor,
    SymmetricRelations,
    TemperatureCalibration,
    Thresholds,
    TypeConstraints,
)
from hf_relation.processing import RelationProcessor
from hf_relation.runs.kernel_re_arguments import parse
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_kernel_re, tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


DOCUMENTS = sample_documents()
ALL = {"threshold": 0.0}


@pytest.fixture(scope="module")
def extractor() -> RelationExtractor:
    return RelationExtractor(*tiny_kernel_re(entity_types=["PERSON", "PLACE"]))


def names(found: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    return [(row["head"]["text"], row["relation"], row["tail"]["text"]) for row in found["triples"]]


def check_equal(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert {**one, "triples": names(one)} == {**other, "triples": names(other)}
        for row, same in zip(one["triples"], other["triples"], strict=True):
            assert row["score"] == pytest.approx(same["score"], abs=1e-5)


def first_words(texts: list[str]) -> list[list[tuple[int, int, str]]]:
    """The first and the last word of every text."""
    spans = ((len(text.split()[0]), len(text.rstrip(" .")), text.rstrip(" .").rfind(" ") + 1) for text in texts)
    return [[(0, first, "PERSON")] + ([(last, end, "PLACE")] if last > first else []) for first, end, last in spans]


# Inputs


def test_no_inputs(extractor: RelationExtractor) -> None:
    assert extractor.extract([]) == [] == extractor.extract(iter(()))


def test_what_comes_out(extractor: RelationExtractor) -> None:
    found = extractor.extract(DOCUMENTS, **ALL)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for place, (row, given) in enumerate(zip(found, DOCUMENTS, strict=True)):
        assert list(row) == ["id", "text", "entities", "triples"] and row["text"] == given["text"]
        assert row["id"] == given["id"], place
        assert len(row["triples"]) == 3 * len(given["entities"]) * (len(given["entities"]) - 1)
        for mention in (mention for entity in row["entities"] for mention in entity["mentions"]):
            assert row["text"][mention["start"] : mention["end"]] == mention["text"]
        for triple in row["triples"]:
            assert 0 <= triple["score"] <= 1 and triple["relation"] in extractor.relations
            for side in (triple["head"], triple["tail"]):
                assert row["text"][side["start"] : side["end"]] == side["text"]
                assert given["entities"][side["entity"]]["type"] == side["type"]


def test_batches_and_order_change_nothing(extractor: RelationExtractor) -> None:
    rows = [*DOCUMENTS, *sample_instances(3), "Ada was born in Lindau.", {"text": "Orn is old."}]
    rows = [row if isinstance(row, str) else {**row, "id": str(place)} for place, row in enumerate(rows)]
    rows[10] = {"id": "10", "text": rows[10]}
    expected = extractor.extract(rows, **ALL)
    model, processor = extractor.model, extractor.processor
    for budget in (1, 200):
        check_equal(RelationExtractor(model, processor, max_tokens_per_batch=budget).extract(rows, **ALL), expected)
    check_equal(extractor.extract(rows[::-1], **ALL)[::-1], expected)
    check_equal([extractor.extract([row], **ALL)[0] for row in rows], expected)


def test_chunks_change_nothing_and_errors_name_the_position(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [DOCUMENTS[0], "Ada was born in Lindau.", DOCUMENTS[1], "Orn is old.", DOCUMENTS[2]]
    expected = extractor.extract(rows, **ALL)
    monkeypatch.setattr("hf_relation.extraction.extractor._CHUNK", 2)
    check_equal(extractor.extract((row for row in rows), **ALL), expected)
    for wrong, message in (
        (7, "got int"),
        (None, "got NoneType"),
        (b"bytes", "got bytes"),
        (" \n", "blank"),
        ({"text": " "}, "blank"),
        ({}, "fields \\(none\\)"),
        ({"words": "Ada"}, "fields words"),
        ({"text": None}, "`text` must be a string"),
        ({"text": "a\ud800"}, "lone surrogate"),
        ({"text": "Ada", "head": {"start": 0, "end": 3}}, "`tail` is missing"),
        ({"text": "Ada", "entities": [{"mentions": [0]}]}, "`mentions`"),
        ({"text": "Ada", "mentions": [{"start": 0, "end": 9}], "entities": []}, "only 3 characters"),
        ({"text": "Ada", "id": " "}, "`id` is blank"),
    ):
        with pytest.raises(InvalidRowError, match=f"row 3: .*{message}") as caught:
            extractor.extract([DOCUMENTS[3], DOCUMENTS[4], DOCUMENTS[3], wrong])
        assert caught.value.index == 3


def test_errors_of_the_encoder_name_the_position_among_mixed_inputs(extractor: RelationExtractor) -> None:
    dropped = {"text": "Ada \ufffd Bob", "mentions": [{"start": 4, "end": 5}, {"start": 0, "end": 3}]}
    dropped["entities"] = [{"mentions": [0]}, {"mentions": [1]}]
    with pytest.raises(InvalidRowError, match="row 2: the tokenizer has no token") as caught:
        extractor.extract(["Ada.", DOCUMENTS[0], dropped, DOCUMENTS[1]])
    assert caught.value.index == 2


def test_a_single_input_is_to_be_put_in_a_list(extractor: RelationExtractor) -> None:
    for wrong in ("text", b"bytes", DOCUMENTS[0], None, 7):
        with pytest.raises(UsageError, match="list"):
            extractor.extract(wrong)  # type: ignore[arg-type]


def test_an_instance_is_judged_by_its_pair_alone(extractor: RelationExtractor) -> None:
    rows = sample_instances(4)
    found = extractor.extract(rows, keep_none=True, max_distance=0, **ALL)
    for row, given in zip(found, rows, strict=True):
        sides = [given["text"][given[side]["start"] : given[side]["end"]] for side in ("head", "tail")]
        assert {(triple["head"]["text"], triple["tail"]["text"]) for triple in row["triples"]} == {tuple(sides)}
        assert row["id"] == given["id"] and len(row["triples"]) == 3
    both = extractor.extract(fold_instances(rows), **ALL)
    for row, whole in zip(found, both, strict=True):
        of_pair = [triple for triple in whole["triples"] if triple["head"]["entity"] == 0]
        check_equal([row], [{**whole, "triples": of_pair}])


def test_gold_labels_are_not_read(extractor: RelationExtractor) -> None:
    expected = extractor.extract([DOCUMENTS[0], sample_instances(1)[0]], **ALL)
    for wrong in ({"relations": []}, {"relations": [7]}, {"relations": None, "relation": "x"}):
        check_equal(
            extractor.extract([{**DOCUMENTS[0], **wrong}, {**sample_instances(1)[0], **wrong}], **ALL), expected
        )


def test_null_columns_of_a_table_are_as_if_missing(extractor: RelationExtractor) -> None:
    empty = {"head": None, "tail": None, "mentions": None, "entities": None, "id": None}
    rows = [DOCUMENTS[0], sample_instances(1)[0], {"text": "Ada was born in Lindau."}]
    check_equal(extractor.extract([{**empty, **row} for row in rows], **ALL), extractor.extract(rows, **ALL))


def test_equal_ids_are_not_mixed_up(extractor: RelationExtractor) -> None:
    rows = [{**row, "id": "same"} for row in (*DOCUMENTS, *sample_instances(2))]
    found = extractor.extract(rows, **ALL)
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert {row["id"] for row in found} == {"same"}


# Entities


def test_texts_with_a_function(extractor: RelationExtractor) -> None:
    texts = ["Ada was born in Lindau.", "Jonas lives in Orn."]
    found = extractor.extract([*texts, DOCUMENTS[0]], entities=first_words, **ALL)
    expected = [
        document_of_spans(text, spans, id=str(i))
        for i, (text, spans) in enumerate(zip(texts, first_words(texts), strict=True))
    ]
    check_equal(found, extractor.extract([*expected, DOCUMENTS[0]], **ALL))
    with pytest.raises(InvalidRowError, match="row 1: the entity span"):
        extractor.extract([DOCUMENTS[0], "Ada."], entities=lambda texts: [[(0, 99)]])
    with pytest.raises(UsageError, match="`entities` must be"):
        extractor.extract(["Ada."], entities=7)


def save_tagger(folder: Path, max_length: int) -> None:
    tokenizer = tiny_tokenizer("bert")
    sizes = tiny_backbone("bert", len(tokenizer), max_position_embeddings=max_length, num_labels=3)
    sizes.pop("model_type")
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(**sizes, id2label={0: "O", 1: "B-PER", 2: "B-LOC"}))
    with torch.no_grad():
        model.classifier.weight.mul_(50)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_texts_with_a_token_classification_pipeline(extractor: RelationExtractor, tmp_path: Path) -> None:
    save_tagger(tmp_path, 64)
    tagger = pipeline("token-classification", model=str(tmp_path), aggregation_strategy="simple", device="cpu")
    texts = [row["text"] for row in DOCUMENTS]
    found = extractor.extract(texts, entities=tagger, **ALL)
    assert sum(len(row["entities"]) for row in found) > 5
    for row in found:
        expected = {(item["start"], item["end"]) for item in tagger(row["text"])}
        spans = {(mention["start"], mention["end"]) for entity in row["entities"] for mention in entity["mentions"]}
        assert spans == expected
    check_equal(extractor.extract(texts, entities=str(tmp_path), **ALL), found)
    check_equal(extractor.extract(texts[:1], entities=tmp_path, **ALL), found[:1])
    with pytest.raises(UsageError, match="aggregation_strategy"):
        extractor.extract(texts, entities=pipeline("token-classification", model=str(tmp_path), device="cpu"))


def test_a_tagger_reads_long_texts_to_their_end(extractor: RelationExtractor, tmp_path: Path) -> None:
    save_tagger(tmp_path, 24)
    text = " ".join(row["text"] for row in DOCUMENTS[:3])
    (found,) = extractor.extract([text], entities=str(tmp_path), max_distance=3)
    ends = [mention["end"] for entity in found["entities"] for mention in entity["mentions"]]
    assert max(ends) > len(text) - 20


def test_what_is_no_tagger(extractor: RelationExtractor, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded as a token-classification model"):
        extractor.extract(["Ada."], entities=str(tmp_path))


def test_texts_need_something_that_finds_entities() -> None:
    with pytest.raises(UsageError, match="no tagger"):
        RelationExtractor(*tiny_kernel_re()).extract(["Ada."])


# Options


def test_options_at_a_call(extractor: RelationExtractor) -> None:
    (every,) = extractor.extract(DOCUMENTS[:1], **ALL)
    (best,) = extractor.extract(DOCUMENTS[:1], top_k=1, **ALL)
    assert len(best["triples"]) == 6
    for row in best["triples"]:
        same = [one["score"] for one in every["triples"] if (one["head"], one["tail"]) == (row["head"], row["tail"])]
        assert row["score"] == max(same)
    (some,) = extractor.extract(DOCUMENTS[:1], threshold={"born_in": 0.0, "founded_by": 1.0, "flows_into": 1.0})
    assert [row["relation"] for row in some["triples"]] == ["born_in"] * 6
    (none,) = extractor.extract(DOCUMENTS[:1], threshold=1.0, keep_none=True)
    assert [row["relation"] for row in none["triples"]] == [None] * 6
    (near,) = extractor.extract(DOCUMENTS[:1], max_distance=13, **ALL)
    pairs = {(row["head"]["entity"], row["tail"]["entity"]) for row in near["triples"]}
    assert pairs == {(0, 1), (1, 0), (1, 2), (2, 1)}


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 0},
        {"top_k": True},
        {"threshold": 2},
        {"threshold": {"bron_in": 0.5}},
        {"max_distance": -1},
        {"max_distance": "3"},
        {"max_distance": True},
    ],
)
def test_wrong_options(extractor: RelationExtractor, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        extractor.extract(DOCUMENTS[:1], **options)


def test_rules_and_types_on_and_off() -> None:
    rules = DecisionRules(
        Thresholds(0.0),
        type_constraints=TypeConstraints({"born_in": [("PERSON", "LOCATION")], "founded_by": [("ORG", "PERSON")]}),
        symmetric=SymmetricRelations(["flows_into"]),
    )
    extractor = RelationExtractor(*tiny_kernel_re(), rules=rules)
    (found,) = extractor.extract(DOCUMENTS[:1])
    relations = [row[1] for row in names(found)]
    assert sorted(relations) == ["born_in", "flows_into", "flows_into", "flows_into", "founded_by"]
    assert [row["symmetric"] for row in found["triples"] if row["relation"] == "flows_into"] == [True] * 3
    (free,) = extractor.extract(DOCUMENTS[:1], type_constraints=False)
    assert len(free["triples"]) == 6 + 6 + 3


def test_pairs_of_an_entity_with_itself() -> None:
    model, processor = tiny_kernel_re(entity_types=["X"])
    extractor = RelationExtractor(model, processor, rules=DecisionRules(Thresholds(0.0), reflexive_pairs=True))
    with torch.no_grad():
        model.tagger.emit.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
    for given in (DOCUMENTS[4], "Orn"):
        (found,) = extractor.extract([given])
        own = [row for row in found["triples"] if row["head"]["entity"] == row["tail"]["entity"]]
        assert len(own) == 3 * len(found["entities"]) > 0


def test_threads_give_the_same(extractor: RelationExtractor) -> None:
    expected = extractor.extract(DOCUMENTS, **ALL)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(extractor.extract(DOCUMENTS, **ALL))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    for found in answers:
        check_equal(found, expected)


# Making, saving and loading


def test_the_command_that_the_error_names_is_one_that_training_takes() -> None:
    with pytest.raises(UsageError) as found:
        RelationExtractor.from_pretrained()
    command = re.search(r"hf-relation train kernel-re (--.*?) \(", str(found.value))
    assert command is not None
    script, args = parse([*command[1].split(), "--use_cpu", "true"], command="hf-relation train kernel-re")
    assert (script.train_file, script.test_file, args.output_dir) == (["train.jsonl"], "test.jsonl", "runs/mine")


def test_what_a_model_needs() -> None:
    model, processor = tiny_kernel_re()
    with pytest.raises(UsageError, match="no shipped checkpoint for relation extraction.*train kernel-re"):
        RelationExtractor(None)
    with pytest.raises(UsageError, match="no shipped checkpoint for relation extraction"):
        RelationExtractor.from_pretrained()
    with pytest.raises(UsageError, match="needs its processor"):
        RelationExtractor(model)
    with pytest.raises(UsageError, match="must be a DocumentProcessor, got RelationProcessor"):
        RelationExtractor(model, RelationProcessor(tiny_tokenizer("bert")))
    with pytest.raises(UsageError, match="`model` is a MOREModel.*does not extract"):
        RelationExtractor(*tiny_more())
    with pytest.raises(UsageError, match="do not belong together"):
        RelationExtractor(model, tiny_kernel_re("roberta")[1])
    for wrong in ({"dtype": "int8"}, {"max_tokens_per_batch": 0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            RelationExtractor(model, processor, **wrong)
    with pytest.raises(UsageError, match="'friend'"):
        RelationExtractor(model, processor, rules=DecisionRules(symmetric=SymmetricRelations(["friend"])))
    with pytest.raises(UsageError, match="nowhere"):
        RelationExtractor(model, processor, device="nowhere").extract(DOCUMENTS)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    rules = DecisionRules(
        Thresholds(0.45, {"born_in": 0.3}, f1=0.5),
        calibration=TemperatureCalibration().fit([1.0, -1.0, 0.2, -0.3], [1, 0, 0, 1]),
        type_constraints=TypeConstraints({"born_in": [("PERSON", "LOCATION")]}),
        symmetric=SymmetricRelations(["flows_into"]),
        top_k=2,
        reflexive_pairs=True,
    )
    extractor = RelationExtractor(*tiny_kernel_re(), rules=rules)
    extractor.save_pretrained(tmp_path / "out")
    extractor.save_pretrained(tmp_path / "out")  # over the first
    assert {path.suffix for path in (tmp_path / "out").iterdir()} <= {".json", ".safetensors", ".txt", ".md"}
    for loaded in (RelationExtractor(tmp_path / "out"), RelationExtractor.from_pretrained(str(tmp_path / "out"))):
        assert loaded.extract(DOCUMENTS, keep_none=True) == extractor.extract(DOCUMENTS, keep_none=True)
        assert loaded.rules.thresholds == rules.thresholds and loaded.rules.reflexive_pairs
    plain = RelationExtractor.from_pretrained(tmp_path / "out", rules=DecisionRules())
    assert plain.rules == DecisionRules()


def test_weights_of_another_model_are_noticed(tmp_path: Path) -> None:
    save_tiny_extractor(tmp_path / "one")
    save_tiny_extractor(tmp_path / "two", seed=1)
    (tmp_path / "two" / "model.safetensors").replace(tmp_path / "one" / "model.safetensors")
    with pytest.raises(CheckpointError, match="changed after"):
        RelationExtractor.from_pretrained(tmp_path / "one")
    (tmp_path / "one" / "extraction.json").unlink()
    assert RelationExtractor.from_pretrained(tmp_path / "one").rules == DecisionRules()


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    save_tiny_checkpoint(tmp_path / "discovery")
    with pytest.raises(UsageError, match="holds a MOREModel, which does not extract.*hf-relation discover"):
        RelationExtractor.from_pretrained(tmp_path / "discovery")
    with pytest.raises(CheckpointError, match="No checkpoint"):
        RelationExtractor.from_pretrained(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        RelationExtractor.from_pretrained(tmp_path / "empty")
    save_tiny_extractor(tmp_path / "pickled")
    weights = tmp_path / "pickled" / "model.safetensors"
    torch.save({}, tmp_path / "pickled" / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(HfRelationError):
        RelationExtractor.from_pretrained(tmp_path / "pickled", rules=DecisionRules())


def test_progress_is_on_stderr(extractor: RelationExtractor, capsys: pytest.CaptureFixture[str]) -> None:
    extractor.extract(DOCUMENTS, progress=True)
    captured = capsys.readouterr()
    assert captured.out == "" and "Extracting" in captured.err
