"""One compiled function out of many."""

from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core.dispatch import dispatcher


@compiled
def _twice(x):
    return 2 * x


@compiled
def _next(x):
    return x + 1


@compiled
def _square(x):
    return x * x


def test_the_number_chooses_and_the_last_takes_the_rest():
    choose = dispatcher([_twice, _next, _square], "x")
    assert [choose(which, 5) for which in (0, 1, 2, 3, -1)] == [10, 6, 25, 25, 25]


def test_one_function_needs_no_choice():
    assert dispatcher([_next], "x")(0, 1) == 2
