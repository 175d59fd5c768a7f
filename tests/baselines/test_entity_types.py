"""Entity types alone: what they tell apart, and what they cannot."""

import pytest

from hf_relation.baselines import entity_type_relations
from hf_relation.errors import UsageError
from tests.common.tiny_sentences import PHRASES, sentences


def pairs_by_label(rows, labels):
    found = {}
    for row, label in zip(rows, labels.tolist(), strict=True):
        found.setdefault(label, set()).add((row["head"]["type"], row["tail"]["type"]))
    return found


def test_every_pair_of_types_is_a_cluster_where_there_are_as_many():
    rows = sentences()
    found = pairs_by_label(rows, entity_type_relations(rows, 4))
    assert sorted(map(sorted, found.values())) == sorted([[pair[1:]] for pair in set(PHRASES.values())])


def test_there_are_no_more_clusters_than_pairs_of_types():
    assert len(set(entity_type_relations(sentences(), 20).tolist())) == 4


def test_pairs_that_share_a_type_are_joined_first():
    # PER-LOC shares one type with PER-WORK and one with LOC-LOC; ORG-ORG shares none.
    rows = sentences()
    found = pairs_by_label(rows, entity_type_relations(rows, 3))
    assert {("ORG", "ORG")} in found.values()


def test_direction_counts():
    rows = sentences()[:40]
    turned = [row | {"id": f"turned {row['id']}", "head": row["tail"], "tail": row["head"]} for row in rows]
    labels = entity_type_relations(rows + turned, 4)
    assert not set(labels[:40].tolist()) & set(labels[40:].tolist())


def test_a_mention_without_type_has_a_type_of_its_own():
    rows = sentences()[:30]
    bare = [row | {"id": f"bare {row['id']}", "tail": row["tail"] | {"type": None}} for row in rows]
    labels = entity_type_relations(rows + bare, 2)
    assert set(labels[:30].tolist()) != set(labels[30:].tolist()) and len(set(labels.tolist())) == 2


def test_without_any_type_it_says_what_to_do():
    with pytest.raises(UsageError, match="None of the instances has entity types.*Re-DocRED"):
        entity_type_relations(sentences(types=False), 2)
