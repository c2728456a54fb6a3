"""Imagined worlds: copies of a real one whose future, and what is hidden, are drawn anew from an independent key.

A planner may ask what would come of an action only here. The real world's seed never enters: what a copy keeps is
what everybody knows (or, for an informed planner, what any agent knows), all else is redrawn from its law.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patchpact.agents.roles.compiled import COMPILER_OPTIONS, compiled
from patchpact.envs.core import cache, findings, random, records, risk, rows
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario


@compiled
def _redraw(S, st, k, seed, informed):  # type: ignore[no-untyped-def]
    """Give world k another future, and other hidden values where they are not known."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.seed = seed
    for n in range(sc.nc):
        static = S.cve[sc.c0 + n]
        c = st.cve[w.c0 + n]
        u = random.uniform(seed, random.BREADTH, static.uid, 0)
        c.breadth = sc.atoms[0]
        for a in range(records.BREADTH_ATOMS):  # from what was seen so far
            if u < 0.0:
                break
            c.breadth = sc.atoms[a]
            u -= c.weights[a]
        if c.known <= w.t:
            continue
        c.epss = static.epss
        c.kev = static.kev
        findings.set_window_probability(c, sc)
        if static.known < 0:
            first = w.t + 1
            c.known = first + int(random.uniform(seed, random.KNOWN, static.uid, 1) * max(sc.windows - first, 1))
        c.known_day = c.kev_day = c.known * sc.window_days
        findings.mark_patches(S, st, k, n)
    if informed:
        return
    for r in range(sc.nr):
        static = S.flow[sc.r0 + r]
        flow = st.flow[w.r0 + r]
        if flow.public_rate != static.rate:  # its owner disclosed it: any level can be worked back
            continue
        shift = random.normal(seed, random.REVENUE_TRUTH, static.uid, 0)
        flow.true_rate = static.rate * random.lognormal_mean_one(shift, sc.revenue_log_sd)
    for j in range(sc.np):
        static = S.patch[sc.p0 + j]
        p = st.patch[w.p0 + j]
        shift = random.normal(seed, random.REGRESSION_TRUTH, static.uid, 0)
        p.regression = min(p.public_regression * random.lognormal_mean_one(shift, sc.regression_log_sd), 1.0)
        shift = random.normal(seed, random.EFFORT_TRUTH, static.uid, 0)
        p.effort = static.effort * random.lognormal_mean_one(shift, sc.effort_log_sd)
        shift = random.normal(seed, random.REACHABILITY, static.uid, 0)
        p.signal = p.truth = random.lognormal_mean_one(shift, sc.reachability_log_sd)


@compiled
def _disclose(S, st, k):  # type: ignore[no-untyped-def]
    """Let everybody see what any agent knows: the public figures become the true ones, and the rows follow.

    The hidden reachability stands in the entry probabilities of these worlds (``Imagination.copy``).
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for r in range(sc.nr):
        flow = st.flow[w.r0 + r]
        flow.public_rate = flow.true_rate
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        p.public_regression = p.regression
        p.signal = p.truth = 1.0
    w.open_risk = risk.estimate(S, st, k)
    rows.refresh_rows(S, st, k, True, True)


def _imagine(S, st, seeds, informed):  # type: ignore[no-untyped-def]
    for k in range(st.world.shape[0]):
        _redraw(S, st, k, seeds[k], informed)
        if informed:
            _disclose(S, st, k)


with cache.kernel_cache():
    imagine_kernel = njit(cache=True, nogil=True, **COMPILER_OPTIONS)(_imagine)


_PLACE = ("scenario", "s0", "p0", "c0", "r0")
"""Where a world lies in its batch."""


class Imagination:
    """Room for ``num_envs`` copies of one world at a time.

    Losses of the copies are booked as expectations given what was seen: what is compared is then far less noisy.

    Args:
        scenario: of the world that will be copied.
        num_envs: copies.
        informed: keep what any agent knows (true effort, regression, revenue, reachability), and make it public
            in the copies; else all of it is redrawn.
        threads: threads for steps.
    """

    def __init__(self, scenario: Scenario, num_envs: int, informed: bool = False, threads: int = 1) -> None:
        calm = scenario.with_parameters(incident_loss="expected")
        self.engine = Engine([calm], num_envs, threads=threads, autoreset=False)
        self.informed = informed
        self._own = self.engine.state.world[list(_PLACE)].copy()
        self._entry = self.engine.static.entry.copy()
        self._patch_of_finding = self.engine.static.finding["patch"]

    def copy(self, source: Engine, k: int, seeds: Sequence[int] | NDArray[np.uint64]) -> None:
        """Make every copy one of world ``k`` of ``source``, the n-th with the future of the n-th seed."""
        state, mine = source.state, self.engine.state
        head, world = source.static.scenario[state.world[k]["scenario"]], state.world[k]
        for name, start, count in (("service", "s0", "ns"), ("patch", "p0", "np"), ("cve", "c0", "nc"),
                                   ("attempt", "c0", "nc"), ("flow", "r0", "nr")):  # fmt: skip
            first, length = int(world[start]), int(head[count])
            part = getattr(state, name)[first : first + length]
            getattr(mine, name).reshape(self.engine.num_envs, length)[:] = part
        agents = self.engine.num_agents
        mine.world[:] = world
        for name in _PLACE:
            mine.world[name] = self._own[name]
        for name in ("row", "slot"):
            getattr(mine, name)[:] = getattr(state, name)[k]
        for name in ("agent", "observation", "mask", "own", "before_downtime", "chosen", "ballots", "transfers"):
            getattr(mine, name)[:] = getattr(state, name)[k, :agents]
        mine.terminated[:] = False
        if self.informed:
            truth = mine.patch["truth"][: int(head["np"])]
            self.engine.static.entry[:] = self._entry * truth[self._patch_of_finding]
        imagine_kernel(self.engine.static, mine, np.ascontiguousarray(seeds, np.uint64), self.informed)

    @property
    def welfare_keur(self) -> NDArray[np.float64]:
        """Welfare of the copies so far, the real world's up to the copy included ``(num_envs,)``."""
        welfare: NDArray[np.float64] = self.engine.state.world["welfare_keur"]
        return welfare
