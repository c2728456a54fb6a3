"""Which channel gets what: exact Shapley values beside the last touch. Numbers are fractions, so sums are exact.

A set of channels is worth what persons bring who met no others: v(S) = sum of what those bring whose channels all lie
in S (Zhao, Mahboobi and Bagheri, 2018, "Shapley value methods for attribution modeling in online advertising"). All
is computed from released totals and costs no privacy.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import factorial

from patchpact.ecosystem.federated.aggregates import SETS, Totals
from patchpact.ecosystem.federated.persons import CHANNELS, Floats


def shapley(worth: Callable[[int], Fraction], players: int) -> list[Fraction]:
    """Shapley values, exact: the mean of what a player adds over all orders.

    Args:
        worth: of a coalition, as a binary number whose bit i is player i; the empty one is worth 0.
        players: how many; the work doubles with each.
    """
    values = [worth(coalition) for coalition in range(2**players)]
    found = []
    for i in range(players):
        share = Fraction(0)
        for coalition in range(2**players):
            if not coalition >> i & 1:
                others = coalition.bit_count()
                weight = Fraction(factorial(others) * factorial(players - others - 1), factorial(players))
                share += weight * (values[coalition | 1 << i] - values[coalition])
        found.append(share)
    return found


def worth_of(brought: list[Fraction]) -> Callable[[int], Fraction]:
    """v(S) of what the persons of each set of channels bring."""
    return lambda coalition: sum(
        (amount for touched, amount in enumerate(brought) if touched & ~coalition == 0), Fraction(0)
    )


def conversions_by_set(totals: Totals) -> list[Fraction]:
    """Conversions of treated persons of each set of channels."""
    return [Fraction(float(totals.by_set[s, 3])) for s in range(SETS)]


def gains_by_set(totals: Totals) -> list[Fraction]:
    """Conversions that treatment added among the treated of each set: their number times the difference of rates."""
    return [Fraction(_gain(totals.by_set[s])) for s in range(SETS)]


def last_touch(totals: Totals) -> list[Fraction]:
    """Conversions of treated persons by their last channel."""
    return [Fraction(float(totals.by_last[k, 3])) for k in range(len(CHANNELS))]


def last_touch_gains(totals: Totals) -> list[Fraction]:
    """Conversions that treatment added, by the last channel."""
    return [Fraction(_gain(totals.by_last[k])) for k in range(len(CHANNELS))]


def _gain(cells: Floats) -> float:
    """Of noisy numbers by kind; 0 where either arm is not surely inhabited."""
    held_out, treated = float(cells[0] + cells[1]), float(cells[2] + cells[3])
    if held_out < 1.0 or treated < 1.0:
        return 0.0
    return float(cells[3]) - treated * float(cells[1]) / held_out
