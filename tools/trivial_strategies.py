"""Is every trivial strategy of the wider game beaten by another? Writes `docs/trivial_strategies.csv`.

    .venv/bin/python tools/trivial_strategies.py [WORLDS]

A strategy is trivial that takes no look at the world: approve or reject all, be honest always, claim the most there
is, never insure, never audit. For each, who follows it (one agent, or all of a role) is offered other stances and
votes while all others keep to one of the stances; the offer that brings most is picked in search worlds with losses
booked as expectations, and then played in WORLDS (512) others with drawn losses, where nothing was picked on. A
strategy that all follow together is held to welfare instead. `beaten` says whether the 95% interval of the gain, paired
by world, is above 0.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast, PolicyOfRole, Seen, find
from patchpact.agents.policies.stewards import MOST, REJECT, STANCES, STEWARDS, Stance, Stewards
from patchpact.envs.core import pack
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.best_response import Player, accounts
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.deviations import Act, Deviation, changes, together
from patchpact.training.evaluate import play
from patchpact.training.game_check import Thoughtless

SCENARIO = "symbiosis-v1"
TARGET = Path(__file__).resolve().parents[1] / "docs" / "trivial_strategies.csv"
WORLDS = 512
SEARCH_WORLDS = 64
WELFARE = "welfare"


@dataclass(frozen=True)
class Trivial:
    """A trivial strategy: who may follow it, its stance, and what is offered instead."""

    name: str
    players: tuple[Player, ...]
    stance: Stance
    offers: tuple[Deviation, ...]


def stance(changed: Stance) -> Deviation:
    """Playing a stance, whatever the others play."""

    def make(role: str) -> Act:
        policy = Stewards(role, changed)

        def act(seen: Seen, played: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
            return policy.choose(seen, rng)

        return act

    return Deviation(changed.name, "stance", make)


def trivial(world: Scenario) -> list[Trivial]:
    """The strategies for this scenario's agents."""
    seats = [(n, agent) for n, agent in enumerate(pack.seats(world))]
    each = {role: [Player(a.name, role, (n,)) for n, a in seats if a.role == role] for role in ("business", "esg")}
    firms = tuple(each["business"])
    together_ = Player("business", "business", tuple(p.agents[0] for p in firms))
    voters = tuple(Player(a.name, a.role, (n,)) for n, a in seats if a.vote_weight > 0)
    of_firms = (*firms, together_)
    votes = tuple(one for one in changes() if not one.name.startswith("nominates"))

    def of(**settings: Any) -> Deviation:
        name = ", ".join(f"{key} {value}" for key, value in settings.items())
        return stance(replace(STEWARDS, name=name, **settings))

    def kept(base: Stance, instead: Sequence[Deviation]) -> tuple[Deviation, ...]:
        return tuple(together(stance(base), one) for one in instead)

    rejecting = replace(STEWARDS, name="reject-all", votes=REJECT)
    most = replace(STEWARDS, name="always-disclose-most", claim=MOST)
    uninsured = replace(STEWARDS, name="never-insure", insure=False)
    blind = replace(STEWARDS, name="never-audit", audit="never")
    lying = tuple(of(claim=MOST, effort=level) for level in (0, 1, 2))
    return [
        Trivial("approve-all", voters, STEWARDS, kept(STEWARDS, votes)),
        Trivial("reject-all", voters, rejecting, kept(rejecting, votes)),
        Trivial("honest-always", of_firms, STEWARDS, lying),
        Trivial("always-disclose-most", of_firms, most, tuple(of(effort=level) for level in (0, 1, 2))),
        Trivial("never-insure", of_firms, uninsured, tuple(of(effort=level) for level in (0, 1, 2))),
        Trivial("never-audit", tuple(each["esg"]), blind, tuple(of(audit=at) for at in ("rarely", "sometimes", "often"))),
    ]


def others() -> dict[str, Cast]:
    """What all others may play."""
    found: dict[str, Cast] = {one.name: partial(Stewards, stance=one) for one in STANCES}
    for tier in ("pooled", "mixed"):
        name = f"stewards-premium-{tier}"
        found[name] = partial(Stewards, stance=replace(STEWARDS, name=name, premium=tier))
    return found


def searched(world: Scenario, one: Trivial, seeds: Sequence[int]) -> tuple[Player, str, Deviation, int]:
    """The player, the others' stance and the offer whose gain is clearest on the search worlds; how many were tried."""
    best: tuple[float, Player, str, Deviation] | None = None
    tried = 0
    for name, profile in others().items():
        for player in one.players:
            brought = accounts(world, profile, {}, player, [stance(one.stance), *one.offers], seeds)
            for offer, account in zip(one.offers, brought[1:], strict=True):
                clear = stats.mean(account - brought[0]).low
                tried += 1
                if best is None or clear > best[0]:
                    best = (clear, player, name, offer)
    assert best is not None
    return *best[1:], tried


def rows(world: Scenario, worlds: int = WORLDS, search_worlds: int = SEARCH_WORLDS) -> Iterable[dict[str, object]]:
    """A row for each strategy, and one for each that is also played by all together."""
    seeds, search = range(worlds), range(TRAINING_SEEDS_START, TRAINING_SEEDS_START + search_worlds)
    drawn = world.with_parameters(incident_loss="sampled")
    expected = world.with_parameters(incident_loss="expected")
    settings = {"worlds": worlds, "seed": 0, "search_worlds": search_worlds, "search_seed": TRAINING_SEEDS_START}

    def row(strategy: str, whose: str, at: str, better: str, gain: NDArray[np.float64], tried: int) -> dict[str, object]:
        found = stats.mean(gain)
        figures = {"gain_keur": found.value, "gain_low": found.low, "gain_high": found.high}
        head = {"strategy": strategy, "whose": whose, "others_play": at, "better": better}
        return {**head, **figures, "beaten": found.low > 0.0, "tried": tried, **settings}

    stewards = play(drawn, find(STEWARDS.name), seeds)[WELFARE + "_keur"]
    approving: PolicyOfRole = lambda role: Thoughtless(role, "random", "any", "accept")  # noqa: E731
    for name, cast in (
        ("approve-all", approving),
        ("reject-all", find("stewards-reject-all")),
        ("always-disclose-most", find("stewards-disclose-most")),
    ):
        gain = stewards - play(drawn, cast, seeds)[WELFARE + "_keur"]
        yield row(name, WELFARE, "the same", STEWARDS.name, gain, 1)
    for one in trivial(drawn):
        player, at, offer, tried = searched(expected, one, search)
        brought = accounts(drawn, others()[at], {}, player, [stance(one.stance), offer], seeds)
        yield row(one.name, player.name, at, offer.name, brought[1] - brought[0], tried)


def main(worlds: int) -> None:
    """Write the table."""
    found = []
    for row in rows(load_scenario(SCENARIO), worlds):
        found.append({key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()})
        print(found[-1], flush=True)
    with TARGET.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS)
