"""What the platform pays firms for interactions, by their own counts, proven or not."""

from functools import partial

import pytest
import small_worlds as sw
from small_worlds import PLATFORM, SECOND, SHOP

from patchpact.scenarios import Entrypoint

ON = {
    "modules_enabled": True, "creators_enabled": True, "disclosure_enabled": True, "proofs_enabled": True,
    "creator_share": 0.5, "module_preferential": 0.0, "leak_probability": 0.0,
}  # fmt: skip
POOL = 0.5 * 2 * 0.4
"""Half the fees of two shops, k€ a window."""


def two_shops(**changes):
    """The second shop has twice the first one's margin."""
    flows = (*sw.market_place().entrypoints, Entrypoint(2, "s1", 200.0, 2.0, "business_2"))
    return sw.market_of_two(**{**ON, "entrypoints": flows, **changes})


def paid(*turns, firms=(SHOP, SECOND), **changes):
    """A table after a window in which these firms measure; true levels are .5."""
    return sw.first_window(partial(two_shops, **changes), dict.fromkeys(firms, "module:measurement"), *turns)


def test_unproven_counts_share_by_size_whatever_they_count_for():
    for haircut in (0.2, 1.0):
        table = paid(unproven_haircut=haircut)
        assert table.paid(SHOP, "payout") == pytest.approx(POOL / 3.0)
        assert table.paid(SECOND, "payout") == pytest.approx(POOL * 2.0 / 3.0)
        assert table.paid(PLATFORM, "payout") == pytest.approx(-POOL), "it cancels"
        assert table.paid(SHOP, "proof") == 0.0


def test_a_proven_count_takes_from_unproven_ones_and_costs_a_second_proof():
    table = paid({SHOP: "prove:on"})
    assert table.paid(SHOP, "payout") == pytest.approx(POOL * 1.0 / (1.0 + 0.5 * 2.0))
    assert table.paid(SECOND, "payout") == pytest.approx(POOL * 0.5)
    assert table.paid(SHOP, "proof") == pytest.approx(-2.0 * 0.015), "one of its claim, one of its count"


def test_who_claims_too_much_counts_too_many_and_cannot_prove_it():
    """It claims 1 where .5 is so, and counts half as many again."""
    for turns in ([{SHOP: "claim:4"}], [{SHOP: "claim:4"}, {SHOP: "prove:on"}]):
        table = paid(*turns)
        assert table.paid(SHOP, "payout") == pytest.approx(POOL * 1.5 / 3.5)
    honest = paid({SHOP: "claim:2"})
    assert honest.paid(SHOP, "payout") == pytest.approx(POOL / 3.0)


def test_only_who_measures_is_paid_and_the_platform_does_not_pay_itself():
    table = paid(firms=(SHOP, PLATFORM))
    assert table.paid(SHOP, "payout") == pytest.approx(0.5 * POOL), "half the fees of one shop"
    assert table.paid(PLATFORM, "payout") == pytest.approx(-0.5 * POOL)
    assert table.paid(SECOND, "payout") == 0.0


@pytest.mark.parametrize("off", [{"creators_enabled": False}, {"creator_share": 0.0}, {"module_price_keur": 0.0}])
def test_where_nothing_is_paid_nothing_is_proven(off):
    table = paid({SHOP: "prove:on"}, **off)
    assert table.paid(SHOP, "payout") == table.paid(PLATFORM, "payout") == 0.0
    assert table.paid(SHOP, "proof") == pytest.approx(-0.015), "of its claim"


def test_if_unproven_counts_count_for_nothing_only_proofs_are_paid():
    assert paid(unproven_haircut=0.0).paid(PLATFORM, "payout") == 0.0
    assert paid({SHOP: "prove:on"}, unproven_haircut=0.0).paid(SHOP, "payout") == pytest.approx(POOL)


def test_what_firms_really_pay_is_shared():
    """A proven rating of 1/2 brings half of the discount of a fifth, from the window after it on."""
    table = sw.Table(two_shops(module_preferential=0.2, motions_per_window=2))
    both = (SHOP, SECOND)
    table.step(dict.fromkeys(both, "module:measurement"))
    table.step(dict.fromkeys(both, "prove:on"))
    table.wait(1)
    table.step(dict.fromkeys(both, "claim:2"))
    table.wait(2)
    before, fees = table.paid(PLATFORM, "payout"), table.paid(PLATFORM, "module")
    table.wait(3)
    assert table.paid(PLATFORM, "module") - fees == pytest.approx(2 * 0.4 * 0.9)
    assert table.paid(PLATFORM, "payout") - before == pytest.approx(-0.5 * 2 * 0.4 * 0.9)


def test_without_responsibility_nothing_is_claimed_or_proven():
    table = paid(responsibility_enabled=False)
    assert not table.legal(SHOP, "prove:on")
    assert table.paid(SHOP, "payout") == pytest.approx(POOL / 3.0)
