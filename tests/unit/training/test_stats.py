"""Intervals cover, pairing narrows, undefined scores say so, and published tables come out as published."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import trim_mean

from patchpact.training import stats

# Scores of an agent in 26 Atari games, 5 training runs, after 100,000 steps, with those of random play and of a human:
# Alonso et al. (2024), "Diffusion for world modeling: visual details matter in Atari", which states their mean
# human-normalised score as 1.46 (github.com/eloialonso/diamond@a1311e98, results/data, MIT; random and human scores as
# in github.com/eloialonso/iris@75e5ab57, results/data). What is expected of them below was computed with rliable 1.2.0
# (arch 7.2.0, numpy 2.4.6), its resampling begun by np.random.seed(0), 2000 resamples.
ATARI_100K = Path(__file__).with_name("atari_100k.csv")
RLIABLE = {
    "mean": (1.459023657572432, 1.3577708206861108, 1.571147115158081),
    "iqm": (0.6407874597037997, 0.5773672487808734, 0.7069760811297329),
    "gap": (0.48019553652768376, 0.4643862937289785, 0.4966903821390405),
}
RLIABLE_PROFILE = {0.0: 0.9692307692307692, 0.5: 0.46153846153846156, 1.0: 0.4230769230769231, 2.0: 0.24615384615384617}
RLIABLE_IMPROVEMENT = 0.48290598290598286
"""Of the first three runs over the last three."""


@pytest.fixture(scope="module")
def atari() -> NDArray[np.float64]:
    """Human-normalised scores ``(runs, games)``."""
    with ATARI_100K.open(encoding="utf-8", newline="") as stream:
        rows = [[float(value) for value in list(row.values())[1:]] for row in csv.DictReader(stream)]
    table = np.array(rows)
    return ((table[:, 2:] - table[:, :1]) / (table[:, 1:2] - table[:, :1])).T


def test_mean_of_equal_values_has_no_width() -> None:
    assert stats.mean(np.full(10, 3.0)) == pytest.approx((3.0, 3.0, 3.0))


def test_one_episode_has_no_interval() -> None:
    value, low, high = stats.mean(np.array([2.0]))
    assert value == 2.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_equal_values_give_equal_intervals() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert stats.mean(values) == stats.mean(values.copy())


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        _, low, high = stats.mean(rng.normal(5.0, 2.0, size=60))
        hits += low <= 5.0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_pairing_narrows_a_difference() -> None:
    rng = np.random.default_rng(3)
    world = rng.normal(0.0, 100.0, size=80)
    zero, one = world, world + 10.0 + rng.normal(0.0, 1.0, size=80)
    score = stats.score(world + 5.0, zero, one)
    assert score.value == pytest.approx(0.5, abs=0.02)
    assert score.high - score.low < 0.1


def test_sums_come_before_the_ratio() -> None:
    zero = np.zeros(40)
    one = np.tile([1.0, 1.0, 1.0, 97.0], 10)
    half = np.tile([1.0, 1.0, 1.0, 47.0], 10)
    assert stats.score(half, zero, one).value == pytest.approx(0.5)


def test_a_score_without_a_scale_is_undefined() -> None:
    rng = np.random.default_rng(4)
    zero = rng.normal(size=30)
    assert all(map(math.isnan, stats.score(zero, zero, zero + rng.normal(0.0, 1.0, size=30))))
    assert all(map(math.isnan, stats.score(zero[:1], zero[:1], zero[:1] + 1)))


def test_a_reference_below_doing_nothing_is_no_scale() -> None:
    rng = np.random.default_rng(5)
    zero = rng.normal(size=30)
    assert stats.has_scale(zero, zero + 1.0 + rng.random(30))
    assert not stats.has_scale(zero, zero - 1.0 - rng.random(30))
    strata = [(zero[None], zero, zero - 1.0 - rng.random(30))]
    assert all(map(math.isnan, stats.score_mean(strata)))


def test_a_ratio_of_costs_has_a_denominator_below_0() -> None:
    rng = np.random.default_rng(6)
    cost = -1.0 - rng.random(50)
    found = stats.score(3.0 * cost + rng.normal(0.0, 0.1, 50), np.zeros(50), cost)
    assert found.low < 3.0 < found.high
    assert found.high - found.low < 0.1


# Published tables


def test_point_estimates_are_those_published(atari: NDArray[np.float64]) -> None:
    assert atari.shape == (5, 26)
    assert round(float(atari.mean()), 2) == 1.46
    assert float(atari.mean()) == pytest.approx(RLIABLE["mean"][0], abs=1e-9)
    assert stats.iqm(atari) == pytest.approx(RLIABLE["iqm"][0], abs=1e-9)
    assert stats.iqm(atari) == pytest.approx(float(trim_mean(atari, 0.25, axis=None)), abs=1e-12)
    assert stats.optimality_gap(atari) == pytest.approx(RLIABLE["gap"][0], abs=1e-9)


def test_aggregates_of_strata_are_those_published(atari: NDArray[np.float64]) -> None:
    worlds = 2  # alike, so that nothing but runs varies
    strata = [(np.repeat(game[:, None], worlds, 1), np.zeros(worlds), np.ones(worlds)) for game in atari.T]
    assert stats.score_mean(strata).value == pytest.approx(RLIABLE["mean"][0], abs=1e-9)
    assert stats.score_iqm(strata).value == pytest.approx(RLIABLE["iqm"][0], abs=1e-9)
    assert stats.score_gap(strata).value == pytest.approx(RLIABLE["gap"][0], abs=1e-9)
    profile = stats.profile(strata, list(RLIABLE_PROFILE))
    assert [at.value for at in profile] == pytest.approx(list(RLIABLE_PROFILE.values()), abs=1e-9)
    paired = [(values[:3], values[2:]) for values, _, _ in strata]
    assert stats.improvement(paired).value == pytest.approx(RLIABLE_IMPROVEMENT, abs=1e-9)


@pytest.mark.parametrize(("name", "statistic"), [("mean", np.mean), ("iqm", stats.iqm), ("gap", stats.optimality_gap)])
def test_percentile_intervals_are_those_published(atari: NDArray[np.float64], name: str, statistic) -> None:
    """With the draws that the published program makes from its seed."""
    draws = np.random.RandomState(0)
    games = np.arange(atari.shape[1])
    samples = [statistic(atari[draws.choice(len(atari), atari.shape), games]) for _ in range(2000)]
    assert stats.percentile_interval(samples) == pytest.approx(RLIABLE[name][1:], abs=1e-9)


# The studentised bootstrap, against a plain one that draws the same


def plain_interval(cells, statistic, influence_of) -> tuple[float, float]:
    """Resample by resample, with explicit copies of runs and worlds."""

    def estimate(gains, spans):
        """The statistic and its standard error."""
        runs = len(gains[0])
        table = np.array(
            [[gain[t].sum() / span.sum() for gain, span in zip(gains, spans, strict=True)] for t in range(runs)]
        )
        slope, influence = influence_of(table)
        variance = 0.0
        for c, (gain, span) in enumerate(zip(gains, spans, strict=True)):
            n = len(span)
            residual = sum(slope[t, c] * (gain[t] - table[t, c] * span) / span.mean() for t in range(runs))
            variance += (residual**2).sum() / (n - 1) / n
        if runs > 1:
            variance += (runs * influence.sum(1)).var(ddof=1) / runs
        return statistic(table), math.sqrt(variance)

    gains, spans = [gain for gain, _ in cells], [span for _, span in cells]
    runs = len(gains[0])
    value, error = estimate(gains, spans)
    chosen_runs = stats._run_draws(runs, 0)
    deviations = []
    for b in range(stats.RESAMPLES):
        drawn_gains, drawn_spans = [], []
        for c, (gain, span) in enumerate(cells):
            counts = np.rint(stats._world_shares(len(span), c)[b] * len(span)).astype(int)
            worlds = np.repeat(np.arange(len(span)), counts)
            drawn_gains.append(gain[chosen_runs[b]][:, worlds])
            drawn_spans.append(span[worlds])
        drawn, its_error = estimate(drawn_gains, drawn_spans)
        deviations.append((drawn - value) / its_error)
    low, high = np.percentile(deviations, [2.5, 97.5])
    return value - high * error, value - low * error


def mean_influence(table):
    return np.full(table.shape, 1.0 / table.size), table / table.size


def iqm_influence(table):
    flat = table.ravel()
    cut = len(flat) // 4
    order = flat.argsort(kind="stable")
    kept = order[cut : len(flat) - cut]
    slope = np.zeros(len(flat))
    slope[kept] = 1.0 / len(kept)
    return slope.reshape(table.shape), np.clip(table, flat[kept[0]], flat[kept[-1]]) / len(kept)


@pytest.mark.parametrize("runs", [1, 4])
@pytest.mark.parametrize(
    ("function", "statistic", "influence"),
    [(stats.score_mean, np.mean, mean_influence), (stats.score_iqm, stats.iqm, iqm_influence)],
)
def test_studentised_intervals_against_a_plain_bootstrap(
    runs: int, function, statistic, influence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "RESAMPLES", 150)
    for cached in (stats._world_shares, stats._run_draws):
        cached.cache_clear()
    # Without the bounds that Student's t sets; they have tests of their own.
    monkeypatch.setattr(stats, "special", SimpleNamespace(stdtrit=lambda degrees, level: 1e-9))
    monkeypatch.setattr(stats, "FARTHEST", 1e12)
    rng = np.random.default_rng(6)
    strata = []
    for worlds in (11, 12, 14, 15, 16):
        zero = rng.normal(0.0, 1.0, worlds)
        one = zero + 5.0 + rng.gamma(2.0, 1.0, worlds)
        values = zero + (one - zero) * rng.normal(0.5, 0.2, (runs, 1)) + rng.normal(0.0, 0.7, (runs, worlds))
        strata.append((values, zero, one))
    assert all(stats.has_scale(zero, one) for _, zero, one in strata)
    found = function(strata)
    low, high = plain_interval([(v - z, o - z) for v, z, o in strata], statistic, influence)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    for cached in (stats._world_shares, stats._run_draws):
        cached.cache_clear()


def lumpy(rng: np.random.Generator, worlds: int) -> NDArray[np.float64]:
    """Mostly small losses, now and then a large one; the mean is -300."""
    struck = rng.random(worlds) < 0.25
    return -100.0 - np.where(struck, rng.gamma(0.8, 1000.0, worlds), 0.0)


def test_intervals_of_lumpy_losses_cover_where_percentiles_do_not() -> None:
    rng = np.random.default_rng(7)
    hits, plain = 0, 0
    for _ in range(300):
        values = lumpy(rng, 64)
        hits += (estimate := stats.mean(values)).low <= -300.0 <= estimate.high
        low, high = stats.percentile_interval(stats._world_shares(64, 0) @ values)
        plain += low <= -300.0 <= high
    assert 0.93 <= hits / 300 <= 0.985
    assert plain < hits


def test_training_runs_widen_the_interval_that_worlds_alone_give() -> None:
    rng = np.random.default_rng(8)
    zero = rng.normal(0.0, 1.0, 100)
    one = zero + 10.0 + rng.normal(0.0, 1.0, 100)
    skill = np.linspace(0.2, 0.8, 10)[:, None]
    strata = [(zero + skill * (one - zero), zero, one)] * 3
    alone = stats.score_mean([(values.mean(0, keepdims=True), z, o) for values, z, o in strata])
    both = stats.score_mean(strata)
    assert both.value == pytest.approx(alone.value)
    error = skill.std(ddof=1) / math.sqrt(10)
    assert both.high - both.low == pytest.approx(2 * 2.26 * error, rel=0.15)
    assert alone.high - alone.low < 0.3 * (both.high - both.low)


def test_scenarios_without_a_scale_and_without_worlds_are_left_out() -> None:
    rng = np.random.default_rng(9)
    zero = rng.normal(size=50)
    sound = (zero[None] + 2.0, zero, zero + 4.0)
    flat = (zero[None] + 2.0, zero, zero + rng.normal(0.0, 1.0, 50))
    assert stats.score_mean([sound, flat]).value == pytest.approx(0.5)
    assert all(map(math.isnan, stats.score_iqm([flat])))
    assert all(map(math.isnan, stats.score_iqm([])))
    assert all(map(math.isnan, stats.improvement([])))
    assert all(map(math.isnan, stats.profile([flat], [0.5])[0]))
    assert all(map(math.isnan, stats.mean_gain([(np.empty((0, 0)), np.empty(0))])))


def test_different_numbers_of_runs_are_averaged_first() -> None:
    zero, one = np.zeros(20), np.ones(20)
    strata = [(np.full((1, 20), 0.2), zero, one), (np.array([[0.3] * 20, [0.5] * 20]), zero, one)]
    assert stats.score_mean(strata).value == pytest.approx(0.3)


def test_improvement_is_paired_by_world_and_ties_count_half() -> None:
    world = np.random.default_rng(10).normal(0.0, 100.0, 40)
    assert stats.improvement([(world[None] + 1e-6, world[None])]) == pytest.approx((1.0, 1.0, 1.0))
    assert stats.improvement([(world[None], world[None])]) == pytest.approx((0.5, 0.5, 0.5))
    better = world + np.where(np.arange(40) < 30, 1.0, -1.0)
    found = stats.improvement([(better[None], world[None])])
    assert found.value == pytest.approx(0.75)
    assert 0.55 < found.low < 0.75 < found.high < 0.95


def test_iqm_gini_and_nash_welfare_of_plain_numbers() -> None:
    assert stats.iqm([0.0, 1.0, 2.0, 30.0]) == pytest.approx(1.5)
    assert math.isnan(stats.iqm([]))
    assert stats.optimality_gap([0.5, 2.0]) == pytest.approx(0.25)
    assert stats.gini([3.0, 3.0, 3.0]) == pytest.approx(0.0)
    assert stats.gini([0.0, 0.0, 5.0, -2.0]) == pytest.approx(0.75)
    assert math.isnan(stats.gini([0.0, -1.0]))
    assert stats.nash_welfare([2.0, 8.0]) == pytest.approx(4.0)
    assert stats.nash_welfare([2.0, -8.0]) == 0.0
    assert math.isnan(stats.nash_welfare([]))


def test_few_worlds_give_wide_but_bounded_intervals() -> None:
    assert stats.mean(np.array([1.0, 2.0])).high - 1.5 == pytest.approx(12.7062 * 0.5, rel=1e-4)
    one_lump = stats.mean(np.r_[np.zeros(127), 1.0])
    assert 0.0 < one_lump.high < 0.1
