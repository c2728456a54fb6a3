"""What thinking longer is worth: score and time of a decision, planners beside learned policies and the best rule.

    .venv/bin/python tools/learned_against_planners.py [--worlds N] [POLICY...]

Writes `docs/learned_against_planners.csv`. Without POLICY, `pretrained` is played. Some scenarios of the benchmark's
held-out tracks (``SCENARIOS``), the same N worlds (16 by default) for everybody, one world at a
time, losses booked as expectations. A decision is one env-step, in which all agents of a world act. ``ms`` is CPU time
of the process for each (the world's own step included, some ten microseconds), ``ms_in_batch`` the same where 64 worlds
are played at once (planners have no batch); ``times`` is the planner's time over the learned policy's, each one world
at a time. ``difference`` is the learned policy's welfare (k€) minus the other's, paired by world, with a 95% interval.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.scenarios import AssumptionWarning, Scenario
from patchpact.training import stats
from patchpact.training.evaluate import begin, find_policy
from patchpact.training.folder import write_table
from patchpact.training.suite import load_suite

TARGET = Path(__file__).resolve().parents[1] / "docs" / "learned_against_planners.csv"
SCENARIOS = ("boutique-v1", "sock-shop-v1", "teastore-v1", "boutique-drawn-v1")
OTHERS = ("net-gain-patient", "rolling-horizon", "search")
WORLDS_OF_A_BATCH = 64


def played(scenario: Scenario, policy: str, seeds: list[int], at_once: int) -> tuple[NDArray[np.float64], float]:
    """Welfare (k€) in each world, and milliseconds of CPU time for each decision."""
    _, cast = find_policy(policy)
    welfare, steps, spent = [], 0, 0.0
    for first in range(0, len(seeds), at_once):
        worlds, players, seen = begin(scenario, cast, seeds[first : first + at_once])  # type: ignore[arg-type]
        state = worlds.engine.state
        running = np.ones(worlds.num_envs, np.bool_)
        before = time.process_time()
        while running.any():
            steps += int(running.sum())
            seen, _, ended, _, _ = worlds.step(players(seen))
            running &= ~ended
        spent += time.process_time() - before
        welfare.append(state.world["welfare_keur"].copy())
        worlds.close()
    return np.concatenate(welfare), 1000.0 * spent / steps


def main(policies: list[str], worlds: int) -> None:
    cells = {
        cell.scenario.id: cell for cell in load_suite("patchpact-bench-v1").cells() if cell.track != "in-distribution"
    }
    rows = []
    for name in SCENARIOS:
        scenario = cells[name].scenario.with_parameters(incident_loss="expected")
        seeds = list(cells[name].seeds[:worlds])
        batch = (seeds * WORLDS_OF_A_BATCH)[:WORLDS_OF_A_BATCH]
        for policy in (*policies, *OTHERS):
            played(scenario, policy, seeds[:1], 1)  # compiled and loaded before the clock starts
        ours = {policy: played(scenario, policy, seeds, 1) for policy in policies}
        others = {policy: played(scenario, policy, seeds, 1) for policy in OTHERS}
        for policy, (welfare, ms) in (ours | others).items():
            in_batch = "" if policy in OTHERS[1:] else f"{played(scenario, policy, batch, WORLDS_OF_A_BATCH)[1]:.4g}"
            row: dict[str, object] = {
                "track": cells[name].track, "world": name, "worlds": len(seeds), "policy": policy,
                "welfare_keur": f"{welfare.mean():.1f}", "ms": f"{ms:.4g}", "ms_in_batch": in_batch,
            }  # fmt: skip
            for learned in policies:
                found = stats.mean(ours[learned][0] - welfare)
                row |= {
                    "against": learned, "difference": f"{found.value:.2f}", "low": f"{found.low:.2f}",
                    "high": f"{found.high:.2f}", "times": f"{ms / ours[learned][1]:.3g}",
                }  # fmt: skip
                if policy != learned:
                    rows.append(dict(row))
            print(row, flush=True)
            if policy in ours:
                rows.append({**row, "against": "", "difference": "", "low": "", "high": "", "times": ""})
    write_table(TARGET, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="*")
    parser.add_argument("--worlds", type=int, default=16)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore", AssumptionWarning)
    main(given.policies or ["pretrained"], given.worlds)
