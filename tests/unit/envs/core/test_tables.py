"""Measured tables as the game plays them: the reserve, pooled measurement, modules and proofs."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import MARKET, PLATFORM, SHOP

from patchpact.envs.core import tables
from patchpact.envs.core.pack import pack
from patchpact.envs.core.records import EPSILON_TIERS, MOST_RETURNS, POOL_SIZES
from patchpact.envs.core.tables import SERVICES, WORTHS, measured_proof, measured_returns, measured_worths
from patchpact.scenarios.tables import REQUIRED, TableError, bundled, read_table
from patchpact.training.module_worth import SERVICES_OF_A_TENANT

WINDOWS = 8


def earned(seed, **changes):
    """Returns of the reserve, window by window."""
    world = sw.market_place(reserve_keur=1000.0, windows=WINDOWS, tail_windows=0, **changes)
    table, found = sw.Table(world, seed), [0.0]
    for window in range(1, WINDOWS):
        table.wait(window)
        found.append(table.paid(MARKET, "returns"))
    found.append(table.finish().paid(MARKET, "returns"))
    return np.diff(found) / 1000.0


def weeks_of(returns):
    """Where in the table these weeks follow each other, the first after the last."""
    measured = measured_returns()
    places = [k for k in range(len(measured)) if np.allclose(np.roll(measured, -k)[:WINDOWS], returns, atol=1e-12)]
    return places


def test_the_reserve_earns_weeks_of_the_table_one_after_the_other():
    starts = []
    for seed in range(6):
        (start,) = weeks_of(earned(seed, reserve_table=True))
        starts.append(start)
    assert len(set(starts)) > 3, "the seed draws where the weeks begin"


def test_without_the_table_the_reserve_earns_drawn_weeks():
    assert weeks_of(earned(0)) == []


def test_the_latest_weeks_are_taken():
    column = read_table(bundled("portfolio")).numbers("equal_weight_return")
    assert measured_returns() == pytest.approx(np.array(column[-MOST_RETURNS:]))
    assert len(measured_returns()) == min(len(column), MOST_RETURNS)


LOOKUPS = {
    "federated": (tables.measured_curves, ()),
    "portfolio": (tables.measured_returns, ()),
    "modules": (tables.measured_worths, (4,)),
    "claims": (tables.measured_proof, (4,)),
}
CACHED = (tables.measured_curves, tables.measured_returns, tables._worth_by_tenants, tables._age_proofs)


@pytest.fixture
def other_tables(monkeypatch, tmp_path):
    """Bundled tables are looked for in another folder; what was read before is forgotten, before and after."""
    monkeypatch.setattr(tables, "bundled", lambda name: tmp_path / f"{name}.csv")
    for one in CACHED:
        one.cache_clear()
    yield tmp_path
    for one in CACHED:
        one.cache_clear()


@pytest.mark.parametrize("name", LOOKUPS)
def test_every_table_the_core_looks_up_says_where_it_comes_from(name):
    said = read_table(bundled(name)).provenance
    assert all(said[key] for key in REQUIRED)
    assert said["table"] == name
    assert said["command"].startswith(f"patchpact calibrate {name}")


@pytest.mark.parametrize("name", LOOKUPS)
@pytest.mark.parametrize("key", REQUIRED)
def test_no_table_is_looked_up_without_its_provenance(name, key, other_tables):
    lines = bundled(name).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f"# {key}:")]
    assert len(kept) == len(lines) - 1
    (other_tables / f"{name}.csv").write_text("".join(kept), encoding="utf-8")
    lookup, arguments = LOOKUPS[name]
    with pytest.raises(TableError, match=rf"{name}\.csv: provenance: "):
        lookup(*arguments)


def modules_rows():
    return {
        (row["group"], row["module"], row["figure"]): float(row["value"]) for row in read_table(bundled("modules")).rows
    }


@pytest.mark.parametrize("tenants", [1, 2, 4])
def test_modules_bring_together_what_the_table_has_for_all_of_them(tenants):
    """Averages over orders add up, to the digits that the table keeps."""
    together = modules_rows()[f"{tenants} in one world", "bundle", "account"]
    assert SERVICES * sum(measured_worths(tenants).values()) == pytest.approx(together, abs=1e-4)


def test_worth_lies_between_measured_numbers_of_tenants_and_stays_beyond_them():
    two, three, four = (measured_worths(firms) for firms in (2, 3, 4))
    for name in WORTHS:
        assert three[name] == pytest.approx((two[name] + four[name]) / 2.0)
    assert measured_worths(9) == four
    assert SERVICES == SERVICES_OF_A_TENANT


def test_a_table_of_a_quick_look_is_refused_in_one_line(other_tables):
    text = bundled("modules").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if "in one world," not in line]
    (other_tables / "modules.csv").write_text("".join(kept), encoding="utf-8")
    with pytest.raises(TableError, match=r"modules\.csv: scan: no account_shapley .*; measure anew, without --small"):
        measured_worths(2)


ON = {"modules_enabled": True, "leak_probability": 0.0, "windows": 4}


def subscribed(*modules, **changes):
    """A table at which the shop has taken these modules, one a window."""
    table = sw.Table(sw.market_place(**{**ON, **changes}))
    for window, module in enumerate(modules):
        table.step({SHOP: f"module:{module}"})
        table.wait(window + 1)
    return table


@pytest.mark.parametrize("module", ["scan", "prioritise", "patch_bot", "forecast"])
def test_with_the_table_a_module_brings_its_measured_worth(module):
    table = subscribed(module, modules_table=True)
    (services,) = table.static.agent["services"][[SHOP]]
    expected = services * measured_worths(2)[f"{module}_worth_keur"]
    assert expected != 0.0
    assert table.paid(SHOP, "returns") == pytest.approx(expected)
    assert table.paid(PLATFORM, "returns") == 0.0, "it takes no module"
    played = subscribed(module)
    assert played.paid(SHOP, "returns") == 0.0
    assert table.world["value_created_keur"] - played.world["value_created_keur"] == pytest.approx(expected)
    assert table.welfare - played.welfare == pytest.approx(expected)


def test_worths_of_several_modules_add_up():
    table = subscribed("prioritise", "forecast", modules_table=True)
    worth = measured_worths(2)
    assert table.paid(SHOP, "returns") == pytest.approx(
        2 * worth["prioritise_worth_keur"] + worth["forecast_worth_keur"]
    )


@pytest.mark.parametrize("module", ["measurement", "esg_report", "placebo"])
def test_modules_that_the_game_alone_plays_are_not_looked_up(module):
    assert subscribed(module, modules_table=True, placebo_enabled=True).paid(SHOP, "returns") == 0.0


def test_with_the_table_modules_do_nothing_in_play_that_it_stands_for():
    """Neither hours of a bot, nor what a scan or priorities show, nor a forecast's own gain."""
    hidden = {"reachability_log_sd": 0.8, "signal_log_sd": 0.4, "forecast_gain": 0.01, "attempt_multiplier": 2.0}
    for module in ("scan", "prioritise", "patch_bot"):
        looked_up, played = (subscribed(module, modules_table=on, **hidden) for on in (True, False))
        nothing = subscribed(**hidden)
        nothing.wait(1)
        assert same_sight(looked_up, nothing), module
        assert not same_sight(played, nothing), module
    worth = measured_worths(2)["forecast_worth_keur"]
    assert subscribed("forecast", modules_table=True, **hidden).paid(SHOP, "returns") == pytest.approx(worth)
    assert subscribed("forecast", **hidden).paid(SHOP, "returns") == pytest.approx(0.01 * 1000.0)


def same_sight(mine, other):
    """Whether two tables show the same truth, hours and gains."""
    one, two = mine.state, other.state
    return (
        mine.world["capacity_left"] == other.world["capacity_left"]
        and np.array_equal(one.service["scanned"], two.service["scanned"])
        and np.array_equal(one.patch["signal"], two.patch["signal"])
        and np.allclose(one.own[0, SHOP], two.own[0, SHOP])
    )


def test_a_scenario_may_say_itself_what_modules_bring_beside_their_play():
    table = subscribed("patch_bot", patch_bot_worth_keur=-0.25)
    assert table.paid(SHOP, "returns") == pytest.approx(-0.25)
    assert table.world["capacity_left"] == pytest.approx(1000.0 + 4.0)


def test_worth_is_of_a_week():
    (week,), (month,) = (pack([sw.market_place(modules_table=True, window_days=days)]).scenario for days in (7.0, 28.0))
    for name in WORTHS:
        assert month[name] == pytest.approx(4.0 * week[name])


@pytest.mark.parametrize("table", [True, False])
def test_without_noise_every_tier_finds_and_leaks_as_the_one_without(table):
    (noisy,), (open_,) = (
        pack([sw.market_place(measurement_table=table, noise_enabled=on)]).scenario for on in (True, False)
    )
    found, found_openly = (head["curve"].reshape(EPSILON_TIERS, POOL_SIZES) for head in (noisy, open_))
    assert np.array_equal(found_openly, np.tile(found[-1], (EPSILON_TIERS, 1)))
    assert np.array_equal(open_["leak_rate"], np.full(EPSILON_TIERS, noisy["leak_rate"][-1]))
    assert noisy["leak_rate"][0] < noisy["leak_rate"][-1]
    if table:
        assert (found[0] < found[-1]).all()


def test_a_proof_costs_what_was_measured_for_as_many_findings():
    rows = read_table(bundled("claims")).rows
    mine = {int(row["leaves"]): row for row in rows if row["type"] == "age" and row["days"] == "14"}
    sizes = sorted(mine)
    for findings, leaves in ((0, sizes[0]), (sizes[1], sizes[1]), (sizes[1] + 1, sizes[2]), (10**6, sizes[-1])):
        row = mine[leaves]
        assert measured_proof(findings) == (float(row["cost_keur"]), float(row["haircut"]))


def test_with_the_table_of_claims_its_cost_and_haircut_hold(other_tables):
    text = bundled("claims").read_text(encoding="utf-8").replace(",0.015,0.5\n", ",0.125,0.25\n")
    (other_tables / "claims.csv").write_text(text, encoding="utf-8")
    settled = {"proofs_enabled": True, "disclosure_enabled": True}
    (own,), (measured,) = (pack([sw.market_place(claims_table=on, **settled)]).scenario for on in (False, True))
    assert (own["proof_cost_keur"], own["unproven_haircut"]) == (0.015, 0.5)
    assert (measured["proof_cost_keur"], measured["unproven_haircut"]) == (0.125, 0.25)
    table = sw.Table(sw.market_place(claims_table=True, **settled))
    table.step({SHOP: "claim:2"})
    table.step({SHOP: "prove:on"})
    table.wait(1)
    assert table.paid(SHOP, "proof") == pytest.approx(-0.125)


def test_the_scenario_gets_what_was_measured_of_even_targeting():
    rows = read_table(bundled("federated")).rows
    head = pack([sw.market_place(measurement_table=True)]).scenario[0]
    for name, column in (("curve", "value_share"), ("even_curve", "even_value_share"), ("uneven", "uneven_share")):
        found = head[name].reshape(EPSILON_TIERS, POOL_SIZES)
        for tier, epsilon in ((1, "1"), (EPSILON_TIERS - 1, "none")):
            of_eight = [row for row in rows if (row["epsilon"], row["tenants"]) == (epsilon, "8")]
            (row,) = (row for row in of_eight if row["persons_per_tenant"] == str(tables.PERSONS))
            assert found[tier, 7] == pytest.approx(max(float(row[column]), 0.0)), name
    formula = pack([sw.market_place(even_share=0.9, uneven_share=0.2)]).scenario[0]
    assert formula["even_curve"] == pytest.approx(0.9 * formula["curve"])
    assert set(formula["uneven"].tolist()) == {0.2}
