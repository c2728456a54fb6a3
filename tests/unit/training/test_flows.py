"""Who paid whom adds up to what every account says, and to welfare."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from patchpact.agents.policies import find
from patchpact.agents.roles.ledger import KINDS, NETWORK_OF_KIND
from patchpact.cli.main import main
from patchpact.envs.view import NATURE, OUTSIDE
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training.evaluate import agents_of, find_policy, play
from patchpact.training.flows import Flows, balances
from patchpact.training.story import record


def sampled(scenario: str, **parameters: object) -> Scenario:
    return load_scenario(scenario, **parameters).with_parameters(incident_loss="sampled")


@pytest.mark.parametrize(
    ("scenario", "policy"),
    [("toy-v1", "random"), ("boutique-v1", "net-gain"), ("symbiosis-v1", "stewards"), ("symbiosis-v1", "random")],
)
def test_flows_are_the_accounts(scenario: str, policy: str) -> None:
    world = sampled(scenario)
    flows = Flows(world)
    totals = play(world, find(policy), range(3, 9), flows)
    assert flows.episodes == 6
    net = flows.amounts.sum((0, 2)) - flows.amounts.sum((1, 2))
    np.testing.assert_allclose(net[:-2], totals["accounts_keur"].sum(0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(-net[-1], totals["welfare_keur"].sum(), rtol=1e-9, atol=1e-9)
    assert flows.parties == (*agents_of(world), OUTSIDE, NATURE)
    by_role = balances(flows.by_role())
    for role in dict.fromkeys(flows.roles):
        gave, took = by_role.get(role, (0.0, 0.0))
        seats = [n for n, other in enumerate(flows.roles) if other == role]
        assert took - gave == pytest.approx(net[seats].sum() / 6, rel=1e-9, abs=1e-9)


def test_counting_changes_no_episode() -> None:
    world = sampled("boutique-v1")
    with_flows = play(world, find("random"), range(5), Flows(world))
    without = play(world, find("random"), range(5))
    for name, values in without.items():
        np.testing.assert_array_equal(values, with_flows[name])


def test_a_network_that_is_off_moves_no_money() -> None:
    world = sampled("boutique-v1", value_enabled=False)
    flows = Flows(world)
    play(world, find("net-gain"), range(4), flows)
    assert flows.rows()
    assert "value" not in {row["network"] for row in flows.rows()}


def test_a_ledger_that_is_too_short_is_found() -> None:
    world = sampled("boutique-v1")

    class Short(Flows):
        ledger_size = 2  # type: ignore[assignment]

    with pytest.raises(RuntimeError, match="ledger"):
        play(world, find("random"), range(4), Short(world))


def test_a_story_keeps_the_flows_of_its_episode_with_the_tail() -> None:
    world = sampled("symbiosis-v1")
    story, totals = record(world, find("stewards"), 3, "stewards"), play(world, find("stewards"), [3])
    net: dict[str, float] = defaultdict(float)
    for giver, taker, kind, amount in story["flows"]:
        assert kind in KINDS and amount > 0.0
        net[giver] -= amount
        net[taker] += amount
    accounts: dict[str, float] = defaultdict(float)
    for (_, role), value in zip(story["agents"], totals["accounts_keur"][0], strict=True):
        accounts[role] += value
    for role, value in accounts.items():
        assert net[role] == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert -net[NATURE] == pytest.approx(totals["welfare_keur"][0], rel=1e-9)
    assert json.loads(json.dumps(story["flows"])) == story["flows"]


def test_stances_are_policies_by_name() -> None:
    for name in ("stewards", "stewards-never-audit"):
        assert find_policy(name)[0] == name
    with pytest.raises(ValueError, match="did you mean 'stewards'"):
        find_policy("steward")


def test_a_lender_that_offers_capital_pays_for_it() -> None:
    world = sampled("symbiosis-v1")
    lent = {
        name: sum(amount for _, _, kind, amount in record(world, find(name), 3, name)["flows"] if kind == "capital")
        for name in ("stewards", "stewards-lending")
    }
    assert lent["stewards"] == 0.0 < lent["stewards-lending"]


def test_evaluate_writes_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ledger.csv"
    policies = ["--policy", "do-nothing", "--policy", "net-gain"]
    assert (
        main(["evaluate", "--scenario", "toy-v1", *policies, "--episodes", "4", "--ledger", str(file), "--json"]) == 0
    )
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    table = {row["policy"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows[0]) == [
        "scenario", "policy", "episodes", "giver", "giver_role", "taker", "taker_role", "kind", "network",
        "keur_per_episode",
    ]  # fmt: skip
    for policy in ("do-nothing", "net-gain"):
        mine = [row for row in rows if row["policy"] == policy]
        assert all(row["network"] == NETWORK_OF_KIND[row["kind"]] for row in mine)
        won = sum(
            float(row["keur_per_episode"]) * ((row["giver"] == NATURE) - (row["taker"] == NATURE)) for row in mine
        )
        assert won == pytest.approx(table[policy]["welfare_keur"], rel=1e-9)
    assert not list(tmp_path.glob("*.new"))


def test_a_place_that_cannot_be_written_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchpact.training.evaluate", None)  # so that playing would raise something else
    for place in (tmp_path, tmp_path / "none" / "ledger.csv"):
        assert main(["evaluate", "--scenario", "toy-v1", "--policy", "net-gain", "--ledger", str(place)]) == 2
        err = capsys.readouterr().err
        assert str(place) in err and len(err.splitlines()) == 1
