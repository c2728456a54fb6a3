"""How often do 95% intervals cover the truth? Writes `docs/coverage.csv`.

    .venv/bin/python tools/coverage.py [REPEATS]

REPEATS (400) benchmarks are drawn for intervals over a suite, half as many where policies were trained several times,
and a quarter for each scenario and policy. The game itself is the population: 4,096 worlds of each training scenario
are played once, their means are the truth, and worlds are drawn from them again and again at a benchmark's sizes. What
learned policies add is made up, since nobody trains thousands of runs: each run's gains are a rule's gains times a
factor around 1. Takes some ten minutes on idle cores.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import make_policy
from patchpact.scenarios import load_scenario
from patchpact.training import stats
from patchpact.training.evaluate import play
from patchpact.training.folder import write_table
from patchpact.training.stats import Estimate

TARGET = Path(__file__).resolve().parent.parent / "docs" / "coverage.csv"
SCENARIOS = (
    "boutique-v1", "bank-of-anthos-v1", "otel-demo-v1", "robot-shop-v1", "sock-shop-v1", "generated-v1",
    "generated-large-v1",
)  # fmt: skip
POLICIES = ("cvss-first", "risk-per-cost+stop", "myopic-selfish")
IDLE, REFERENCE = "do-nothing", "net-gain"
POPULATION, FIRST_SEED = 4_096, 10_000_000
SIZES = (16, 128)
SUITE_CELLS = 28
RUN_SPREAD = 0.2
RUNS = (3, 5, 10)

Floats = NDArray[np.float64]
Population = Mapping[tuple[str, str], Floats]


@dataclass
class Count:
    """Intervals of one kind, and how often they held the truth."""

    hits: int = 0
    below: int = 0
    """The truth was below the interval."""
    defined: int = 0
    tried: int = 0
    widths: list[float] = field(default_factory=list)

    def add(self, estimate: Estimate, truth: float) -> None:
        self.tried += 1
        if np.isfinite(estimate.low):
            self.defined += 1
            self.hits += estimate.low <= truth <= estimate.high
            self.below += truth < estimate.low
            self.widths.append(estimate.high - estimate.low)


def population() -> Population:
    """Welfare of 4,096 worlds by scenario and policy."""
    found = {}
    for id_ in SCENARIOS:
        world = load_scenario(id_).with_parameters(incident_loss="sampled")
        for name in (IDLE, REFERENCE, *POLICIES):
            seeds = range(FIRST_SEED, FIRST_SEED + POPULATION)
            found[id_, name] = play(world, make_policy(name), seeds)["welfare_keur"]
        print(f"played {id_}", flush=True)
    return found


def percentile(gain: Floats, span: Floats) -> Estimate:
    """The plain percentile bootstrap, for comparison."""
    scores, _ = stats._resampled([(gain[None], span)])
    return Estimate(float(gain.mean() / span.mean()), *stats.percentile_interval(scores[:, 0, 0]))


def single(worlds: Population, repeats: int) -> Iterator[dict[str, object]]:
    """Intervals of one scenario and policy: means of welfare and gain, and scores."""
    rng = np.random.default_rng(1)
    for size in SIZES:
        for id_ in SCENARIOS:
            idle, one = worlds[id_, IDLE], worlds[id_, REFERENCE]
            for name in POLICIES:
                values = worlds[id_, name]
                counts: dict[tuple[str, str], Count] = {}

                def count(counts: dict[tuple[str, str], Count], what: str, how: str, e: Estimate, truth: float) -> None:
                    counts.setdefault((what, how), Count()).add(e, truth)

                for _ in range(repeats):
                    drawn = rng.integers(POPULATION, size=size)
                    v, z, o = values[drawn], idle[drawn], one[drawn]
                    flat = np.ones(size)
                    truth = float(values.mean())
                    count(counts, "welfare", "studentised", stats.mean(v), truth)
                    count(counts, "welfare", "percentile", percentile(v, flat), truth)
                    truth = float((values - idle).mean())
                    count(counts, "gain", "studentised", stats.mean(v - z), truth)
                    count(counts, "gain", "percentile", percentile(v - z, flat), truth)
                    truth = float((values - idle).mean() / (one - idle).mean())
                    estimate = stats.score(v, z, o)
                    count(counts, "score", "studentised", estimate, truth)
                    if np.isfinite(estimate.low):
                        count(counts, "score", "percentile", percentile(v - z, o - z), truth)
                for (what, how), found in counts.items():
                    yield row(what, how, id_, name, size, 1, found)


def suite(worlds: Population, repeats: int) -> Iterator[dict[str, object]]:
    """Intervals over a whole suite, of rules and of policies trained several times."""
    rng = np.random.default_rng(2)
    statistics: dict[str, tuple[Callable[..., Estimate], Callable[[Floats], float]]] = {
        "score_mean": (stats.score_mean, lambda table: float(table.mean())),
        "score_iqm": (stats.score_iqm, stats.iqm),
        "score_gap": (stats.score_gap, stats.optimality_gap),
        "gain_mean": (lambda strata: stats.mean_gain([s[:2] for s in strata]), lambda table: float(table.mean())),
    }
    for size, runs in [(16, 1), (32, 1), (128, 1), *((128, runs) for runs in RUNS)]:
        counts = {what: Count() for what in statistics}
        for repeat in range(repeats if runs == 1 else repeats // 2):
            name = POLICIES[repeat % len(POLICIES)]
            strata, scores, gains = [], [], []
            factors = 1.0 + RUN_SPREAD * rng.standard_normal(runs) if runs > 1 else np.ones(1)
            for n in range(SUITE_CELLS):
                id_ = SCENARIOS[n % len(SCENARIOS)]
                drawn = rng.integers(POPULATION, size=size)
                z, o, v = (worlds[id_, policy][drawn] for policy in (IDLE, REFERENCE, name))
                strata.append((z + factors[:, None] * (v - z), z, o))
                gain = worlds[id_, name].mean() - worlds[id_, IDLE].mean()
                gains.append(gain)
                # What is left out for want of a scale is no part of the truth.
                if stats.has_scale(z, o):
                    scores.append(gain / (worlds[id_, REFERENCE].mean() - worlds[id_, IDLE].mean()))
            for what, (estimate, truth_of) in statistics.items():
                table = np.array(gains if what == "gain_mean" else scores)
                if not table.size:
                    counts[what].add(stats.UNDEFINED, np.nan)
                    continue
                counts[what].add(estimate(strata), truth_of(table))
        for what, found in counts.items():
            yield row(what, "studentised", f"{SUITE_CELLS} cells", "all", size, runs, found)


def row(what: str, how: str, scenario: str, policy: str, size: int, runs: int, found: Count) -> dict[str, object]:
    """A line of the table."""
    return {
        "estimate": what,
        "interval": how,
        "scenario": scenario,
        "policy": policy,
        "worlds": size,
        "runs": runs,
        "repeats": found.tried,
        "undefined": round(1.0 - found.defined / found.tried, 3),
        "coverage": round(found.hits / max(found.defined, 1), 3),
        "truth_below": round(found.below / max(found.defined, 1), 3),
        "mean_width": float(f"{np.mean(found.widths):.4g}") if found.widths else "",
    }


def pooled(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Means over scenarios and policies of the single rows."""
    groups: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for line in rows:
        groups.setdefault((line["estimate"], line["interval"], line["worlds"]), []).append(line)
    for (what, how, size), lines in groups.items():
        whole = {**lines[0], "scenario": "all", "policy": "all", "mean_width": ""}
        for name in ("undefined", "coverage", "truth_below"):
            whole[name] = round(float(np.mean([float(str(line[name])) for line in lines])), 3)
        whole["repeats"] = sum(int(str(line["repeats"])) for line in lines)
        yield {**whole, "estimate": what, "interval": how, "worlds": size}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    worlds = population()
    over_suite = list(suite(worlds, repeats))
    alone = list(single(worlds, repeats // 4))
    lines = [*over_suite, *pooled(alone), *alone]
    write_table(TARGET, lines)
    print(f"{TARGET}: {len(lines)} lines")


if __name__ == "__main__":
    main()
