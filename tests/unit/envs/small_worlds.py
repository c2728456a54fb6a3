"""Worlds small enough to reason about, and a table at which a test sits all agents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from patchpact.agents.roles import ACTION_NAMES, ROLES, layout
from patchpact.agents.roles.ledger import KINDS
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.scenarios import AgentSpec, Edge, Entrypoint, Finding, Patch, Scenario, Service

CERTAIN_WORLD = {
    "breadth_median": 0.2,
    "breadth_log_sd": 0.0,
    "epss_jump_probability": 0.0,
    "epss_decline_probability": 0.0,
    "reachability_log_sd": 0.0,
    "signal_log_sd": 0.0,
    "revenue_log_sd": 0.0,
    "effort_log_sd": 0.0,
    "regression_log_sd": 0.0,
    "season_low_probability": 0.0,
    "season_high_probability": 0.0,
    "attempt_multiplier": 1.0,
    "loss_multiplier": 1.0,
    "exposure_exposed": 1.0,
    "exposure_internal": 0.5,
    "partial_impact": 0.5,
    "windows": 4,
    "motions_per_window": 1,
    "tail_windows": 3,
    "capacity_hours": 1000.0,
    "voting": "majority",
    "recognition": "rotating",
}
"""Nothing hidden, nothing drifts: what remains random are attempts, entries and moves."""


def service(uid: int, loss: float = 200.0, **changes: Any) -> Service:
    made = Service(uid, f"s{uid}", "service", True, "business_0", "main", "low", 2, 10.0, loss)
    return replace(made, **changes)


def edge(uid: int, source: int, target: int, lateral: float = 0.3, **changes: Any) -> Edge:
    return replace(Edge(uid, f"s{source}", f"s{target}", "http", 0.6, lateral, True, False), **changes)


def finding(uid: int, at: int, cve: int | None = None, epss: float = 0.3, **changes: Any) -> Finding:
    number = uid if cve is None else cve
    made = Finding(
        uid, f"CVE-{number}", number, f"s{at}", f"c{uid}", 9.0, epss, False, True, True, "total", "2", 0.9, 0
    )
    return replace(made, **changes)


def patch(uid: int, at: int, **changes: Any) -> Patch:
    made = Patch(
        uid, f"s{at}/c{uid}", f"s{at}", f"c{uid}", "library", "1", "2", "vendor_0", (uid,), 10.0, 40.0, 0.0, (), 0.7, 0
    )
    return replace(made, **changes)


def seats(businesses: int = 1, vendors: int = 1, budget: float = 1000.0) -> tuple[AgentSpec, ...]:
    names = [
        ("it", 0, 2),
        *(("business", n, 2) for n in range(businesses)),
        *(("vendor", n, 1) for n in range(vendors)),
    ]
    return tuple(
        AgentSpec(uid, f"{role}_{n}", role, role, weight, budget) for uid, (role, n, weight) in enumerate(names)
    )


def scenario(services: Any, edges: Any = (), findings: Any = (), patches: Any = (), **changes: Any) -> Scenario:
    """A world of the parts; ``agents`` and ``entrypoints`` may be given, everything else is a parameter."""
    agents = changes.pop("agents", seats())
    entries = changes.pop("entrypoints", (Entrypoint(0, "s0", 100.0, 3.0, "business_0"),))
    made = Scenario(
        "small", "small", "", tuple(services), tuple(edges), tuple(entries), tuple(findings), tuple(patches), agents
    )
    return made.with_parameters(**{**CERTAIN_WORLD, **changes})


def one_service(count: int = 1, **changes: Any) -> Scenario:
    """One service with ``count`` patches of one finding each; ``patch_changes`` and ``finding_changes`` apply to all."""
    of_patch, of_finding = changes.pop("patch_changes", {}), changes.pop("finding_changes", {})
    findings = [finding(n, 0, **of_finding) for n in range(count)]
    patches = [patch(n, 0, **of_patch) for n in range(count)]
    return scenario([service(0)], (), findings, patches, **changes)


IT, PLATFORM, SHOP, VENDOR, MARKET, ESG = range(6)
"""Agents of a ``market_place``."""


def market_place(**changes: Any) -> Scenario:
    """A platform and a small shop, each with a service, a flow and a patch; insurer and auditor look on.

    Nothing is overdue, nobody attacks, and all of the wider game is off unless ``changes`` say otherwise;
    ``equity`` is the firms', platform and shop.
    """
    equity = changes.pop("equity", (1000.0, 1000.0))
    it, platform, shop, vendor = seats(businesses=2)
    agents = (
        it,
        replace(platform, platform=True, equity_keur=equity[0]),
        replace(shop, size="small", equity_keur=equity[1]),
        vendor,
        AgentSpec(4, "market_0", "market", "market", 0, 1000.0),
        AgentSpec(5, "esg_0", "esg", "esg", 0, 1000.0),
    )
    flows = (Entrypoint(0, "s0", 100.0, 3.0, "business_0"), Entrypoint(1, "s1", 100.0, 1.0, "business_1"))
    settled = {"deadlines": "none", "attempt_multiplier": 0.0, "incident_loss": "expected", "motions_per_window": 2}
    return scenario(
        [service(0), service(1, owner="business_1")],
        (),
        [finding(0, 0), finding(1, 1)],
        [patch(0, 0), patch(1, 1)],
        **{"agents": agents, "entrypoints": flows, **settled, **changes},
    )


SECOND = 3
"""The other shop of a ``market_of_two``; vendor, insurer and auditor sit one place further on."""


def market_of_two(**changes: Any) -> Scenario:
    """A ``market_place`` with another shop, which has no services of its own."""
    agents = market_place().agents
    return market_place(**{"agents": (*agents, replace(agents[SHOP], uid=6, name="business_2")), **changes})


def no_ops(engine: Engine) -> Any:
    """Pass or abstain, whichever the phase asks for ``(num_envs, agents)``."""
    voting = engine.state.world["voting"][:, None].astype(bool)
    return np.where(voting, layout.ABSTAIN, layout.PASS) * np.ones((1, engine.num_agents), np.int64)


def idle(engine: Engine, steps: int = 10**6) -> None:
    """Nothing is nominated, until all worlds are over or for so many steps."""
    for _ in range(steps):
        if engine.state.world["over"].all():
            return
        engine.step(no_ops(engine))


def first_window(make: Callable[..., Scenario], *turns: dict[int, str]) -> "Table":
    """A table whose first window is over, in each motion of which a turn's levers were pulled.

    ``make`` gives the world of so many ``motions_per_window``.
    """
    table = Table(make(motions_per_window=len(turns)))
    for turn in turns:
        table.step(turn)
    while table.world["t"] == 0:
        table.step()
    return table


class Table:
    """One world whose agents do what the test says; money is added up by agent and kind."""

    def __init__(self, world: Scenario, seed: int = 0, ledger_size: int = 5000) -> None:
        self.engine = Engine([world], 1, autoreset=False, ledger_size=ledger_size)
        self.state, self.static = self.engine.state, self.engine.static
        self.agents = self.engine.num_agents
        self.roles = [ROLES[role] for role in self.static.agent["role"]]
        self.reset(seed)

    def reset(self, seed: int) -> None:
        self.engine.reset(np.array([seed], np.uint64))
        self.accounts = np.zeros(self.agents)
        self.parts = np.zeros(self.state.parts.shape[1:])
        self.welfare = 0.0

    @property
    def world(self) -> Any:
        return self.state.world[0]

    @property
    def over(self) -> bool:
        return bool(self.world["over"])

    def step(self, actions: dict[int, int | str] | None = None) -> None:
        """One step; agents by number, actions by number or name, all others do nothing."""
        chosen = no_ops(self.engine)
        for agent, action in (actions or {}).items():
            named = isinstance(action, str)
            chosen[0, agent] = ACTION_NAMES[self.roles[agent]].index(action) if named else action
        self.engine.step(chosen)
        self.accounts += self.state.reward[0] * REWARD_SCALE_KEUR
        self.parts += self.state.parts[0]
        self.welfare += float(self.world["welfare"])

    def row(self, number: int) -> int:
        """The agenda row of a patch. Raises where it is not on the agenda."""
        (found,) = np.flatnonzero(self.state.row["patch"][0] == number)
        return int(found)

    def legal(self, agent: int, action: str) -> bool:
        return bool(self.state.mask[0, agent, ACTION_NAMES[self.roles[agent]].index(action)])

    def nominate(self, number: int, mode: str = "full") -> None:
        """The proposer of the moment nominates a patch, which must be feasible."""
        proposer = int(self.world["proposer"])
        action = f"nominate:{self.row(number)}:{mode}"
        assert self.legal(proposer, action), f"patch {number} cannot be nominated in mode {mode}"
        self.step({proposer: action})

    def motion(self, number: int, mode: str = "full", votes: dict[int, str] | None = None) -> bool:
        """Nominate and vote, all who may accepting but for the votes given; whether it passed."""
        before = float(self.world["motions_passed"])
        self.nominate(number, mode)
        if self.world["voting"]:
            who = np.flatnonzero(self.state.agent["may_vote"][0])
            ballot = {int(agent): "vote:accept" for agent in who} | {a: f"vote:{v}" for a, v in (votes or {}).items()}
            self.step(ballot)
        return float(self.world["motions_passed"]) > before

    def wait(self, window: int) -> None:
        """Do nothing until that window opens."""
        while not self.over and self.world["t"] < window:
            self.step()

    def finish(self) -> "Table":
        while not self.over:
            self.step()
        return self

    def paid(self, agent: int, kind: str) -> float:
        """What went through the agent's account in that kind so far, k€."""
        return float(self.parts[agent, KINDS.index(kind)])


def motion_everywhere(engine: Engine, number: int, mode: str = "full") -> None:
    """In every world the proposer nominates the same patch and all accept."""
    state = engine.state
    worlds = np.arange(engine.num_envs)
    where, rows = np.nonzero(state.row["patch"] == number)
    assert np.array_equal(where, worlds), f"patch {number} is not on every agenda"
    actions = no_ops(engine)
    wanted = layout.NOMINATE_START + len(layout.MODES) * rows + layout.MODES.index(mode)
    assert state.mask[worlds, state.world["proposer"], wanted].all()
    actions[worlds, state.world["proposer"]] = wanted
    engine.step(actions)
    if state.world["voting"].any():
        accept = layout.VOTE_START + layout.VOTES.index("accept")
        engine.step(np.where(state.agent["may_vote"] == 1, accept, layout.ABSTAIN).astype(np.int64))
