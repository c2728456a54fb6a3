"""Search for a player's best response to the others, on worlds of their own.

First the finite set (``training.deviations``), then its linear family by the cross-entropy method (Rubinstein and
Kroese, 2004, "The cross-entropy method"), then a lever on top of the best. Losses are booked as expectations while
searching, which makes the search far less noisy; what is found must be played in other worlds, with drawn losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast, Joint
from patchpact.scenarios import Scenario
from patchpact.training.deviations import CENTRE, SPREAD, Deviation, deviating, finite, levers, linear, stay, together
from patchpact.training.evaluate import WORLDS_AT_ONCE, play

GENERATIONS = 5
POPULATION = 24
ELITE = 6
KEPT_SPREAD = 0.1
"""Least spread of a weight, as a share of the first, so that the search does not stop at once."""
FINALISTS = 8
"""Of the finite set, played in all search worlds; it is sifted in a quarter of them."""


@dataclass(frozen=True)
class Player:
    """Who deviates: one agent, or all of a role, who then do the same and count their accounts together."""

    name: str
    role: str
    agents: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """The best deviation on the search worlds, its gain there (k€ an episode), and how many were tried."""

    deviation: Deviation
    gain_keur: float
    tried: int


def accounts(
    world: Scenario,
    profile: Cast,
    fixed: Mapping[int, Deviation],
    player: Player,
    candidates: Sequence[Deviation],
    seeds: Sequence[int],
) -> NDArray[np.float64]:
    """What an episode brings the player as each candidate ``(candidates, len(seeds))``, k€; others as fixed."""
    found: list[NDArray[np.float64]] = [np.empty(0)] * len(candidates)
    # One that plays all agents is played alone: it would act for every world of a batch.
    planners = [[n] for n, one in enumerate(candidates) if isinstance(one.make, Joint)]
    others = [n for n, one in enumerate(candidates) if not isinstance(one.make, Joint)]
    at_once = max(1, WORLDS_AT_ONCE // len(seeds))
    for group in [*planners, *(others[n : n + at_once] for n in range(0, len(others), at_once))]:
        cast = deviating(profile, fixed, player.agents, [candidates[n] for n in group])
        brought = play(world, cast, list(seeds) * len(group))["accounts_keur"]
        for n, of_one in zip(group, brought[:, player.agents].sum(1).reshape(len(group), -1), strict=True):
            found[n] = of_one
    return np.array(found)


def best_response(
    world: Scenario,
    profile: Cast,
    fixed: Mapping[int, Deviation],
    player: Player,
    seeds: Sequence[int],
    key: Sequence[int],
    planners: bool = True,
) -> Found:
    """The best deviation found.

    Args:
        world: the scenario, with ``incident_loss`` ``expected``.
        profile: what all play who are not in ``fixed``.
        fixed: deviations of other agents, by number.
        player: whose account counts.
        seeds: the search worlds, four or more.
        key: of the search's own random stream.
        planners: also try baselines that play all agents together.
    """
    others = {agent: one for agent, one in fixed.items() if agent not in player.agents}
    few = seeds[: len(seeds) // 4]
    simple = finite(player.role, planners)
    brought = accounts(world, profile, others, player, simple, few).mean(1)
    finalists = [simple[n] for n in np.argsort(-brought, kind="stable")[:FINALISTS]]
    family, tried = _cross_entropy(world, profile, others, player, seeds, key)
    best, gain = _first(world, profile, others, player, [stay(), *finalists, *family], seeds)
    tried += len(simple)
    if not isinstance(best.make, Joint):
        more = [together(best, lever) for lever in levers(player.role)]
        best, gain = _first(world, profile, others, player, [stay(), best, *more], seeds)
        tried += len(more)
    return Found(best, gain, tried)


def _first(
    world: Scenario,
    profile: Cast,
    others: Mapping[int, Deviation],
    player: Player,
    candidates: Sequence[Deviation],
    seeds: Sequence[int],
) -> tuple[Deviation, float]:
    """The best of the candidates, the first among equals, and its gain over the first."""
    brought = accounts(world, profile, others, player, candidates, seeds).mean(1)
    best = int(brought.argmax())
    return candidates[best], float(brought[best] - brought[0])


def _cross_entropy(
    world: Scenario,
    profile: Cast,
    others: Mapping[int, Deviation],
    player: Player,
    seeds: Sequence[int],
    key: Sequence[int],
) -> tuple[list[Deviation], int]:
    """The centre of the last generation and its three best, and how many were tried.

    Every generation plays another quarter of the worlds, all its members the same.
    """
    rng = np.random.default_rng(np.random.SeedSequence(list(key)))
    centre, spread = CENTRE.copy(), SPREAD.copy()
    size = len(seeds) // 4
    for generation in range(GENERATIONS):
        start = generation % 4 * size
        drawn = centre + spread * rng.standard_normal((POPULATION, len(centre)))
        drawn[0] = centre
        brought = _of_family(world, profile, others, player, drawn, seeds[start : start + size])
        elite = drawn[np.argsort(-brought, kind="stable")[:ELITE]]
        centre, spread = elite.mean(0), np.maximum(elite.std(0), KEPT_SPREAD * SPREAD)
    return [linear(weights) for weights in (centre, *elite[:3])], GENERATIONS * POPULATION


def _of_family(
    world: Scenario,
    profile: Cast,
    others: Mapping[int, Deviation],
    player: Player,
    weights: NDArray[np.float64],
    seeds: Sequence[int],
) -> NDArray[np.float64]:
    """The player's mean account as each member ``(members,)``."""
    at_once = max(1, WORLDS_AT_ONCE // len(seeds))
    found = []
    for n in range(0, len(weights), at_once):
        some = weights[n : n + at_once]
        cast = deviating(profile, others, player.agents, [linear(some)])
        brought = play(world, cast, list(seeds) * len(some))["accounts_keur"]
        found.append(brought[:, player.agents].sum(1).reshape(len(some), -1).mean(1))
    return np.concatenate(found)
