"""The measured curve: what measuring is worth by privacy budget, number of tenants and their size, on made-up markets.

A market's value is what its tenants earn on fresh persons when they treat whom the released model finds worth the
spend, as a share of what they would earn if they knew each person's true uplift. Nobody treated is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patchpact.ecosystem.federated.attack import Advantage, attack, bound
from patchpact.ecosystem.federated.fedavg import train
from patchpact.ecosystem.federated.incentives import incentives_cents
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.market import Market, draw_persons, draw_tenants
from patchpact.ecosystem.federated.measure import NO_NOISE, Settings, measure, noise_multipliers, worth_treating
from patchpact.ecosystem.federated.model import examples, uplift
from patchpact.ecosystem.federated.noise import SeededNoise
from patchpact.ecosystem.federated.persons import Bools, Floats, Persons
from patchpact.ecosystem.federated.released import PARITY_LIMIT

Row = dict[str, str | int | float]
TIERS: tuple[float | None, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, None)
"""Budgets; None is no noise."""
LEAK_PER_DAY, LEAK_GROWTH = 1e-4, 0.3
"""Daily hazard of a leak that matters, ``LEAK_PER_DAY * exp(LEAK_GROWTH * epsilon)`` (assumption, not measured)."""
LEAK_TOP_EPSILON = 16.0
"""The epsilon that no noise counts as, in the hazard (assumption)."""
FRESH = 4000
"""Fresh persons of a market, at least, on whom models are judged."""
ALONE = 4
"""Tenants of a market, at most, whose training alone is measured."""


@dataclass(frozen=True)
class Study:
    """What is varied."""

    tenants: tuple[int, ...] = (2, 8, 32)
    persons_per_tenant: tuple[int, ...] = (250, 1000, 4000)
    """Median; sizes lie between half and twice as much, evenly in their logarithm."""
    seeds: int = 20
    trials: int = 500
    delta: float = 1e-5


@dataclass(frozen=True)
class _Judged:
    """A model on a market's fresh persons."""

    rmse: float
    share: float
    gap: float
    even_share: float
    """The value's share where each tenant treats its protected group as often as the others."""
    uneven: float
    """Share of tenants in which the two are treated so differently that ``PARITY_LIMIT`` is passed."""


@dataclass(frozen=True)
class _Fresh:
    """Fresh persons, what treating adds to their conversion, and what an order is worth."""

    persons: Persons
    gain: Floats  # (persons,)
    order_eur: float
    settings: Settings

    def value(self, treated: Bools) -> float:
        """Earned by treating these, in EUR."""
        gains = self.settings.margin_share * self.order_eur * self.gain - self.settings.spend_eur
        return float(gains[treated].sum())

    def best(self) -> float:
        """Earned by treating whom it pays to treat; NaN if it pays to treat nobody, and shares of it are undefined."""
        best = self.value(worth_treating(self.gain, self.order_eur, self.settings))
        return best if best > 0.0 else math.nan

    def judge(self, weights: Floats, order_eur: float) -> _Judged:
        """A released model, with the released mean order."""
        told, best = uplift(weights, self.persons), self.best()
        chosen = worth_treating(told, order_eur, self.settings)
        group = self.persons.group
        tenants = [np.flatnonzero(self.persons.tenant == i) for i in range(len(self.persons.tenants))]
        even = np.zeros(len(told), bool)
        for own in tenants:
            even[own] = treat_evenly(told[own], chosen[own], group[own])
        gaps = [parity_gap(chosen[own], group[own]) for own in tenants]
        return _Judged(
            float(np.sqrt(np.mean((told - self.gain) ** 2))),
            self.value(chosen) / best,
            parity_gap(chosen, group),
            self.value(even) / best,
            float(np.mean([gap > PARITY_LIMIT for gap in gaps])),
        )


def parity_gap(treated: Bools, group: Bools) -> float:
    """How far the shares treated lie apart, between the protected group and the others; 0 where one has nobody."""
    if group.all() or not group.any():
        return 0.0
    return float(abs(treated[group].mean() - treated[~group].mean()))


def treat_evenly(told: Floats, chosen: Bools, group: Bools) -> Bools:
    """As many as were chosen, but of each group the same share: those who are told to gain most ``(persons,)``."""
    even = np.zeros(len(told), bool)
    for one in (group, ~group):
        places = np.flatnonzero(one)
        best = places[np.argsort(-told[places], kind="stable")]
        even[best[: round(float(chosen.mean()) * len(places))]] = True
    return even


def run_study(
    study: Study, market: Market, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> list[Row]:
    """One row for each budget, number of tenants and size; intervals are 95%, Student's t over seeds.

    ``progress`` is told how many of how many cells of tenants and size are done.
    """
    multipliers = {
        tier: dict(NO_NOISE) if tier is None else noise_multipliers(tier, study.delta, settings.training)
        for tier in TIERS
    }
    attacks = {
        tier: attack(multipliers[tier]["model"], settings.training, study.trials, _rng(0, i))
        for i, tier in enumerate(TIERS)
    }
    cells = [(tenants, size) for tenants in study.tenants for size in study.persons_per_tenant]
    rows: list[Row] = []
    for done, (tenants, size) in enumerate(cells):
        found: dict[float | None, list[list[float]]] = {tier: [] for tier in TIERS}
        for seed in range(study.seeds):
            for tier, numbers in _one(study, market, settings, multipliers, tenants, size, seed).items():
                found[tier].append(numbers)
        rows += [_row(study, tier, tenants, size, np.array(found[tier]), attacks[tier]) for tier in TIERS]
        if progress is not None:
            progress(done + 1, len(cells))
    return rows


COLUMNS = (
    "epsilon_spent",
    "uplift_rmse",
    "value_share",
    "alone_value_share",
    "treat_all_value_share",
    "parity_gap",
    "even_value_share",
    "uneven_share",
    "misallocated_share",
)


def _one(
    study: Study,
    market: Market,
    settings: Settings,
    multipliers: Mapping[float | None, Mapping[str, float]],
    tenants: int,
    size: int,
    seed: int,
) -> dict[float | None, list[float]]:
    """``COLUMNS`` of one market, by budget: all budgets meet the same persons."""
    rng = _rng(1, tenants, size, seed)
    truth = draw_tenants(market, tenants, rng)
    sizes = np.rint(size * 2.0 ** rng.uniform(-1.0, 1.0, tenants)).astype(np.int64)
    persons, _ = draw_persons(market, truth, sizes, rng)
    each = np.maximum(sizes, math.ceil(FRESH / tenants))
    drawn, gain = draw_persons(market, truth, each, rng)
    fresh = _Fresh(drawn, gain, market.order_eur, settings)
    alone = _alone(persons, fresh, settings)
    all_treated = fresh.value(np.ones(len(gain), bool)) / fresh.best()
    results, payments = {}, {}
    for tier in TIERS:
        ledger = None if tier is None else Ledger(None, tier, study.delta)
        noise = SeededNoise(np.random.SeedSequence([2, tenants, size, seed]))
        measured = measure(persons, settings, multipliers[tier], noise, ledger)
        judged = fresh.judge(measured.trained.weights, measured.order_eur)
        payments[tier] = np.array(incentives_cents(list(measured.scores), 1_000_000)) / 1e6
        spent = math.inf if ledger is None else ledger.spent()
        results[tier] = [
            spent,
            judged.rmse,
            judged.share,
            alone,
            all_treated,
            judged.gap,
            judged.even_share,
            judged.uneven,
        ]
    for tier in TIERS:
        results[tier].append(float(0.5 * np.abs(payments[tier] - payments[None]).sum()))
    return results


def _alone(persons: Persons, fresh: _Fresh, settings: Settings) -> float:
    """The share of tenants' value when each trains on its own persons, without noise and without telling anyone."""
    got = best = 0.0
    for i in range(min(ALONE, len(persons.tenants))):
        own = examples(persons.where(persons.tenant == i))
        one = type(own)(own.terms, own.converted, np.zeros(len(own.converted), np.int64), 1)
        counts = np.array([float(len(one.converted))])
        fitted = train(one, counts, settings.training, 0.0, SeededNoise(0), None)
        here = fresh.persons.tenant == i
        theirs = _Fresh(fresh.persons.where(here), fresh.gain[here], fresh.order_eur, settings)
        told = uplift(fitted.weights, theirs.persons)
        got += theirs.value(worth_treating(told, theirs.order_eur, settings))
        best += theirs.best()
    return got / best


def _row(study: Study, tier: float | None, tenants: int, size: int, found: Floats, attacks: Sequence[Advantage]) -> Row:
    """A row of the table from ``COLUMNS`` by seed ``(seeds, columns)``."""
    defined = np.isfinite(found[:, 1:]).all(1)
    if defined.sum() < 2:
        raise ValueError("--spend-eur: it pays to treat nobody in such markets; give less, or more --margin-share")
    columns = dict(zip(COLUMNS, found[defined].T, strict=True))
    row: Row = {
        "epsilon": "none" if tier is None else f"{tier:g}",
        "tenants": tenants,
        "persons_per_tenant": size,
        "seeds": int(defined.sum()),
        "epsilon_spent": "none" if tier is None else float(columns["epsilon_spent"].max()),
    }
    for name in COLUMNS[1:]:
        row[name], row[f"{name}_low"], row[f"{name}_high"] = mean_interval(columns[name])
    row["leak_hazard_per_day"] = leak_hazard_per_day(tier)
    for name, advantage in zip(("loss_attack", "worst_case_attack"), attacks, strict=True):
        row[name], row[f"{name}_low"], row[f"{name}_high"] = advantage.value, advantage.low, advantage.high
    row["attack_bound"] = 1.0 if tier is None else bound(tier, study.delta)
    return row


def leak_hazard_per_day(epsilon: float | None) -> float:
    """The assumed chance of a leak that matters on a day, after ``epsilon`` has been spent."""
    return LEAK_PER_DAY * math.exp(LEAK_GROWTH * min(LEAK_TOP_EPSILON, math.inf if epsilon is None else epsilon))


def mean_interval(values: Floats) -> tuple[float, float, float]:
    """The mean of ``(seeds,)`` with Student's 95% interval."""
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    mean = float(values.mean())
    return mean, mean - half, mean + half


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(key))
