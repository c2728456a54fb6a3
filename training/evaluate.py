"""Play any number of policies on the same worlds and report what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import (
    PLANNERS,
    PRETRAINED,
    REFERENCES,
    Cast,
    Joint,
    Oracle,
    find,
    make_policy,
    policy_names,
    seat,
)
from patchpact.agents.policies.base import Actions, Observations
from patchpact.agents.policies.registry import further
from patchpact.envs.core import pack
from patchpact.envs.core.engine import REWARD_SCALE_KEUR
from patchpact.envs.core.records import TOTALS
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario, load_scenario
from patchpact.scenarios.errors import closest
from patchpact.training import stats
from patchpact.training.flows import Flows

WORLDS_AT_ONCE = 256
MEANS = (
    "damage_keur", "effort_keur", "downtime_keur", "fines_keur", "deadlines_missed", "patches_done",
    "patches_failed", "motions_proposed", "motions_passed", "incidents", "value_created_keur", "participation",
    "trust_mean", "insolvent",
)  # fmt: skip
"""Further columns: means over episodes."""


def find_policy(policy: str | Path | Cast | Oracle) -> tuple[str, Cast | Oracle]:
    """A policy's name and its cast: of a baseline's, stance's or planner's name, a run or policy folder, or of itself.

    Raises:
        ValueError: one line, where neither a baseline nor a folder has that name.
    """
    if isinstance(policy, Joint | Oracle):
        return policy.name, policy
    if callable(policy):
        return str(getattr(policy, "name", getattr(policy, "__name__", type(policy).__name__))), policy
    text = str(policy)
    known = (*policy_names(), *further(), PRETRAINED, *PLANNERS, *REFERENCES)
    if isinstance(policy, str) and policy in known:
        return policy, find(policy)
    if not Path(text).is_dir():
        mend = closest(text, known)
        raise ValueError(f"policy: {text!r} is neither a baseline nor a run folder; {mend}")
    from patchpact.agents.policies.learned import load_policy
    from patchpact.agents.policies.service_learned import is_service_policy, load_service_cast

    if is_service_policy(text):
        return str(Path(text)), load_service_cast(text)
    learned = load_policy(text)
    return str(Path(text)), learned


def play(
    scenario: Scenario, policy: Cast | Oracle, seeds: Sequence[int], flows: Flows | None = None
) -> dict[str, NDArray[np.float64]]:
    """One episode for each seed.

    Args:
        scenario: the world's description, played as it stands.
        policy: gives the policy of a role, agents of a role share it; or one for all; or a reference.
        seeds: of the worlds; equal seeds meet equal draws, whatever the policy.
        flows: where given, the ledger of these episodes is added to it (that of a reference has none).

    Returns:
        Totals of each episode by name ``(len(seeds),)``, and ``illegal_actions``. By agent, in the order of
        ``agents_of(scenario)``: ``accounts_keur``, what the episode brought each, and ``blocked``, how many motions
        failed that it rejected ``(len(seeds), agents)``. A reference that plays no episode has totals alone, and what
        it proves (``bound_keur``).
    """
    if isinstance(policy, Oracle):
        solved = [policy.solve(scenario, int(seed)) for seed in seeds]
        return {name: np.array([totals[name] for totals in solved]) for name in solved[0]}
    pieces = [seeds[i : i + WORLDS_AT_ONCE] for i in range(0, len(seeds), WORLDS_AT_ONCE)]
    played = [_play_together(scenario, policy, piece, flows) for piece in pieces]
    return {name: np.concatenate([totals[name] for totals in played]) for name in played[0]}


def agents_of(scenario: Scenario) -> tuple[str, ...]:
    """Names of the agents in the order of per-agent totals."""
    return tuple(agent.name for agent in pack.seats(scenario))


def begin(
    scenario: Scenario, policy: Cast, seeds: Sequence[int], ledger_size: int = 0
) -> tuple[VectorEnv, Callable[[Observations], Actions], Observations]:
    """Worlds of these seeds at the start of their episodes, who plays them, and what is seen.

    The worlds keep ``ledger_size`` entries of a step's ledger.
    What a policy draws comes from one stream for each batch, by its first seed, and moves no world.
    """
    worlds = VectorEnv([scenario], len(seeds), autoreset=False, copy=False, ledger_size=ledger_size)
    players = seat(policy, worlds)
    rng = np.random.default_rng(np.random.SeedSequence([0, int(seeds[0])]))
    observations, _ = worlds.reset(seed=list(seeds))
    return worlds, lambda seen: players(seen, rng), observations


def _play_together(
    scenario: Scenario, policy: Cast, seeds: Sequence[int], flows: Flows | None
) -> dict[str, NDArray[np.float64]]:
    worlds, players, observations = begin(scenario, policy, seeds, flows.ledger_size if flows else 0)
    state = worlds.engine.state
    totals = {name: np.zeros(len(seeds)) for name in (*TOTALS, "illegal_actions")}
    totals |= {name: np.zeros(state.reward.shape) for name in ("accounts_keur", "blocked")}
    running = np.ones(len(seeds), np.bool_)
    while running.any():
        voted, passed = state.world["voting"] != 0, state.world["motions_passed"].copy()
        observations, _, terminations, _, infos = worlds.step(players(observations))
        if flows is not None:
            flows.add(state, running)
        totals["accounts_keur"] += state.reward * REWARD_SCALE_KEUR * running[:, None]
        failed = voted & running & (state.world["motions_passed"] == passed)
        totals["blocked"] += (state.ballots < 0) & failed[:, None]
        for role in worlds.roles:
            totals["illegal_actions"] += infos["illegal_action"][role].sum(1) * running
        ended = terminations & running
        if ended.any():
            for name in TOTALS:
                totals[name][ended] = infos["episode"][name][ended]
        running &= ~terminations
    worlds.close()
    if flows is not None:
        flows.episodes += len(seeds)
    stats.without_luck(totals)
    return totals


def evaluate(
    scenario: Any,
    policies: Sequence[str | Path | Cast | Oracle],
    episodes: int = 128,
    seed: int = 0,
    ledger: list[dict[str, Any]] | None = None,
    versus: str | Path | Cast | Oracle | None = None,
    **overrides: Any,
) -> list[dict[str, Any]]:
    """Any number of policies side by side on the same worlds.

    Incident losses are drawn, the tail too, unless ``incident_loss`` among the overrides says otherwise. Every episode
    has its own seed, ``seed`` to ``seed + episodes - 1``; equal seeds meet equal draws. With ``incident_redraws``
    welfare and damage are those of the mean of so many other draws of each window's incidents: the same means over
    worlds, narrower intervals. Single parties' accounts and the ledger stay what happened.

    Args:
        scenario: what ``patchpact.make`` takes.
        policies: names of baselines, planners or references, run folders, or functions from role to policy.
        episodes: worlds for each policy.
        seed: the first of their seeds.
        ledger: where given, receives who paid whom: ``scenario``, ``policy``, ``episodes`` and ``Flows.rows()``. A
            reference that plays no episode adds none.
        versus: a policy that all others are set against, world by world.
        overrides: parameters by name.

    Returns:
        An object for each policy: ``scenario``, ``policy``, ``episodes``, ``seed``; ``welfare_keur`` with its 95%
        interval ``welfare_low``, ``welfare_high``; ``gain_keur``, ``gain_low``, ``gain_high``, the difference to
        doing nothing in the same worlds (a paired interval, far narrower); ``ahead_keur``, ``ahead_low``,
        ``ahead_high``, the difference to ``versus`` alike; and means over episodes of the other totals (k€, hours,
        counts).

    Raises:
        ValueError: one line, for an unknown policy or scenario or a bad number.
    """
    if episodes < 1:
        raise ValueError(f"episodes: {episodes} is less than 1; ask for at least one")
    if not 0 <= seed < 2**63 - episodes:
        raise ValueError(f"seed: {seed} is out of range; give a whole number from 0 on")
    world = load_scenario(scenario, **{"incident_loss": "sampled", **overrides})
    cast = [find_policy(policy) for policy in policies]
    seeds = range(seed, seed + episodes)
    idle = play(world, make_policy("do-nothing"), seeds)
    rival = None if versus is None else play(world, find_policy(versus)[1], seeds)
    level = None if rival is None else rival["welfare_keur"]
    rows = []
    for given, (name, policy) in zip(policies, cast, strict=True):
        flows = None if ledger is None else Flows(world)
        if name == "do-nothing" and flows is None:
            totals = idle
        elif rival is not None and given == versus and flows is None:
            totals = rival
        else:
            totals = play(world, policy, seeds, flows)
        if ledger is not None and flows is not None:
            head = {"scenario": world.id, "policy": name, "episodes": episodes}
            ledger += [{**head, **flow} for flow in flows.rows()]
        rows.append(_row(world.id, name, seed, totals, idle["welfare_keur"], level))
    return rows


def _row(
    scenario: str,
    policy: str,
    seed: int,
    totals: Mapping[str, NDArray[np.float64]],
    idle: NDArray[np.float64],
    level: NDArray[np.float64] | None,
) -> dict[str, Any]:
    welfare = stats.mean(totals["welfare_keur"])
    gain = stats.mean(totals["welfare_keur"] - idle)
    row: dict[str, Any] = {
        "scenario": scenario,
        "policy": policy,
        "episodes": len(idle),
        "seed": seed,
        "welfare_keur": welfare.value,
        "welfare_low": welfare.low,
        "welfare_high": welfare.high,
        "gain_keur": gain.value,
        "gain_low": gain.low,
        "gain_high": gain.high,
    }
    if level is not None:
        ahead = stats.mean(totals["welfare_keur"] - level)
        row |= {"ahead_keur": ahead.value, "ahead_low": ahead.low, "ahead_high": ahead.high}
    if "bound_keur" in totals:
        row["bound_keur"] = float(totals["bound_keur"].mean())
    for name in ("risk_left_keur", "downtime_hours", "spend_keur", *MEANS):
        row[name] = float(totals[name].mean())
    return row
