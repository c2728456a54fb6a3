"""The table that comes with the package holds what the game asks for."""

import math

import pytest

from patchpact.ecosystem.modules import IN_PLAY, MODULES, PLATFORM, ModuleTable, load_modules
from patchpact.ecosystem.modules.economics import break_even_tenants
from patchpact.scenarios.tables import TableError


@pytest.fixture(scope="module")
def table() -> ModuleTable:
    return load_modules()


def test_every_module_has_its_worth_and_costs(table: ModuleTable) -> None:
    for module in MODULES:
        worth = table.figure(module.name, "account_alone")
        assert worth.low <= worth.value <= worth.high
        assert worth.basis == ("assumption" if not module.in_play else worth.basis)
        assert table.figure(module.name, "unit_cost").value == pytest.approx(module.unit_cost_keur)
        assert table.figure(module.name, "fixed_cost").value == pytest.approx(module.fixed_cost_keur)
        first = break_even_tenants(module, worth.value) or 0
        assert table.figure(module.name, "break_even_tenants").value == pytest.approx(first, rel=1e-3, abs=1)
    assert {module.name for module in MODULES if table.figure(module.name, "account_alone").basis == "measured"} == {
        "scan",
        "prioritise",
        "forecast",
    }


def test_the_platform_s_parameters_are_there_and_labelled(table: ModuleTable) -> None:
    for parameter in PLATFORM:
        figure = table.figure("-", parameter.name, "platform")
        assert (figure.value, figure.unit, figure.basis) == (parameter.value, parameter.unit, "assumption")


def test_averages_over_orders_add_up_to_the_bundle(table: ModuleTable) -> None:
    for group in table.groups():
        if group != "platform":
            total = sum(table.figure(module, "account_shapley", group).value for module in IN_PLAY)
            assert math.isclose(total, table.figure("bundle", "account", group).value, rel_tol=1e-4, abs_tol=1e-4)


def test_sizes_and_numbers_of_tenants_are_there(table: ModuleTable) -> None:
    assert {"all", "small", "medium", "large", "1 in one world", "4 in one world"} <= set(table.groups())
    assert "--small" not in table.source.provenance["command"]


def test_an_unknown_number_is_answered_with_the_closest(table: ModuleTable) -> None:
    with pytest.raises(TableError, match="did you mean 'all/scan/account_alone'"):
        table.figure("scan", "account_alon")
