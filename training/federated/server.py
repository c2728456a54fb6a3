"""The server's part: bound each tenant's update, add them up, charge, add noise, step.

DP-FedAvg with a fixed denominator (McMahan, Ramage, Talwar and Zhang, 2018, "Learning differentially private recurrent
language models"). Neighbouring data differ by adding or removing one **tenant** with all its worlds; then the sum of
updates moves by at most ``update_clip``, and the Gaussian mechanism on the sum is what the account charges. The
denominator is the expected number of participants, a public constant. The server is trusted: it sees each tenant's
update before the noise. Steps, momentum, scores on public worlds and the choice of the best policy work on what was
released, and cost nothing more.

Where ``participation`` is below 1 each tenant is drawn by a coin of its own, of the operating system's secure generator
as the noise is, and who was drawn is neither told nor kept: what the accountant assumes of Poisson sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.ecosystem.federated.ledger import TENANT, Ledger, LedgerError, Release, epsilon
from patchpact.ecosystem.federated.noise import SystemNoise, gaussian
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.weights import Vector

LARGEST_MULTIPLIER = 1e4


def clipped(update: Vector, norm: float) -> Vector:
    """The update, shortened to ``norm`` where it is longer (0: left as it is); one that is not finite becomes zero."""
    if not np.isfinite(update).all():
        return np.zeros_like(update)
    if norm == 0.0:
        return update
    largest = float(np.abs(update).max(initial=0.0))  # scaled by it first: squares of huge numbers overflow
    length = largest * float(np.linalg.norm(update / largest)) if largest else 0.0
    return update if length <= norm else update * (norm / length)


def total(updates: Iterable[Vector], size: int, norm: float) -> Vector:
    """Sum of the clipped updates ``(size,)``; zero where nobody took part."""
    return sum((clipped(update, norm) for update in updates), np.zeros(size))


def round_release(settings: FederatedConfig, noise_multiplier: float, count: int = 1) -> Release:
    """What rounds are charged as."""
    return Release("policy update", noise_multiplier, count, settings.participation)


def noise_multiplier(settings: FederatedConfig) -> float:
    """The settings' own, or the smallest (to 0.1%) with which all rounds keep within the budget; 0 without a budget.

    Raises:
        ValueError: one line, where no noise is large enough.
    """
    if not settings.private or settings.noise_multiplier:
        return settings.noise_multiplier

    def fits(multiplier: float) -> bool:
        return epsilon([round_release(settings, multiplier, settings.rounds)], settings.delta) <= settings.epsilon

    high = 1.0
    while not fits(high):
        high *= 2.0
        if high > LARGEST_MULTIPLIER:
            raise ValueError(f"epsilon: {settings.epsilon:g} is too little for any update; give more")
    low = high / 2.0
    while low > 1e-3 and fits(low):
        low, high = low / 2.0, low
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


@dataclass
class Server:
    """Holds the policy, asks for updates and steps.

    Args:
        settings: of the run, ``noise_multiplier`` among them (see the function of that name).
        tenants: how many there are, which is public.
        weights: of the policy ``(size,)``.
        momentum: the last step ``(size,)``.
        ledger: what rounds are charged to; None only without a budget.
    """

    settings: FederatedConfig
    tenants: int
    weights: Vector
    momentum: Vector
    ledger: Ledger | None

    def __post_init__(self) -> None:
        if self.settings.private and (self.ledger is None or not self.settings.noise_multiplier):
            raise ValueError("ledger: a budget needs an account and noise; give both")

    @property
    def epsilon(self) -> float:
        """What all charged so far costs a tenant; infinite without a budget."""
        return self.ledger.spent() if self.ledger is not None else float("inf")

    def taking_part(self) -> NDArray[np.int64]:
        """Numbers of the tenants that train in a round."""
        if self.settings.participation == 1.0:
            return np.arange(self.tenants)
        return np.flatnonzero(SystemNoise().uniform(self.tenants) < self.settings.participation)

    def check(self, rounds: int = 1) -> None:
        """Raise ``BudgetError`` if the budget does not allow so many rounds more; charges nothing."""
        if self.ledger is not None:
            self.ledger.check([round_release(self.settings, self.settings.noise_multiplier, rounds)])

    def step(self, updates: Sequence[Vector], directions: NDArray[np.float64] | None = None) -> float:
        """Take a round's updates: charge, add noise, and step.

        The charge is on disk before the noise is drawn.

        Args:
            updates: of those that took part, each ``(size,)`` as trained; they are clipped here.
            directions: orthonormal and public ``(directions, size)``; updates count along them alone, and are clipped
                and released as their coordinates. None: in every weight.

        Returns:
            The norm of the released mean update.

        Raises:
            BudgetError: the budget does not allow it; nothing was charged, and the policy stays as it is.
        """
        settings = self.settings
        if directions is not None:
            updates = [directions @ update for update in updates]
        size = len(self.weights) if directions is None else len(directions)
        summed = total(updates, size, settings.update_clip)
        if self.ledger is not None:
            self.ledger.charge(round_release(settings, settings.noise_multiplier))
            summed = gaussian(summed, settings.update_clip, settings.noise_multiplier, SystemNoise())
        mean = (summed if directions is None else summed @ directions) / (settings.participation * self.tenants)
        self.momentum = settings.server_momentum * self.momentum + mean
        self.weights = self.weights + settings.server_lr * self.momentum
        return float(np.linalg.norm(mean))


def open_ledger(settings: FederatedConfig, run: Path) -> Ledger | None:
    """The account of a run in the folder ``run``. Raises ``LedgerError`` (one line) for a file that is none of it."""
    if not settings.private:
        return None
    file = Path(settings.ledger) if settings.ledger else run / "ledger.json"
    return Ledger(file, settings.epsilon, settings.delta, TENANT)


def admit(settings: FederatedConfig) -> None:
    """See, before anything is written, that the budget holds all rounds of a new run. Raises ``LedgerError``."""
    if not settings.private:
        return
    file = Path(settings.ledger) if settings.ledger else None
    if file is not None and not file.parent.is_dir():
        raise LedgerError(f"{file}: ledger: there is no folder {file.parent}; make it, or name another file")
    ledger = Ledger(file, settings.epsilon, settings.delta, TENANT)
    ledger.check([round_release(settings, settings.noise_multiplier, settings.rounds)])
