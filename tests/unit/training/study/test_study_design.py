"""Designs: what they hold, what is refused, and in which cells they end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tiny import TINY

from patchpact.scenarios import PARAMETERS, ScenarioError
from patchpact.training.study import cells as of_cells
from patchpact.training.study.design import IDLE, LEARNED, Design, design_ids, load_design, parse_design
from patchpact.training.study.worlds import Lacking, digest_of_worlds, overrides_of, require, world_of


def tiny(*swaps: tuple[str, str]) -> Design:
    text = TINY
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse_design(text, "tiny.yaml", None)


@pytest.mark.parametrize("name", design_ids())
def test_bundled_designs_hold_together(name: str) -> None:
    design = load_design(name)
    assert design.file.id == name
    for form in design.forms:
        of_cells.check_settings(design, form)
        names = [cell.name for cell in design.cells(form)]
        assert len(set(names)) == len(names)
    full = design.form("full")
    criteria = design.file.criteria
    assert full.training_seeds >= criteria.least_training_seeds == 10
    assert full.topologies >= criteria.least_topologies == 3
    assert full.draws >= criteria.least_draws


@pytest.mark.parametrize("name", design_ids())
def test_the_factorial_is_whole_and_nothing_multiplies_the_networks(name: str) -> None:
    design = load_design(name)
    switches = ("value_enabled", "responsibility_enabled", "governance_enabled")
    corners = Counter(
        tuple(bool(arm.set.get(switch, True)) for switch in switches)
        for arm in design.file.arms
        if set(arm.set) <= set(switches) and not arm.scale and not arm.by_topology and not arm.exploratory
    )
    assert len(corners) == 8 and set(corners.values()) == {1}


def test_a_pilot_has_its_own_arms_seeds_and_draws() -> None:
    cells = list(tiny().cells("pilot"))
    assert [(cell.arm, cell.training_seed) for cell in cells if cell.learned] == [("full", 7), ("no-value", 7)]
    assert {cell.arm for cell in cells} == {"full", "no-value", "half"}
    assert {cell.draws for cell in cells} == {range(500, 504)}
    full = list(tiny().cells("full"))
    assert not {cell.draws for cell in cells} & {cell.draws for cell in full}
    assert not {cell.training_seed for cell in cells if cell.learned} & {cell.training_seed for cell in full}


def test_a_pilot_of_an_unknown_arm_is_one_line() -> None:
    with pytest.raises(ScenarioError, match=r"forms\.pilot\.arms: no arm 'no-valu'; did you mean 'no-value'"):
        tiny(("arms: [full, no-value, half]", "arms: [full, no-valu]"))


def test_a_design_without_a_pilot_has_none() -> None:
    with pytest.raises(ScenarioError, match="no form 'pilot'"):
        load_design("core").form("pilot")


@pytest.mark.parametrize("name", ["symbiosis", "core"])
def test_bundled_pilots_tell_nothing_of_the_full_form(name: str) -> None:
    design = load_design(name)
    if "pilot" not in design.forms:
        return
    pilot, full = (list(design.cells(form)) for form in ("pilot", "full"))
    assert not {seed for cell in pilot for seed in cell.draws} & {seed for cell in full for seed in cell.draws}
    assert not {c.training_seed for c in pilot if c.learned} & {c.training_seed for c in full if c.learned}
    assert {c.timesteps for c in pilot} == {c.timesteps for c in full} and pilot[0].settings == full[0].settings


def test_the_small_form_can_decide_nothing() -> None:
    with pytest.raises(ScenarioError, match=r"forms\.small: could decide a claim"):
        tiny(("training_seeds: 1,", "training_seeds: 2,"))


def test_the_core_study_can_be_played_today() -> None:
    require(load_design("core"), "full")


def test_what_this_version_lacks_is_named_in_one_line() -> None:
    design = tiny(
        ("windows: 2", "windows: 2, flux_capacity: 3"),
        ("damage_keur, gini]", "damage_keur, bliss]"),
        ("short, scenario: toy-v1", "short, scenario: nowhere-v1"),
    )
    with pytest.raises(Lacking) as caught:
        require(design, "full")
    assert str(caught.value) == (
        "tiny.yaml: this version of the game lacks parameters flux_capacity; measures bliss; scenarios nowhere-v1;"
        " take one that has them"
    )


def test_the_symbiosis_study_can_be_played_today() -> None:
    require(load_design("symbiosis"), "full")


def test_what_an_arm_changes_in_one_topology_alone() -> None:
    here = {cell.topology: world_of(cell).parameters for cell in tiny().cells("full") if cell.arm == "no-governance"}
    assert (here["toy"]["veto_role"], here["short"]["veto_role"]) == (PARAMETERS["veto_role"].default, "it")


def test_equal_worlds_have_equal_digests() -> None:
    design = tiny()
    same = tiny(("margin: 0.05", "margin: 0.2"))
    other = tiny(("short: {veto_role: it}", "short: {veto_role: vendor}"))
    assert digest_of_worlds(design, "full") == digest_of_worlds(same, "full") != digest_of_worlds(other, "full")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("players: [net-gain]", "players: [nett-gain]", "tiny.yaml: players: no rule 'nett-gain'; did you mean"),
        ("full: -1}", "full: -2}", "weights do not add up to 0"),
        ("no-responsibility: 1, full", "no-responsibilty: 1, full", "no arm 'no-responsibilty'; did you mean"),
        ("no-responsibility: 1, full", "half: 1, full", "arm 'half' is exploratory"),
        ("measure: damage_keur", "measure: damag_keur", "unknown measure 'damag_keur'"),
        ("outside: responsibility", "outside: respons", "tests[1].outside: 'respons' is unknown; did you mean"),
        ("placebo: placebo", "placebo: nothing", "no arm 'nothing'"),
        ("margin: 0.05", "marge: 0.05", "criteria.marge: unknown field; did you mean 'margin'"),
        ("name: half", "name: full", "'full' stands twice"),
        ("by_topology: {short:", "by_topology: {shrt:", "no topology 'shrt'"),
    ],
)
def test_mistakes_are_one_line_with_a_mend(old: str, new: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        tiny((old, new))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_value_out_of_range_names_the_arm() -> None:
    design = tiny(("scale: {share_it: 0.5}", "scale: {share_it: 50}"))
    with pytest.raises(ScenarioError, match=r"tiny\.yaml: arms\.half\.share_it: .*out of range"):
        require(design, "full")


def test_settings_that_a_study_does_not_leave_open() -> None:
    for wrong, said in (
        ("hiden: 8", "no setting of a study; did you mean"),
        ("out: runs", "no setting of a study"),
        ("hidden: 0", "hidden: 0 is not"),
    ):
        with pytest.raises(ScenarioError, match=said):
            of_cells.check_settings(tiny(("hidden: 8", wrong)), "full")


def test_cells_are_balanced_at_every_stop() -> None:
    design = tiny()
    cells = list(design.cells("full"))
    learned = [cell for cell in cells if cell.learned]
    assert len(learned) == 2 * 2 * 5 + 2  # topologies, seeds, arms; half of liability has one seed
    assert cells.index(learned[0]) == len(cells) - len(learned)
    assert [cell.training_seed for cell in learned] == sorted(cell.training_seed for cell in learned)
    assert {cell.player for cell in cells} == {LEARNED, IDLE, "net-gain"}
    assert {cell.draws for cell in cells} == {range(1000, 1004)}
    assert {cell.timesteps for cell in learned} == {64}


def test_arms_change_what_they_say_and_nothing_else() -> None:
    cells = {cell.arm: cell for cell in tiny().cells("small") if cell.player == IDLE}
    base = world_of(cells["full"]).parameters
    for arm, expected in (
        ("no-value", {"value_enabled": False}),
        ("half", {"share_it": 0.1}),
        ("placebo", {"veto_role": "vendor"}),
    ):
        here = world_of(cells[arm]).parameters
        assert {name: value for name, value in here.items() if value != base[name]} == expected
    assert overrides_of(cells["half"]) == {"windows": 2, "attempt_multiplier": 20, "share_it": 0.1}
    assert base["incident_loss"] == "sampled"


def test_training_is_alike_in_all_arms(tmp_path: Path) -> None:
    first, *others = [
        of_cells.config_of(cell, tmp_path) for cell in tiny().cells("full") if cell.learned and cell.training_seed == 0
    ]
    for other in others:
        differing = {name for name, value in vars(first).items() if value != getattr(other, name)}
        assert differing <= {"overrides"}


def test_the_digest_is_of_the_criteria_not_of_the_power_calculation() -> None:
    design = tiny()
    assert tiny(("not_tested:", "power: {enough: true}\nnot_tested:")).digest == design.digest
    assert tiny(("not_tested:", "remarks: [seen later]\nnot_tested:")).digest == design.digest
    assert tiny(("margin: 0.05", "margin: 0.06")).digest != design.digest


def test_a_scenario_beside_the_design(tmp_path: Path, repository: Path) -> None:
    text = (repository / "scenarios" / "data" / "toy-v1.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine-v1.yaml").write_text(text.replace("id: toy-v1", "id: mine-v1"), encoding="utf-8")
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("short, scenario: toy-v1", "short, scenario: mine-v1.yaml"), encoding="utf-8")
    design = load_design(file)
    require(design, "full")
    (scenario,) = {
        cell.scenario for cell in design.cells("full") if (cell.arm, cell.topology) == ("no-governance", "short")
    }
    assert Path(scenario) == tmp_path / "mine-v1.yaml"


def test_an_unknown_study() -> None:
    with pytest.raises(ScenarioError, match="no such study; did you mean 'symbiosis'"):
        load_design("symbiosys")
