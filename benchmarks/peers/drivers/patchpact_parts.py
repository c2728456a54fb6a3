"""Where the engine's time goes: by kind of step, and what observations and masks cost.

    python patchpact_parts.py --threads 1

Prints one JSON object. The same actions are played in a world that agents see and in one that nobody sees
(``blind``: no observations, no masks, nothing of what agents expect for themselves); the difference in CPU time is
their price.
"""

import argparse
import json
import time
from typing import Any

from protocol import confine

WORLDS, STEPS, REPEATS, SINGLE_STEPS = 64, 400, 7, 20_000
KINDS = ("nomination", "vote", "closes a window", "ends an episode")


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1, help="cores that the process may use")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn actions")
    args = parser.parse_args()
    confine(args.threads)

    import numpy as np

    from patchpact.envs.core.engine import Engine
    from patchpact.scenarios import load_scenario

    scenario = load_scenario("boutique-v1")

    def fresh(worlds: int, autoreset: bool = True) -> Engine:
        engine = Engine([scenario], worlds, threads=args.threads, autoreset=autoreset)
        engine.reset(np.arange(worlds, dtype=np.uint64))
        return engine

    engine = fresh(WORLDS)
    actions = np.zeros((STEPS, WORLDS, engine.num_agents), np.int64)
    for turn in range(STEPS):
        engine.step_at_random(args.seed, turn, actions[turn])
    welfare = engine.state.world["welfare_keur"].copy()
    best: dict[str, float] = {}
    for _ in range(REPEATS):
        for name in ("seen", "blind"):
            engine = fresh(WORLDS)
            if name == "blind":
                engine.state.world["blind"] = 1
            begin = time.process_time()
            for turn in range(STEPS):
                engine.step(actions[turn])
            seconds = time.process_time() - begin
            best[name] = min(best.get(name, seconds), seconds)
            if not (engine.state.world["welfare_keur"] == welfare).all():
                raise SystemExit("the same actions did not make the same worlds")
            if (engine.state.world["blind"] == 1).all() != (name == "blind"):
                raise SystemExit("a world was not seen as it should be")
    microseconds = {name: 1e6 * seconds / STEPS / WORLDS for name, seconds in best.items()}

    engine = fresh(1)
    out = np.zeros((1, engine.num_agents), np.int64)
    world = engine.state.world
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(SINGLE_STEPS):
        voting, window, episode = int(world["voting"][0]), int(world["t"][0]), int(world["episode"][0])
        begin = time.perf_counter()
        engine.step_at_random(args.seed, turn, out)
        seconds = time.perf_counter() - begin
        if int(world["episode"][0]) != episode:
            kind = KINDS[3]
        elif int(world["t"][0]) != window:
            kind = KINDS[2]
        else:
            kind = KINDS[1] if voting else KINDS[0]
        times[kind].append(seconds)
    ended = fresh(1, autoreset=False)
    ended.state.world["over"] = 1
    idle = []
    for _ in range(2000):
        begin = time.perf_counter()
        ended.step(out)
        idle.append(time.perf_counter() - begin)
    call = float(np.median(idle))
    rows: list[dict[str, Any]] = []
    for kind, found in times.items():
        if found:
            each = max(float(np.median(found)) - call, 0.0)
            row = {"kind": kind, "share_of_steps": len(found) / SINGLE_STEPS, "microseconds": 1e6 * each}
            rows.append(row)
    total = sum(row["share_of_steps"] * row["microseconds"] for row in rows)
    for row in rows:
        row["share_of_time"] = row["share_of_steps"] * row["microseconds"] / total
    print(
        json.dumps(
            {
                "microseconds_per_env_step": microseconds,
                "floats_per_env_step": int(engine.state.observation[0].size),
                "call_microseconds": 1e6 * call,
                "kinds": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
