from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.keywords import relation_keywords, unique_names
from hf_relation.discovery.names import MAX_LENGTH, relation_names
from hf_relation.discovery.pattern_counts import count_patterns
from hf_relation.errors import UsageError
from tests.common.planted import planted_corpus
from tests.discovery.test_patterns import _HOSTILE, corpus, instance_of


def names_of(instances: list[dict[str, Any]], labels: np.ndarray) -> list[str]:
    return relation_names(count_patterns(instances, labels), relation_keywords(instances, labels))


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["X was born in Y"] * 3, "was born in"),
        (["X , was born in Y"] * 3, "was born in"),
        (["X married Y"] * 3, "married"),
        (["Y , founded by X"] * 3, "Y, founded by X"),
        (["X 's capital , Y"] * 3, "X's capital, Y"),
        (["X 出生于 Y"] * 3, "出生于"),
        # Lengthened while half agree: "born in" is in four of four, "was born in" in two of them, "who was" in one.
        (["X was born in Y", "X , who was born in Y", "X , born in Y", "X born in Y"], "was born in"),
        # The head first is preferred where both orders are as frequent.
        (["Y , founded by X", "X had founded Y"] * 3, "had founded"),
        # No content word, a number, marks other than commas, one word in a shortened pattern: keywords.
        (["X of the Y"] * 3, "relation 0"),
        (["X born 1962 in Y"] * 3, "born"),
        (["X | born <i> in Y"] * 3, "born"),
        (["X quickly wrote all of Y", "X wrote Y", "X then wrote some Y"], "wrote, quickly"),
        # Two of eleven instances are too few.
        (["X was born in Y"] * 2 + [f"X {word} Y" for word in "k1 k2 k3 k4 k5 k6 k7 k8 k9".split()], "born, k1, k2"),
    ],
)
def test_the_best_pattern_is_the_name(texts: list[str], name: str) -> None:
    instances, labels = corpus(texts, ["X visited Y"] * 3)
    assert names_of(instances, labels)[0] == name


def test_planted_relations_have_readable_names() -> None:
    instances, embeddings, _ = planted_corpus()
    result = RelationDiscovery(num_relations=3, n_init=5).fit_predict(instances, embeddings)
    assert [relation.name for relation in result.relations] == ["was born in", "founded", "plays for"]
    assert [relation.keywords[0] for relation in result.relations] == ["born", "founded", "plays"]
    assert [relation.patterns[0].pattern for relation in result.relations] == [
        "X was born in Y",
        "X founded Y",
        "X plays for Y",
    ]
    assert [relation.signature for relation in result.relations] == [None, None, None]  # the tails have no type


def test_equal_phrases_get_the_first_keyword_that_tells_them_apart() -> None:
    keywords = [["born", "native", "city"], ["borne", "city", "native", "village"], ["born"], ["born"]]
    names = unique_names(keywords, phrases=["was born in"] * 4)
    assert names == ["was born in", "was born in (village)", "born", "was born in (2)"]
    assert unique_names(keywords[:2] * 2, phrases=["was born in", None] * 2) == [
        "was born in",
        "borne, city, native",
        "was born in (native)",
        "borne, city, native, village",
    ]


def test_two_relations_with_one_pattern_have_two_names() -> None:
    instances, labels = corpus(["X was born in Y"] * 6, ["X visited Y"] * 3, ["X bought Y"] * 3)
    for row in (3, 4, 5):
        labels[row] = 3
        instances[row]["text"] = instances[row]["text"].replace("again", "village")
    assert names_of(instances, labels) == ["was born in", "visited", "bought", "was born in (village)"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_HOSTILE, st.booleans(), st.integers(0, 3)), min_size=1, max_size=12), st.randoms())
def test_names_of_any_text_are_unique_short_and_independent_of_row_order(
    rows: list[tuple[str, bool, int]], random: Any
) -> None:
    instances = [instance_of(between, number, first) for number, (between, first, _) in enumerate(rows)]
    labels = np.array([label for *_, label in rows])
    names = names_of(instances, labels)
    order = list(range(len(rows)))
    random.shuffle(order)
    assert names_of([instances[i] for i in order], labels[order]) == names
    assert len(set(names)) == len(names) == labels.max() + 1
    assert all(0 < len(name) <= MAX_LENGTH and name == name.strip() and "\n" not in name for name in names)


# Names of one's own.


def test_names_of_ones_own_are_used_by_predict_and_leave_the_rest(tmp_path: Any) -> None:
    instances, embeddings, _ = planted_corpus()
    model = RelationDiscovery(num_relations=3, n_init=5).fit(instances, embeddings)
    before = model.predict(instances, embeddings).to_dict()["relations"]
    assert model.set_names({0: " place of birth ", np.int64(1): "founded in"}) is model
    result = model.predict(instances[:4], embeddings[:4])
    assert [relation.name for relation in result.relations] == ["place of birth", "founded in", "plays for"]
    for old, new in zip(before, result.to_dict()["relations"], strict=True):
        assert {**old, "name": None, "named_by": "user" if old["id"] < 2 else "text"} == {**new, "name": None}
    model.save_pretrained(tmp_path)
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert [r.name for r in loaded.predict(instances, embeddings).relations] == [
        "place of birth",
        "founded in",
        "plays for",
    ]
    loaded.set_names({0: "founded in", 1: "place of birth"})  # may be changed over at one stroke
    assert [relation.name for relation in loaded.relations_] == ["founded in", "place of birth", "plays for"]
    assert result.set_names({2: "plays"}).relations[2].name == model.relations_[2].name == "plays"
    assert [relation.name for relation in model.fit(instances, embeddings).relations_][0] == "was born in"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({3: "a"}, "key 3.*0, 1, 2"),
        ({-1: "a"}, "key -1"),
        ({"0": "a"}, "key '0'"),
        ({True: "a"}, "key True"),
        ({0: ""}, "relation 0.*blank"),
        ({0: " \t"}, "relation 0.*blank"),
        ({0: None}, "relation 0.*None"),
        ({0: "a", 1: "a "}, "Relations 0 and 1.*'a'"),
        ({1: "was born in"}, "Relations 0 and 1"),
        (["a"], "dict"),
    ],
)
def test_bad_names_are_refused_and_change_nothing(names: Any, message: str) -> None:
    instances, embeddings, _ = planted_corpus()
    model = RelationDiscovery(num_relations=3, n_init=5).fit(instances, embeddings)
    with pytest.raises(UsageError, match=message):
        model.set_names({2: "fine"} | names if isinstance(names, dict) else names)
    assert [relation.name for relation in model.relations_] == ["was born in", "founded", "plays for"]


def test_names_need_a_fitted_discovery() -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        RelationDiscovery().set_names({0: "a"})
