"""Scenarios into arrays: what the compiled core reads.

Everything is sorted by ``uid`` and tied by index, so names and the order of a file leave no trace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import ROLE_INDEX, ROLE_MODULES
from patchpact.agents.roles.ledger import KIND_INDEX, KINDS, NETWORK_OF_KIND, NETWORKS
from patchpact.envs.core import controllers, deadlines, recognition, responsibility, voting
from patchpact.envs.core.records import (
    AGENT,
    BREADTH_ATOMS,
    CVE,
    EDGE,
    EPSILON_TIERS,
    EPSILONS,
    FINDING,
    FLOW,
    LINK,
    NEVER,
    PATCH,
    POOL_SIZES,
    SCENARIO,
    SERVICE,
    Static,
)
from patchpact.envs.core.tables import measured_curves, measured_proof, measured_returns, measured_worths
from patchpact.scenarios import CORE_ROLES, PARAMETERS, AgentSpec, Scenario, ScenarioError
from patchpact.scenarios.errors import closest

_CODES: dict[str, Sequence[str]] = {
    "incident_loss": ("sampled", "expected"),
    "voting": voting.NAMES,
    "recognition": recognition.NAMES,
    "responsibility_rule": responsibility.NAMES,
    "deadlines": deadlines.NAMES,
    "controller": controllers.NAMES,
    "veto_role": tuple(ROLE_INDEX),
}
_LONGEST_CALL_CHAIN = 12
_SEES = ("effort", "reachability", "revenue", "regression")


def _code(name: str, value: Any, where: str) -> float:
    """A parameter as the core holds it: rules by their number. Raises ``ScenarioError`` for an unknown rule."""
    if name not in _CODES:
        return float(value)
    if value not in _CODES[name]:
        field = f"{PARAMETERS[name].network}.{name}"
        raise ScenarioError(where, field, f"{value!r} is unknown", closest(value, _CODES[name]))
    return _CODES[name].index(value)


def choices(name: str) -> tuple[str, ...]:
    """The registered names that a parameter may take; empty for numbers and switches."""
    return tuple(_CODES.get(name, ()))


def breadth_atoms(median: float, log_sd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eight values and weights that stand for min(b, 1), b log-normal; mean kept, the upper tail resolved best.

    The law is cut at chosen quantiles and each piece replaced by its conditional mean.
    """
    from scipy.stats import norm

    if log_sd <= 0.0:
        atoms = np.full(BREADTH_ATOMS, min(median, 1.0))
        return atoms, np.full(BREADTH_ATOMS, 1.0 / BREADTH_ATOMS)
    mu = math.log(median)
    cap = (0.0 - mu) / log_sd  # standard score of b = 1
    low = np.linspace(min(cap - 0.5, -1.0), cap, BREADTH_ATOMS - 1)
    edges = np.concatenate(([-np.inf], low, [np.inf]))
    weights = np.diff(norm.cdf(edges))
    partial = np.exp(mu + 0.5 * log_sd**2) * np.diff(norm.cdf(edges - log_sd))
    atoms = np.divide(partial, weights, out=np.zeros_like(partial), where=weights > 0.0)
    atoms[-1] = 1.0
    return np.minimum(atoms, 1.0), weights / weights.sum()


def _flow_weights(scenario: Scenario, index: Mapping[str, int]) -> list[tuple[int, int, float]]:
    """(service, flow, share of the flow's requests that fail while the service is down).

    A request enters at the flow's service and is followed along calls; over a soft edge only
    ``soft_degradation`` of it is lost. Paths are joined as if independent (noisy-OR); at most 12 calls deep.
    """
    soft = float(scenario.parameters["soft_degradation"])
    out: dict[int, list[tuple[int, float]]] = {}
    for edge in scenario.edges:
        weight = edge.call_probability * (1.0 if edge.hard else soft)
        if weight > 0.0:
            out.setdefault(index[edge.source], []).append((index[edge.target], weight))
    triples = []
    for r, entry in enumerate(scenario.entrypoints):
        missed = {index[entry.service]: 0.0}
        frontier = {index[entry.service]: 1.0}
        for _ in range(_LONGEST_CALL_CHAIN):
            following: dict[int, float] = {}
            for v, mass in frontier.items():
                for u, weight in out.get(v, ()):
                    if mass * weight > 1e-3:
                        following[u] = 1.0 - (1.0 - following.get(u, 0.0)) * (1.0 - mass * weight)
            if not following:
                break
            for u, mass in following.items():
                missed[u] = missed.get(u, 1.0) * (1.0 - mass)
            frontier = following
        triples += [(v, r, 1.0 - m) for v, m in missed.items() if 1.0 - m > 1e-3]
    return triples


def _callers_first(edges: list[tuple[int, int, float, int]], count: int) -> tuple[list[int], bool]:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((u, v) for u, v, _, _ in edges)
    condensed = nx.condensation(graph)
    order = [v for c in nx.topological_sort(condensed) for v in sorted(condensed.nodes[c]["members"])]
    return order, condensed.number_of_nodes() == count


class _Rows:
    """A growing record array with one block a scenario."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        self.blocks: list[NDArray[np.void]] = []
        self.length = 0

    def add(self, count: int) -> tuple[int, NDArray[np.void]]:
        """Offset and view of a new block."""
        block = np.zeros(count, self.dtype)
        start = self.length
        self.blocks.append(block)
        self.length += count
        return start, block

    def array(self) -> NDArray[np.void]:
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, self.dtype)


def seats(scenario: Scenario) -> tuple[AgentSpec, ...]:
    """Agents in the order of the core's columns: by role, then by uid. Raises ``ScenarioError`` for an unknown role."""
    for agent in scenario.agents:
        if agent.role not in ROLE_INDEX:
            field = f"agents.{agent.name}.role"
            raise ScenarioError(scenario.id, field, f"{agent.role!r} is unknown", closest(agent.role, ROLE_INDEX))
    return tuple(sorted(scenario.agents, key=lambda agent: (ROLE_INDEX[agent.role], agent.uid)))


def _money_scale(scenario: Scenario) -> float:
    """A k€ figure that makes observations alike across worlds: an hour's revenue, or a window's labour if more."""
    p = scenario.parameters
    revenue = sum(entry.revenue_keur_per_hour for entry in scenario.entrypoints)
    return max(revenue, float(p["capacity_hours"]) * float(p["labour_keur_per_hour"]), 1e-3)


def pack(scenarios: Sequence[Scenario]) -> Static:
    """Arrays for a batch of scenarios. Raises ``ScenarioError`` where no rule or role of a used name exists."""
    rows = {
        name: _Rows(dtype)
        for name, dtype in (
            ("service", SERVICE), ("incoming", EDGE), ("outgoing", EDGE), ("link", LINK), ("patch", PATCH),
            ("finding", FINDING), ("cve", CVE), ("flow", FLOW), ("agent", AGENT),
        )
    }  # fmt: skip
    heads = np.zeros(len(scenarios), SCENARIO)
    needs: list[int] = []
    enables: list[int] = []
    cve_finding: list[int] = []
    entries: list[float] = []
    for head, scenario in zip(heads, scenarios, strict=True):
        _pack_one(scenario, head, rows, needs, enables, cve_finding, entries)
    levers = max(len(module.LEVERS) for module in ROLE_MODULES)
    lever_kind = np.zeros((len(ROLE_MODULES), levers), np.int64)
    sees = np.zeros((len(ROLE_MODULES), len(_SEES)), np.bool_)
    for number, module in enumerate(ROLE_MODULES):
        lever_kind[number, : len(module.LEVERS)] = [KIND_INDEX[kind] for kind in module.LEVER_KINDS]
        sees[number] = [name in module.SEES for name in _SEES]
    return Static(
        scenario=heads,
        **{name: group.array() for name, group in rows.items()},
        entry=np.asarray(entries, np.float64),
        entry_cve=np.ascontiguousarray(rows["finding"].array()["cve"]),
        cve_finding=np.asarray(cve_finding, np.int64),
        needs=np.asarray(needs, np.int64),
        enables=np.asarray(enables, np.int64),
        lever_kind=lever_kind,
        sees=sees,
        concerned=np.array([module.NAME not in CORE_ROLES for module in ROLE_MODULES]),
        network=np.array([NETWORKS.index(NETWORK_OF_KIND[kind]) for kind in KINDS], np.int64),
    )


def _pack_one(
    scenario: Scenario,
    head: Any,
    rows: Mapping[str, _Rows],
    needs: list[int],
    enables: list[int],
    cve_finding: list[int],
    entries: list[float],
) -> None:
    parameters = scenario.parameters
    for name in PARAMETERS:
        head[name] = _code(name, parameters[name], scenario.id)
    head["money_scale"] = _money_scale(scenario)
    head["atoms"], head["atom_weights"] = breadth_atoms(
        float(parameters["breadth_median"]), float(parameters["breadth_log_sd"])
    )
    seated = seats(scenario)
    agents = {agent.name: number for number, agent in enumerate(seated)}
    services = {service.name: number for number, service in enumerate(scenario.services)}
    it = next((agents[a.name] for a in seated if a.role == "it"), -1)

    head["a0"], agent_rows = rows["agent"].add(len(seated))
    head["na"] = len(seated)
    for row, agent in zip(agent_rows, seated, strict=True):
        row["uid"], row["role"], row["weight"] = agent.uid, ROLE_INDEX[agent.role], agent.vote_weight
        row["budget"], row["veto"] = agent.budget_keur, agent.role == parameters["veto_role"]
        row["firm"], row["platform"] = agent.role == "business", agent.platform
        row["small"], row["equity"] = agent.role == "business" and agent.size == "small", agent.equity_keur
    for role in ("market", "esg"):
        head[role] = next((agents[a.name] for a in seated if a.role == role), -1)
    head["platform"] = next((agents[a.name] for a in seated if a.platform), -1)
    head["firms"], head["small"] = agent_rows["firm"].sum(), agent_rows["small"].sum()
    for name, curve in _measurement(parameters).items():
        head[name] = curve
    for name, value in _looked_up(scenario, int(head["firms"])).items():
        head[name] = value
    measured = measured_returns() if parameters["reserve_table"] else np.zeros(0)
    head["returns"][: len(measured)], head["returns_n"] = measured, len(measured)
    head["sells_floor"] = parameters["recognition"] == recognition.second_price.NAME
    head["counts_credits"] = parameters["voting"] == voting.quadratic.NAME
    head["weighs_liability"] = parameters["voting"] == voting.liability_weighted.NAME

    _pack_services(scenario, head, rows, agents, services)
    _pack_flows(scenario, head, rows, agents, services)
    _pack_patches(scenario, head, rows, agents, services, it, needs, enables, cve_finding, entries)


def _measurement(parameters: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """What pooled measurement finds by tier and firms, targeting by gain and evenly, how many then target unevenly, and
    how likely a leak is by tier: measured, or from formulas.

    ``1 - exp(-firms / pool)`` of the uplift, whatever the tier, and ``even_share`` of it evenly; ``uneven_share`` of
    firms; ``leak_probability * exp(b (epsilon - 4))``, with b ``leak_by_epsilon`` and 16 for none. With
    ``noise_enabled`` off all tiers are as the one without noise.
    """
    if parameters["measurement_table"]:
        measured = measured_curves()
        curves = {"curve": measured.found, "even_curve": measured.found_evenly, "uneven": measured.uneven}
        leak = 1.0 - (1.0 - measured.leak) ** float(parameters["window_days"])
    else:
        firms = np.arange(1, POOL_SIZES + 1)
        found = np.tile(1.0 - np.exp(-firms / float(parameters["measurement_pool"])), EPSILON_TIERS)
        uneven = np.full(EPSILON_TIERS * POOL_SIZES, float(parameters["uneven_share"]))
        curves = {"curve": found, "even_curve": float(parameters["even_share"]) * found, "uneven": uneven}
        epsilons = np.minimum(EPSILONS, 16.0)
        leak = float(parameters["leak_probability"]) * np.exp(float(parameters["leak_by_epsilon"]) * (epsilons - 4.0))
        leak = np.minimum(leak, 1.0)
    if not parameters["noise_enabled"]:
        noiseless = EPSILONS.index(math.inf)
        for name, curve in curves.items():
            curves[name] = np.tile(curve.reshape(EPSILON_TIERS, POOL_SIZES)[noiseless], EPSILON_TIERS)
        leak = np.full(EPSILON_TIERS, leak[noiseless])
    return curves | {"leak_rate": leak}


def _looked_up(scenario: Scenario, firms: int) -> dict[str, float]:
    """Parameters in whose place measured tables stand, where the scenario has their switches on.

    Where a module's worth is looked up, what it does in play is off: hours of bots, gains of forecasts (and, in
    ``modules``, what scans and priorities show).
    """
    parameters = scenario.parameters
    found: dict[str, float] = {}
    if parameters["modules_table"]:
        weeks = float(parameters["window_days"]) / 7.0
        found = {name: weeks * worth for name, worth in measured_worths(firms).items()}
        found |= {"bot_hours": 0.0, "forecast_gain": 0.0}
    if parameters["claims_table"]:
        known_exploited = sum(finding.kev for finding in scenario.findings)
        found["proof_cost_keur"], found["unproven_haircut"] = measured_proof(known_exploited)
    return found


def _pack_services(
    scenario: Scenario,
    head: Any,
    rows: Mapping[str, _Rows],
    agents: Mapping[str, int],
    services: Mapping[str, int],
) -> None:
    lateral: list[tuple[int, int, float, int]] = []
    for edge in scenario.edges:
        if edge.lateral_probability <= 0.0:
            continue
        u, v = services[edge.source], services[edge.target]
        lateral.append((u, v, edge.lateral_probability, 2 * edge.uid))
        if edge.kind == "queue" and edge.consumes:
            lateral.append((v, u, edge.lateral_probability, 2 * edge.uid + 1))
    order, acyclic = _callers_first(lateral, len(services))
    head["acyclic"] = acyclic
    head["s0"], service_rows = rows["service"].add(len(scenario.services))
    head["ns"] = len(scenario.services)
    for row, service in zip(service_rows, scenario.services, strict=True):
        row["uid"], row["exposed"], row["owner"] = service.uid, service.exposed, agents[service.owner]
        row["loss"] = service.loss_keur * float(scenario.parameters["loss_multiplier"])
        rows["agent"].blocks[-1]["services"][row["owner"]] += 1
    service_rows["rank"] = order
    for name, mine, other in (("incoming", 1, 0), ("outgoing", 0, 1)):
        start, edge_rows = rows[name].add(len(lateral))
        prefix = "in" if name == "incoming" else "out"
        by_service = sorted(lateral, key=lambda e: (e[mine], e[3]))
        counts = np.zeros(len(services) + 1, np.int64)
        for row, e in zip(edge_rows, by_service, strict=True):
            row["uid"], row["other"], row["probability"] = e[3], e[other], e[2]
            counts[int(e[mine]) + 1] += 1
        bounds = start + np.cumsum(counts)
        service_rows[f"{prefix}0"], service_rows[f"{prefix}1"] = bounds[:-1], bounds[1:]


def _pack_flows(
    scenario: Scenario,
    head: Any,
    rows: Mapping[str, _Rows],
    agents: Mapping[str, int],
    services: Mapping[str, int],
) -> None:
    head["r0"], flow_rows = rows["flow"].add(len(scenario.entrypoints))
    head["nr"] = len(scenario.entrypoints)
    for row, entry in zip(flow_rows, scenario.entrypoints, strict=True):
        row["uid"], row["owner"], row["rate"] = entry.uid, agents[entry.owner], entry.revenue_keur_per_hour
        owner = rows["agent"].blocks[-1][agents[entry.owner]]
        owner["flows"] += 1
        hours = 24.0 * float(scenario.parameters["window_days"])
        owner["margin"] += entry.revenue_keur_per_hour * hours * float(scenario.parameters["profit_margin"])
    triples = sorted(_flow_weights(scenario, services))
    start, link_rows = rows["link"].add(len(triples))
    counts = np.zeros(len(services) + 1, np.int64)
    for row, (v, r, weight) in zip(link_rows, triples, strict=True):
        service = scenario.services[v]
        rolling = 1.0 if service.kind == "store" else 1.0 / max(service.replicas, 1)
        row["flow"], row["weight"] = r, weight * rolling
        counts[v + 1] += 1
    bounds = start + np.cumsum(counts)
    service_rows = rows["service"].blocks[-1]
    service_rows["link0"], service_rows["link1"] = bounds[:-1], bounds[1:]


def _pack_patches(
    scenario: Scenario,
    head: Any,
    rows: Mapping[str, _Rows],
    agents: Mapping[str, int],
    services: Mapping[str, int],
    it: int,
    needs: list[int],
    enables: list[int],
    cve_finding: list[int],
    entries: list[float],
) -> None:
    parameters = scenario.parameters
    findings = {finding.uid: finding for finding in scenario.findings}
    patch_number = {patch.uid: number for number, patch in enumerate(scenario.patches)}
    waiting: dict[int, list[int]] = {}
    for patch in scenario.patches:
        for needed in patch.requires:
            waiting.setdefault(patch_number[needed], []).append(patch_number[patch.uid])
    cve_number = {uid: n for n, uid in enumerate(sorted({f.cve_uid for f in scenario.findings}))}
    days = deadlines.DEADLINE_RULES[deadlines.NAMES.index(str(parameters["deadlines"]))].days
    total_findings = sum(len(patch.findings) for patch in scenario.patches)

    head["p0"], patch_rows = rows["patch"].add(len(scenario.patches))
    head["np"] = len(scenario.patches)
    find_start, finding_rows = rows["finding"].add(total_findings)
    head["c0"], cve_rows = rows["cve"].add(len(cve_number))
    head["nc"] = len(cve_number)
    _pack_cves(scenario, cve_rows, cve_number)
    position = 0
    users: dict[int, list[int]] = {number: [] for number in cve_number.values()}
    for number, (row, patch) in enumerate(zip(patch_rows, scenario.patches, strict=True)):
        service = scenario.services[services[patch.service]]
        row["uid"], row["service"] = patch.uid, services[patch.service]
        row["vendor"] = agents[patch.vendor] if patch.vendor is not None else -1
        row["it"], row["owner"] = it, agents[service.owner]
        row["effort"], row["downtime"] = patch.effort_hours, patch.downtime_minutes / 60.0
        row["regression"], row["fee"] = patch.regression_probability, patch.fee_keur
        row["release"] = patch.release_window if patch.release_window >= 0 else NEVER
        row["find0"], row["find1"] = find_start + position, find_start + position + len(patch.findings)
        row["need0"] = len(needs)
        needs.extend(sorted(patch_number[uid] for uid in patch.requires))
        row["need1"], row["next0"] = len(needs), len(enables)
        enables.extend(sorted(waiting.get(number, ())))
        row["next1"] = len(enables)
        for uid in sorted(patch.findings):
            finding = findings[uid]
            cell = finding_rows[position]
            total = finding.technical_impact == "total"
            exposure = float(parameters["exposure_exposed" if finding.exposed else "exposure_internal"])
            points = (finding.exposed, finding.automatable, total, finding.cvss)
            cell["uid"], cell["cve"], cell["patch"] = uid, cve_number[finding.cve_uid], number
            entries.append(exposure * finding.confidence * (1.0 if total else float(parameters["partial_impact"])))
            cell["cvss"] = finding.cvss
            cell["days"], cell["days_kev"] = days(False, *points), days(True, *points)
            users[cve_number[finding.cve_uid]].append(find_start + position)
            position += 1
    for number, c in enumerate(cve_rows):
        c["user0"] = len(cve_finding)
        cve_finding.extend(users[number])
        c["user1"] = len(cve_finding)


def _pack_cves(scenario: Scenario, cve_rows: Any, number: Mapping[int, int]) -> None:
    """One row a CVE: where its findings disagree, the worst score and the earliest stated window hold."""
    cve_rows["known"] = -1
    for finding in scenario.findings:
        c = cve_rows[number[finding.cve_uid]]
        c["uid"], c["epss"], c["kev"] = finding.cve_uid, max(c["epss"], finding.epss), c["kev"] or finding.kev
        if finding.known_window is not None:
            c["known"] = finding.known_window if c["known"] < 0 else min(c["known"], finding.known_window)
