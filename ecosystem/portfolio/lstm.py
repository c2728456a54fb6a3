"""The forecaster: one small LSTM for all assets, trained anew in each fold. Importing this loads torch.

A sample is one asset in one week: its last daily returns in, its return over the coming week out. All assets share
the weights, so that a fold has thousands of samples instead of hundreds, and any number of assets fits.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from patchpact.ecosystem.portfolio.prices import Floats
from patchpact.ecosystem.portfolio.settings import Settings
from patchpact.ecosystem.portfolio.weeks import Fold, Weeks, folds


@dataclass(frozen=True)
class Run:
    """Forecasts of one seed and one start.

    Attributes:
        test: of each week from the first test week on.
        validation: of each fold's validation weeks, by the weights that forecast its test weeks.
        epochs: passes over the train part until the best validation error, by fold.
    """

    seed: int
    start: int
    test: Floats  # (test weeks, assets)
    validation: Floats  # (folds, validation weeks, assets)
    epochs: tuple[int, ...]  # (folds,)


@dataclass(frozen=True)
class Scale:
    """Means and deviations by asset, of the train part alone."""

    input_mean: Floats  # (assets,)
    input_deviation: Floats  # (assets,)
    target_mean: Floats  # (assets,)
    target_deviation: Floats  # (assets,)


class WeekAhead(nn.Module):
    """Standardised daily returns ``(samples, rows, 1)`` to a standardised weekly return ``(samples,)``."""

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        bound = 1.0 / math.sqrt(hidden)  # what torch.nn itself draws from, here without the global generator
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, days: Tensor) -> Tensor:
        """See the class."""
        outputs, _ = self.lstm(days)
        found: Tensor = self.head(outputs[:, -1])[:, 0]
        return found


def walk(weeks: Weeks, settings: Settings, seed: int, start: int) -> Run:
    """Train and forecast fold by fold. Equal arguments give equal bits on one machine, whatever its threads."""
    done = []
    with _one_thread():
        for fold in folds(len(weeks), settings.train_weeks, settings.validation_weeks, settings.retrain_weeks, start):
            done.append(_fold(weeks, fold, settings, seed))
    return Run(
        seed,
        start,
        np.concatenate([test for _, test, _ in done]),
        np.stack([validation for validation, _, _ in done]),
        tuple(epochs for _, _, epochs in done),
    )


def scale(weeks: Weeks, fold: Fold, rows: int) -> Scale:
    """The standardisation of a fold, from rows and weeks of its train part."""
    train = fold.weeks("train")
    decisions = weeks.decision_rows[train]
    days = weeks.day_returns[decisions[0] - rows + 1 : decisions[-1] + 1]
    targets = weeks.returns[train]
    return Scale(days.mean(0), _deviation(days), targets.mean(0), _deviation(targets))


def _deviation(values: Floats) -> Floats:
    found = values.std(0)
    return np.where(found > 0.0, found, 1.0)  # a price that never moves stays at zero


def _fold(weeks: Weeks, fold: Fold, settings: Settings, seed: int) -> tuple[Floats, Floats, int]:
    """Forecasts of the validation and of the test weeks, and the epochs trained."""
    sizes = scale(weeks, fold, settings.lookback_rows)
    assets = weeks.returns.shape[1]

    def samples(part: str) -> Tensor:
        days = (weeks.inputs(fold.weeks(part), settings.lookback_rows) - sizes.input_mean) / sizes.input_deviation
        flat = days.transpose(0, 2, 1).reshape(-1, settings.lookback_rows, 1)  # week by week, asset by asset
        return torch.from_numpy(np.ascontiguousarray(flat, np.float32))

    def targets(part: str) -> Tensor:
        values = (weeks.returns[fold.weeks(part)] - sizes.target_mean) / sizes.target_deviation
        return torch.from_numpy(np.ascontiguousarray(values.reshape(-1), np.float32))

    generator = torch.Generator()
    generator.manual_seed(int(np.random.SeedSequence(seed, spawn_key=(fold.number,)).generate_state(1)[0]))
    model = WeekAhead(settings.hidden, generator)
    epochs = _train(model, samples("train"), targets("train"), samples("validation"), targets("validation"),
                    settings, generator)  # fmt: skip

    def forecasts(part: str) -> Floats:
        with torch.no_grad():
            found = model(samples(part)).numpy().astype(np.float64).reshape(-1, assets)
        values: Floats = sizes.target_mean + sizes.target_deviation * found
        return values

    return forecasts("validation"), forecasts("test"), epochs


def _train(
    model: WeekAhead,
    days: Tensor,
    targets: Tensor,
    validation_days: Tensor,
    validation_targets: Tensor,
    settings: Settings,
    generator: torch.Generator,
) -> int:
    """Adam on squared errors; the weights of the best validation error stay. Returns their epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    best, best_epoch, kept = math.inf, 0, copy.deepcopy(model.state_dict())
    for epoch in range(1, settings.epochs + 1):
        order = torch.randperm(len(days), generator=generator)
        for chosen in order.split(settings.batch):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(days[chosen]), targets[chosen])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            error = float(nn.functional.mse_loss(model(validation_days), validation_targets))
        if error < best:
            best, best_epoch, kept = error, epoch, copy.deepcopy(model.state_dict())
        elif epoch - best_epoch >= settings.patience:
            break
    model.load_state_dict(kept)
    return best_epoch


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, whatever the number of threads was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
