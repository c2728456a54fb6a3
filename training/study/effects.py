"""Effects: weighted sums of arms on paired draws, with intervals, and what they say against a margin.

An effect is worked out draw by draw, all arms in the same worlds and with the same training seeds, so that what they
share cancels. A draw is one seed in all topologies, whose episodes have much in common (effects correlate by up to
.99): it stands for the mean of its topologies, and is resampled as one. Intervals are the studentised bootstraps of
``patchpact.training.stats`` over training runs and draws. P-values, which Holm's correction needs, are Student's with
the same two variance components and Welch and Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import special

from patchpact.training import stats
from patchpact.training.stats import UNDEFINED, Estimate
from patchpact.training.study.design import IDLE, OVER_IDLE
from patchpact.training.study.raw import Floats, Raw

Weights: TypeAlias = Mapping[tuple[str, str], float]
"""By arm and player."""


class Effect(NamedTuple):
    """An effect, its interval, and one-sided p-values."""

    estimate: Estimate
    p_above: float
    """Of an effect at least so large where there is none."""
    p_below: float
    """Of an effect at most so large where there is none."""


NOT_THERE = Effect(UNDEFINED, math.nan, math.nan)


def differences(raw: Raw, weights: Weights, measure: str, outside: str | None = None) -> list[Floats] | None:
    """The weighted sum ``(runs, draws)`` in each topology; None where an arm was not played, or in other draws.

    Training seeds that not all trained arms have are left out; players without training stand beside each run.
    """
    found: list[Floats] = []
    draws: set[tuple[int, ...]] = set()
    for place in raw.topologies:
        keys = {(arm, place, player): weight for (arm, player), weight in weights.items()}
        needed = {*keys, *((arm, place, IDLE) for arm, _ in weights if measure in OVER_IDLE)}
        if not needed <= raw.cells.keys():
            return None
        trained = [set(raw.cells[key].runs) for key in keys if raw.cells[key].runs != (-1,)]
        runs = sorted(set.intersection(*trained)) if trained else [-1]
        draws |= {raw.cells[key].draws for key in needed}
        if not runs or len(draws) > 1:
            return None
        total = np.zeros((len(runs), len(min(draws))))
        for key, weight in keys.items():
            values, held = raw.values(key, measure, outside), raw.cells[key].runs
            total += weight * (values if held == (-1,) else values[[held.index(run) for run in runs]])
        found.append(total)
    return found


def effect(cells: Sequence[Floats] | None) -> Effect:
    """The mean over runs, draws and topologies, which weigh the same; cells ``(runs, draws)`` hold the same draws."""
    if not cells or not all(np.isfinite(cell).all() for cell in cells):
        return NOT_THERE
    if len({len(cell) for cell in cells}) > 1:
        cells = [cell.mean(0, keepdims=True) for cell in cells]
    whole: Floats = np.mean(cells, 0)
    estimate = stats.mean_gain([(whole, np.zeros(whole.shape[1]))])
    error, freedom = error_of(whole)
    if error == 0.0:
        return Effect(estimate, float(estimate.value <= 0.0), float(estimate.value >= 0.0))
    if not math.isfinite(error):
        return Effect(estimate, math.nan, math.nan)
    distance = estimate.value / error
    return Effect(estimate, float(special.stdtr(freedom, -distance)), float(special.stdtr(freedom, distance)))


def error_of(values: Floats) -> tuple[float, float]:
    """Standard error of the mean of ``(runs, draws)`` and its degrees of freedom; NaN of a single draw."""
    runs, draws = values.shape
    if draws < 2:
        return math.nan, math.nan
    parts = [(float(values.mean(0).var(ddof=1)) / draws, draws - 1.0)]
    if runs > 1:
        parts.append((float(values.mean(1).var(ddof=1)) / runs, runs - 1.0))
    variance = sum(part for part, _ in parts)
    if variance <= 0.0:
        return 0.0, math.inf
    return math.sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in parts)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm, 1979, "A simple sequentially rejective multiple test procedure"); NaN stays NaN."""
    order = sorted((n for n, p in enumerate(p_values) if not math.isnan(p)), key=lambda n: p_values[n])
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for place, n in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[n]))
        adjusted[n] = largest
    return adjusted
