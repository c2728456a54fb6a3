"""What sharing a platform costs and risks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.ecosystem.modules import MODULES, find_module
from patchpact.ecosystem.modules.economics import (
    break_even_tenants,
    isolation_failure_probability,
    moderation_cost_keur,
    net_worth_keur,
    pooled_cost_keur,
    price_keur,
)

SCAN = find_module("scan")


@given(tenants=st.integers(1, 10_000), worth=st.floats(0.0, 50.0))
def test_break_even_is_the_first_number_of_tenants_that_pays(tenants: int, worth: float) -> None:
    first = break_even_tenants(SCAN, worth)
    pays = pooled_cost_keur(SCAN, tenants) <= worth + 1e-9
    assert pays == (first is not None and tenants >= first) or abs(pooled_cost_keur(SCAN, tenants) - worth) < 1e-6


def test_never_where_one_more_tenant_costs_more_than_it_is_worth() -> None:
    assert break_even_tenants(SCAN, SCAN.unit_cost_keur) is None
    assert break_even_tenants(replace(SCAN, unit_cost_keur=0.0, fixed_cost_keur=8.0), 2.0) == 4


def test_prices() -> None:
    assert price_keur(SCAN, 1) == pooled_cost_keur(SCAN, 1) == SCAN.fixed_cost_keur + SCAN.unit_cost_keur
    assert price_keur(SCAN, 10, 1.0) < price_keur(SCAN, 10, 0.5) < price_keur(SCAN, 10) < price_keur(SCAN, 9)
    assert price_keur(SCAN, 10, 7.0) == price_keur(SCAN, 10, 1.0)


def test_isolation_fails_more_often_among_many() -> None:
    assert isolation_failure_probability(1) == 0.0
    assert isolation_failure_probability(10, 1.0) == pytest.approx(1e-3)
    assert isolation_failure_probability(10) == pytest.approx(1.0 - (1.0 - 1e-3) ** 7)
    assert isolation_failure_probability(1_000_000) == 1.0


def test_a_platform_has_a_best_size() -> None:
    """Costs fall with tenants, leaks rise: worth is highest in between."""
    worth = [net_worth_keur(MODULES, 5.0, n) for n in (1, 30, 3000)]
    assert worth[1] > worth[0] and worth[1] > worth[2]
    assert net_worth_keur([SCAN], 6.0, 10) - net_worth_keur([SCAN], 5.0, 10) == pytest.approx(
        1.0 - moderation_cost_keur(6.0) + moderation_cost_keur(5.0)
    )


def test_an_unknown_module_is_answered_with_the_closest() -> None:
    with pytest.raises(ValueError, match="did you mean 'forecast'"):
        find_module("forcast")
