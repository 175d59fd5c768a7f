"""Topics over relation features: which features count, and what topics come out."""

import pytest

from hf_relation.baselines import relation_topics
from hf_relation.baselines.topics import _features
from hf_relation.data import check_instance
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from tests.common.tiny_sentences import sentences


TEXT = "In 1911 the old Ada won the Great Prize twice over in Lindau."
ROW = check_instance(
    {
        "text": TEXT,
        "head": {"start": TEXT.index("Great"), "end": TEXT.index(" twice"), "type": "PRIZE"},
        "tail": {"start": TEXT.index("Ada"), "end": TEXT.index(" won"), "type": None},
    },
    index=0,
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("between", ["between won"]),
        ("context", ["before old", "after twice"]),
        ("mentions", ["head great", "head prize", "tail ada"]),
        ("path", ["path tail first: won the"]),
        ("types", ["head type PRIZE", "tail type None", "types PRIZE, None"]),
    ],
)
def test_features_of_a_sentence(kind, expected):
    assert _features(ROW, [kind]) == expected


def test_phrases_with_words_of_their_own_are_told_apart():
    rows = sentences(types=False)
    phrases = [row["id"].rsplit(" ", 2)[0] for row in rows]
    priors = {"doc_topic_prior": 0.1, "topic_word_prior": 0.1}
    found = [relation_topics(rows, 8, seed=seed, features=["between"], max_iter=30, **priors) for seed in range(3)]
    # Phrases of one relation share no word, so it is phrases that topics can tell apart.
    assert max(clustering_report(phrases, labels)["bcubed_f1"] for labels in found) > 0.85


def test_types_help_where_they_tell_relations_apart():
    rows = sentences()
    gold = [row["relations"][0] for row in rows]
    found = [relation_topics(rows, 4, seed=seed, features=["types", "between"], max_iter=20) for seed in range(3)]
    assert max(clustering_report(gold, labels)["bcubed_f1"] for labels in found) == 1


def test_the_seed_decides_on_the_start():
    rows = sentences(types=False)
    results = {tuple(relation_topics(rows, 6, seed=seed, max_iter=5).tolist()) for seed in range(4)}
    assert len(results) > 1


def test_a_text_without_features_is_left_out():
    rows = [
        *sentences(types=False),
        {"text": "Eve, Ira", "head": {"start": 0, "end": 3}, "tail": {"start": 5, "end": 8}},
    ]
    labels = relation_topics(rows, 3, features=["between"])
    assert labels[-1] == -1 and (labels[:-1] >= 0).all()


def test_settings_out_of_range():
    rows = sentences()
    for settings, message in (
        ({"features": "between"}, "`features` must be a list of some of between, context"),
        ({"features": ["betwen"]}, "`features` must be"),
        ({"features": []}, "`features` must be"),
        ({"doc_topic_prior": 0}, "`doc_topic_prior` must be a finite number above 0 and at most 1"),
        ({"max_iter": 0}, "`max_iter` must be"),
        ({"min_instances": 1000}, "No feature occurs in 1000 instances"),
    ):
        with pytest.raises(UsageError, match=message):
            relation_topics(rows, 2, **settings)
