"""How far a profile is from an equilibrium, what selfishness costs, and who can block what the cooperative would do.

What is searched is searched in worlds of its own, whose seeds start at ``TRAINING_SEEDS_START``; every figure is from
other worlds, the same for all, with drawn losses: nobody profits from having been chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast, Oracle, make_policy
from patchpact.envs.core import pack
from patchpact.scenarios import Scenario, load_scenario
from patchpact.scenarios.jsonable import plain
from patchpact.training import stats
from patchpact.training.best_response import Found, Player
from patchpact.training.blocking import Blocking, blocking
from patchpact.training.config import VALIDATION_SEEDS_START
from patchpact.training.deviations import NONE, deviating
from patchpact.training.dynamics import Dynamics, Search
from patchpact.training.evaluate import find_policy, play
from patchpact.training.stats import Estimate

SELFISH = "myopic-selfish"
END_POINT = "end of best-response dynamics"
UNITS = ("agent", "role")


@dataclass(frozen=True)
class BestResponse:
    """The best deviation found for a player while all others keep to the profile.

    Attributes:
        player: an agent, or a role whose agents deviate alike.
        deviation: what it does instead; ``none`` where nothing tried was better on the search worlds.
        kind: ``baseline``, ``change`` (of what the profile does), ``lever`` or ``linear``.
        weights: of a linear rule, by name (``training.deviations.WEIGHTS``).
        tried: how many deviations were.
        account_keur: what an episode of the profile brings the player.
        gain: of the deviation in the player's own account, k€ an episode, in the same worlds.
        expected_gain: the same with losses booked as expectations (``incident_loss``): an upper bound of the losses on
            average, and far less noise. Where losses are rare few worlds draw one, and ``gain`` may miss them.
        search_gain_keur: the same on the search worlds, of which it was the best (so it is too high).
    """

    player: str
    deviation: str
    kind: str
    weights: Mapping[str, float]
    tried: int
    account_keur: float
    gain: Estimate
    expected_gain: Estimate
    search_gain_keur: float


@dataclass(frozen=True)
class Exploitability:
    """Lower bounds on what deviating alone brings: the deviations are the best of those tried, not of all there are.

    Attributes:
        players: the best response of each.
        largest_player, largest: who gained most on the search worlds, and the gain, k€ an episode, at least 0. The
            profile is no epsilon-equilibrium for any epsilon below it.
        sum: of all players' gains, at least 0: NashConv (Lanctot et al., 2017, "A unified game-theoretic approach to
            multiagent reinforcement learning", NeurIPS).
        expected_largest, expected_sum: the same with losses booked as expectations.
    """

    players: tuple[BestResponse, ...]
    largest_player: str
    largest: Estimate
    sum: Estimate
    expected_largest: Estimate
    expected_sum: Estimate


@dataclass(frozen=True)
class Price:
    """What a selfish profile loses against the cooperative policy.

    Koutsoupias and Papadimitriou (1999, "Worst-case equilibria", STACS) set the social cost of the worst equilibrium
    over the least possible cost: ``cost_ratio``, 1 where nothing is lost, with the cost that welfare counts (0 at
    best). Here a profile stands for the worst equilibrium and the cooperative policy for the optimum, so that it is an
    estimate and no bound.

    Attributes:
        profile: its name.
        gain: in welfare over doing nothing, k€ an episode.
        loss_keur: welfare of the cooperative policy less that of the profile.
        loss_share: the same over the cooperative policy's gain, (cooperative - profile) / (cooperative - do-nothing):
            1 less the score. Undefined where that gain's interval is not above 0.
        cost_ratio: the profile's cost over the cooperative policy's. Undefined where its interval includes 0.
    """

    profile: str
    gain: Estimate
    loss_keur: Estimate
    loss_share: Estimate
    cost_ratio: Estimate


@dataclass(frozen=True)
class Equilibrium:
    """All measures of a profile on a scenario; estimates have 95% intervals, NaN where undefined."""

    scenario: str
    profile: str
    cooperative: str
    episodes: int
    seed: int
    search_episodes: int
    search_seed: int
    exploitability: Exploitability
    dynamics: Dynamics
    cooperative_gain: Estimate
    prices: tuple[Price, ...]
    blocking: Blocking

    def to_dict(self) -> dict[str, Any]:
        """All of it as objects, lists, texts and numbers; an estimate has ``value``, ``low`` and ``high``."""
        found: dict[str, Any] = plain(self)
        return found


def equilibrium(
    scenario: Any,
    profile: str | Path | Cast = SELFISH,
    cooperative: str | Path | Cast = "net-gain",
    episodes: int = 512,
    seed: int = 0,
    *,
    by: str = "agent",
    search_episodes: int = 64,
    rounds: int = 3,
    progress: bool = False,
    **overrides: Any,
) -> Equilibrium:
    """Measure a profile: exploitability, price of anarchy, blocking coalitions.

    Exploitability is a lower bound: a player's best response is the best of a finite set of deviations and of a linear
    family searched by the cross-entropy method (``training.best_response``); no policy is trained.

    Args:
        scenario: what ``patchpact.make`` takes.
        profile: what all agents play: a baseline, planner or run folder, or a function from role to policy. Planners
            take long: the search plays some 3500 episodes for each player.
        cooperative: the policy that stands for the optimum, likewise; the best known is wanted.
        episodes: worlds that figures are from, seeds ``seed`` to ``seed + episodes - 1``.
        seed: the first of them, and what the search is drawn from.
        by: ``agent``, or ``role``: a role's agents then deviate alike, and their accounts count together.
        search_episodes: worlds that deviations are chosen on, seeds from ``2**31 + seed`` on; as many more confirm the
            steps of the dynamics.
        rounds: of best-response dynamics at most; 0 leaves them out.
        progress: show a progress bar.
        overrides: parameters by name.

    Raises:
        ValueError: one line, for an unknown policy or scenario, a bad number, or a reference that plays no episode.
    """
    _check(episodes, seed, by, search_episodes, rounds)
    world = load_scenario(scenario, **overrides).with_parameters(incident_loss="sampled")
    name, cast = _find("profile", profile)
    cooperative_name, cooperative_cast = _find("cooperative", cooperative)
    seeds = range(seed, seed + episodes)
    players = _players(world, by)
    search = Search(world, cast, players, seed, search_episodes, rounds, progress)

    responses = [search.response(player, {}) for player in players]
    exploitability = _exploitability(world, cast, players, responses, seeds)
    dynamics, end = search.dynamics()

    idle = play(world, make_policy("do-nothing"), seeds)["welfare_keur"]
    best = play(world, cooperative_cast, seeds)["welfare_keur"]
    profiles = {name: play(world, cast, seeds)["welfare_keur"]}
    if name != SELFISH:
        profiles[SELFISH] = play(world, make_policy(SELFISH), seeds)["welfare_keur"]
    if dynamics.converged and dynamics.switches:
        profiles[END_POINT] = play(world, deviating(cast, end), seeds)["welfare_keur"]
    return Equilibrium(
        world.id,
        name,
        cooperative_name,
        episodes,
        seed,
        search_episodes,
        search.seeds[0],
        exploitability,
        dynamics,
        stats.mean(best - idle),
        tuple(_price(of, welfare, idle, best) for of, welfare in profiles.items()),
        blocking(world, cooperative_cast, seeds),
    )


def _check(episodes: int, seed: int, by: str, search_episodes: int, rounds: int) -> None:
    for name, number, low in (
        ("episodes", episodes, 2),
        ("search_episodes", search_episodes, 8),
        ("rounds", rounds, 0),
    ):
        if number < low:
            raise ValueError(f"{name}: {number} is less than {low}; ask for at least {low}")
    if seed < 0 or seed + max(episodes, search_episodes) >= VALIDATION_SEEDS_START:
        raise ValueError(f"seed: {seed} is out of range; give a whole number from 0 to a billion")
    if by not in UNITS:
        raise ValueError(f"by: {by!r} is neither agent nor role; give one of them")


def _find(place: str, policy: str | Path | Cast) -> tuple[str, Cast]:
    try:
        name, cast = find_policy(policy)
    except ValueError as error:
        raise ValueError(f"{place}: {str(error).removeprefix('policy: ')}") from None
    if isinstance(cast, Oracle):
        raise ValueError(f"{place}: {name!r} knows the future and plays no episode; name a policy that does")
    return name, cast


def _players(world: Scenario, by: str) -> list[Player]:
    agents = [(agent.name, agent.role) for agent in pack.seats(world)]
    if by == "agent":
        return [Player(name, role, (n,)) for n, (name, role) in enumerate(agents)]
    roles = dict.fromkeys(role for _, role in agents)
    return [Player(role, role, tuple(n for n, (_, of) in enumerate(agents) if of == role)) for role in roles]


def _exploitability(
    world: Scenario, profile: Cast, players: Sequence[Player], responses: Sequence[Found], seeds: Sequence[int]
) -> Exploitability:
    """Gains in worlds that nothing was chosen on, with drawn losses and with expected ones."""
    kept, drawn = _gains(world, profile, players, responses, seeds)
    _, expected = _gains(world.with_parameters(incident_loss="expected"), profile, players, responses, seeds)
    found = tuple(
        BestResponse(
            player.name,
            one.deviation.name,
            one.deviation.kind,
            one.deviation.weights,
            one.tried,
            float(account.mean()),
            stats.mean(gain),
            stats.mean(expected_gain),
            one.gain_keur,
        )
        for player, one, account, gain, expected_gain in zip(players, responses, kept, drawn, expected, strict=True)
    )
    largest = max(range(len(players)), key=lambda n: responses[n].gain_keur)
    figures = (drawn[largest], drawn.sum(0), expected[largest], expected.sum(0))
    return Exploitability(found, players[largest].name, *(_floored(stats.mean(gains)) for gains in figures))


def _gains(
    world: Scenario, profile: Cast, players: Sequence[Player], responses: Sequence[Found], seeds: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the profile brings each player, and what it gains by its deviation ``(players, len(seeds))``."""
    brought = play(world, profile, seeds)["accounts_keur"]
    kept = np.stack([brought[:, player.agents].sum(1) for player in players])
    gains = np.zeros_like(kept)
    for n, (player, one) in enumerate(zip(players, responses, strict=True)):
        if one.deviation.name != NONE:
            cast = deviating(profile, dict.fromkeys(player.agents, one.deviation))
            gains[n] = play(world, cast, seeds)["accounts_keur"][:, player.agents].sum(1) - kept[n]
    return kept, gains


def _floored(estimate: Estimate) -> Estimate:
    return Estimate(*(max(figure, 0.0) if figure == figure else figure for figure in estimate))


def _price(name: str, welfare: NDArray[np.float64], idle: NDArray[np.float64], best: NDArray[np.float64]) -> Price:
    share = stats.UNDEFINED
    if stats.mean(best - idle).low > 0.0:
        score = stats.score(welfare, idle, best)
        share = Estimate(1.0 - score.value, 1.0 - score.high, 1.0 - score.low)
    ratio = stats.score(welfare, np.zeros(len(welfare)), best)
    return Price(name, stats.mean(welfare - idle), stats.mean(best - welfare), share, ratio)
