"""What a table of the walk forward says: errors, earnings and disclosure, with intervals.

All intervals are 95%, from weeks resampled in circular blocks, alike for all that is compared; where there are several
seeds and starts of the LSTM, these are resampled too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patchpact.ecosystem.portfolio.backtest import MEASURES, WEEKS_A_YEAR, block_draws, interval, measures, run_shares
from patchpact.ecosystem.portfolio.prices import Floats
from patchpact.scenarios.tables import Cell, Table

STRATEGIES = {
    "index": "index, held",
    "equal_weight": "1/N, every week",
    "min_variance": "least variance, no forecast",
    "max_ratio_mean": "greatest ratio, mean of the past",
    "max_ratio_last": "greatest ratio, last week's return",
    "max_ratio_lstm": "greatest ratio, LSTM",
}
FORECASTS = {"mean": "mean of the past", "last": "last week's return", "lstm": "LSTM, mean of seeds"}
_RUN = re.compile(r"lstm_seed(\d+)_start(\d+)_rmse")
_SEED = re.compile(r"max_ratio_lstm_seed(\d+)_return")


@dataclass(frozen=True)
class Number:
    """A value with its interval."""

    value: float
    low: float
    high: float


class Walked:
    """A table's columns, and its resampled weeks.

    Args:
        table: rows as measured, or the table as read from its file.
    """

    def __init__(self, table: Table | Sequence[Mapping[str, Cell]]) -> None:
        rows = table.rows if isinstance(table, Table) else table
        self._rows = rows
        self.columns = tuple(rows[0])
        self.weeks = len(rows)
        self._draws = block_draws(self.weeks)
        self._shares = np.zeros(self._draws.shape)  # each week's share in a resample
        np.add.at(self._shares, (np.arange(len(self._draws))[:, None], self._draws), 1.0 / self.weeks)

    def numbers(self, column: str) -> Floats:
        """A column, ``(weeks,)``."""
        return np.array([float(row[column]) for row in self._rows])

    @property
    def decided(self) -> tuple[str, ...]:
        """The day of each decision, ``(weeks,)``."""
        return tuple(str(row["decided"]) for row in self._rows)

    def _mean(self, values: Floats) -> Floats:
        """Means of resampled weeks: ``(..., weeks)`` to ``(..., resamples)``."""
        found: Floats = values @ self._shares.T
        return found

    # Forecasts

    def gain_over_zero(self, name: str) -> Number:
        """``1 - MSE / MSE of the zero forecast``, the out-of-sample R² of Campbell and Thompson (2008) for zero."""
        return self._gain(self._squared(name)[None], None, "zero")

    def gain_of_runs(self, other: str = "zero") -> Number:
        """The same of one LSTM, over the zero or another forecast: the mean over seeds and starts, both resampled."""
        runs = self.runs()
        seeds = sorted({seed for seed, _ in runs})
        starts = sorted({start for _, start in runs})
        errors = np.stack([self.numbers(f"lstm_seed{a}_start{b}_rmse") ** 2 for a in seeds for b in starts])
        resamples = len(self._draws)
        shares = run_shares(len(seeds), resamples, 0)[:, :, None] * run_shares(len(starts), resamples, 1)[:, None]
        return self._gain(errors, shares.reshape(resamples, -1), other)

    def runs(self) -> list[tuple[int, int]]:
        """Seed and start of each LSTM measured alone."""
        found = (_RUN.fullmatch(name) for name in self.columns)
        return [(int(one[1]), int(one[2])) for one in found if one]

    def gain_of_run(self, seed: int, start: int) -> float:
        """One LSTM's gain over zero."""
        errors = self.numbers(f"lstm_seed{seed}_start{start}_rmse") ** 2
        return 1.0 - float(errors.mean() / (self.numbers("zero_rmse") ** 2).mean())

    def rmse(self, name: str) -> float:
        """Of all weeks and assets; ``zero``, ``mean``, ``last`` or ``lstm``."""
        return float(np.sqrt(self._squared(name).mean()))

    def _squared(self, name: str) -> Floats:
        """Mean squared errors of a forecast, ``(weeks,)``; see ``rmse``."""
        squared: Floats = self.numbers("realised_rmse" if name == "lstm" else f"{name}_rmse") ** 2
        return squared

    def _gain(self, errors: Floats, shares: Floats | None, other: str) -> Number:
        """Of squared errors ``(runs, weeks)`` and each run's share in resamples ``(resamples, runs)``."""
        zero = self._squared(other)
        drawn = self._mean(errors).T
        mean = drawn.mean(1) if shares is None else (drawn * shares).sum(1)
        return Number(1.0 - float(errors.mean() / zero.mean()), *interval(1.0 - mean / self._mean(zero)))

    # Strategies

    def earnings(self, names: Sequence[str]) -> dict[str, Number]:
        """Each of ``MEASURES``, and ``sharpe_over_1n``, of a strategy; several stand for seeds of one."""
        returns = np.stack([self.numbers(f"{name}_return") for name in names])
        shares = run_shares(len(names), len(self._draws), 2)
        drawn = np.zeros((len(self._draws), len(MEASURES)))
        for k, one in enumerate(returns):
            drawn += shares[:, k, None] * measures(one[self._draws])
        values = measures(returns).mean(0)
        found = {key: Number(float(values[k]), *interval(drawn[:, k])) for k, key in enumerate(MEASURES)}
        equal = self.numbers("equal_weight_return")
        at = MEASURES.index("sharpe")
        over = drawn[:, at] - measures(equal[self._draws])[:, at]
        found["sharpe_over_1n"] = Number(float(values[at] - measures(equal)[at]), *interval(over))
        return found

    def sharpe_over(self, name: str, other: str) -> Number:
        """A strategy's Sharpe ratio less another's, in the same weeks."""
        at = MEASURES.index("sharpe")
        mine, its = (self.numbers(f"{one}_return") for one in (name, other))
        drawn = measures(mine[self._draws])[:, at] - measures(its[self._draws])[:, at]
        return Number(float(measures(mine)[at] - measures(its)[at]), *interval(drawn))

    def seeds(self) -> list[str]:
        """Strategies by the forecast of one seed."""
        return [name.removesuffix("_return") for name in self.columns if _SEED.fullmatch(name)]

    def turnover_a_year(self, name: str) -> float:
        """Bought plus sold a year, in units of wealth; nothing for the index."""
        if name == "index":
            return 0.0
        return float(self.numbers(f"{name}_turnover").mean() * WEEKS_A_YEAR)

    def return_before_costs(self, name: str, cost_rate: float) -> float:
        """The compound return a year had trading been free."""
        net = self.numbers(f"{name}_return")
        traded = np.zeros_like(net) if name == "index" else self.numbers(f"{name}_turnover")
        return float(measures((1.0 + net) / (1.0 - cost_rate * traded) - 1.0)[0])

    # Disclosure

    def realised_over_disclosed(self) -> Number:
        """Root of the ratio of squared errors: above 1, forecasts were worse than disclosed."""
        realised, disclosed = self.numbers("realised_rmse") ** 2, self.numbers("disclosed_rmse") ** 2
        drawn = np.sqrt(self._mean(realised) / self._mean(disclosed))
        return Number(float(np.sqrt(realised.mean() / disclosed.mean())), *interval(drawn))

    def trainings(self) -> list[dict[str, Cell]]:
        """By training: when its weeks began, disclosed and realised errors, and gains over zero by both."""
        number = self.numbers("training")
        found: list[dict[str, Cell]] = []
        for one in np.unique(number):
            chosen = np.flatnonzero(number == one)
            at = chosen[0]
            disclosed = float(self.numbers("disclosed_rmse")[at])
            realised = float(np.sqrt((self.numbers("realised_rmse")[chosen] ** 2).mean()))
            zero = float(np.sqrt((self.numbers("zero_rmse")[chosen] ** 2).mean()))
            found.append(
                {
                    "from": self.decided[at],
                    "weeks": len(chosen),
                    "disclosed_rmse": disclosed,
                    "realised_rmse": realised,
                    "disclosed_gain": 1.0 - (disclosed / float(self.numbers("disclosed_zero_rmse")[at])) ** 2,
                    "realised_gain": 1.0 - (realised / zero) ** 2,
                }
            )
        return found


def summary(table: Table | Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """Strategies in short, for the command line."""
    walked = Walked(table)
    rows: list[dict[str, Cell]] = []
    for name, title in STRATEGIES.items():
        found = walked.earnings([name])
        over = found["sharpe_over_1n"]
        rows.append(
            {
                "strategy": title,
                "return a year": f"{found['return_a_year'].value:.1%}",
                "volatility": f"{found['volatility_a_year'].value:.1%}",
                "Sharpe": f"{found['sharpe'].value:.2f}",
                "over 1/N": f"{over.value:+.2f} ({over.low:+.2f} to {over.high:+.2f})",
                "drawdown": f"{found['drawdown'].value:.0%}",
                "traded a year": f"{walked.turnover_a_year(name):.1f}",
            }
        )
    return rows
