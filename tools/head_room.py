"""How much better than the best rule could one do who knows what agents know? Writes `docs/head_room.csv`.

    .venv/bin/python tools/head_room.py [WORLDS]

Head-room is (informed - best rule) / (informed - do-nothing). WORLDS (24) worlds of each bundled training scenario are
played with losses booked as expectations: drawn losses are so lumpy that hundreds of worlds would be needed to tell
planners apart. The best rule and the best planner are picked on the same worlds, which makes head-room look smaller.
"""

from __future__ import annotations

import sys
from pathlib import Path

from patchpact.agents.policies import find, policy_names
from patchpact.scenarios import load_scenario
from patchpact.training import stats
from patchpact.training.evaluate import play
from patchpact.training.folder import write_table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "head_room.csv"
SCENARIOS = (
    "boutique-v1", "bank-of-anthos-v1", "otel-demo-v1", "robot-shop-v1", "sock-shop-v1", "generated-v1",
)  # fmt: skip
PLANNERS = ("rolling-horizon",)
FIRST_SEED = 1000


def row(name: str, worlds: int) -> dict[str, object]:
    """One scenario."""
    world = load_scenario(name, incident_loss="expected")
    seeds = range(FIRST_SEED, FIRST_SEED + worlds)
    welfare = {rule: play(world, find(rule), seeds)["welfare_keur"] for rule in policy_names()}
    planned = {planner: play(world, find(planner), seeds)["welfare_keur"] for planner in (*PLANNERS, "informed")}
    idle, informed = welfare["do-nothing"], planned["informed"]
    rule = max(welfare, key=lambda one: float(welfare[one].mean()))
    scores = {one: stats.score(values, idle, informed) for one, values in {**welfare, **planned}.items()}
    found: dict[str, object] = {"scenario": name, "worlds": worlds, "seed": FIRST_SEED, "best_rule": rule}
    best = scores[rule]
    found |= {"head_room": 1.0 - best.value, "head_room_low": 1.0 - best.high, "head_room_high": 1.0 - best.low}
    for planner in PLANNERS:
        estimate = scores[planner]
        found |= {
            f"{planner}_score": estimate.value, f"{planner}_low": estimate.low, f"{planner}_high": estimate.high,
        }  # fmt: skip
    for one in ("do-nothing", rule, *PLANNERS, "informed"):
        column = "best_rule" if one == rule else one
        found[f"{column}_keur"] = float({**welfare, **planned}[one].mean())
    return found


if __name__ == "__main__":
    rows = []
    for name in SCENARIOS:
        rows.append(row(name, int(sys.argv[1]) if len(sys.argv) > 1 else 24))
        print({key: round(value, 3) if isinstance(value, float) else value for key, value in rows[-1].items()})
        write_table(TARGET, rows, ".4f")
