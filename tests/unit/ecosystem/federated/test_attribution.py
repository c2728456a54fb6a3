"""Shapley values hold their axioms exactly, not nearly."""

from fractions import Fraction
from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.ecosystem.federated.aggregates import release_totals
from patchpact.ecosystem.federated.attribution import (
    conversions_by_set,
    gains_by_set,
    last_touch,
    last_touch_gains,
    shapley,
    worth_of,
)
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.noise import SeededNoise
from patchpact.ecosystem.federated.persons import Persons

PLAYERS = 4
few = settings(max_examples=25)
games = st.lists(st.floats(-1e6, 1e6).map(Fraction), min_size=2**PLAYERS, max_size=2**PLAYERS).map(
    lambda worths: [Fraction(0), *worths[1:]]
)


@few
@given(games)
def test_efficiency(game: list[Fraction]) -> None:
    assert sum(shapley(game.__getitem__, PLAYERS)) == game[-1]


@few
@given(games)
def test_it_is_the_mean_over_all_orders(game: list[Fraction]) -> None:
    expected = [Fraction(0)] * PLAYERS
    for order in permutations(range(PLAYERS)):
        before = 0
        for i in order:
            expected[i] += (game[before | 1 << i] - game[before]) / 24
            before |= 1 << i
    assert shapley(game.__getitem__, PLAYERS) == expected


@few
@given(games)
def test_symmetry(game: list[Fraction]) -> None:
    """Players 1 and 2 made alike get the same."""

    def swapped(coalition: int) -> int:
        one, two = coalition >> 1 & 1, coalition >> 2 & 1
        return coalition & ~0b110 | two << 1 | one << 2

    values = shapley(lambda s: game[s] + game[swapped(s)], PLAYERS)
    assert values[1] == values[2]


@few
@given(games)
def test_a_null_player_gets_nothing(game: list[Fraction]) -> None:
    assert shapley(lambda s: game[s & ~0b1000], PLAYERS)[3] == 0


@few
@given(games)
def test_conversions_are_shared_equally_by_the_channels_met(brought: list[Fraction]) -> None:
    values = shapley(worth_of(brought), PLAYERS)
    for k in range(PLAYERS):
        sets = [s for s in range(2**PLAYERS) if s >> k & 1]
        assert values[k] == sum(brought[s] / s.bit_count() for s in sets)


def test_totals_with_noise_are_attributed_without_rest(persons: Persons) -> None:
    totals = release_totals(persons, 50.0, (3.0, 2.0), SeededNoise(1), Ledger(None, 50.0))
    for by_set in (conversions_by_set(totals), gains_by_set(totals)):
        assert sum(shapley(worth_of(by_set), PLAYERS)) == sum(by_set)


def test_last_touch_gives_all_to_the_last(persons: Persons) -> None:
    totals = release_totals(persons, 50.0, (0.0, 0.0), SeededNoise(0), None)
    won = persons.treated & persons.converted
    np.testing.assert_allclose(
        np.array(last_touch(totals), float), np.bincount(persons.last[won], minlength=4), atol=1e-9
    )
    rates = [
        (persons.converted & arm & (persons.last == 3)).sum() / (arm & (persons.last == 3)).sum()
        for arm in (persons.treated, ~persons.treated)
    ]
    treated = (persons.treated & (persons.last == 3)).sum()
    np.testing.assert_allclose(float(last_touch_gains(totals)[3]), treated * (rates[0] - rates[1]))
