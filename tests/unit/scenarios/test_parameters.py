"""The table of parameters: complete rows, checked values, sections called like networks."""

from typing import Any

import numpy as np
import pytest

from patchpact.scenarios import NETWORKS, PARAMETERS, Parameter, ScenarioError, default_parameters, parameter_rows
from patchpact.scenarios.parameters import SWITCHED_NETWORKS, check_combined, check_parameters, flatten_section

CONFIDENCES = {"DATA", "TEXT", "MEMORY", "ASSUMPTION", "ASSUMPTION on TEXT"}
every = pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)


@every
def test_every_row_is_complete(parameter: Parameter) -> None:
    assert parameter.network in NETWORKS
    assert parameter.type in ("int", "float", "bool", "str", "rule")
    assert parameter.unit
    assert len(parameter.description) > 5
    assert len(parameter.source) > 5
    assert parameter.confidence in CONFIDENCES
    assert parameter.check(parameter.default, "w") == parameter.default
    if parameter.type in ("int", "float"):
        assert parameter.low < parameter.high
        assert parameter.unit != "-"
    if parameter.type == "str":
        assert len(parameter.choices) > 1


@every
def test_units_stand_in_names(parameter: Parameter) -> None:
    for ending, unit in (
        ("_hours", "h"),
        ("_keur", "k€"),
        ("_days", "days"),
        ("_windows", "windows"),
        ("_log_sd", "ln"),
    ):
        if parameter.name.endswith(ending):
            assert parameter.unit.startswith(unit)


def test_networks_have_switches() -> None:
    for network in SWITCHED_NETWORKS:
        switch = PARAMETERS[f"{network}_enabled"]
        assert (switch.network, switch.type, switch.default) == (network, "bool", True)


def test_registered_rules_hold_the_defaults() -> None:
    from patchpact.envs.core.pack import choices

    rules = [parameter for parameter in PARAMETERS.values() if parameter.type == "rule"]
    assert {parameter.name for parameter in rules} >= {"voting", "recognition", "responsibility_rule", "deadlines"}
    for parameter in rules:
        assert parameter.default in choices(parameter.name)


def test_defaults_are_a_fresh_mapping() -> None:
    first = default_parameters()
    check_combined(first, "w")
    first["windows"] = 99
    assert default_parameters()["windows"] == PARAMETERS["windows"].default


@every
def test_bounds(parameter: Parameter) -> None:
    if parameter.type not in ("int", "float"):
        return
    kind = int if parameter.type == "int" else float
    for number in (parameter.low, parameter.high):
        value = parameter.check(number, "w")
        assert value == number
        assert type(value) is kind
    for number in (parameter.low - 1, parameter.high + 1):
        with pytest.raises(ScenarioError, match=r"is out of range; write a .*number in .*\.\..* \("):
            parameter.check(number, "w")


@pytest.mark.parametrize("value", [None, "3", "", [], {}, float("nan"), float("inf"), True, 1j, object()])
@pytest.mark.parametrize("name", ["windows", "quota"])
def test_no_number(name: str, value: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        PARAMETERS[name].check(value, "w")
    assert str(caught.value).startswith(f"w: {name}: ")


@pytest.mark.parametrize("value", [None, 1, 0, "true", [], np.float64(1)])
def test_no_switch(value: Any) -> None:
    with pytest.raises(ScenarioError, match="is no switch; write true or false"):
        PARAMETERS["value_enabled"].check(value, "w")


@pytest.mark.parametrize("value", [None, 1, True, "", "Two Thirds", "a-b", "x" * 99, ["majority"], "majority\n"])
def test_no_name_of_a_rule(value: Any) -> None:
    with pytest.raises(ScenarioError, match="is no name of a rule"):
        PARAMETERS["voting"].check(value, "w")


def test_numpy_scalars_become_plain() -> None:
    values = {"windows": np.int32(5), "quota": np.float32(0.5), "value_enabled": np.bool_(False)}
    checked = check_parameters(values, "w")
    assert checked == {"windows": 5, "quota": 0.5, "value_enabled": False}
    assert [type(value) for value in checked.values()] == [int, float, bool]


def test_whole_floats_are_whole_numbers() -> None:
    assert PARAMETERS["windows"].check(5.0, "w") == 5
    with pytest.raises(ScenarioError, match=r"5\.5 is not a whole number"):
        PARAMETERS["windows"].check(5.5, "w")


def test_sections() -> None:
    assert flatten_section("value", {"enabled": False, "setup_hours": 3}, "w") == {
        "value_enabled": False,
        "setup_hours": 3,
    }
    for network, section, part in (
        ("value", {"setup_hour": 3}, "value.setup_hour: unknown parameter; did you mean 'setup_hours'?"),
        ("value", {"windows": 3}, "value.windows: unknown parameter; move it to section world"),
        ("world", {"enabled": True}, "world.enabled: unknown parameter"),
        ("value", {"enabled": True, "value_enabled": True}, "value.value_enabled: given twice; keep one"),
        ("value", {3: 3}, "value.3: unknown parameter"),
    ):
        with pytest.raises(ScenarioError) as caught:
            flatten_section(network, section, "w")  # type: ignore[arg-type]
        assert part in str(caught.value)


def test_shares_add_up_to_at_most_one() -> None:
    values = default_parameters()
    check_combined(values | {"share_it": 0.5, "share_business": 0.3, "share_vendor": 0.2}, "w")
    with pytest.raises(ScenarioError, match=r"share_it \+ share_business \+ share_vendor = 1\.1, more than 1"):
        check_combined(values | {"share_it": 0.6, "share_business": 0.3, "share_vendor": 0.2}, "w")
    with pytest.raises(ScenarioError, match="season_low_probability"):
        check_combined(values | {"season_low_probability": 0.6, "season_high_probability": 0.5}, "w")


def test_rows_for_readers() -> None:
    rows = parameter_rows()
    assert [row["name"] for row in rows] == list(PARAMETERS)
    assert next(row for row in rows if row["name"] == "incident_loss")["low"] == "sampled|expected"
