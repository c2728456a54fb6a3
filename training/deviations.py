"""What an agent might do instead of what a profile has it do: a finite set, and a family with weights.

A deviation is told what the profile would have it do and acts on what its agent alone sees. None of this is all that
an agent could do: the best of it bounds the gain from deviating from below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast, Joint, JointPolicy, Seen, find, policy_names, seat
from patchpact.agents.policies.base import ACCEPT, REJECT, Actions, Observations, best_nomination, vote_or_wait
from patchpact.agents.roles import action_names, layout
from patchpact.envs.vector import VectorEnv

Act = Callable[[Seen, NDArray[np.int64], np.random.Generator], NDArray[np.int64]]
"""Actions ``(n,)`` of what is seen, the profile's actions ``(n,)`` and a generator."""

VOTE = {name: layout.VOTE_START + place for place, name in enumerate(layout.VOTES)}
PAYMENTS = {"10": 0.1, "30": 0.3}
"""What can be paid or asked, as a share of a motion's public quote."""
THRESHOLDS = (-1.0, -0.3, -0.1, 0.0, 0.1, 0.3, 1.0)
"""Own gains, in quotes, above which the threshold rules accept."""
NONE = "none"


@dataclass(frozen=True)
class Deviation:
    """One deviation.

    Attributes:
        name: what it is called in results.
        kind: ``baseline``, ``change`` (of what the profile does), ``lever`` or ``linear``.
        make: of a role, what the agent does; or a cast of all agents, of which the agent plays its part.
        weights: of a linear rule, by name.
    """

    name: str
    kind: str
    make: Callable[[str], Act] | Joint
    weights: Mapping[str, float] = field(default_factory=dict)


def stay() -> Deviation:
    """No deviation."""
    return Deviation(NONE, "change", lambda role: lambda seen, played, rng: played)


# The finite set


def finite(role: str, planners: bool = True) -> list[Deviation]:
    """The finite set for a role: every baseline, changes of what the profile does, and levers.

    Args:
        role: whose levers.
        planners: with the baselines that play all agents together, which take several times as long.
    """
    return [*baselines(planners), *changes(), *levers(role)]


def baselines(planners: bool = True) -> list[Deviation]:
    """Every registered baseline."""
    found = []
    for name in policy_names():
        cast = find(name)
        if isinstance(cast, Joint):
            if planners:
                found.append(Deviation(name, "baseline", cast))
        elif callable(cast):
            found.append(Deviation(name, "baseline", _of_policy(cast)))
    return found


def _of_policy(cast: Callable[[str], Any]) -> Callable[[str], Act]:
    def make(role: str) -> Act:
        policy = cast(role)
        return lambda seen, played, rng: np.asarray(policy.act(seen.observation, seen.mask, rng), np.int64)

    return make


def changes() -> list[Deviation]:
    """Other votes or nominations on top of what the profile does."""

    def of(name: str, act: Act) -> Deviation:
        return Deviation(name, "change", lambda role: act)

    found = [
        of("refuses all", lambda seen, played, rng: _vote(seen, played, np.full(len(seen), VOTE["reject"]))),
        of("accepts all", lambda seen, played, rng: _vote(seen, played, np.full(len(seen), VOTE["accept"]))),
        of("nominates nothing", lambda seen, played, rng: np.where(_nominated(played), layout.PASS, played)),
        of("nominates its own best", lambda seen, played, rng: _nominate(seen, played, "own")),
        of("nominates the public best", lambda seen, played, rng: _nominate(seen, played, "public")),
        of("accepts public gains", lambda seen, played, rng: _accept(seen, played, seen.whole("motion_public_gain"))),
    ]
    found += [of(f"accepts own gains above {at:g} quotes", _threshold(at)) for at in THRESHOLDS]
    for level, share in PAYMENTS.items():
        pay, ask = VOTE[f"accept_pay_{level}"], VOTE[f"ask_{level}"]
        found.append(of(f"pays {level}% where it accepts", _swap(VOTE["accept"], pay)))
        found.append(of(f"asks {level}% where it accepts", _swap(VOTE["accept"], ask)))
        found.append(of(f"asks {level}% where that makes up for a loss", _asks_for_losses(share, ask)))
    return found


def levers(role: str) -> list[Deviation]:
    """The profile, and a lever whenever the profile passes; of levers with a number the first that is legal."""
    groups: dict[str, list[int]] = {}
    for action, name in enumerate(action_names(role)):
        if action >= layout.LEVER_START:
            head, _, number = name.partition(":")
            groups.setdefault(head if number.isdigit() else name, []).append(action)
    return [_lever(name, np.array(actions)) for name, actions in groups.items()]


def _lever(name: str, actions: NDArray[np.int64]) -> Deviation:
    def act(seen: Seen, played: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        legal = seen.mask[:, actions] != 0
        return np.where((played == layout.PASS) & legal.any(1), actions[legal.argmax(1)], played)

    return Deviation(f"pulls {name}", "lever", lambda role: act)


def together(first: Deviation, then: Deviation) -> Deviation:
    """The second on top of the first. Neither may be one that plays all agents."""
    one, other = first.make, then.make
    if isinstance(one, Joint) or isinstance(other, Joint):
        raise TypeError("together: a cast of all agents is no part of another deviation")

    if first.name == NONE:
        return then
    return Deviation(
        f"{first.name} + {then.name}", first.kind, lambda role: _after(one(role), other(role)), first.weights
    )


def _after(first: Act, then: Act) -> Act:
    return lambda seen, played, rng: then(seen, first(seen, played, rng), rng)


def _nominated(actions: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (actions >= layout.NOMINATE_START) & (actions < layout.VOTE_START)


def _vote(seen: Seen, played: NDArray[np.int64], votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """These votes where one is due and legal."""
    legal = (seen.mask[:, REJECT] != 0) & (np.take_along_axis(seen.mask, votes[:, None], 1)[:, 0] != 0)
    return np.where(legal, votes, played)


def _accept(seen: Seen, played: NDArray[np.int64], score: NDArray[np.float64]) -> NDArray[np.int64]:
    return _vote(seen, played, np.where(score > 0.0, ACCEPT, REJECT))


def _threshold(at: float) -> Act:
    gain, quote = "motion_own_gain", "motion_quote"
    return lambda seen, played, rng: _accept(seen, played, seen.whole(gain) - at * seen.whole(quote))


def _swap(old: int, new: int) -> Act:
    return lambda seen, played, rng: _vote(seen, played, np.where(played == old, new, played))


def _asks_for_losses(share: float, ask: int) -> Act:
    def act(seen: Seen, played: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        own, quote = seen.whole("motion_own_gain"), seen.whole("motion_quote")
        return _vote(seen, played, np.where((own <= 0.0) & (own + share * quote > 0.0), ask, played))

    return act


def _nominate(seen: Seen, played: NDArray[np.int64], whose: str) -> NDArray[np.int64]:
    value = _by_mode(seen, whose)
    otherwise = np.where(_nominated(played), layout.PASS, played)
    return best_nomination(np.where(value > 0.0, value, -np.inf), seen.may_nominate(), otherwise)


def _by_mode(seen: Seen, whose: str) -> NDArray[np.float64]:
    """Own or public gains of every nomination ``(n, rows, modes)``."""
    return np.stack([seen.row(f"{whose}_{mode}") for mode in layout.MODES], -1)


# The family with weights

WEIGHTS = (
    "nominate_own", "nominate_public", "nominate_cost",
    "vote_own", "vote_public", "vote_quote",
    "pay_10_above", "pay_30_further", "ask_10_below", "ask_30_further",
)  # fmt: skip
"""Nominates the row and mode of highest ``own * w + public * w - cost * w``, nothing below 0; accepts where the same of
the motion is above 0 (its quote is the cost). Where it accepts and the own gain, in quotes, is above ``pay_10_above``
it pays 10%, further above 30%; below ``ask_10_below`` it asks 10%, further below 30%."""
CENTRE = np.array([1.0, 0.5, 0.0, 1.0, 0.5, 0.0, 4.0, 2.0, -3.0, 2.0])
SPREAD = np.array([1.0, 1.0, 0.5, 1.0, 1.0, 0.5, 3.0, 2.0, 2.0, 2.0])
"""Where the search begins: mean and standard deviation of each weight."""


def linear(weights: NDArray[np.float64]) -> Deviation:
    """The member of the family with these weights ``(len(WEIGHTS),)``.

    With ``(members, len(WEIGHTS))`` it is as many members, each in its block of a batch.
    """
    members = np.atleast_2d(np.asarray(weights, np.float64))

    def act(seen: Seen, played: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        each = np.repeat(members, len(seen) // len(members), 0).T
        own, public, cost, vote_own, vote_public, vote_quote, pay, pay_more, ask, ask_more = each
        value = own[:, None, None] * _by_mode(seen, "own") + public[:, None, None] * _by_mode(seen, "public")
        value -= (cost[:, None] * seen.row("cost"))[:, :, None]
        gain, quote = seen.whole("motion_own_gain"), seen.whole("motion_quote")
        accept = vote_own * gain + vote_public * seen.whole("motion_public_gain") - vote_quote * quote > 0.0
        level = gain / np.maximum(quote, 1e-9)
        wanted = np.select(
            [~accept, level > pay + abs(pay_more), level > pay, level < ask - abs(ask_more), level < ask],
            [VOTE[name] for name in ("reject", "accept_pay_30", "accept_pay_10", "ask_30", "ask_10")],
            VOTE["accept"],
        )
        actions = _vote(seen, vote_or_wait(seen, accept), wanted)
        return best_nomination(np.where(value > 0.0, value, -np.inf), seen.may_nominate(), actions)

    named = {name: round(float(weight), 3) for name, weight in zip(WEIGHTS, members[0], strict=True)}
    return Deviation("linear rule", "linear", lambda role: act, named if len(members) == 1 else {})


# At the table


class _Deviating:
    """A profile in which some agents deviate, in a batch of worlds that is cut into as many blocks as candidates."""

    def __init__(
        self,
        worlds: VectorEnv,
        profile: Cast,
        fixed: Mapping[int, Deviation],
        player: Iterable[int],
        candidates: Iterable[Deviation],
    ) -> None:
        self._profile = seat(profile, worlds)
        self._seat = _seats(worlds)
        self._generators: dict[int, np.random.Generator] = {}
        everywhere = slice(0, worlds.num_envs)
        places = [(agent, everywhere, deviation) for agent, deviation in fixed.items()]
        blocks = tuple(candidates)
        size = worlds.num_envs // max(len(blocks), 1)
        for agent in player:
            places += [(agent, slice(n * size, (n + 1) * size), one) for n, one in enumerate(blocks)]
        self._places = [(agent, block, self._player(worlds, agent, one)) for agent, block, one in places]

    def _player(self, worlds: VectorEnv, agent: int, deviation: Deviation) -> Act | JointPolicy:
        if isinstance(deviation.make, Joint):
            return deviation.make.make(worlds)
        return deviation.make(self._seat[agent][0])

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """See ``JointPolicy.act``. The profile draws what it always draws; deviations have streams of their own."""
        profile = self._profile(observations, rng)
        actions = {role: np.array(chosen) for role, chosen in profile.items()}
        if not self._generators:
            self._generators = dict(enumerate(rng.spawn(len(self._places))))
        for n, (agent, block, play) in enumerate(self._places):
            role, column = self._seat[agent]
            if callable(play):
                seen = observations[role]
                of_agent = Seen(seen["observation"][block, column], seen["action_mask"][block, column])
                chosen = play(of_agent, profile[role][block, column], self._generators[n])
            else:
                chosen = play.act(observations, self._generators[n])[role][block, column]
            actions[role][block, column] = chosen
        return actions


def _seats(worlds: VectorEnv) -> list[tuple[str, int]]:
    """Each agent's role and its place among the role's agents, in the core's order."""
    return [
        (role, agent - columns.start)
        for role, columns in worlds.engine.role_slices.items()
        for agent in range(columns.start, columns.stop)
    ]


def deviating(
    profile: Cast,
    fixed: Mapping[int, Deviation],
    player: Iterable[int] = (),
    candidates: Iterable[Deviation] = (),
) -> Joint:
    """The profile, but agents in ``fixed`` deviate, and those of ``player`` as each candidate in a block of worlds."""
    player, candidates = tuple(player), tuple(candidates)
    return Joint("deviating", lambda worlds: _Deviating(worlds, profile, fixed, player, candidates))
