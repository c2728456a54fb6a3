"""Who can block a motion, by the voting rule, and who would: those whom it costs more than it brings.

A coalition blocks if the motion fails when its members reject and all other voters accept. It is minimal if no part of
it blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patchpact.agents.policies import Cast
from patchpact.agents.roles import layout
from patchpact.agents.roles.compiled import COMPILER_OPTIONS
from patchpact.envs.core import negotiate
from patchpact.envs.core.cache import kernel_cache
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.voting import VOTING_RULES
from patchpact.scenarios import Scenario
from patchpact.scenarios.errors import closest
from patchpact.training import stats
from patchpact.training.evaluate import WORLDS_AT_ONCE, agents_of, begin
from patchpact.training.stats import Estimate

MOST_VOTERS = 16
"""Coalitions are enumerated, of at most so many voters."""
PAYMENT_TENTHS = (1, 3)
_TOO_DEAR = 99

with kernel_cache():  # the core's own has no wrapper for Python
    _may_vote = njit(cache=True, **COMPILER_OPTIONS)(negotiate.voter.py_func)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Coalitions:
    """Who votes on some of the patches, how many patches those are, and the minimal blocking coalitions."""

    voters: tuple[str, ...]
    patches: int
    minimal: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Blocker:
    """A minimal blocking coalition all of whose members lose, as a share of the motions that passed."""

    members: tuple[str, ...]
    share: Estimate


@dataclass(frozen=True)
class Bought:
    """What side payments of up to 10% or 30% of the quote would do, as shares of the motions that would be blocked.

    Attributes:
        payment: the highest, as a share of the quote.
        enough: no blocking coalition of losers is left once all whom the payment makes whole accept, whoever pays.
        funded: the same by the game's rules: asks that make up for the loss are filled in full from what other voters
            pledge, who still gain after their whole pledge and have the budget for it.
    """

    payment: float
    enough: Estimate
    funded: Estimate


@dataclass(frozen=True)
class Blocking:
    """Blocking coalitions of a scenario, and of the motions that a policy passes there.

    Attributes:
        rule, quota, weights: the voting rule, its quota and the agents' weights; no rule where nobody votes.
        coalitions: for each set of voters that some patch concerns.
        motions: that pass, an episode.
        blocked: share of them that a coalition of losers could block. A loser is a voter whose expected account falls
            (``motion_own_gain`` below 0).
        blockers: which coalitions, the most frequent first. A motion may have several.
        bought: by payments of 10% and of 30%.
    """

    rule: str
    quota: float
    weights: dict[str, int]
    coalitions: tuple[Coalitions, ...]
    motions: Estimate
    blocked: Estimate
    blockers: tuple[Blocker, ...]
    bought: tuple[Bought, ...]


def minimal_coalitions(
    rule: str, weights: Sequence[int], quota: float, veto: Sequence[bool] = ()
) -> tuple[tuple[int, ...], ...]:
    """The minimal blocking coalitions of these voters, exactly, by enumeration with the core's own rule.

    Args:
        rule: a registered voting rule's name.
        weights: of the voters.
        quota: as in the scenario, 0 to 1.
        veto: which of them may veto; nobody where left out.

    Returns:
        Voters by place, small coalitions first. The empty one alone where no motion can pass.

    Raises:
        ValueError: one line, for an unknown rule, or more than ``MOST_VOTERS`` voters.
    """
    return _minimal(rule, tuple(weights), round(1000.0 * quota), tuple(veto) or (False,) * len(weights))


@cache
def _minimal(rule: str, weights: tuple[int, ...], quota: int, veto: tuple[bool, ...]) -> tuple[tuple[int, ...], ...]:
    if len(weights) > MOST_VOTERS:
        raise ValueError(f"voters: {len(weights)} are too many to enumerate coalitions; {MOST_VOTERS} at most")
    passes = {module.NAME: module.passes for module in VOTING_RULES}
    if rule not in passes:
        raise ValueError(f"voting: {rule!r} is unknown; {closest(rule, passes)}")
    found: list[tuple[int, ...]] = []
    for size in range(len(weights) + 1):
        for coalition in combinations(range(len(weights)), size):
            if any(set(smaller) <= set(coalition) for smaller in found):
                continue
            ballots = np.ones(len(weights), np.int64)
            ballots[list(coalition)] = -1
            if not passes[rule](ballots, np.array(weights, np.int64), np.array(veto, np.bool_), quota):
                found.append(coalition)
    return tuple(found)


class _Table:
    """The voters of a scenario by number, and what they can block."""

    def __init__(self, world: Scenario) -> None:
        self.names = agents_of(world)
        self.engine = Engine([world], 1)
        self.engine.reset(np.zeros(1, np.uint64))
        self.rule, self.quota = str(world.parameters["voting"]), float(world.parameters["quota"])
        agents = self.engine.static.agent
        self.weights = tuple(int(weight) for weight in agents["weight"])
        self.veto = tuple(bool(may) for may in agents["veto"])

    def concerned(self) -> Counter[tuple[int, ...]]:
        """Sets of voters, and how many patches concern each."""
        static, state = self.engine.static, self.engine.state
        return Counter(
            tuple(i for i in range(len(self.names)) if _may_vote(static, state, 0, i, j))
            for j in range(len(static.patch))
        )

    def minimal(self, voters: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Minimal blocking coalitions among these voters."""
        found = minimal_coalitions(
            self.rule, [self.weights[i] for i in voters], self.quota, [self.veto[i] for i in voters]
        )
        return tuple(tuple(voters[place] for place in coalition) for coalition in found)

    def blockers(self, voters: tuple[int, ...], rejecting: set[int]) -> list[tuple[int, ...]]:
        """Those all of whose members reject."""
        return [coalition for coalition in self.minimal(voters) if set(coalition) <= rejecting]

    def funded(self, voters: tuple[int, ...], asks: dict[int, int], escrow: int) -> bool:
        """Whether some losers can be made whole from the escrow so that the others do not block."""
        buyable = [i for i, ask in asks.items() if ask < _TOO_DEAR]
        return any(
            sum(asks[i] for i in bought) <= escrow and not self.blockers(voters, set(asks) - set(bought))
            for size in range(len(buyable) + 1)
            for bought in combinations(buyable, size)
        )

    def called(self, agents: Sequence[int]) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.names[i] for i in agents)


def blocking(world: Scenario, policy: Cast, seeds: Sequence[int]) -> Blocking:
    """Blocking coalitions of the scenario, and how often those who lose by the policy's motions could block them.

    Raises:
        ValueError: one line, where more vote on a patch than can be enumerated.
    """
    if not world.parameters["governance_enabled"]:
        none = stats.UNDEFINED
        return Blocking("", float("nan"), {}, (), none, none, (), ())
    table = _Table(world)
    coalitions = tuple(
        Coalitions(table.called(voters), patches, tuple(table.called(one) for one in table.minimal(voters)))
        for voters, patches in sorted(table.concerned().items())
    )
    passed = _passed_motions(world, policy, seeds)
    episode, figures = passed[:, 0], passed[:, 1:]
    kinds, kind = np.unique(figures, axis=0, return_inverse=True)
    judged = [_judge(table, row) for row in kinds]

    def counted(holds: Sequence[bool]) -> NDArray[np.float64]:
        """Motions of an episode of which it holds ``(episodes,)``."""
        which = np.array(holds, np.bool_)[kind.reshape(-1)] if len(kinds) else np.zeros(0, np.bool_)
        return np.bincount(episode[which], minlength=len(seeds)).astype(np.float64)

    motions = counted([True] * len(kinds))
    blocked = counted([bool(blockers) for blockers, _ in judged])
    every = sorted({one for blockers, _ in judged for one in blockers})
    blockers = [
        Blocker(table.called(one), _share(counted([one in blockers for blockers, _ in judged]), motions))
        for one in every
    ]
    bought = tuple(
        Bought(
            tenths / 10,
            _share(counted([bought[n][0] for _, bought in judged]), blocked),
            _share(counted([bought[n][1] for _, bought in judged]), blocked),
        )
        for n, tenths in enumerate(PAYMENT_TENTHS)
    )
    return Blocking(
        table.rule,
        table.quota,
        dict(zip(table.names, table.weights, strict=True)),
        coalitions,
        stats.mean(motions),
        _share(blocked, motions),
        tuple(sorted(blockers, key=lambda one: -one.share.value)),
        bought,
    )


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Estimate:
    """The sum of the one over that of the other, by episode; undefined where there is hardly any of the other."""
    found = stats.score(part, np.zeros(len(part)), whole)
    return Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0)) if found.low == found.low else found


def _judge(table: _Table, figures: NDArray[np.int64]) -> tuple[list[tuple[int, ...]], list[tuple[bool, bool]]]:
    """The coalitions that block a motion, and for each payment whether it is enough and whether it is funded."""
    may, loses, *levels = figures.reshape(-1, len(table.names))
    voters = tuple(int(i) for i in np.flatnonzero(may))
    blockers = table.blockers(voters, {int(i) for i in np.flatnonzero(loses)})
    bought = []
    for asked, pledged in zip(levels[::2], levels[1::2], strict=True):
        asks = {int(i): int(asked[i]) for i in np.flatnonzero(loses)}
        left = {i for i, ask in asks.items() if ask == _TOO_DEAR}
        enough = bool(blockers) and not table.blockers(voters, left)
        bought.append((enough, enough and table.funded(voters, asks, int(pledged.sum()))))
    return blockers, bought


def _passed_motions(world: Scenario, policy: Cast, seeds: Sequence[int]) -> NDArray[np.int64]:
    """Motions that pass ``(motions, 1 + 6 agents)``: the episode; then by agent whether it may vote and whether it
    loses, and for each payment the tenths it asks to be made whole and the tenths it can pledge and still gain."""
    pieces = [seeds[n : n + WORLDS_AT_ONCE] for n in range(0, len(seeds), WORLDS_AT_ONCE)]
    found = []
    for n, piece in enumerate(pieces):
        played = _passed_together(world, policy, piece)
        played[:, 0] += n * WORLDS_AT_ONCE
        found.append(played)
    return np.concatenate(found)


def _passed_together(world: Scenario, policy: Cast, seeds: Sequence[int]) -> NDArray[np.int64]:
    worlds, players, observations = begin(world, policy, seeds)
    state = worlds.engine.state
    found = [np.zeros((0, 1 + (2 + 2 * len(PAYMENT_TENTHS)) * state.ballots.shape[1]), np.int64)]
    running = np.ones(len(seeds), np.bool_)
    while running.any():
        voting = running & (state.world["voting"] != 0)
        figures, before = _figures(state), state.world["motions_passed"].copy()
        observations, _, terminations, _, _ = worlds.step(players(observations))
        passed = np.flatnonzero(voting & (state.world["motions_passed"] > before))
        found.append(np.concatenate([passed[:, None], figures[passed]], 1))
        running &= ~terminations
    worlds.close()
    return np.concatenate(found)


def _figures(state: object) -> NDArray[np.int64]:
    """Of every world's motion, whether or not there is one; see ``_passed_motions``."""
    agent, world, mask = state.agent, state.world, state.mask  # type: ignore[attr-defined]
    may, own = agent["may_vote"] != 0, agent["own_gain"]
    tenth = 0.1 * world["quote"][:, None]
    loses = may & (own < 0.0)
    columns = [may, loses]
    ask, pledge = np.full(own.shape, _TOO_DEAR), np.zeros(own.shape, np.int64)
    for tenths in PAYMENT_TENTHS:
        can_pay = mask[:, :, layout.VOTE_START + layout.VOTES.index(f"accept_pay_{10 * tenths}")] != 0
        pledge = np.where(may & can_pay & (own - tenths * tenth > 0.0), tenths, pledge)
        ask = np.where((ask == _TOO_DEAR) & (own + tenths * tenth > 0.0), tenths, ask)
        columns += [np.where(loses, ask, 0), pledge]
    return np.concatenate(columns, 1).astype(np.int64)
