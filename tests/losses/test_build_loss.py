"""Losses from names and settings."""

from __future__ import annotations

import pytest

from hf_relation.errors import UsageError
from hf_relation.losses import RankedListLoss, SupConLoss, build_loss


def test_name_and_settings_give_the_module():
    loss = build_loss("ranked_list", temperature=2.0, reduction="mean_all")
    assert isinstance(loss, RankedListLoss)
    assert (loss.temperature, loss.reduction) == (2.0, "mean_all")
    assert isinstance(build_loss("sup_con"), SupConLoss)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="'triplet'.*'ranked_list', 'sup_con'"):
        build_loss("triplet")


def test_unknown_setting_lists_the_allowed_ones():
    with pytest.raises(UsageError, match="no setting 'margin'.*positive_margin, negative_margin"):
        build_loss("ranked_list", margin=0.4)


def test_bad_value_is_refused():
    with pytest.raises(UsageError, match="temperature"):
        build_loss("sup_con", temperature=0)
