"""Are learned policies better than the rules, on the benchmark's four tracks? Writes `docs/learned_against_rules.csv`.

    .venv/bin/python tools/learned_against_rules.py [--worlds N] [--sampled] [RUN...]

RUNs are run folders of one recipe with several training seeds; without any, `pretrained` alone is played. All meet the
first N worlds (64 by default) of every cell of the suite `patchpact-bench-v1`, losses booked as expectations, which are
far less noisy than drawn ones (`--sampled`). Every cell has a row for the best rule of that cell (by mean, on the same
worlds, which flatters it), and every track one for its best rule: the mean of the paired difference in shares of that
rule's gain over doing nothing. 95% intervals resample training runs and, within them, worlds; how many runs are above
the rule by their own mean is in `runs_above`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import policy_names
from patchpact.training import stats
from patchpact.training.evaluate import find_policy, play
from patchpact.training.folder import write_table
from patchpact.training.suite import Cell, load_suite

TARGET = Path(__file__).resolve().parents[1] / "docs" / "learned_against_rules.csv"
RULES = [name for name in policy_names() if "+selfish" not in name and name not in ("random", "do-nothing")]


@dataclass(frozen=True)
class Played:
    """Welfare (k€) in the worlds of one cell."""

    cell: Cell
    seeds: range
    idle: NDArray[np.float64]  # (worlds,)
    rules: dict[str, NDArray[np.float64]]  # (worlds,) each
    ours: NDArray[np.float64]  # (runs, worlds)

    @property
    def best(self) -> str:
        """The best rule here."""
        return max(self.rules, key=lambda rule: float(self.rules[rule].mean()))

    @property
    def gain(self) -> float:
        """What the best rule here gains over doing nothing."""
        return float((self.rules[self.best] - self.idle).mean())


def played(cell: Cell, policies: list[str], worlds: int, losses: str) -> Played:
    """Everybody in the first worlds of a cell."""
    scenario = cell.scenario.with_parameters(incident_loss=losses)
    seeds = cell.seeds[: min(worlds, len(cell.seeds))]

    def welfare(name: str) -> NDArray[np.float64]:
        return play(scenario, find_policy(name)[1], seeds)["welfare_keur"]

    rules = {rule: welfare(rule) for rule in RULES}
    return Played(cell, seeds, welfare("do-nothing"), rules, np.stack([welfare(policy) for policy in policies]))


def row(track: str, world: str, losses: str, several: list[Played], rule: str, unit: str) -> dict[str, object]:
    """The policies against a rule, over one cell or several."""
    scale = [one.gain if unit == "share" else 1.0 for one in several]
    gaps = [(one.ours - one.rules[rule]) / s for one, s in zip(several, scale, strict=True)]
    found = stats.mean_gain([(gap, np.zeros(gap.shape[1])) for gap in gaps])
    runs = np.mean([gap.mean(1) for gap in gaps], 0)
    return {
        "track": track, "world": world, "losses": losses, "runs": len(runs),
        "worlds": sum(len(one.seeds) for one in several),
        "best_rule": rule, "unit": unit,
        "rule_gain": float(np.mean([(o.rules[rule] - o.idle).mean() / s for o, s in zip(several, scale, strict=True)])),
        "difference": found.value, "low": found.low, "high": found.high,
        "runs_above": int((runs > 0).sum()),
    }  # fmt: skip


def main(policies: list[str], worlds: int, losses: str) -> None:
    cells = load_suite("patchpact-bench-v1").cells()
    rows: list[dict[str, object]] = []
    for track in dict.fromkeys(cell.track for cell in cells):
        several = []
        for cell in (cell for cell in cells if cell.track == track):
            several.append(played(cell, policies, worlds, losses))
            rows.append(row(track, cell.label, losses, several[-1:], several[-1].best, "k€"))
            print(rows[-1], flush=True)
        shares = {rule: np.mean([(o.rules[rule] - o.idle).mean() / o.gain for o in several]) for rule in RULES}
        rows.append(row(track, "all", losses, several, max(shares, key=lambda rule: shares[rule]), "share"))
        print(rows[-1], flush=True)
        write_table(TARGET, rows, ".4g")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=["pretrained"])
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--sampled", action="store_true")
    given = parser.parse_args()
    main(given.runs or ["pretrained"], given.worlds, "sampled" if given.sampled else "expected")
