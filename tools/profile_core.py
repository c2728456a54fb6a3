"""Where the time of the compiled core goes, by routine. Needs Linux's `perf` and `nm`. Writes `docs/core_profile.csv`.

    .venv/bin/python tools/profile_core.py [--scenario S] [--num-envs N] [--seconds T]

Worlds are stepped with random legal actions, as by `patchpact bench core` on one thread, and the program counter is
sampled. `share` is of the samples inside compiled code; what a routine inlines counts as its own, so `step_world`
holds the two steps of a motion, levers and rewards. `us_per_env_step` is that share of the CPU time of an env-step.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "docs" / "core_profile.csv"
STEPS = 32


def loop(folder: Path, name: str, num_envs: int, seconds: float) -> None:
    """In the profiled process: step worlds, and leave the kernel's object code, its address and the speed behind."""
    import numpy as np

    from patchpact.envs.core import engine
    from patchpact.scenarios import load_scenario

    worlds = engine.Engine([load_scenario(name)], num_envs)
    worlds.reset(np.arange(num_envs, dtype=np.uint64))
    actions = np.zeros((num_envs, worlds.num_agents), np.int64)
    worlds.step_at_random(0, 0, actions, STEPS)
    steps, before = STEPS, time.process_time()
    while time.process_time() - before < seconds:
        worlds.step_at_random(0, steps, actions, STEPS)
        steps += STEPS
    cost = 1e6 * (time.process_time() - before) / ((steps - STEPS) * num_envs)
    kernel = engine.advance_kernel
    compiled = next(iter(kernel.overloads.values()))
    entry = compiled.fndesc.llvm_func_name
    for file in Path(kernel._cache._cache_path).glob("engine._advance*.nbc"):
        code = _elf(pickle.loads(file.read_bytes()))  # noqa: S301  # our own cache
        if entry.encode() in code:
            (folder / "core.o").write_bytes(code)
    (folder / "entry").write_text(f"{compiled.library.get_pointer_to_function(entry)} {entry} {cost}")


def _elf(found: object) -> bytes:
    """The object file inside what Numba cached."""
    if isinstance(found, bytes):
        return found if found.startswith(b"\x7fELF") else b""
    return next((code for one in found if (code := _elf(one))), b"") if isinstance(found, tuple | list) else b""


def shares(folder: Path) -> list[dict[str, object]]:
    """A row for each routine, the costliest first."""
    loaded_at, entry, cost = (folder / "entry").read_text().split()
    listed = subprocess.run(
        ["nm", "-n", "--defined-only", str(folder / "core.o")], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    routines = [(int(address, 16), name) for address, kind, name in lines if kind in "tTwW"]
    starts = [start for start, _ in routines]
    base = int(loaded_at) - next(start for start, name in routines if name == entry)
    told = subprocess.run(
        ["perf", "script", "-i", str(folder / "perf.data"), "-F", "ip,dso"], capture_output=True, text=True, check=True
    ).stdout
    found: Counter[str] = Counter()
    size = (folder / "core.o").stat().st_size
    for line in told.splitlines():
        if match := re.match(r"\s*([0-9a-f]+) \((.*)\)", line):
            offset = int(match[1], 16) - base
            if starts[0] <= offset < starts[0] + size:  # else in the C library, the interpreter or the kernel
                found[_plain(routines[bisect.bisect(starts, offset) - 1][1])] += 1
    total = sum(found.values())
    return [
        {"routine": name, "share": round(n / total, 4), "us_per_env_step": round(float(cost) * n / total, 3)}
        for name, n in found.most_common()
        if n > 0.001 * total
    ]


def _plain(symbol: str) -> str:
    """``module.function`` out of a mangled name."""
    parts, rest = [], symbol.removeprefix("_ZN")
    while match := re.match(r"\d+", rest):
        parts.append(rest[match.end() : match.end() + int(match[0])])
        rest = rest[match.end() + int(match[0]) :]
    return ".".join(parts[-2:]) or symbol[:40]


def main(scenario: str, num_envs: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        child = [sys.executable, __file__, "--scenario", scenario, "--num-envs", str(num_envs)]
        child += ["--seconds", str(seconds), "--into", place]
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", str(folder / "perf.data")]
        subprocess.run([*record, *child], check=True)
        rows = shares(folder)
    for row in rows:
        print(f"{row['routine']:40} {row['share']:7.1%} {row['us_per_env_step']:8.3f} us")
    with TARGET.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["scenario", "num_envs", *rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"scenario": scenario, "num_envs": num_envs, **row} for row in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="boutique-v1")
    parser.add_argument("--num-envs", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.into:
        loop(given.into, given.scenario, given.num_envs, given.seconds)
    else:
        main(given.scenario, given.num_envs, given.seconds)
