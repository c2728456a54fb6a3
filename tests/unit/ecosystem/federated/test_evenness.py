"""Targeting a protected group as often as others: what is chosen, and what it leaves of the value."""

import numpy as np
import pytest

from patchpact.ecosystem.federated.market import Market
from patchpact.ecosystem.federated.measure import Settings
from patchpact.ecosystem.federated.study import Study, parity_gap, run_study, treat_evenly


def test_as_many_are_treated_of_each_group_the_same_share_and_the_best():
    rng = np.random.default_rng(3)
    group = np.arange(200) < 50
    told = rng.normal(0.0, 1.0, 200) - group  # the group is told to gain less
    chosen = told > 0.0
    even = treat_evenly(told, chosen, group)
    assert parity_gap(chosen, group) > 0.2
    assert parity_gap(even, group) <= 1.0 / 50
    assert abs(int(even.sum()) - int(chosen.sum())) <= 1
    for one in (group, ~group):
        assert told[one & even].min() >= told[one & ~even].max()


def test_a_group_of_nobody_has_no_gap():
    chosen = np.array([True, False, True])
    for group in (np.zeros(3, bool), np.ones(3, bool)):
        assert parity_gap(chosen, group) == 0.0
        assert treat_evenly(np.array([3.0, 1.0, 2.0]), chosen, group).tolist() == chosen.tolist()


@pytest.mark.parametrize("protected_share", [0.3, 0.5])
def test_evenness_costs_a_little_of_the_value(protected_share):
    study = Study(tenants=(8,), persons_per_tenant=(1000,), seeds=3, trials=2)
    for row in run_study(study, Market(protected_share=protected_share), Settings()):
        if row["epsilon"] in ("4", "8", "none"):
            assert 0.9 * row["value_share"] < row["even_value_share"] < row["value_share"]
        assert 0.0 <= row["uneven_share"] <= 1.0
