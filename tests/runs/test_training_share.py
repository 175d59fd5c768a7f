"""Shares of training texts: exact, in proportion, one within another."""

from collections import Counter

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.training_share import training_share


def rows(**counts):
    found = []
    for label, number in counts.items():
        for place in range(number):
            relations = [] if label == "none" else [{"head": 0, "tail": 1, "label": label}]
            found.append({"id": f"{label}-{place}", "relations": relations})
    return found


def test_shares_are_exact_and_in_proportion_and_nested():
    documents = rows(a=600, b=300, none=100)
    before: set[str] = set()
    for share, number in ((0.01, 10), (0.1, 100), (0.5, 500), (1.0, 1000)):
        drawn = training_share(documents, share, seed=3)
        names = [document["id"] for document in drawn]
        assert len(names) == len(set(names)) == number and before <= set(names)
        counts = Counter(name.partition("-")[0] for name in names)
        for label, size in (("a", 600), ("b", 300), ("none", 100)):
            assert abs(counts[label] - share * size) <= 1
        assert names == [document["id"] for document in documents if document["id"] in set(names)]  # their order
        before = set(names)
    assert training_share(documents, 0.01, seed=3) == training_share(documents, 0.01, seed=3)
    assert training_share(documents, 0.01, seed=3) != training_share(documents, 0.01, seed=4)


def test_a_text_with_several_relations_counts_as_one_of_its_rarest():
    documents = rows(a=90) + [
        {"id": f"both-{i}", "relations": [{"head": 0, "tail": 1, "label": name} for name in ("a", "b")]}
        for i in range(10)
    ]
    drawn = training_share(documents, 0.2)
    assert len(drawn) == 20 and sum(document["id"].startswith("both") for document in drawn) == 2


def test_a_tiny_share_has_one_text_and_bad_shares_are_refused():
    assert len(training_share(rows(a=3), 0.01)) == 1
    for share in (0, -0.1, 1.1):
        with pytest.raises(UsageError, match=r"in \(0, 1\]"):
            training_share(rows(a=3), share)
    with pytest.raises(UsageError, match="no documents"):
        training_share([], 0.5)
