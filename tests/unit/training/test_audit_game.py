"""The audit game finds its closed form, and insurance its moral hazard."""

import numpy as np
import pytest

from patchpact.training.audit_game import AuditGame, fictitious_play, fictitious_play_linear


def test_the_closed_form_of_the_quadratic_game():
    audited, gap = AuditGame().equilibrium()
    assert audited == pytest.approx(0.0507, abs=5e-5)
    assert gap == pytest.approx(0.15)


def test_fictitious_play_comes_to_the_equilibrium_on_average():
    game = AuditGame()
    audited, gap = game.equilibrium()
    average = fictitious_play(game, 20_000)
    assert average.audited == pytest.approx(audited, rel=0.1)
    assert average.gap == pytest.approx(gap, rel=0.1)
    assert average.claim == pytest.approx(0.467, rel=0.1)
    assert average.effort == pytest.approx(0.317, rel=0.1)


def test_the_linear_game():
    game = AuditGame()
    assert game.linear_equilibrium() == pytest.approx((0.06, 0.15))
    assert fictitious_play_linear(game, 20_000) == pytest.approx((0.06, 0.15), rel=0.1)


@pytest.mark.parametrize("audited", [0.0, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("equity", [float("inf"), 20.0])
def test_the_best_answer_beats_a_grid(audited, equity):
    game = AuditGame(equity=equity)
    best = game.firm_payoff(*game.best_answer(audited), audited)
    grid = np.linspace(0.0, 1.0, 51)
    assert best >= max(game.firm_payoff(d, e, audited) for d in grid for e in grid) - 1e-9


def test_a_firm_without_equity_lies_where_a_rich_one_does_not():
    poor, rich = AuditGame(equity=20.0), AuditGame()
    claim, effort = poor.best_answer(0.1)
    assert claim - effort > 0.5
    claim, effort = rich.best_answer(0.1)
    assert claim == pytest.approx(effort)
