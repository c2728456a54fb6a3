"""Portfolios from forecasts: minimum variance and maximum ratio, long only, fully invested, by skfolio's MeanRisk.

Risk is the variance under a covariance shrunk by Ledoit and Wolf (2004), from daily returns up to the decision. Costs
are not part of the optimisation: they are counted afterwards, alike for all strategies.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from patchpact.ecosystem.portfolio.prices import Floats
from patchpact.ecosystem.portfolio.weeks import Weeks
from patchpact.scenarios.errors import ScenarioError


@dataclass(frozen=True)
class Weights:
    """Weights of one strategy.

    Attributes:
        values: by week and asset, each week's sum is 1.
        without_ratio: whether no ratio could be maximised (no forecast above zero): minimum variance stands there.
    """

    values: Floats  # (weeks, assets)
    without_ratio: np.ndarray[Any, np.dtype[np.bool_]]  # (weeks,)


def min_variance(weeks: Weeks, chosen: range, rows: int) -> Weights:
    """Least variance, which needs no forecast."""
    values = np.stack([_solve(weeks, week, rows, None) for week in chosen])
    return Weights(values, np.zeros(len(chosen), np.bool_))


def max_ratio(weeks: Weeks, chosen: range, rows: int, forecasts: Floats, least: Weights) -> Weights:
    """The greatest ratio of forecast return to deviation.

    Args:
        forecasts: ``(len(chosen), assets)``.
        least: the minimum-variance weights of the same weeks, for weeks without a forecast above zero.
    """
    hopeless = forecasts.max(1) <= 0.0
    values = [
        least.values[k] if hopeless[k] else _solve(weeks, week, rows, forecasts[k]) for k, week in enumerate(chosen)
    ]
    return Weights(np.stack(values), hopeless)


def _solve(weeks: Weeks, week: int, rows: int, forecast: Floats | None) -> Floats:
    from skfolio.exceptions import SkfolioError
    from skfolio.moments import LedoitWolf
    from skfolio.optimization import MeanRisk, ObjectiveFunction
    from skfolio.prior import EmpiricalPrior

    decision = int(weeks.decision_rows[week])
    days = weeks.day_returns[decision - rows + 1 : decision + 1]
    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    objective = ObjectiveFunction.MINIMIZE_RISK
    if forecast is not None:
        prior.set_params(mu_estimator=_given(forecast))
        objective = ObjectiveFunction.MAXIMIZE_RATIO
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the solver's accuracy, far below a basis point
            found = MeanRisk(objective_function=objective, prior_estimator=prior).fit(days).weights_
    except SkfolioError as error:
        day = weeks.dates[decision]
        problem = f"no portfolio on {day}: {error}"
        raise ScenarioError("prices", "weights", problem, "leave out assets that hardly move") from None
    held = np.maximum(np.asarray(found, np.float64), 0.0)
    values: Floats = held / held.sum()
    return values


def _given(forecast: Floats) -> Any:
    """An estimator of expected returns that returns the forecast it was given."""
    from skfolio.moments.expected_returns import BaseMu

    class Given(BaseMu):  # type: ignore[misc]
        def __init__(self, forecast: Floats | None = None) -> None:
            self.forecast = forecast

        def fit(self, X: Any, y: Any = None) -> Any:
            self.mu_ = np.asarray(self.forecast)
            return self

    return Given(forecast)
