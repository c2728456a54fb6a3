"""Rules that triage findings one by one, as the tables of practitioners do, and order patches by their most urgent one.

What they need of a finding (whether it can be automated, its impact, the day it became known) is public in the
scenario but no part of the observations; so they play all agents of a batch together.
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Actions, Observations, Seen, act_all
from patchpact.agents.policies.ordering import OrderingRule
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario


class KnownFindings:
    """The findings of a batch of worlds of one scenario, as far as they are known.

    Attributes:
        patch, cvss, exposed, automatable, total, service: what the scenario says of each finding ``(findings,)``.
    """

    def __init__(self, worlds: VectorEnv) -> None:
        if len(worlds.scenarios) != 1:
            raise ValueError("worlds: a triage rule plays worlds of one scenario; make a batch for each")
        scenario: Scenario = worlds.scenarios[0]
        static, self._state = worlds.engine.static, worlds.engine.state
        self._num_envs = worlds.num_envs
        by_uid = {finding.uid: finding for finding in scenario.findings}
        findings = [by_uid[int(uid)] for uid in static.finding["uid"]]
        services = {service.name: service for service in scenario.services}
        self.patch = static.finding["patch"]
        self.cvss = static.finding["cvss"]
        self.exposed = np.array([f.exposed for f in findings], np.bool_)
        self.automatable = np.array([f.automatable for f in findings], np.bool_)
        self.total = np.array([f.technical_impact == "total" for f in findings], np.bool_)
        self.sensitivity = [services[f.service].data_sensitivity for f in findings]
        self.patches = len(static.patch)
        self.window_days = float(static.scenario["window_days"][0])
        self._cve = static.finding["cve"]
        self.requirements = _latest_first(static)

    def _of_cve(self, field: str) -> NDArray[Any]:
        values: NDArray[Any] = self._state.cve[field].reshape(self._num_envs, -1)[:, self._cve]
        return values

    def known(self) -> NDArray[np.bool_]:
        """Which findings are known ``(num_envs, findings)``."""
        return np.asarray(self._of_cve("known") <= self._state.world["t"][:, None])

    def kev(self) -> NDArray[np.bool_]:
        """Which are in the KEV catalogue ``(num_envs, findings)``."""
        return np.asarray(self._of_cve("kev") != 0)

    def epss(self) -> NDArray[np.float64]:
        """EPSS ``(num_envs, findings)``."""
        return self._of_cve("epss")

    def due_day(self, days: NDArray[np.float64], days_kev: NDArray[np.float64]) -> NDArray[np.float64]:
        """Day by which each is to be remediated ``(num_envs, findings)``.

        Args:
            days: allowed outside KEV ``(findings,)``, infinite where there is no deadline.
            days_kev: allowed inside KEV, from the day on which it was listed or became known, whichever is later.
        """
        known_day = self._of_cve("known_day")
        listed = np.maximum(self._of_cve("kev_day"), known_day) + days_kev
        return np.minimum(known_day + days, np.where(self.kev(), listed, np.inf))

    def best_of_patch(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """The highest score among each patch's known findings ``(num_envs, patches)``, minus infinity without any."""
        best = np.full((self._num_envs, self.patches), -np.inf)
        score = np.where(self.known(), score, -np.inf)
        for k in range(self._num_envs):
            np.maximum.at(best[k], self.patch, score[k])
        return best

    def rows(self, of_patch: NDArray[np.float64]) -> NDArray[np.float64]:
        """The agenda rows' values ``(num_envs, rows)`` of values by patch; minus infinity on empty rows."""
        patch = self._state.row["patch"]
        return np.where(patch >= 0, np.take_along_axis(of_patch, np.maximum(patch, 0), 1), -np.inf)


def _latest_first(static: Any) -> list[tuple[int, int]]:
    """(needed, patch that needs it), those that are needed by others after what needs them."""
    graph: nx.DiGraph = nx.DiGraph()
    for j, patch in enumerate(static.patch):
        graph.add_edges_from((int(needed), j) for needed in static.needs[patch["need0"] : patch["need1"]])
    order = {j: place for place, j in enumerate(nx.topological_sort(graph))}
    return sorted(graph.edges, key=lambda pair: -order[pair[1]])


class _Scored(OrderingRule):
    """An ordering rule that is told its scores, one row of them for each agent it acts for."""

    NAME = "scored"
    rows: NDArray[np.float64]

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return np.repeat(self.rows, len(seen) // len(self.rows), 0)


class TriageRule:
    """Nominates the legal row of highest urgency in full mode, for all agents.

    A rule is a subclass with a ``NAME`` and ``urgency``.

    Args:
        worlds: the batch it plays, of one scenario.
        stop, selfish_votes: see ``OrderingRule``.
    """

    NAME: str

    def __init__(self, worlds: VectorEnv, stop: bool = False, selfish_votes: bool = False) -> None:
        self.findings = KnownFindings(worlds)
        self._rules = {role: _Scored(role, stop, selfish_votes) for role in worlds.roles}

    def urgency(self) -> NDArray[np.float64]:
        """How urgent each finding is ``(num_envs, findings)``; minus infinity where nothing needs to be done."""
        raise NotImplementedError

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """See ``JointPolicy.act``."""
        of_patch = self.findings.best_of_patch(self.urgency())
        rows = self.findings.rows(self._with_prerequisites(of_patch))
        for rule in self._rules.values():
            rule.rows = rows
        return act_all(self._rules, observations, rng)

    def _with_prerequisites(self, of_patch: NDArray[np.float64]) -> NDArray[np.float64]:
        """What an urgent patch requires is as urgent."""
        for needed, patch in self.findings.requirements:
            np.maximum(of_patch[:, needed], of_patch[:, patch], out=of_patch[:, needed])
        return of_patch
