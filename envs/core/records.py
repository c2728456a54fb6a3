"""The shape of a world in memory.

``Static`` holds what a scenario fixes, ``State`` what changes. Both are tuples of record arrays: all scenarios (or
worlds) of a batch lie one behind the other in the same arrays and a record holds its own offsets (CSR), so worlds
of different graphs share a batch. Indices inside records are local to their scenario unless said otherwise; parties
are agent numbers, -1 where no agent plays the part.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles.layout import AGENDA_ROWS, ENTITY_SLOTS
from patchpact.scenarios import PARAMETERS

Records = NDArray[np.void]
BREADTH_ATOMS = 8
EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0, float("inf"))
"""Tiers of the privacy budget of a window's measurement."""
EPSILON_TIERS, POOL_SIZES, MOST_RETURNS = len(EPSILONS), 16, 260
NEVER = 1 << 30
"""A window that never comes."""
SEEN, BLIND, FELT = range(3)
"""What agents see of a world: all; nothing; nothing but what each expects for itself."""

_TYPE_OF_PARAMETER = {
    "int": np.int64,
    "float": np.float64,
    "str": np.int64,
    "rule": np.int64,
    "bool": np.int64,
}


def _record(*fields: tuple[Any, ...]) -> np.dtype[np.void]:
    return np.dtype(list(fields), align=True)


SCENARIO = _record(
    ("s0", "i8"), ("ns", "i8"),  # services
    ("p0", "i8"), ("np", "i8"),  # patches
    ("c0", "i8"), ("nc", "i8"),  # CVEs
    ("r0", "i8"), ("nr", "i8"),  # revenue flows
    ("a0", "i8"), ("na", "i8"),  # agents
    ("acyclic", "i1"),
    ("market", "i8"), ("esg", "i8"), ("platform", "i8"),  # agents, -1 where nobody is
    ("firms", "i8"), ("small", "i8"),  # business agents, and the small ones of them
    ("curve", "f8", (EPSILON_TIERS * POOL_SIZES,)),  # share of the uplift found, by tier and firms
    ("even_curve", "f8", (EPSILON_TIERS * POOL_SIZES,)),  # the same where groups are targeted evenly
    ("uneven", "f8", (EPSILON_TIERS * POOL_SIZES,)),  # share of firms that, targeting by gain, leave a group out
    ("leak_rate", "f8", (EPSILON_TIERS,)),  # chance of a leak for each firm and window
    ("returns", "f8", (MOST_RETURNS,)), ("returns_n", "i8"),  # of the reserve, week by week; none: drawn
    ("sells_floor", "i1"), ("counts_credits", "i1"), ("weighs_liability", "i1"),  # what the rules read
    ("money_scale", "f8"),  # k€ that observations' money entries are divided by
    ("atoms", "f8", (BREADTH_ATOMS,)), ("atom_weights", "f8", (BREADTH_ATOMS,)),  # discretised prior of breadth
    *((name, _TYPE_OF_PARAMETER[p.type]) for name, p in PARAMETERS.items()),
)  # fmt: skip
SERVICE = _record(
    ("uid", "i8"), ("exposed", "i1"), ("owner", "i8"), ("loss", "f8"),
    ("in0", "i8"), ("in1", "i8"), ("out0", "i8"), ("out1", "i8"),  # global ranges in Static.incoming / outgoing
    ("link0", "i8"), ("link1", "i8"),  # global range in Static.link
    ("rank", "i8"),  # local: the service at this place of the callers-first order
)  # fmt: skip
EDGE = _record(("uid", "i8"), ("other", "i8"), ("probability", "f8"))
LINK = _record(("flow", "i8"), ("weight", "f8"))  # share of the flow lost while the service updates
PATCH = _record(
    ("uid", "i8"), ("service", "i8"), ("vendor", "i8"), ("it", "i8"), ("owner", "i8"),
    ("effort", "f8"), ("downtime", "f8"), ("regression", "f8"), ("fee", "f8"), ("release", "i8"),
    ("find0", "i8"), ("find1", "i8"), ("need0", "i8"), ("need1", "i8"), ("next0", "i8"), ("next1", "i8"),
)  # fmt: skip
FINDING = _record(
    ("uid", "i8"), ("cve", "i8"), ("patch", "i8"),
    ("cvss", "f8"), ("days", "i8"), ("days_kev", "i8"),  # deadline in days outside and inside KEV, -1 none
)  # fmt: skip
CVE = _record(
    ("uid", "i8"), ("epss", "f8"), ("kev", "i1"), ("known", "i8"),
    ("user0", "i8"), ("user1", "i8"),  # global range in Static.cve_finding
)  # fmt: skip
FLOW = _record(("uid", "i8"), ("owner", "i8"), ("rate", "f8"))
AGENT = _record(
    ("uid", "i8"), ("role", "i8"), ("weight", "i8"), ("budget", "f8"), ("veto", "i1"),
    ("flows", "i8"), ("services", "i8"),  # how many it owns
    ("firm", "i1"), ("small", "i1"), ("platform", "i1"), ("equity", "f8"),  # business agents; k€ at the start
    ("margin", "f8"),  # public margin of its flows, k€ per window
)  # fmt: skip


class Static(NamedTuple):
    """What the scenarios of a batch fix."""

    scenario: Records  # (num_scenarios,)
    service: Records  # (all services,)
    incoming: Records  # (all lateral edges,) by target
    outgoing: Records  # (all lateral edges,) by source
    link: Records  # (service-flow pairs,)
    patch: Records  # (all patches,)
    finding: Records  # (all findings,) by patch
    entry: NDArray[np.float64]  # (all findings,) P(entry | attempt), before the hidden reachability
    entry_cve: NDArray[np.int64]  # (all findings,) local CVE of the finding, as in the record
    cve: Records  # (all CVEs,)
    cve_finding: NDArray[np.int64]  # (all findings,) global finding numbers by CVE
    flow: Records  # (all flows,)
    agent: Records  # (all agents,)
    needs: NDArray[np.int64]  # (prerequisite pairs,) local patch that is needed
    enables: NDArray[np.int64]  # (prerequisite pairs,) local patch that waits
    lever_kind: NDArray[np.int64]  # (roles, levers) ledger kind of a lever's price
    sees: NDArray[np.bool_]  # (roles, 4) effort, reachability, revenue, regression
    concerned: NDArray[np.bool_]  # (roles,) by every motion, not only by those of its services, flows or components
    network: NDArray[np.int64]  # (kinds,) network a ledger kind belongs to


TOTALS = (
    "welfare_keur", "damage_keur", "effort_keur", "downtime_keur", "fines_keur", "spend_keur", "downtime_hours",
    "risk_left_keur", "patches_done", "patches_failed", "motions_proposed", "motions_passed", "deadlines_missed",
    "incidents", "tail_keur", "luck_keur",
    "trust_mean", "participation", "insolvent", "gap_mean", "value_created_keur",
)  # fmt: skip
"""Sums over an episode; ``spend_keur`` is all money spent on work: effort, levers, support, rollback labour.

``luck_keur`` (with ``incident_redraws``) is what incidents cost beyond the mean of their window's redraws. Its mean
over worlds is 0, whoever plays: welfare plus it, and damage less it, have the same means as without, and less noise.
"""

WORLD = _record(
    ("scenario", "i8"), ("base_seed", "u8"), ("seed", "u8"), ("episode", "i8"),
    ("s0", "i8"), ("p0", "i8"), ("c0", "i8"), ("r0", "i8"),
    ("t", "i8"), ("motion", "i8"), ("turn", "i8"), ("voting", "i1"), ("over", "i1"), ("proposer", "i8"),
    ("row", "i8"), ("mode", "i8"), ("quote", "f8"), ("public_gain", "f8"),
    ("blind", "i1"),  # SEEN, BLIND or FELT
    ("season", "f8", (3,)), ("capacity_left", "f8"), ("overtime", "i1"), ("planned_n", "i8"), ("levers", "i1"),
    ("premium_tier", "i8"), ("rebate", "i1"), ("capital_level", "i8"), ("audit_level", "i8"), ("demand_level", "i8"),
    ("module_price_level", "i8"), ("support_level", "i8"),
    ("epsilon", "i8"), ("epsilon_moved", "i1"), ("incentive_level", "i8"), ("incentive_moved", "i1"),
    ("strictness", "i8"), ("strictness_moved", "i1"),
    ("premium_moved", "i1"), ("rebate_moved", "i1"), ("capital_moved", "i1"), ("audit_moved", "i1"),
    ("demand_moved", "i1"), ("price_moved", "i1"), ("support_moved", "i1"),  # in this window already
    ("severity", "f8"), ("fine_factor", "f8"), ("joined", "f8"), ("funds", "f8"),
    ("open_risk", "f8"), ("overdue", "i8"), ("open_n", "i8"), ("ledger_n", "i8"), ("welfare", "f8"),
    *((name, "f8") for name in TOTALS),
)  # fmt: skip
WORLD_SERVICE = _record(
    ("q", "f8"), ("base", "f8"), ("adjoint", "f8"), ("scanned", "i1"), ("hit", "i8"), ("queue", "i8"),
)  # fmt: skip
WORLD_PATCH = _record(
    ("done", "i1"), ("planned", "i8"), ("order", "i8"), ("day", "f8"), ("done_day", "f8"),
    ("mitigated_from", "f8"), ("mitigated_until", "f8"), ("failed", "i8"), ("backported", "i1"),
    ("survival", "f8"), ("risk", "f8"), ("truth", "f8"), ("signal", "f8"),
    ("regression", "f8"), ("public_regression", "f8"), ("effort", "f8"), ("fee", "f8"), ("release", "i8"),
    ("due", "f8"), ("deadline", "f8"), ("late", "i1"), ("known", "i8"), ("stale", "i1"),
    ("cvss", "f8"), ("epss", "f8"), ("kev", "i1"),
    ("last_shown", "i8"), ("waited", "i8"), ("row", "i8"),
    ("rejecters", "i8"), ("accepters", "i8"), ("rejected_day", "f8"),  # agents' bits in its last failed vote
)  # fmt: skip
WORLD_CVE = _record(
    ("epss", "f8"), ("window_probability", "f8"), ("breadth", "f8"), ("mean_breadth", "f8"),
    ("kev", "i1"), ("known", "i8"), ("known_day", "f8"), ("kev_day", "f8"), ("weights", "f8", (BREADTH_ATOMS,)),
)  # fmt: skip
WORLD_FLOW = _record(
    ("longest", "f8"), ("total", "f8"), ("opened", "f8"), ("true_rate", "f8"), ("public_rate", "f8"),
)  # fmt: skip
WORLD_AGENT = _record(
    ("budget", "f8"), ("night", "i1"), ("freeze", "i1"), ("disclosure", "i8"), ("price", "f8"), ("price_level", "i8"),
    ("may_vote", "i1"), ("own_gain", "f8"), ("moved", "i1"),
    ("account", "f8"),  # what the episode has brought so far, k€
    ("shaded", "i1"), ("reported", "i1"), ("bid", "i8"), ("intensity", "i8"), ("credits", "f8"),
    ("negligence", "f8"),  # k€ that rejecting the motion on the table would add to its expected liability
    ("trust", "f8"), ("rating", "f8"), ("claim", "i8"), ("effort_level", "i8"), ("true_level", "f8"),
    ("proving", "i1"), ("proving_moved", "i1"),
    ("reports", "i8"), ("reports_moved", "i1"), ("even", "i1"), ("even_moved", "i1"),
    ("insured", "i1"), ("premium", "f8"), ("modules", "i8"), ("equity", "f8"), ("gone", "i1"),
    ("breach", "f8"), ("audited", "i1"), ("caught", "i1"),  # of this window
    ("opened", "i8"), ("late", "i8"),  # open patches of its services as the window closes, and those overdue
    ("claim_moved", "i1"), ("effort_moved", "i1"), ("insurance_moved", "i1"), ("module_moved", "i1"),
)  # fmt: skip
ROW = _record(
    ("patch", "i8"), ("stale", "i1"), ("feasible", "i1", (4,)), ("public", "f8", (4,)), ("before_downtime", "f8", (4,)),
    ("effort", "f8"), ("downtime", "f8"), ("fixed_cost", "f8"), ("fee", "f8"), ("unlocked", "f8"),  # public, full, k€
)  # fmt: skip


class State(NamedTuple):
    """What changes, and the buffers that agents see. A = most agents of a scenario, plus two parties for money."""

    world: Records  # (num_envs,)
    service: Records  # (all services of all worlds,)
    patch: Records  # (all patches of all worlds,)
    cve: Records  # (all CVEs of all worlds,)
    attempt: NDArray[np.float64]  # (all CVEs of all worlds,) public P(attempt in this window), 0 while unknown
    flow: Records  # (all flows of all worlds,)
    agent: Records  # (num_envs, A)
    row: Records  # (num_envs, AGENDA_ROWS)
    slot: NDArray[np.int64]  # (num_envs, ENTITY_SLOTS) local service, -1 empty
    observation: NDArray[np.float32]  # (num_envs, A, OBSERVATION_SIZE)
    mask: NDArray[np.int8]  # (num_envs, A, MAX_ACTIONS)
    own: NDArray[np.float64]  # (num_envs, A, AGENDA_ROWS, modes) own expected account change, k€
    before_downtime: NDArray[np.float64]  # (num_envs, A, AGENDA_ROWS, modes) own without the downtime added, k€
    scratch: NDArray[np.float64]  # (num_envs, A, 3) added downtime on an agent's flows: full, canary, emergency, k€
    rollback: NDArray[np.float64]  # (num_envs, A) scratch, k€ a rollback costs on an agent's flows
    chosen_patch: NDArray[np.int64]  # (num_envs, AGENDA_ROWS) scratch
    score: NDArray[np.float64]  # (num_envs, AGENDA_ROWS) scratch
    reward: NDArray[np.float64]  # (num_envs, A) account change of the last step / REWARD_SCALE_KEUR
    chosen: NDArray[np.int64]  # (num_envs, A) last actions, illegal ones replaced
    parts: NDArray[np.float64]  # (num_envs, A + 2, kinds) k€ of the last step; A outside, A + 1 nature
    booked: NDArray[np.bool_]  # (num_envs,) money moved in the last step: parts are not all 0
    illegal: NDArray[np.int8]  # (num_envs, A)
    ballots: NDArray[np.int64]  # (num_envs, A) votes of the last vote: +1, 0, -1; times the intensity if quadratic
    transfers: NDArray[np.int64]  # (num_envs, A) tenths of the quote escrowed (+) or asked (-) in the last vote
    share: NDArray[np.float64]  # (num_envs, A) scratch, each agent's share of a loss
    trial: NDArray[np.int64]  # (num_envs, A) scratch, ballots of an imagined vote
    weight: NDArray[np.int64]  # (num_envs, A) vote weights in force
    ledger: Records  # (num_envs, ledger size)
    terminated: NDArray[np.bool_]  # (num_envs,)
    final_observation: NDArray[np.float32]  # (num_envs, A, OBSERVATION_SIZE)
    totals: NDArray[np.float64]  # (num_envs, len(TOTALS)) of the last finished episode


LEDGER = _record(("giver", "i8"), ("taker", "i8"), ("kind", "i8"), ("amount", "f8"))


def allocate(
    static: Static, scenario_of_world: NDArray[np.int64], ledger_size: int, sizes: tuple[int, int, int]
) -> State:
    """State for worlds of the given scenarios. ``sizes`` is (observation size, actions, kinds)."""
    scenarios = static.scenario
    num_envs = len(scenario_of_world)
    agents = int(scenarios["na"].max())
    observation_size, actions, kinds = sizes
    world = np.zeros(num_envs, WORLD)
    world["scenario"] = scenario_of_world
    counts = {}
    for field, count in (("s0", "ns"), ("p0", "np"), ("c0", "nc"), ("r0", "nr")):
        per_world = scenarios[count][scenario_of_world]
        world[field] = np.concatenate(([0], np.cumsum(per_world)[:-1]))
        counts[field] = int(per_world.sum())
    return State(
        world=world,
        service=np.zeros(counts["s0"], WORLD_SERVICE),
        patch=np.zeros(counts["p0"], WORLD_PATCH),
        cve=np.zeros(counts["c0"], WORLD_CVE),
        attempt=np.zeros(counts["c0"]),
        flow=np.zeros(counts["r0"], WORLD_FLOW),
        agent=np.zeros((num_envs, agents), WORLD_AGENT),
        row=np.zeros((num_envs, AGENDA_ROWS), ROW),
        slot=np.full((num_envs, ENTITY_SLOTS), -1, np.int64),
        observation=np.zeros((num_envs, agents, observation_size), np.float32),
        mask=np.zeros((num_envs, agents, actions), np.int8),
        own=np.zeros((num_envs, agents, AGENDA_ROWS, 4)),
        before_downtime=np.zeros((num_envs, agents, AGENDA_ROWS, 4)),
        scratch=np.zeros((num_envs, agents, 3)),
        rollback=np.zeros((num_envs, agents)),
        chosen_patch=np.zeros((num_envs, AGENDA_ROWS), np.int64),
        score=np.zeros((num_envs, AGENDA_ROWS)),
        reward=np.zeros((num_envs, agents)),
        chosen=np.zeros((num_envs, agents), np.int64),
        parts=np.zeros((num_envs, agents + 2, kinds)),
        booked=np.zeros(num_envs, np.bool_),
        illegal=np.zeros((num_envs, agents), np.int8),
        ballots=np.zeros((num_envs, agents), np.int64),
        transfers=np.zeros((num_envs, agents), np.int64),
        share=np.zeros((num_envs, agents)),
        trial=np.zeros((num_envs, agents), np.int64),
        weight=np.zeros((num_envs, agents), np.int64),
        ledger=np.zeros((num_envs, ledger_size), LEDGER),
        terminated=np.zeros(num_envs, np.bool_),
        final_observation=np.zeros((num_envs, agents, observation_size), np.float32),
        totals=np.zeros((num_envs, len(TOTALS))),
    )
