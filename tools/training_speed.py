"""How fast training is, in ratios to RLlib's own runner at its best. Writes `docs/training_speed.csv`.

    .venv/bin/python tools/training_speed.py [SECONDS]

Every figure is measured for SECONDS (default 5): env-steps/s of a rollout (`sampling`) and of a whole iteration
(`end_to_end`), of RLlib's runner with 1, 8 and 64 worlds, of the batched runner and of a plain PyTorch loop on the same
core with 256, on `boutique-v1`, with the same network and PPO settings (`patchpact bench train`): the flat network of
two layers of 64 with one thread and with two. `*_over_stock` is over the best of the three,
`*_over_plain` over the plain loop, all of one run. An idle machine is needed.
Rows that are there: 2026-11-28, two cores, defaults.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from patchpact.training.bench import bench_train
from patchpact.training.folder import write_table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "training_speed.csv"
CASES = (("flat", 1), ("flat", 2))


def main(seconds: float) -> None:
    rows: list[dict[str, Any]] = []
    for network, threads in CASES:
        found = bench_train("boutique-v1", network=network, threads=threads, seconds=seconds)
        plain = found[-1]
        for row in found:
            over = {f"{name}_over_plain": row[name] / plain[name] for name in ("sampling", "end_to_end")}
            rows.append(row | over)
            print(rows[-1], flush=True)
        write_table(TARGET, rows, ".3g")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
