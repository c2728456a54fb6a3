"""Rule sets hold all at once, or say which two cannot."""

import json
import pickle
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from patchpact.cli.main import main
from patchpact.envs.core.deadlines import bod26_04, flat
from patchpact.scenarios import PARAMETERS, ScenarioError, load_scenario
from patchpact.scenarios.rule_sets import hold, rule_set_names, rule_sets

pytestmark = pytest.mark.filterwarnings("ignore::patchpact.scenarios.AssumptionWarning")
NAMES = ("bod-26-04", "flat-severity", "privacy", "sme-lite")


def own(name: str, *bounds: dict[str, Any]) -> dict[str, Any]:
    rows = [{"why": "a test", **bound} for bound in bounds]
    return {"id": name, "title": name, "source": "made up", "bounds": rows}


def test_bundled_sets_say_where_they_come_from_and_why() -> None:
    assert rule_set_names() == NAMES
    for name in NAMES:
        (one,) = rule_sets([name], "w")
        assert one.id == name and one.title and one.source
        assert one.bounds and all(bound.why for bound in one.bounds)


def test_all_of_them_hold_at_once_but_for_the_two_deadline_rules() -> None:
    rule_sets(["bod-26-04", "privacy", "sme-lite"], "w")
    rule_sets(["flat-severity", "privacy", "sme-lite"], "w")
    with pytest.raises(ScenarioError) as error:
        rule_sets(["bod-26-04", "privacy", "flat-severity"], "w")
    text = str(error.value)
    assert "w: governance.deadlines: rule sets contradict each other: 'bod-26-04'" in text
    assert "'flat-severity'" in text and text.endswith("take one of the two out of governance.rule_sets")
    assert len(text.splitlines()) == 1


def test_neither_deadline_rule_is_the_stricter_one() -> None:
    """Which is why they contradict: no choice of one of them keeps the other."""
    switches = product((False, True), repeat=4)
    days = [
        (bod26_04.days(*four, cvss), flat.days(*four, cvss)) for four in switches for cvss in (5.0, 7.0, 8.9, 9.0, 10.0)
    ]
    late = [tuple(1e9 if day < 0 else day for day in pair) for pair in days]
    assert any(one < other for one, other in late)
    assert any(one > other for one, other in late)


def test_a_default_outside_moves_to_the_nearest_value(shop: dict[str, Any], write: Callable[..., Path]) -> None:
    shop["governance"] = {"rule_sets": ["privacy", own("calm", {"parameter": "leak_keur", "at_most": 80})]}
    scenario = load_scenario(str(write(shop)))
    assert scenario.parameters["leak_keur"] == 75
    assert scenario.parameters["epsilon_start"] == 2 and isinstance(scenario.parameters["epsilon_start"], int)
    assert scenario.parameters["disclosure_enabled"] is True
    assert scenario.parameters["audit_some"] == PARAMETERS["audit_some"].default
    assert [line.partition(" ")[0] for line in scenario.assumptions] == [
        "disclosure_enabled",
        "leak_keur",
        "epsilon_start",
    ]
    assert "leak_keur (1): 75 in place of the default 30, as rule set privacy asks" in scenario.assumptions
    assert pickle.loads(pickle.dumps(scenario)) == scenario  # noqa: S301
    hash(scenario)


def test_a_stated_value_outside_is_an_error(shop: dict[str, Any], write: Callable[..., Path]) -> None:
    shop["governance"] = {"rule_sets": ["privacy"]}
    shop["responsibility"] = {"leak_keur": 60}
    with pytest.raises(ScenarioError) as error:
        load_scenario(str(write(shop)))
    said = "responsibility.leak_keur: 60 is not allowed by rule set 'privacy', which asks for at least 75; write at least 75"
    assert said in str(error.value)
    shop["responsibility"] = {"leak_keur": 90}
    scenario = load_scenario(str(write(shop)))
    assert scenario.parameters["leak_keur"] == 90
    with pytest.raises(ScenarioError, match="rule set 'privacy'"):
        scenario.with_parameters(leak_keur=74)
    with pytest.raises(ScenarioError, match="rule set 'privacy'"):
        load_scenario(str(write(shop)), epsilon_start=3)
    assert scenario.with_parameters(leak_keur=75).parameters["leak_keur"] == 75


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"at_least": 50}, {"at_most": 40}),
        ({"at_most": 40}, {"at_least": 50}),
        ({"exactly": 50}, {"at_most": 40}),
        ({"exactly": 50}, {"exactly": 40}),
        ({"at_least": 10, "at_most": 20}, {"at_least": 21, "at_most": 30}),
    ],
)
def test_bounds_that_do_not_meet(one: dict[str, Any], other: dict[str, Any]) -> None:
    sets = [own("red", {"parameter": "leak_keur", **one}), own("blue", {"parameter": "leak_keur", **other})]
    with pytest.raises(ScenarioError, match=r"responsibility\.leak_keur: .*'red' asks for .*'blue' for .*; take one"):
        rule_sets(sets, "w")


@pytest.mark.parametrize("default", [0, 20, 25, 30, 100])
def test_three_sets_meet_in_the_intersection(default: float, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = ({"at_least": 10, "at_most": 30}, {"at_least": 20}, {"at_most": 25})
    sets = rule_sets([own(f"s{n}", {"parameter": "fine_keur_per_day", **b}) for n, b in enumerate(bounds)], "w")
    changed = type(PARAMETERS["fine_keur_per_day"])(
        **{n: getattr(PARAMETERS["fine_keur_per_day"], n) for n in PARAMETERS["fine_keur_per_day"].__slots__}
        | {"default": default}
    )
    monkeypatch.setattr("patchpact.scenarios.rule_sets.PARAMETERS", {**PARAMETERS, "fine_keur_per_day": changed})
    values, moved = hold(sets, {}, "w")
    expected = min(max(default, 20), 25)
    assert values.get("fine_keur_per_day", default) == expected
    assert bool(moved) == (expected != default)


@pytest.mark.parametrize(("low", "high", "expected"), [(1, 20, 20), (40, 50, 40), (10, 90, 30), (7, 7, 7)])
def test_one_bound_with_two_ends(low: float, high: float, expected: float) -> None:
    sets = rule_sets([own("a", {"parameter": "leak_keur", "at_least": low, "at_most": high})], "w")
    assert hold(sets, {}, "w")[0].get("leak_keur", 30) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["privcy"], r"governance\.rule_sets\[0\]: no rule set 'privcy'; did you mean 'privacy'\?"),
        (["privacy", "privacy"], r"governance\.rule_sets\[1\]: 'privacy' stands twice; keep one"),
        (7, "7 is no list; write a list of names"),
        ([own("a", {"parameter": "leak", "at_least": 1})], r"no parameter 'leak'; did you mean 'leak_keur'\?"),
        ([own("a", {"parameter": "leak_keur"})], "no bound; write exactly"),
        ([own("a", {"parameter": "leak_keur", "exactly": 1, "at_most": 2})], "both exactly and a range"),
        ([own("a", {"parameter": "leak_keur", "at_least": -1})], r"bounds\[0\]\.at_least: -1\.0 is out of range"),
        ([own("a", {"parameter": "leak_keur", "at_least": 5, "at_most": 2})], "at_least 5 is above at_most 2"),
        ([own("a", {"parameter": "deadlines", "at_least": 1})], "deadlines is no number; write exactly"),
        ([own("a", {"parameter": "disclosure_enabled", "exactly": "yes"})], "'yes' is no switch"),
        ([{"id": "a"}], r"governance\.rule_sets\[0\]\.title: missing; add it"),
        ([own("a", {"parameter": "leak_keur", "atleast": 5})], r"atleast: unknown field; did you mean 'at_least'\?"),
    ],
)
def test_what_is_no_rule_set(given: Any, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as error:
        rule_sets(given, "w")
    assert len(str(error.value).splitlines()) == 1


def test_check_lists_the_sets_and_which_bounds_bind(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--set", "rule_sets=bod-26-04,privacy", "--set", "fine_keur_per_day=0.2"]
    assert main(["check", "toy-v1", *settings, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in report["rule_sets"]] == ["bod-26-04", "privacy"]
    binds = {row["parameter"]: row["binds"] for row in report["bounds"]}
    assert binds["leak_keur"] and binds["deadlines"] and not binds["fine_keur_per_day"]
    assert main(["check", "toy-v1", *settings]) == 0
    out = capsys.readouterr().out
    assert "no two contradict" in out
    row = next(line for line in out.splitlines() if re.match(r"privacy +leak_keur", line))
    assert "at least 75" in row and " binds " in row
    assert main(["check", "toy-v1", "--set", "rule_sets=bod-26-04,flat-severity"]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and "contradict" in err
    assert main(["check", "toy-v1"]) == 0
    assert "Rule sets" not in capsys.readouterr().out


def test_drawn_scenarios_take_them(shop: dict[str, Any]) -> None:
    scenario = load_scenario("generated-v1", rule_sets=["sme-lite"], services=6)
    assert scenario.parameters["disclosure_enabled"] is True
    assert [one.id for one in scenario.rule_sets] == ["sme-lite"]


def test_the_closest_name_of_a_misspelt_section_entry(shop: dict[str, Any], write: Callable[..., Path]) -> None:
    with pytest.raises(ScenarioError, match=r"governance\.rule_set: unknown parameter; did you mean 'rule_sets'"):
        load_scenario(str(write(shop | {"governance": {"rule_set": ["privacy"]}})))
