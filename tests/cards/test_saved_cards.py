"""The cards that come with a save: of every family, discoveries, extractors and adapters; true, runnable, harmless, and never over
somebody's own."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from huggingface_hub import ModelCard
from hypothesis import given, settings
from safetensors.numpy import load_file

from hf_relation import (
    FineCLConfig,
    KernelREConfig,
    MOREConfig,
    MultiTaskConfig,
    PairClassificationConfig,
    RelationDiscovery,
    RelationExtractor,
)
from hf_relation.cards import write_adapter_card
from hf_relation.cards.config_card import config_card
from hf_relation.cards.discovery_card import discovery_card
from hf_relation.cards.generated import may_replace
from hf_relation.cards.header import is_generated, signed
from hf_relation.cards.training_card import TrainingFacts, training_card
from hf_relation.data.markdown import one_line
from hf_relation.discovery import KnownRelations
from hf_relation.discovery.state import DiscoveryState
from hf_relation.errors import CheckpointError
from hf_relation.models.head_surgery import prune_heads
from tests.cards.markdown_reader import HOSTILE, addresses, hostile_strings, run_snippets, skeleton, split, tables
from tests.common.tiny_models import (
    tiny_finecl,
    tiny_kernel_re,
    tiny_more,
    tiny_more_cnn,
    tiny_multitask,
    tiny_pair_classification,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import sample_instances


FAMILIES = {
    "more": tiny_more,
    "more over a CNN": tiny_more_cnn,
    "rocore": tiny_rocore,
    "siamese_ure": tiny_siamese_ure,
    "kernel_re": tiny_kernel_re,
    "kernel_re with a tagger": lambda: tiny_kernel_re(entity_types=["PERSON"]),
    "pair_classification": tiny_pair_classification,
    "finecl": tiny_finecl,
    "finecl with its heads": lambda: tiny_finecl(pretraining=True),
    "multitask": tiny_multitask,
    "relation_cnn": lambda: (lambda model, processor: (model.backbone, processor))(*tiny_more_cnn()),
}


def card_in(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_has_a_card_that_is_valid_and_whose_snippet_runs(family: str, tmp_path: Path, capsys) -> None:
    model, processor = FAMILIES[family]()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    header, body = split(card_in(tmp_path))
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "hf_relation" and set(header) <= {
        *("library_name", "pipeline_tag", "tags", "hf_relation_card")
    }, "nothing is claimed that a save cannot know: no licence, no base model, no figures"
    assert "Not evaluated: no figures." in body and "Not stated." in body and "@" in body[body.index("## Citation") :]
    ((_, *rows),) = [table for table in tables(body) if table[0] == ["setting", "value"]]
    settings_of = dict(rows)
    assert settings_of["kind"] == model.config.model_type
    assert settings_of["weights"].startswith(f"{sum(weight.numel() for weight in model.parameters()):,} ")
    assert run_snippets(tmp_path) == 1
    assert capsys.readouterr().out.strip(), "the snippet prints what it found"
    assert str(tmp_path) not in card_in(tmp_path)


def test_the_card_names_what_the_model_predicts_and_what_was_pruned(tmp_path: Path) -> None:
    model, _ = tiny_kernel_re(entity_types=["PERSON", "CITY"])
    prune_heads(model.backbone, {0: [1, 3]})
    model.save_pretrained(tmp_path)
    _, body = split(card_in(tmp_path))
    assert "**Relations (3):** born\\_in; founded\\_by; flows\\_into" in body and "PERSON; CITY" in body
    assert dict(tables(body)[0])["pruned attention heads"] == "layer 0: 1, 3"
    classifier = tiny_pair_classification("bert", kind="single_label", na_relation="other")[0].config
    _, body = split(signed(*config_card(classifier)))
    assert "**Relations (3):** born\\_in; founded\\_by; flows\\_into" in body and "hogan2022fine" in body
    assert (
        dict(tables(body)[0])['"no relation"'] == "other"
        and dict(tables(body)[0])["labels of a pair"] == "single_label"
    )
    header, body = split(signed(*config_card(tiny_finecl()[0].config)))
    assert "pre-trained to tell apart (4):** born\\_in" in body and "pipeline_tag" not in header
    assert dict(tables(body)[0])["last epoch of the learning order"] == "4"
    tasks = split(signed(*config_card(tiny_multitask()[0].config)))[1]
    ((head, *rows),) = [table for table in tables(tasks) if table[0][0] == "task"]
    assert rows == [
        ["length", "regression", "", ""],
        ["topic", "classification", "3", "river; person; firm"],
        ["words", "tokens", "3", "O; B-NAME; I-NAME"],
    ]


def test_a_card_is_renewed_until_somebody_changes_it(tmp_path: Path) -> None:
    first, _ = tiny_more()
    second, _ = tiny_kernel_re()
    first.save_pretrained(tmp_path)
    second.save_pretrained(tmp_path)
    renewed = card_in(tmp_path)
    assert "# KernelRE" in renewed and "metric-learning" not in renewed
    changed = renewed.replace("Not stated.", "MIT.")
    (tmp_path / "README.md").write_text(changed)
    first.save_pretrained(tmp_path)
    assert card_in(tmp_path) == changed
    (tmp_path / "README.md").write_text("# Mine, without a header\n")
    first.save_pretrained(tmp_path)
    first.save_pretrained(tmp_path, is_main_process=False)
    assert card_in(tmp_path) == "# Mine, without a header\n"


def test_only_the_main_process_writes(tmp_path: Path) -> None:
    model, _ = tiny_more()
    model.save_pretrained(tmp_path, is_main_process=False)
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    "card, replaceable",
    [
        (None, True),
        ("", False),
        ("# Mine\n", False),
        ("---\nlicense: mit\n---\n# Mine\n", False),
        ("---\nhf_relation_card: true\n---\n# Mine\n", False),
        ("---\nhf_relation_card: 0123456789abcdef\n---\n# Mine\n", False),
        ("---\n: : {\n---\n# Not YAML\n", False),
        ("---\n- a\n---\n# No mapping\n", False),
        (signed({"tags": ["a"]}, "# Generated"), True),
        (signed({"tags": ["a"]}, "# Generated").replace("tags:\n- a", "tags:\n- b\n- c"), True),
        (signed({"tags": ["a"]}, "# Generated").replace("tags:\n- a", "license: mit"), False),
        (signed({"tags": ["a"]}, "# Generated") + "\n### Framework versions\n\n- PEFT 0.21.2", True),
        (signed({"tags": ["a"]}, "# Generated") + "\n### Framework versions\n\n- PEFT 0.21.2\n- mine", False),
        ("x" * 2_000_000, False),
    ],
)
def test_which_cards_may_be_replaced(card: str | None, replaceable: bool) -> None:
    assert may_replace(card) is replaceable


def test_the_empty_templates_of_transformers_and_peft_may_be_replaced(tmp_path: Path) -> None:
    from transformers.utils.hub import ModelCard as Template
    from transformers.utils.hub import ModelCardData

    description = (
        "This is the model card of a 🤗 transformers model that has been pushed on the Hub. This model card has been "
    )
    for text in ("automatically generated.", "written by me."):
        card = Template.from_template(ModelCardData(library_name="transformers"), model_description=description + text)
        assert may_replace(card.content) is text.startswith("automatically")
        filled = card.content.replace("- **License:** [More Information Needed]", "- **License:** MIT")
        assert not may_replace(filled)


@pytest.fixture(scope="module")
def fitted() -> RelationDiscovery:
    model, processor = tiny_more()
    return RelationDiscovery(model, processor, num_relations=3, n_init=2).fit(sample_instances(20))


def test_a_discovery_says_what_it_found_and_what_is_inside(fitted: RelationDiscovery, tmp_path: Path, capsys) -> None:
    fitted.save_pretrained(tmp_path / "whole")
    fitted.save_pretrained(tmp_path / "small", corpus=False)
    for name in ("whole", "small"):
        assert run_snippets(tmp_path / name) == 1
        assert capsys.readouterr().out.count(",") >= 3
    header, body = split(card_in(tmp_path / "whole"))
    assert "discovered-relations" in header["tags"]
    ((_, *rows),) = [table for table in tables(body) if table[0][0] == "id"]
    expected = [[str(each.id), each.name, str(each.size)] for each in fitted.relations_]
    assert [row[:3] for row in rows] == expected
    assert "### Known (0)" in body and "### Novel (3)" in body
    ((_, *how),) = [table for table in tables(body) if ["algorithm", "kmeans"] in table]
    assert dict(how)["number of relations"] == "3, given"
    assert "all 20 instances of the corpus with their texts" in body
    examples = sum(len(relation.examples) for relation in fitted.relations_)
    small = split(card_in(tmp_path / "small"))[1]
    assert f"{examples} example texts" in body and f"{examples} example texts" in small
    assert "the corpus itself was not saved" in small and "vector of every instance" not in small
    for row in sample_instances(20):
        assert row["text"][:30] not in body, "the card tells how many texts there are, and shows none"


def test_vectors_of_single_instances_are_named_where_the_corpus_is_left_out(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 6))
    for algorithm, stays in (("kmeans", False), ("agglomerative", True)):
        discovery = RelationDiscovery(num_relations=3, algorithm=algorithm, n_init=2).fit(rows)
        discovery.save_pretrained(tmp_path / algorithm, corpus=False)
        stored = load_file(tmp_path / algorithm / "discovery.safetensors")["fitted.tree.points"]
        assert (len(stored) > 3) is stays, "by k-means, centres alone"
        named = f"{len(stored)} vectors to know the relations by, most of them of single instances"
        assert (named in card_in(tmp_path / algorithm)) is stays


def test_a_discovery_of_embeddings_and_one_that_chose_its_number(tmp_path: Path, capsys) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 6))
    discovery = RelationDiscovery(n_init=2).fit(rows)
    discovery.save_pretrained(tmp_path / "estimated")
    RelationDiscovery(algorithm="mean_shift").fit(rows).save_pretrained(tmp_path / "chosen")
    RelationDiscovery(num_relations=2).save_pretrained(tmp_path / "plain")
    for name in ("estimated", "chosen"):
        assert run_snippets(tmp_path / name) == 1
    estimate = discovery.estimate_
    assert f"estimated: {estimate.best}, plausible from {estimate.low} to {estimate.high}" in card_in(
        tmp_path / "estimated"
    )
    assert "chosen by the algorithm" in card_in(tmp_path / "chosen") and "30 instances, no text" in card_in(
        tmp_path / "chosen"
    )
    assert "Nothing has been discovered" in card_in(tmp_path / "plain") and run_snippets(tmp_path / "plain") == 0


def test_known_and_novel_relations_stand_apart(tmp_path: Path, capsys) -> None:
    generator = np.random.default_rng(0)

    def rows(*axes: int) -> np.ndarray:
        return (np.eye(12)[list(axes)] + 0.05 * generator.normal(size=(len(axes), 12))).astype("float32")

    labelled = [{**row, "relations": ["wide" if i < 8 else "tall"]} for i, row in enumerate(sample_instances(20)[:16])]
    known = KnownRelations(labelled, rows(*[0] * 8, *[1] * 8))
    discovery = RelationDiscovery(num_relations=2, n_init=2)
    discovery.fit(sample_instances(20), rows(*[0] * 6, *[5] * 7, *[9] * 7), known=known)
    discovery.save_pretrained(tmp_path)
    _, body = split(card_in(tmp_path))
    known_part, novel_part = body.split("### Known (2)")[1].split("### Novel (2)")
    for part, kind in ((known_part, "known"), (novel_part, "novel")):
        expected = [(each.name, str(each.size)) for each in discovery.relations_ if each.kind == kind]
        assert [(row[1], row[2]) for row in tables(part)[0][1:]] == expected and len(expected) == 2
    assert [row[1] for row in tables(known_part)[0][1:]] == ["wide", "tall"]
    assert "2 novel ones that clustering found, and 2 known ones" in body
    assert run_snippets(tmp_path) == 1


@pytest.mark.parametrize("algorithm", ["mean_shift", "hdbscan", "agglomerative"])
def test_the_snippet_suits_the_algorithm_of_the_settings(algorithm: str, tmp_path: Path, capsys) -> None:
    model, processor = tiny_more()
    RelationDiscovery(model, processor, algorithm=algorithm).save_pretrained(tmp_path)
    assert run_snippets(tmp_path) == 1


def test_saving_a_discovery_or_an_extractor_over_a_card_of_somebodys(
    fitted: RelationDiscovery, tmp_path: Path
) -> None:
    extractor = RelationExtractor(*tiny_kernel_re())
    for number, saved in enumerate((fitted, extractor)):
        folder = tmp_path / str(number)
        saved.save_pretrained(folder)
        generated = card_in(folder)
        assert is_generated(generated)
        saved.save_pretrained(folder)
        assert card_in(folder) == generated, "the same again"
        (folder / "README.md").write_text("mine")
        saved.save_pretrained(folder)
        assert card_in(folder) == "mine"


def test_an_adapter_has_our_card_and_its_snippet_loads_it(tmp_path: Path, capsys) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    model, _ = tiny_more()
    model.save_pretrained(tmp_path / "base")
    base = AutoModel.from_pretrained(tmp_path / "base")
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["query", "value"]))
    for _ in range(2):  # peft writes into the card that it finds
        adapted.save_pretrained(tmp_path / "adapter")
        assert write_adapter_card(tmp_path / "adapter", config=base.config, license="mit", tags=["mine"])
    header, body = split(card_in(tmp_path / "adapter"))
    assert header["library_name"] == "peft" and header["license"] == "mit" and {"lora", "mine"} <= set(header["tags"])
    assert "base_model" not in header, "a folder of this machine is no base model that others could load"
    assert str(tmp_path) not in card_in(tmp_path / "adapter")
    assert dict(tables(body)[0])["rank"] == "2" and dict(tables(body)[0])["adapted layers"] == "query, value"
    assert run_snippets(tmp_path / "adapter") == 1 and "MOREModel" in capsys.readouterr().out
    assert ModelCard.load(tmp_path / "adapter" / "README.md").data.library_name == "peft"
    (tmp_path / "adapter" / "README.md").write_text("mine")
    assert not write_adapter_card(tmp_path / "adapter") and card_in(tmp_path / "adapter") == "mine"


def test_adapters_inside_a_model_and_damaged_ones(tmp_path: Path) -> None:
    from peft import LoraConfig

    model, _ = tiny_more()
    model.add_adapter(LoraConfig(r=2, target_modules=["query"]))
    model.save_pretrained(tmp_path / "adapter")
    assert split(card_in(tmp_path / "adapter"))[0]["library_name"] == "peft"
    for content in (None, b"{", b"[]"):
        if content is not None:
            (tmp_path / "adapter_config.json").write_bytes(content)
        with pytest.raises(CheckpointError, match="adapter"):
            write_adapter_card(tmp_path)


def kernel(name: str) -> str:
    config = KernelREConfig(
        backbone_config={"model_type": "bert"}, id2label={0: name or "r", 1: "other"}, entity_types=[name or "t"]
    )
    return signed(*config_card(config))


def classified(name: str) -> str:
    names = {"id2label": {0: name or "r", 1: "other"}, "na_relation": f"no {name}", "kind": "single_label"}
    return signed(*config_card(PairClassificationConfig(backbone_config={"model_type": "bert"}, **names)))


def pretrained(name: str) -> str:
    names = {"id2label": {0: name or "r", 1: f"no {name}"}, "na_relation": f"no {name}"}
    return signed(*config_card(FineCLConfig(backbone_config={"model_type": "bert"}, **names)))


def tasks(name: str) -> str:
    labels = {"kind": "classification", "labels": [name or "l", "other label"]}
    named = name.strip()[:100] or "t"
    config = MultiTaskConfig(backbone_config={"model_type": "bert"}, tasks={named: labels})
    return signed(*config_card(config))


def labelled(name: str) -> str:
    config = MOREConfig(backbone_config={"model_type": "bert"})
    config.id2label, config._name_or_path, config._commit_hash = {0: name}, name, "0" * 40
    return signed(*config_card(config))


def discovered(name: str) -> str:
    relation = {"id": 0, "name": name, "size": 1, "cohesion": 1.0, "keywords": [name], "examples": [{"text": name}]}
    fitted = {
        "relations": [relation, {**relation, "kind": "known"}],
        "n_features_in": 3,
        "estimate": None,
        "requested": 2,
    }
    state = DiscoveryState({"algorithm": name, "algorithm_kwargs": {"metric": name}}, fitted=fitted)
    return signed(*discovery_card(state, config=MOREConfig(backbone_config={"model_type": "bert"})))


def trained(name: str) -> str:
    facts = TrainingFacts(
        num_train=3,
        num_eval=2,
        known=[name],
        held_out=[name],
        shared=[name],
        metrics={"f1": 0.5, f"{name}_accuracy": 0.5},
        settings={"key": name},
        versions={"torch": name},
    )
    given = {"name": name, "license": name or "l", "languages": [name], "tags": [name], "base_model": name or "b"}
    config = MOREConfig(backbone_config={"model_type": "bert"})
    return signed(*training_card(config, facts, datasets=[name or "d"], **given))


def adapter(name: str) -> str:
    stored = {
        "peft_type": name,
        "r": 2,
        "target_modules": [name],
        "modules_to_save": [name],
        "base_model_name_or_path": "/x",
    }
    with TemporaryDirectory() as folder:
        (Path(folder) / "adapter_config.json").write_text(json.dumps(stored))
        write_adapter_card(folder, base_model=name or "b", license=name or "l", tags=[name])
        return card_in(Path(folder))


@pytest.mark.parametrize("make", [kernel, classified, pretrained, tasks, labelled, discovered, trained, adapter])
@settings(max_examples=30, deadline=None)
@given(hostile_strings)
def test_strings_from_data_are_text_in_every_card(make, value: str) -> None:
    if value in ("other", "other label") or (make is labelled and re.fullmatch(r"LABEL_\d+", value)):
        return
    harmless, hostile = make("harmless"), make(value)
    if not one_line(value):
        return
    assert set(split(hostile)[0]) == set(split(harmless)[0])
    found = skeleton(split(hostile)[1])
    assert found == skeleton(split(harmless)[1])
    assert not {"html_inline", "link_open", "image"} & set(found["inline"]) and not addresses(hostile)
    hostile.encode("utf-8")
    assert is_generated(hostile)


def test_a_hostile_name_is_saved_and_loaded_with_its_card(tmp_path: Path) -> None:
    labels = {0: HOSTILE.replace("\ud800", ""), 1: "x" * 300}
    model, _ = tiny_kernel_re(id2label=labels)
    model.save_pretrained(tmp_path)
    card = card_in(tmp_path)
    assert ModelCard(card).data.library_name == "hf_relation" and "x" * 300 in card
    assert "\x00" not in card and "\u202e" not in card


def test_many_relations_are_counted_where_they_are_not_all_shown() -> None:
    config = KernelREConfig(backbone_config={"model_type": "bert"}, id2label={i: f"r{i}" for i in range(503)})
    body = config_card(config)[1]
    assert "**Relations (503):**" in body and "r499; and 3 more" in body and "r500" not in body
