"""Is a scenario's game worth playing? Plays it with every baseline and with behaviours that take no thought.

Scores are 0 for doing nothing and 1 for the best policy known here; all play the same worlds, with the same draws.
Where a scenario has firms that disclose, insure or subscribe, the inequalities of that game are looked at as well
(``training.inequalities``), and the stances play too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import BatchPolicy, PolicyOfRole, Seen, act_all, make_policy, policy_names
from patchpact.agents.policies.base import best_nomination, vote_or_wait
from patchpact.agents.policies.myopic_selfish import MyopicSelfish
from patchpact.agents.policies.registry import stances
from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario
from patchpact.training import stats
from patchpact.training.evaluate import play
from patchpact.training.inequalities import inequalities

HEAD_ROOM_OVER_GREEDY = 0.1
SELFISH_AT_MOST = 0.9
THOUGHTLESS_AT_MOST = 0.7
REJECTING_AT_MOST = 0.5
REJECTING = "random row, full, always reject"
TOP_THREE_AT_MOST = 0.6
APPROVAL_RANGE = (0.1, 0.9)
DISAGREEMENT_AT_LEAST = 0.15
LOOKED_AT = 64
"""Worlds whose first agenda the inequalities of the wider game are worked out on."""
MARGINAL_WORLDS = 8
"""Worlds in which marginal risks are set against solving anew."""


class Thoughtless(BatchPolicy):
    """Nominates without looking at anything but legality, and votes always the same.

    Args:
        role: the role it plays.
        nomination: ``first``, ``last`` or ``random`` legal row.
        mode: the mode it nominates in; ``any`` is a random legal one.
        vote: the vote it casts where it is legal; else it abstains.
    """

    def __init__(self, role: str, nomination: str, mode: str, vote: str) -> None:
        super().__init__(role)
        self.nomination, self.mode, self.vote = nomination, mode, vote

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        legal = seen.may_nominate().copy()
        if self.mode != "any":
            others = [mode for mode in range(len(layout.MODES)) if layout.MODES[mode] != self.mode]
            legal[:, :, others] = False
        if self.nomination == "random":
            value = rng.random(legal.shape)
        else:
            order = np.arange(layout.AGENDA_ROWS, dtype=np.float64)
            rows = order if self.nomination == "last" else -order
            value = np.broadcast_to(rows[None, :, None], legal.shape)
        actions = vote_or_wait(seen, np.ones(len(seen), np.bool_))
        vote = layout.VOTE_START + layout.VOTES.index(self.vote)
        actions = np.where((actions >= layout.VOTE_START) & (seen.mask[:, vote] != 0), vote, actions)
        return best_nomination(value, legal, actions)


class FixedAction(BatchPolicy):
    """Always the first, or always the last, legal action."""

    def __init__(self, role: str, last: bool) -> None:
        super().__init__(role)
        self.last = last

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        mask = seen.mask != 0
        first = mask[:, ::-1].argmax(1) if self.last else mask.argmax(1)
        return np.asarray(mask.shape[1] - 1 - first if self.last else first, np.int64)


def thoughtless() -> dict[str, PolicyOfRole]:
    """The behaviours that a game worth playing must punish, by name."""
    found: dict[str, PolicyOfRole] = {}

    def add(name: str, make: Callable[[str], BatchPolicy]) -> None:
        found[name] = make

    for nomination in ("random", "first", "last"):
        for mode in (*layout.MODES, "any"):
            if nomination == "last" and mode not in ("full", "mitigate"):
                continue
            add(
                f"{nomination} row, {mode}, approve all",
                lambda role, n=nomination, m=mode: Thoughtless(role, n, m, "accept"),  # type: ignore[misc]
            )
    for vote in ("reject", "abstain", "accept_pay_10", "accept_pay_30", "ask_10", "ask_30"):
        add(
            f"random row, full, always {vote}",
            lambda role, v=vote: Thoughtless(role, "random", "full", v),  # type: ignore[misc]
        )
    add("first legal action", lambda role: FixedAction(role, last=False))
    add("last legal action", lambda role: FixedAction(role, last=True))
    return found


def check_game(scenario: Scenario, episodes: int = 1024, seed: int = 0) -> dict[str, Any]:
    """Play the scenario and hold it to the bounds above.

    Args:
        scenario: played as it stands, its losses drawn or expected as it says.
        episodes: worlds for each policy.
        seed: the first of their seeds.

    Returns:
        ``passed``; ``checks``, an object for each bound with its value, 95% interval where there is one, the bound and
        whether it holds; ``scores`` of every policy with intervals; ``estimate``, the public risk estimate against
        drawn losses.
    """
    seeds = range(seed, seed + episodes)
    marginal = inequalities(scenario, seeds[:LOOKED_AT])
    names = (*policy_names(), *(stances() if marginal else ()))
    welfare = {name: play(scenario, make_policy(name), seeds)["welfare_keur"] for name in names}
    plain = thoughtless()
    welfare |= {name: play(scenario, policy, seeds)["welfare_keur"] for name, policy in plain.items()}
    best = max(names, key=lambda name: float(welfare[name].mean()))
    idle, top = welfare["do-nothing"], welfare[best]

    def score(name: str) -> stats.Estimate:
        return stats.score(welfare[name], idle, top)

    checks: list[dict[str, Any]] = []

    def check(name: str, estimate: stats.Estimate, bound: str, holds: bool) -> None:
        checks.append(
            {
                "check": name,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "bound": bound,
                "holds": bool(holds),
            }
        )

    greedy = score("risk-per-cost")
    ahead = stats.Estimate(1.0 - greedy.value, 1.0 - greedy.high, 1.0 - greedy.low)
    check(
        f"best ({best}) above risk-per-cost",
        ahead,
        f">= {HEAD_ROOM_OVER_GREEDY}",
        ahead.value >= HEAD_ROOM_OVER_GREEDY,
    )
    selfish = score("myopic-selfish")
    check("myopic-selfish", selfish, f"<= {SELFISH_AT_MOST}", selfish.value <= SELFISH_AT_MOST)
    worst = max(plain, key=lambda name: float(welfare[name].mean()))
    bold = score(worst)
    check(
        f"best thoughtless behaviour ({worst})",
        bold,
        f"<= {THOUGHTLESS_AT_MOST}",
        bold.value <= THOUGHTLESS_AT_MOST,
    )
    rejecting = score(REJECTING)
    check("rejecting everything", rejecting, f"<= {REJECTING_AT_MOST}", rejecting.value <= REJECTING_AT_MOST)
    share = _top_three(scenario, seeds)
    check(
        "risk share of the three riskiest patches",
        share,
        f"<= {TOP_THREE_AT_MOST}",
        share.value <= TOP_THREE_AT_MOST,
    )
    voters, disagreement = _votes(scenario, seeds)
    low, high = APPROVAL_RANGE
    for voter in voters:
        approves = voter["approves"]
        check(
            f"{voter['voter']} approves by its own interest",
            approves,
            f"in ({low}, {high})",
            low < approves.value < high,
        )
    check(
        "motions on which voters disagree",
        disagreement,
        f">= {DISAGREEMENT_AT_LEAST}",
        disagreement.value >= DISAGREEMENT_AT_LEAST,
    )
    checks += marginal
    order = sorted(welfare, key=lambda name: -float(welfare[name].mean()))
    return {
        "scenario": scenario.id,
        "episodes": episodes,
        "seed": seed,
        "passed": all(row["holds"] for row in checks),
        "checks": checks,
        "scores": [
            {
                "policy": name,
                "score": (estimate := score(name)).value,
                "low": estimate.low,
                "high": estimate.high,
                "welfare_keur": float(welfare[name].mean()),
            }
            for name in order
        ],
        "estimate": [_bias(scenario, episodes, seed) | marginals(scenario, range(seed, seed + MARGINAL_WORLDS))],
    }


def _top_three(world: Scenario, seeds: range) -> stats.Estimate:
    """Mean share of the open risk at the start that the three riskiest patches hold."""
    engine = Engine([world], len(seeds))
    engine.reset(np.array(seeds, np.uint64))
    risk = np.sort(engine.state.patch["risk"].reshape(len(seeds), -1), 1)
    total = risk.sum(1)
    return stats.mean(risk[total > 0, -3:].sum(1) / total[total > 0])


def _votes(world: Scenario, seeds: range) -> tuple[list[dict[str, Any]], stats.Estimate]:
    """How voters judge motions by their own interest while all play ``myopic-selfish``.

    Returns each voter's share of approvals and the share of motions with an approving and a rejecting voter.
    """
    worlds = VectorEnv([world], len(seeds), autoreset=False)
    policies = {role: MyopicSelfish(role) for role in worlds.roles}
    rng = np.random.default_rng(0)
    observations, _ = worlds.reset(seed=list(seeds))
    gain = layout.global_feature("motion_own_gain")
    may_vote = layout.global_feature("may_vote")
    seats = [(role, n) for role in worlds.roles for n in range(worlds.agents_of(role))]
    counts = np.zeros((len(seeds), len(seats), 2))
    split = np.zeros((len(seeds), 2))
    running = np.ones(len(seeds), np.bool_)
    while running.any():
        yes = np.stack([observations[role]["observation"][:, n, gain] > 0.0 for role, n in seats], 1)
        votes = np.stack([observations[role]["observation"][:, n, may_vote] > 0.5 for role, n in seats], 1)
        votes &= running[:, None]
        counts[:, :, 0] += votes & yes
        counts[:, :, 1] += votes
        motion = votes.any(1)
        split[:, 0] += (votes & yes).any(1) & (votes & ~yes).any(1)
        split[:, 1] += motion
        observations, _, terminations, _, _ = worlds.step(act_all(policies, observations, rng))
        running &= ~terminations
    names = [f"{role}_{n}" for role, n in seats]
    rows = [
        {"voter": name, "motions": float(counts[:, i, 1].mean()), "approves": _ratio(counts[:, i])}
        for i, name in enumerate(names)
        if counts[:, i, 1].any()  # insurer and auditor have no vote
    ]
    return rows, _ratio(split)


def _ratio(counts: NDArray[np.float64]) -> stats.Estimate:
    """Sum of the first column over the sum of the second ``(episodes, 2)``, resampled by episode."""
    if counts[:, 1].sum() == 0:
        return stats.Estimate(float("nan"), float("nan"), float("nan"))
    return stats.score(counts[:, 0], np.zeros(len(counts)), counts[:, 1])


def marginals(world: Scenario, seeds: Iterable[int]) -> dict[str, float]:
    """How far the risk that agents see of each patch is from what solving anew without its findings gives.

    A marginal is a derivative: where a patch removes findings that cover for each other it is too small, where several
    patches close one path each has nearly all of it.

    Args:
        world: in its first window, as it stands.
        seeds: of the worlds looked at.

    Returns:
        ``marginal_over_resolved``, the sum of marginals over the sum of differences, and ``marginal_error_share``, the
        sum of absolute errors over it. NaN without any risk.
    """
    engine = Engine([world], 1, autoreset=False)
    static, state = engine.static, engine.state
    entry, patches = static.entry.copy(), static.patch
    told, solved = [], []
    for seed in seeds:
        engine.reset(np.array([seed], np.uint64))
        risks, total = state.patch["risk"].copy(), float(state.world["open_risk"][0])
        for j in np.flatnonzero(risks > 0.0):
            static.entry[patches["find0"][j] : patches["find1"][j]] = 0.0
            engine.reset(np.array([seed], np.uint64))
            static.entry[:] = entry
            told.append(float(risks[j]))
            solved.append(total - float(state.world["open_risk"][0]))
    whole = sum(solved)
    error = float(np.abs(np.subtract(told, solved)).sum())
    return {
        "marginal_over_resolved": sum(told) / whole if whole > 0.0 else float("nan"),
        "marginal_error_share": error / whole if whole > 0.0 else float("nan"),
    }


def _bias(world: Scenario, episodes: int, seed: int) -> dict[str, Any]:
    """The public estimate of a window's loss with nothing done, against losses drawn in the first window."""
    calm = world.with_parameters(windows=1, tail_windows=0, incident_loss="sampled")
    engine = Engine([calm], episodes, autoreset=False)
    engine.reset(np.arange(seed, seed + episodes, dtype=np.uint64))
    estimated = stats.mean(engine.state.world["open_risk"].copy())
    motions = int(calm.parameters["motions_per_window"])
    for _ in range(motions):
        engine.step(np.zeros((episodes, engine.num_agents), np.int64))
    drawn = stats.mean(engine.state.world["damage_keur"].copy())
    return {
        "estimated_keur_per_window": estimated.value,
        "drawn_keur_per_window": drawn.value,
        "drawn_low": drawn.low,
        "drawn_high": drawn.high,
        "estimate_over_drawn": estimated.value / drawn.value if drawn.value else float("nan"),
    }
