"""Is every trivial strategy of the wider game beaten by another? Writes `docs/trivial_strategies.csv`.

    .venv/bin/python tools/trivial_strategies.py [WORLDS [SEARCH_WORLDS]]

A strategy is trivial that takes no look at the world: approve or reject all, be honest always, claim the most there
is, never insure, never audit. For each, a firm or the auditor is offered stances that differ in that one point, while
all others keep to one of a few stances; the offer whose gain is clearest in SEARCH_WORLDS is played in WORLDS others,
on which nothing was picked. A strategy that all follow together is held to welfare instead. `beaten` says whether the
95% interval of the gain, paired by world, is above 0. Losses are booked as expectations: drawn ones are so lumpy that
thousands of worlds would be needed. They are an upper bound of the mean of drawn losses, claims and premiums alike.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import PolicyOfRole, Seen, find
from patchpact.agents.policies.stewards import MOST, STANCES, STEWARDS, Stance, Stewards
from patchpact.envs.core import pack
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.best_response import Player, accounts
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.deviations import Act, Deviation
from patchpact.training.evaluate import play
from patchpact.training.folder import write_table
from patchpact.training.game_check import Thoughtless

SCENARIO = "symbiosis-v1"
TARGET = Path(__file__).resolve().parents[1] / "docs" / "trivial_strategies.csv"
WORLDS = 512
SEARCH_WORLDS = 64
WELFARE = "welfare"


@dataclass(frozen=True)
class Trivial:
    """A trivial strategy: who may follow it, its stance, what is offered instead, and what all others may play."""

    name: str
    players: tuple[Player, ...]
    stance: Stance
    offers: tuple[Deviation, ...]
    others: tuple[Stance, ...]


def stance(changed: Stance) -> Deviation:
    """Playing a stance, whatever the others play."""

    def make(role: str) -> Act:
        policy = Stewards(role, changed)

        def act(seen: Seen, played: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
            return policy.choose(seen, rng)

        return act

    return Deviation(changed.name, "stance", make)


def trivial(world: Scenario) -> list[Trivial]:
    """The strategies that single agents follow in this scenario.

    An offer differs from the trivial strategy in that one setting, so that nothing else can be what pays.
    """
    seats = [(n, agent) for n, agent in enumerate(pack.seats(world))]
    firms = [Player(agent.name, agent.role, (n,)) for n, agent in seats if agent.role == "business"]
    large = tuple(Player(a.name, a.role, (n,)) for n, a in seats if a.role == "business" and a.size == "large")
    one_of_each = (*large, next(player for player in firms if player not in large))
    auditors = tuple(Player(agent.name, agent.role, (n,)) for n, agent in seats if agent.role == "esg")

    def of(**settings: Any) -> Stance:
        return replace(STEWARDS, name=", ".join(f"{key} {value}" for key, value in settings.items()), **settings)

    named = {one.name: one for one in STANCES}
    pooled, by_risk = of(premium="pooled"), STEWARDS
    unaudited, lying = named["stewards-never-audit"], named["stewards-disclose-most"]
    most, often = of(claim=MOST), of(audit="often")
    audits = tuple(stance(of(audit=level)) for level in ("rarely", "sometimes", "often"))
    return [
        Trivial("honest-always", one_of_each, STEWARDS, (stance(most),), (unaudited,)),
        Trivial("always-disclose-most", one_of_each, most, (stance(STEWARDS),), (STEWARDS, often)),
        Trivial("never-insure", one_of_each, of(insure=False), (stance(STEWARDS),), (pooled, by_risk)),
        Trivial("never-audit", auditors, unaudited, audits, (lying,)),
    ]


def searched(world: Scenario, one: Trivial, seeds: Sequence[int]) -> tuple[Player, Stance, Deviation, int]:
    """The player, the others' stance and the offer whose gain is clearest on the search worlds; how many were tried."""
    best: tuple[float, Player, Stance, Deviation] | None = None
    tried = 0
    for played in one.others:
        profile = partial(Stewards, stance=played)
        for player in one.players:
            brought = accounts(world, profile, {}, player, [stance(one.stance), *one.offers], seeds)
            for offer, account in zip(one.offers, brought[1:], strict=True):
                clear = stats.mean(account - brought[0]).low
                tried += 1
                if best is None or clear > best[0]:
                    best = (clear, player, played, offer)
    assert best is not None
    return *best[1:], tried


def rows(world: Scenario, worlds: int = WORLDS, search_worlds: int = SEARCH_WORLDS) -> Iterable[dict[str, object]]:
    """A row for each strategy, and one for each that is also played by all together."""
    seeds, search = range(worlds), range(TRAINING_SEEDS_START, TRAINING_SEEDS_START + search_worlds)
    settings = {"worlds": worlds, "seed": 0, "search_worlds": search_worlds, "search_seed": TRAINING_SEEDS_START}

    def row(
        strategy: str, whose: str, at: str, better: str, gain: NDArray[np.float64], tried: int
    ) -> dict[str, object]:
        found = stats.mean(gain)
        figures = {"gain_keur": found.value, "gain_low": found.low, "gain_high": found.high}
        head = {"strategy": strategy, "whose": whose, "others_play": at, "better": better}
        return {**head, **figures, "beaten": found.low > 0.0, "tried": tried, **settings}

    stewards = play(world, find(STEWARDS.name), seeds)[WELFARE + "_keur"]
    approving: PolicyOfRole = lambda role: Thoughtless(role, "random", "any", "accept")  # noqa: E731
    for name, cast in (
        ("approve-all", approving),
        ("reject-all", find("stewards-reject-all")),
        ("always-disclose-most", find("stewards-disclose-most")),
    ):
        gain = stewards - play(world, cast, seeds)[WELFARE + "_keur"]
        yield row(name, WELFARE, "the same", STEWARDS.name, gain, 1)
    for one in trivial(world):
        player, at, offer, tried = searched(world, one, search)
        profile = partial(Stewards, stance=at)
        brought = accounts(world, profile, {}, player, [stance(one.stance), offer], seeds)
        yield row(one.name, player.name, at.name, offer.name, brought[1] - brought[0], tried)


def main(worlds: int = WORLDS, search_worlds: int = SEARCH_WORLDS) -> None:
    """Write the table."""
    found = []
    for row in rows(load_scenario(SCENARIO, incident_loss="expected"), worlds, search_worlds):
        found.append({key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()})
        print(found[-1], flush=True)
    write_table(TARGET, found)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
