"""The calendar of decisions: one a week, as a window of the game, and which weeks train, validate and test.

A decision stands on the last row of a calendar week (Monday to Sunday). What it decides on, the week's return, runs
from that row to the last row of the next week that has rows. A forecast for week ``w`` may use rows up to
``decision_rows[w]`` and weeks before ``w``; nothing later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from patchpact.ecosystem.portfolio.prices import Floats, Prices
from patchpact.scenarios.errors import ScenarioError


@dataclass(frozen=True)
class Weeks:
    """Weekly steps of a price history.

    Attributes:
        day_returns: the return of each row over the row before it; the first row's is 0.
        decision_rows: the row at whose close week ``w`` is decided.
        end_rows: the row at whose close week ``w`` ends.
        returns: of each asset over each week.
        index_returns: of the benchmark.
    """

    dates: tuple[date, ...]  # (rows,)
    day_returns: Floats  # (rows, assets)
    decision_rows: NDArray[np.int64]  # (weeks,)
    end_rows: NDArray[np.int64]  # (weeks,)
    returns: Floats  # (weeks, assets)
    index_returns: Floats  # (weeks,)

    def __len__(self) -> int:
        return len(self.end_rows)

    def inputs(self, weeks: NDArray[np.int64], rows: int) -> Floats:
        """What a forecast of each week sees: returns of the ``rows`` rows up to its decision.

        Returns:
            ``(len(weeks), rows, assets)``.
        """
        back = np.arange(1 - rows, 1)
        found: Floats = self.day_returns[self.decision_rows[weeks][:, None] + back]
        return found


@dataclass(frozen=True)
class Fold:
    """One training: half-open ranges of weeks, in order of time and without overlap."""

    number: int
    train: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]

    def weeks(self, part: str) -> NDArray[np.int64]:
        """The weeks of ``train``, ``validation`` or ``test``."""
        return np.arange(*getattr(self, part))


def weekly(prices: Prices, first_row: int) -> Weeks:
    """The weekly steps of a history; the first decision has ``first_row`` rows before it.

    The last week counts only if it is over: its last row is a Friday or later.
    """
    calendar = np.array([day.toordinal() for day in prices.dates])
    number = (calendar - 1) // 7  # ordinal 1 is a Monday
    ends = np.flatnonzero(np.append(number[1:] != number[:-1], prices.dates[-1].weekday() >= 4))
    decisions, finishes = ends[:-1], ends[1:]
    enough = decisions >= first_row
    decisions, finishes = decisions[enough], finishes[enough]
    days = np.zeros_like(prices.values)
    days[1:] = prices.values[1:] / prices.values[:-1] - 1.0
    return Weeks(
        prices.dates,
        days,
        decisions,
        finishes,
        prices.values[finishes] / prices.values[decisions] - 1.0,
        prices.index[finishes] / prices.index[decisions] - 1.0,
    )


def folds(weeks: int, train: int, validation: int, retrain: int, start: int = 0) -> list[Fold]:
    """The walk forward: every ``retrain`` weeks a training on the ``train`` weeks before the ``validation`` weeks
    before it. It begins ``start`` weeks after the earliest possible one, and is laid from the front: later data move no
    earlier fold.
    """
    found = []
    for number, first in enumerate(range(train + validation + start, weeks, retrain)):
        cut = first - validation
        found.append(Fold(number, (cut - train, cut), (cut, first), (first, min(first + retrain, weeks))))
    return found


def check_length(source: str, weeks: int, needed: int) -> None:
    """Raises ``ScenarioError`` if a history is too short for one training, its validation and its test."""
    if weeks < needed:
        mend = f"give at least {needed} of them, or --small"
        raise ScenarioError(source, "date", f"{weeks} weeks of history after the first rows are not enough", mend)
