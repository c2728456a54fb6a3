"""What the future holds: the draws of a window, for planners with hindsight and for them alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patchpact.agents.roles.compiled import COMPILER_OPTIONS
from patchpact.envs.core import cache, random
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.recognition import recognise


class Foreseen(NamedTuple):
    """One episode's exogenous draws. W = windows, the tail included in the first four."""

    attack_day: NDArray[np.float64]  # (W, CVEs) day of the attempt from the episode's start, -1 where there is none
    entry: NDArray[np.float64]  # (W, findings) enters where below the entry probability
    lateral: NDArray[np.bool_]  # (W, outgoing edges) whether compromise would move along
    season: NDArray[np.float64]  # (windows,)
    regression: NDArray[np.float64]  # (windows, patches) fails where below the regression probability
    proposer: NDArray[np.int64]  # (windows, motions)
    known: NDArray[np.int64]  # (CVEs,) window in which the CVE becomes known
    first_agenda: NDArray[np.int64]  # patches on the agenda of the first window
    true_regression: NDArray[np.float64]  # (patches,)
    effort_hours: NDArray[np.float64]  # (patches,)
    reachability: NDArray[np.float64]  # (patches,)
    flow_rate: NDArray[np.float64]  # (flows,) k€ an hour


def _draws(S, st, k, window, attack_day, entry, lateral, regression, proposer):  # type: ignore[no-untyped-def]
    """The draws of a window in world k, which stands at its opening (or, in the tail, at the end)."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for n in range(sc.nc):
        c = st.cve[w.c0 + n]
        uid = S.cve[sc.c0 + n].uid
        attack_day[n] = -1.0
        if c.known > min(window, sc.windows - 1):
            continue
        chance = c.breadth * c.window_probability * sc.attempt_multiplier
        if random.uniform(w.seed, random.ATTEMPT, uid, window) < chance:
            attack_day[n] = (window + random.uniform(w.seed, random.ATTEMPT_DAY, uid, window)) * sc.window_days
    for f in range(entry.shape[0]):
        entry[f] = random.uniform(w.seed, random.ENTRY, S.finding[f].uid, window)
    for e in range(lateral.shape[0]):
        edge = S.outgoing[e]
        lateral[e] = random.uniform(w.seed, random.LATERAL, edge.uid, window) < edge.probability
    if window >= sc.windows:
        return
    for j in range(sc.np):
        regression[j] = random.uniform(w.seed, random.REGRESSION, S.patch[sc.p0 + j].uid, window)
    for m in range(sc.motions_per_window):
        turn = window * sc.motions_per_window + m
        draw = random.uniform(w.seed, random.RECOGNITION, 0, turn)
        proposer[m] = recognise(
            sc.recognition, draw, S.agent[sc.a0 : sc.a0 + sc.na]["weight"], turn, st.agent[k, : sc.na]["bid"]
        )


with cache.kernel_cache():
    draws_kernel = njit(cache=True, **COMPILER_OPTIONS)(_draws)


def foresee(engine: Engine) -> list[Foreseen]:
    """The draws of every world of a freshly reset batch of one scenario; plays it to the end with nobody acting."""
    state, static, count = engine.state, engine.static, engine.num_envs
    head = static.scenario[0]
    windows, motions, tail = int(head["windows"]), int(head["motions_per_window"]), int(head["tail_windows"])
    patches = state.patch.reshape(count, -1)
    result = [
        Foreseen(
            attack_day=np.full((windows + tail, int(head["nc"])), -1.0),
            entry=np.zeros((windows + tail, len(static.finding))),
            lateral=np.zeros((windows + tail, len(static.outgoing)), np.bool_),
            season=np.zeros(windows),
            regression=np.zeros((windows, int(head["np"]))),
            proposer=np.zeros((windows, motions), np.int64),
            known=state.cve["known"].reshape(count, -1)[k].copy(),
            first_agenda=state.row["patch"][k][state.row["patch"][k] >= 0].copy(),
            true_regression=patches["regression"][k].copy(),
            effort_hours=patches["effort"][k].copy(),
            reachability=patches["truth"][k].copy(),
            flow_rate=state.flow["true_rate"].reshape(count, -1)[k].copy(),
        )
        for k in range(count)
    ]
    nobody = np.zeros((count, engine.num_agents), np.int64)
    for t in range(windows + tail):
        for k, world in enumerate(result):
            now = min(t, windows - 1)
            draws_kernel(
                static, state, k, t, world.attack_day[t], world.entry[t], world.lateral[t],
                world.regression[now], world.proposer[now],
            )  # fmt: skip
            if t < windows:
                world.season[t] = state.world[k]["season"][0]
        if t < windows:
            for _ in range(motions):
                engine.step(nobody)
    return result
