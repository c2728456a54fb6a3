"""Walk an LSTM through market data week by week, and set its forecasts and portfolios beside naive ones.

The table has a row for each week out of sample, which is a window of the game: what each strategy returned after
costs, what it traded, how far forecasts were off, and what error was disclosed before. Results stand in
docs/portfolio.md. All of it takes some minutes on two cores; --small takes seconds and says nothing about markets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patchpact.ecosystem.portfolio.backtest import BLOCK_WEEKS, RESAMPLES, Earned, earned
from patchpact.ecosystem.portfolio.prices import Floats, Prices, bundled_prices, read_prices
from patchpact.ecosystem.portfolio.results import summary
from patchpact.ecosystem.portfolio.settings import FULL, SMALL, Settings
from patchpact.ecosystem.portfolio.weeks import Weeks, check_length, weekly
from patchpact.ecosystem.portfolio.weights import Weights, max_ratio, min_variance
from patchpact.scenarios.tables import Cell, Measurement

if TYPE_CHECKING:
    from patchpact.ecosystem.portfolio.lstm import Run

Tell = Callable[[str], None]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the calibration's options."""
    parser.add_argument(
        "--data",
        metavar="CSV",
        help="prices of your own by trading day: a column date, then one an asset; a column named index is the"
        " benchmark (default: 20 shares of the S&P 500, 1990 to 2022, that come with skfolio)",
    )
    parser.add_argument("--small", action="store_true", help="a walk of seconds, to see that it works")
    parser.add_argument(
        "--jobs", type=_jobs, default=2, metavar="N", help="processes (default 2); results do not depend on it"
    )


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; give 1 to 64")
    return int(text)


def run(args: argparse.Namespace) -> Measurement:
    """Measure; see ``configure``."""
    settings = SMALL if args.small else FULL
    prices = bundled_prices() if args.data is None else read_prices(Path(args.data))
    if settings.history_rows:
        prices = prices.last_rows(settings.history_rows)
    quiet = args.json or not sys.stderr.isatty()
    rows = measure(prices, settings, args.jobs, _silent if quiet else _say)
    return Measurement(rows, ("numpy", "scikit-learn", "skfolio", "torch"), notes(prices, settings), summary(rows))


def notes(prices: Prices, settings: Settings) -> tuple[str, ...]:
    """What the numbers assume."""
    return (
        f"prices: {prices.source}; {len(prices.assets)} assets, {prices.dates[0]} to {prices.dates[-1]},"
        f" sha256 {prices.sha256}; benchmark: {prices.index_note}",
        splits(settings),
        f"cost_rate: {settings.cost_rate:g} of each unit bought or sold",
        f"bootstrap: {RESAMPLES} resamples of blocks of {BLOCK_WEEKS} weeks",
        "_return is after costs, over the week; _turnover is bought plus sold, as a share of wealth; _rmse is over the"
        " assets, of weekly returns; disclosed is from the validation part of the training in use, realised from the"
        " week",
        "lstm is the mean forecast of all seeds; lstm_seedK_startS_rmse is one seed's in the walk begun S weeks late",
    )


def splits(settings: Settings) -> str:
    """How the walk was laid, in a line."""
    return (
        f"split: train {settings.train_weeks} weeks, then validation {settings.validation_weeks}, then test; trained"
        f" anew every {settings.retrain_weeks} weeks; {settings.seeds} seeds; walks begun"
        f" {', '.join(map(str, settings.starts))} weeks late"
    )


def measure(prices: Prices, settings: Settings, jobs: int, tell: Tell) -> list[dict[str, Cell]]:
    """Rows of the table. Raises ``ScenarioError`` if the history is too short."""
    weeks = weekly(prices, max(settings.covariance_rows, settings.lookback_rows))
    check_length(prices.source, len(weeks), settings.shortest_weeks)
    before = settings.train_weeks + settings.validation_weeks
    chosen = range(before + max(settings.starts), len(weeks))  # the weeks that all walks test
    with _workers(jobs) as workers:
        least = workers.submit(min_variance, weeks, chosen, settings.covariance_rows)
        runs = _runs(weeks, settings, workers, tell)
        lstm = {seed: runs[seed, settings.starts[0]].test[-len(chosen) :] for seed in range(settings.seeds)}
        forecasts = {
            "lstm": np.mean(list(lstm.values()), 0),
            "mean": np.stack([weeks.returns[week - before : week].mean(0) for week in chosen]),
            "last": np.stack([weeks.returns[week - 1] for week in chosen]),
        }
        wanted = forecasts | {f"lstm_seed{seed}": forecast for seed, forecast in lstm.items()}
        ratios = {
            f"max_ratio_{name}": workers.submit(
                max_ratio, weeks, chosen, settings.covariance_rows, forecast, least.result()
            )
            for name, forecast in wanted.items()
        }
        held: dict[str, Weights] = {"min_variance": least.result()}
        for name, ratio in ratios.items():
            held[name] = ratio.result()
            tell(name)
    assets = weeks.returns.shape[1]
    held["equal_weight"] = Weights(np.full((len(chosen), assets), 1.0 / assets), np.zeros(len(chosen), np.bool_))
    returns = weeks.returns[chosen.start :]
    columns = _calendar(weeks, chosen)
    columns["index_return"] = weeks.index_returns[chosen.start :]
    for name in ("equal_weight", *(key for key in held if key != "equal_weight")):
        one: Earned = earned(held[name].values, returns, settings.cost_rate)
        columns[f"{name}_return"], columns[f"{name}_turnover"] = one.net, one.turnover
        if name.startswith("max_ratio"):
            columns[f"{name}_without_ratio"] = held[name].without_ratio
    columns |= _errors(weeks, settings, chosen, runs, forecasts)
    return _rows(columns)


def _runs(weeks: Weeks, settings: Settings, workers: Executor, tell: Tell) -> dict[tuple[int, int], Run]:
    from patchpact.ecosystem.portfolio.lstm import walk

    begun = {
        (seed, start): workers.submit(walk, weeks, settings, seed, start)
        for start in settings.starts
        for seed in range(settings.seeds)
    }
    found = {}
    for key, one in begun.items():
        found[key] = one.result()
        tell(f"LSTM seed {key[0]}, begun {key[1]} weeks late")
    return found


def _calendar(weeks: Weeks, chosen: range) -> dict[str, Any]:
    days = weeks.dates
    return {
        "window": np.arange(len(chosen)),
        "decided": [days[weeks.decision_rows[week]].isoformat() for week in chosen],
        "ends": [days[weeks.end_rows[week]].isoformat() for week in chosen],
    }


def _errors(
    weeks: Weeks,
    settings: Settings,
    chosen: range,
    runs: Mapping[tuple[int, int], Run],
    forecasts: Mapping[str, Floats],
) -> dict[str, Any]:
    """Errors of forecasts by week, and what was disclosed of the LSTM's before."""
    returns = weeks.returns[chosen.start :]
    start = settings.starts[0]
    validation = np.mean([runs[seed, start].validation for seed in range(settings.seeds)], 0)
    first = settings.train_weeks + settings.validation_weeks + start
    number = (np.arange(chosen.start, chosen.stop) - first) // settings.retrain_weeks  # the training in use
    past = first - settings.validation_weeks + settings.retrain_weeks * np.arange(len(validation))
    truth = weeks.returns[past[:, None] + np.arange(settings.validation_weeks)]  # (folds, validation weeks, assets)
    found: dict[str, Any] = {
        "training": number,
        "disclosed_rmse": _rmse(validation - truth, (1, 2))[number],
        "disclosed_zero_rmse": _rmse(truth, (1, 2))[number],
        "realised_rmse": _rmse(forecasts["lstm"] - returns, 1),
        "zero_rmse": _rmse(returns, 1),
        "mean_rmse": _rmse(forecasts["mean"] - returns, 1),
        "last_rmse": _rmse(forecasts["last"] - returns, 1),
    }
    for (seed, begun), one in runs.items():
        found[f"lstm_seed{seed}_start{begun}_rmse"] = _rmse(one.test[-len(chosen) :] - returns, 1)
    return found


def _rmse(errors: Floats, axis: int | tuple[int, ...]) -> Floats:
    found: Floats = np.sqrt((errors**2).mean(axis))
    return found


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Cell]]:
    plain = {name: np.asarray(values).tolist() for name, values in columns.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


class _Here(Executor):
    """Does at once, in this process, what it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@contextmanager
def _workers(jobs: int) -> Iterator[Executor]:
    if jobs <= 1:
        yield _Here()
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"))
    try:
        yield pool
    except BaseException:  # Ctrl-C too: what has not begun is not begun
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _say(done: str) -> None:
    print(f"done: {done}", file=sys.stderr, flush=True)


def _silent(done: str) -> None:
    pass
