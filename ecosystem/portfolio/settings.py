"""How a calibration walks; every default without a source is an assumption."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Settings:
    """Lengths, sizes and numbers of a walk forward.

    Attributes:
        lookback_rows: daily returns that a forecast sees.
        hidden: units of the LSTM's one layer.
        train_weeks: weeks a training learns from (5 years, rolling).
        validation_weeks: weeks after them that end the training early and give the disclosed error.
        retrain_weeks: weeks a training is used for.
        seeds: trainings that differ in initial weights and order of samples.
        starts: weeks by which the whole walk begins later: calendars of retraining.
        epochs: passes over the train part at most.
        patience: passes without a better validation error after which training ends.
        batch: samples a step; a sample is one asset in one week.
        learning_rate: of Adam.
        covariance_rows: daily returns that a covariance is estimated from (one year).
        cost_rate: of each unit traded, buying or selling: 10 basis points.
        history_rows: newest rows of prices used; 0 for all.
    """

    lookback_rows: int = 20
    hidden: int = 32
    train_weeks: int = 260
    validation_weeks: int = 104
    retrain_weeks: int = 52
    seeds: int = 5
    starts: tuple[int, ...] = (0, 26)
    epochs: int = 30
    patience: int = 3
    batch: int = 256
    learning_rate: float = 1e-3
    covariance_rows: int = 252
    cost_rate: float = 0.001
    history_rows: int = 0

    @property
    def shortest_weeks(self) -> int:
        """Weeks of history below which nothing can be said: one training, its validation and its test."""
        return self.train_weeks + self.validation_weeks + max(self.starts) + self.retrain_weeks


FULL = Settings()
SMALL = replace(
    FULL,
    train_weeks=52,
    validation_weeks=13,
    retrain_weeks=13,
    seeds=2,
    starts=(0, 4),
    epochs=2,
    covariance_rows=63,
    history_rows=560,
)
"""A walk of seconds that shows that everything works and says nothing about markets."""
