"""Means, scores and rankings of paired episodes, with 95% intervals.

Policies meet the same worlds: whatever is compared resamples whole worlds, all policies together, from fixed streams,
so that equal episodes give equal intervals. Over several scenarios the bootstrap is stratified: each resamples its own
worlds. Where a policy was trained several times there are two levels: training runs are resampled, the same ones in
all scenarios, and worlds within them.

Damage is lumpy: few worlds hold most of it, and the percentile bootstrap of such means covers some 90% where it says
95. Intervals here are studentised bootstraps (bootstrap-t; Efron and Tibshirani, 1993, "An introduction to the
bootstrap", chapter 12.5), at neither end nearer than Student's t, nor beyond ``FARTHEST`` times it;
``make coverage`` counts how often they hold the truth in this game. Profiles and probabilities of improvement,
which are bounded, have percentile intervals as ``rliable`` has them.

A stratum is what is known of one scenario: ``values`` ``(runs, worlds)`` of a policy, and ``zero`` and ``one``
``(worlds,)``, what scores 0 and 1 in the same worlds. Aggregates follow Agarwal et al. (2021), "Deep reinforcement
learning at the edge of the statistical precipice": the table they sum up has a score for each run and scenario.
"""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

RESAMPLES = 2000
LEVEL = 0.95
FARTHEST = 4.0
"""Where few worlds hold all there is, resamples without them have hardly any spread, and would stretch intervals
without end."""
TRIMMED = 0.25
"""Share of the scores that the interquartile mean leaves out at each end."""

Floats: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[Floats, Floats]
"""``values`` and ``zero`` of a stratum."""
Stratum: TypeAlias = tuple[Floats, Floats, Floats]
"""``values``, ``zero`` and ``one``."""
Statistic: TypeAlias = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""Of score tables ``(..., runs, scenarios)``: values ``(...,)``, slopes by score, and what each score adds (its
influence), both in the tables' shape."""


class Estimate(NamedTuple):
    """A figure with its 95% interval; NaN where undefined."""

    value: float
    low: float
    high: float


UNDEFINED = Estimate(math.nan, math.nan, math.nan)


# Of plain numbers


def iqm(scores: ArrayLike) -> float:
    """The interquartile mean: a quarter of the scores is left out at each end, whatever their order. NaN of none.

    As ``scipy.stats.trim_mean(scores, 0.25, axis=None)``, which ``rliable`` takes: the cut is rounded down.
    """
    flat = np.sort(np.asarray(scores, np.float64), axis=None)
    cut = int(TRIMMED * flat.size)
    return float(flat[cut : flat.size - cut].mean()) if flat.size else math.nan


def optimality_gap(scores: ArrayLike, target: float = 1.0) -> float:
    """How far scores fall short of ``target`` on average; what is above it counts as ``target``."""
    return float(target - np.minimum(np.asarray(scores, np.float64), target).mean())


def gini(values: ArrayLike) -> Floats:
    """Gini's coefficient over the last axis: 0 where all are equal, (n - 1) / n where one of n has all.

    Negative values count as 0, since the coefficient is defined for shares of one sum. NaN where nobody has any.
    """
    x = np.sort(np.maximum(np.asarray(values, np.float64), 0.0))
    total, n = x.sum(-1), x.shape[-1]
    ranked = x @ np.arange(1.0, n + 1.0)
    some = total > 0.0
    return np.where(some, 2.0 * ranked / np.where(some, n * total, 1.0) - (n + 1) / n, math.nan)


def nash_welfare(gains: ArrayLike) -> float:
    """Nash's product of the agents' gains over doing nothing, as their geometric mean, in the gains' unit.

    Doing nothing is the disagreement point (Nash, 1950, "The bargaining problem", Econometrica 18; Kaneko and
    Nakamura, 1979, "The Nash social welfare function", Econometrica 47). Where anyone does not gain it is 0.
    """
    x = np.asarray(gains, np.float64)
    if not x.size or np.isnan(x).any():
        return math.nan
    return float(np.exp(np.log(x).mean())) if (x > 0.0).all() else 0.0


def percentile_interval(samples: ArrayLike) -> tuple[float, float]:
    """The middle 95% of resampled figures ``(resamples,)``."""
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(np.asarray(samples, np.float64), [tail, 100.0 - tail])
    return float(low), float(high)


# Of one scenario


def without_luck(totals: MutableMapping[str, Floats]) -> None:
    """Welfare and damage as the mean of their redraws has them (``luck_keur``), in place of what happened."""
    for name, sign in (("welfare_keur", 1.0), ("damage_keur", -1.0)):
        if name in totals:
            totals[name] = totals[name] + sign * totals["luck_keur"]


def mean(values: Floats) -> Estimate:
    """The mean of ``(episodes,)`` with its interval; of one episode the interval is undefined, of none both are."""
    if len(values) < 2:
        return Estimate(float(values[0]) if len(values) else math.nan, math.nan, math.nan)
    return _estimate([(values[None], np.ones(len(values)))], _mean)


def score(values: Floats, zero: Floats, one: Floats) -> Estimate:
    """(values - zero) / (one - zero), sums over worlds before the ratio; worlds ``(episodes,)`` are paired.

    Undefined (NaN) where the interval of the denominator's mean includes 0. A denominator below 0 is taken as it is:
    with costs for gains this is a ratio of costs.
    """
    span = _span(zero, one)
    if not (span.low > 0.0 or span.high < 0.0):
        return UNDEFINED
    return _estimate([((values - zero)[None], one - zero)], _mean)


def has_scale(zero: Floats, one: Floats) -> bool:
    """Whether ``one`` may score 1: the interval of the mean of ``one - zero`` ``(episodes,)`` lies above 0."""
    return _span(zero, one).low > 0.0


def _span(zero: Floats, one: Floats) -> Estimate:
    return _mean_of((one - zero).astype(np.float64).tobytes())


@lru_cache(maxsize=4096)  # of a cell, asked again for every policy
def _mean_of(values: bytes) -> Estimate:
    return mean(np.frombuffer(values, np.float64))


# Over scenarios


def mean_gain(strata: Sequence[Pair]) -> Estimate:
    """The mean of ``values - zero``; scenarios weigh the same. Undefined of none.

    Where scenarios have different numbers of runs, each one's runs are averaged first, here and in all functions
    below, and worlds alone are resampled.
    """
    cells = [(values - zero, np.ones(len(zero))) for values, zero in strata if values.size]
    return _estimate(cells, _mean) if cells else UNDEFINED


def score_mean(strata: Sequence[Stratum]) -> Estimate:
    """The mean score; scenarios weigh the same. Those without a scale (``has_scale``) are left out."""
    return _of_scores(strata, _mean)


def score_iqm(strata: Sequence[Stratum]) -> Estimate:
    """The interquartile mean over runs and scenarios of scores. Scenarios without a scale are left out."""
    return _of_scores(strata, _iqm)


def score_gap(strata: Sequence[Stratum]) -> Estimate:
    """The optimality gap of scores, to 1. Scenarios without a scale are left out."""
    return _of_scores(strata, _gap)


def profile(strata: Sequence[Stratum], thresholds: Sequence[float]) -> list[Estimate]:
    """The share of runs and scenarios whose score is above each threshold, with percentile bands."""
    cells = _alike([(values - zero, one - zero) for values, zero, one in strata if has_scale(zero, one)])
    if not cells:
        return [UNDEFINED for _ in thresholds]
    table = np.stack([gain.mean(1) / span.mean() for gain, span in cells], 1)
    drawn = _resampled(cells)[1]
    found = []
    for at in thresholds:
        found.append(Estimate(float((table > at).mean()), *percentile_interval((drawn > at).mean((1, 2)))))
    return found


def improvement(strata: Sequence[Pair]) -> Estimate:
    """The probability that the first of two policies does better than the second in a world; ties count half.

    Worlds are paired, runs are not: every run of the one meets every run of the other in the same world. The mean over
    scenarios, as the Mann-Whitney statistics of ``rliable`` are averaged over tasks; percentile interval.

    Args:
        strata: for each scenario the values of both, ``(runs, worlds)``.
    """
    points, samples = [], []
    for n, (x, y) in enumerate(strata):
        if x.size and y.size:
            wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])  # (runs of x, runs of y, worlds)
            chosen = np.tensordot(_run_shares(len(x), 1), wins, 1)  # (resamples, runs of y, worlds)
            chosen = (_run_shares(len(y), 2)[:, :, None] * chosen).sum(1)
            points.append(wins.mean())
            samples.append((_world_shares(x.shape[1], n) * chosen).sum(1))
    if not points:
        return UNDEFINED
    return Estimate(float(np.mean(points)), *percentile_interval(np.mean(samples, 0)))


# Resampling


@lru_cache(maxsize=64)
def _world_shares(worlds: int, stratum: int) -> Floats:
    """Each world's share in resamples ``(RESAMPLES, worlds)``; equal for all policies of a stratum."""
    rng = np.random.default_rng([0, stratum])
    shares: Floats = rng.multinomial(worlds, np.full(worlds, 1.0 / worlds), size=RESAMPLES) / worlds
    return shares


@lru_cache(maxsize=64)
def _run_draws(runs: int, stream: int) -> NDArray[np.int64]:
    """Resampled training runs ``(RESAMPLES, runs)``; a single run stands for itself."""
    return np.random.default_rng([1, stream]).integers(runs, size=(RESAMPLES, runs))


def _run_shares(runs: int, stream: int) -> Floats:
    """Each run's share in resamples ``(RESAMPLES, runs)``."""
    draws = _run_draws(runs, stream)
    shares: Floats = (draws[:, :, None] == np.arange(runs)).mean(1)
    return shares


def _alike(cells: Sequence[Pair]) -> list[Pair]:
    """Cells with equal numbers of runs: averaged over runs where they differ."""
    if len({len(gain) for gain, _ in cells}) > 1:
        return [(gain.mean(0, keepdims=True), span) for gain, span in cells]
    return list(cells)


def _resampled(cells: Sequence[Pair]) -> tuple[Floats, Floats]:
    """Scores of resampled worlds, of each run ``(resamples, runs, scenarios)``, and those of resampled runs.

    Resamples in which some scenario has no scale are dropped from the second.
    """
    of_runs = []
    sound = np.ones(RESAMPLES, np.bool_)
    for n, (gain, span) in enumerate(cells):
        shares = _world_shares(gain.shape[1], n)
        spans = shares @ span
        same_sign = spans * span.mean() > 0.0
        sound &= same_sign
        of_runs.append(shares @ gain.T / np.where(same_sign, spans, 1.0)[:, None])
    scores = np.stack(of_runs, 2)
    draws = _run_draws(scores.shape[1], 0)
    return scores, np.take_along_axis(scores, draws[:, :, None], 1)[sound]


def _of_scores(strata: Sequence[Stratum], statistic: Statistic) -> Estimate:
    cells = [(values - zero, one - zero) for values, zero, one in strata if values.size and has_scale(zero, one)]
    return _estimate(cells, statistic) if cells else UNDEFINED


def _estimate(cells: Sequence[Pair], statistic: Statistic) -> Estimate:
    """A statistic of scores, sum of gains ``(runs, worlds)`` over sum of spans ``(worlds,)``, with its interval."""
    cells = _alike(cells)
    table = np.stack([gain.sum(1) / span.sum() for gain, span in cells], 1)  # (runs, scenarios)
    value, slope, influence = statistic(table)
    if min(len(span) for _, span in cells) < 2:
        return Estimate(float(value), math.nan, math.nan)
    # Around their own score, so that variances do not hang on differences of large numbers.
    around = [gain - score[:, None] * span for (gain, span), score in zip(cells, table.T, strict=True)]
    variances = []
    for n, (_, span) in enumerate(cells):
        worlds = len(span)
        part = slope[:, n] @ around[n] / span.mean()
        variances.append(float((part @ part) / (worlds * (worlds - 1))))
    runs = len(table)
    freedom = [len(span) - 1.0 for _, span in cells]
    if runs > 1:
        by_run = runs * influence.sum(1)
        variances.append(float(by_run.var(ddof=1)) / runs)
        freedom.append(runs - 1.0)
    variance = sum(variances)
    if variance <= 0.0:
        return Estimate(float(value), float(value), float(value))
    # Welch and Satterthwaite's degrees of freedom of a sum of variances.
    degrees = variance**2 / sum(part**2 / df for part, df in zip(variances, freedom, strict=True))
    error = math.sqrt(variance)
    below = above = float(special.stdtrit(degrees, 0.5 + LEVEL / 2.0))
    deviations = _studentised(cells, around, table, statistic)
    if len(deviations):
        low, high = percentile_interval(deviations)
        most = FARTHEST * below
        below, above = min(max(below, high), most), min(max(above, -low), most)
    return Estimate(float(value), float(value) - below * error, float(value) + above * error)


def _studentised(cells: Sequence[Pair], around: Sequence[Floats], table: Floats, statistic: Statistic) -> Floats:
    """Resampled distances from the estimate in resampled standard errors ``(resamples,)``."""
    centred = [(part, span) for part, (_, span) in zip(around, cells, strict=True)]
    runs = len(table)
    moved, _ = _resampled(centred)
    draws = _run_draws(runs, 0)
    drawn = np.take_along_axis(moved + table, draws[:, :, None], 1)
    values, slopes, influences = statistic(drawn)
    variance = np.zeros(RESAMPLES)
    if runs > 1:
        variance += (runs * influences.sum(2)).var(1, ddof=1) / runs
    sound = np.ones(RESAMPLES, np.bool_)
    chosen = draws[:, :, None] == np.arange(runs)  # (resamples, place, run)
    for n, (part, span) in enumerate(centred):
        shares = _world_shares(len(span), n)
        weights = np.einsum("bp,bpr->br", slopes[:, :, n], chosen)
        spans = shares @ span
        same_sign = spans * span.mean() > 0.0
        sound &= same_sign
        # The mean square of (weights @ part - level * span), from moments that all resamples share.
        level = (weights * moved[:, :, n]).sum(1)
        squares = (shares @ (part[:, None] * part[None]).reshape(runs * runs, -1).T).reshape(-1, runs, runs)
        mixed = np.einsum("br,brs,bs->b", weights, squares, weights)
        mixed -= 2.0 * level * (weights * (shares @ (part * span).T)).sum(1)
        mixed += level**2 * (shares @ span**2)
        variance += np.maximum(mixed, 0.0) / np.where(same_sign, spans, 1.0) ** 2 / (len(span) - 1)
    value = float(statistic(table)[0])
    sound &= variance > 1e-12 * float(np.median(variance))
    deviations: Floats = (values - value)[sound] / np.sqrt(variance[sound])
    return deviations


# Statistics of score tables


def _mean(table: Floats) -> tuple[Floats, Floats, Floats]:
    share = 1.0 / (table.shape[-1] * table.shape[-2])
    return table.mean((-1, -2)), np.full(table.shape, share), table * share


def _iqm(table: Floats) -> tuple[Floats, Floats, Floats]:
    flat = table.reshape(*table.shape[:-2], -1)
    cut = int(TRIMMED * flat.shape[-1])
    kept = flat.shape[-1] - 2 * cut
    order = np.argsort(flat, -1, kind="stable")
    slope = np.zeros_like(flat)
    np.put_along_axis(slope, order[..., cut : cut + kept], 1.0 / kept, -1)
    # A trimmed mean's influence is that of scores drawn in to the cuts (Tukey and McLaughlin, 1963).
    edges = np.take_along_axis(flat, order[..., [cut, cut + kept - 1]], -1)
    influence = np.clip(flat, edges[..., :1], edges[..., 1:]) / kept
    return (slope * flat).sum(-1), slope.reshape(table.shape), influence.reshape(table.shape)


def _gap(table: Floats) -> tuple[Floats, Floats, Floats]:
    share = 1.0 / (table.shape[-1] * table.shape[-2])
    below = np.minimum(table, 1.0)
    return 1.0 - below.mean((-1, -2)), np.where(table < 1.0, -share, 0.0), -below * share
