import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.scenarios.fusion.model import (
    Verdict,
    discounted,
    flag_evidence,
    log_odds,
    looks_for,
    posterior,
    probability,
    silence_evidence,
)
from patchpact.scenarios.fusion.tables import KINDS, Rates, Tables, Weakness, load_tables

SQL = Weakness("sql-injection", "query-injection", "flow")
RATES = {
    ("sast", ""): Rates(0.4, 2.0, 0.2, 3.0, 0.5),
    ("one", "sql-injection"): Rates(0.6, 6.0, 0.3, 6.0, 1.0),
    ("dast", ""): Rates(0.3, 4.0, 0.01, 4.0, 0.6),
}
WEIGHTS = {
    "first_flag": 0.7, "next_flag": 0.5, "first_silence": 0.8, "next_silence": 0.25, "prior": 0.1, "prior_sd": 0.4,
}  # fmt: skip
TABLES = Tables({}, {}, RATES, WEIGHTS)


def test_a_posterior_by_hand():
    verdicts = [
        Verdict("one", "sast", True),
        Verdict("two", "sast", True, trust=0.5),
        Verdict("three", "sast", False, reported=1, missed=3),
        Verdict("web", "dast", True),
    ]
    found = posterior(SQL, verdicts, TABLES, context={"exposure": 0.2})
    one, two = math.log(0.6 / 0.3), 0.5 * math.log(0.4 / 0.2)
    web = math.log(0.3 / 0.01)
    # Where it looks, a static tool flags .8 of the real and .4 of the safe places: .6 with even odds.
    looks = (1 + 2 * 0.5 * 0.6) / (1 + 3 + 2) / 0.6
    three = math.log((1 - looks * 0.8) / (1 - looks * 0.4))
    assert found.parts["one"] == pytest.approx(one)
    assert found.parts["two"] == pytest.approx(two)
    assert found.parts["silence"] == pytest.approx(three)
    total = 0.1 + 0.7 * one + 0.7 * 0.5 * two + 0.8 * three + 0.7 * web + 0.2
    assert log_odds(found.probability) == pytest.approx(total)
    assert found.parts["dependence"] == pytest.approx(total - (0.1 + one + two + three + web + 0.2))
    assert found.low < found.probability < found.high


def test_a_tool_that_flags_safe_places_as_often_says_nothing():
    assert flag_evidence(Rates(0.2, 5.0, 0.4, 5.0, 1.0))[0] == 0.0
    assert silence_evidence(Rates(0.2, 5.0, 0.4, 5.0, 1.0), 5, 1)[0] == 0.0


def test_more_cases_make_it_surer():
    vague, sure = Rates(0.5, 2.0, 0.1, 2.0, 0.9), Rates(0.5, 200.0, 0.1, 200.0, 0.9)
    assert flag_evidence(vague)[0] == flag_evidence(sure)[0]
    assert flag_evidence(vague)[1] > 3 * flag_evidence(sure)[1]
    assert silence_evidence(vague, 3, 3)[1] > 3 * silence_evidence(sure, 3, 3)[1]


def test_looking_follows_what_a_tool_reports():
    rates = RATES["sast", ""]
    shares = [looks_for(rates, reported, missed) for reported, missed in [(0, 500), (0, 5), (0, 1), (2, 2), (9, 1)]]
    assert shares == sorted(shares)
    assert shares[0] < 0.01 and shares[-1] == 1.0


@given(st.lists(st.floats(0.0, 20.0), max_size=8), st.floats(0.0, 20.0), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_one_more_piece_never_takes_away(worths, more, first, following):
    before, after = discounted(worths, first, following), discounted([*worths, more], first, following)
    assert after >= before - 1e-9
    assert after <= first * (sum(worths) + more) + 1e-9
    assert discounted([-worth for worth in worths], first, following) == pytest.approx(-before)


def test_unknown_tools_and_weaknesses_get_the_rates_of_their_kind():
    tables = load_tables()
    assert tables.rates_of("never seen", "sast", SQL) == tables.rates["sast", "sql-injection"]
    unknown = Weakness("cwe-1", "cwe-1")
    assert tables.rates_of("never seen", "sast", unknown) == tables.rates["sast", ""]
    assert tables.rates_of("zap", "dast", unknown) == tables.rates["zap", ""]
    assert tables.rates_of("OWASP ZAP", "dast", SQL) == tables.rates["zap", "sql-injection"]
    new = Weakness("deserialization", "deserialization", "flow")
    assert tables.rates_of("semgrep", "sast", new) == tables.rates["semgrep", "flow"]
    for kind in KINDS:
        assert tables.rates_of("never seen", kind, unknown) == tables.rates[kind, ""]


def test_shipped_numbers_are_probabilities_and_discounts():
    tables = load_tables()
    for rates in tables.rates.values():
        assert 0.0 < rates.false_positive < 1.0 and 0.0 < rates.true_positive < 1.0
        assert max(rates.true_positive, rates.false_positive) <= rates.covers <= 1.0
        assert rates.true_strength > 0.0 and rates.false_strength > 0.0 and rates.source
    for name in ("first_flag", "next_flag", "first_silence", "next_silence"):
        assert 0.0 < tables.weights[name] <= 1.0
    assert all("prior" in tables.rates[kind, ""].source for kind in ("iast", "sca", "manual"))


def test_an_unknown_tool_is_less_sure_than_a_known_one_is_long():
    tables = load_tables()
    widths = [
        posterior(SQL, [Verdict(tool, "sast", True)], tables) for tool in ("never seen", "findsecbugs")
    ]  # fmt: skip
    spans = [log_odds(one.high) - log_odds(one.low) for one in widths]
    assert spans[0] > spans[1]


def test_order_of_verdicts_does_not_matter():
    verdicts = [Verdict("one", "sast", True), Verdict("b", "sast", False), Verdict("c", "sast", False, missed=7),
                Verdict("d", "dast", True)]  # fmt: skip
    found = {
        (round(one.probability, 12), round(one.low, 12), round(one.high, 12))
        for order in itertools.permutations(verdicts)
        for one in [posterior(SQL, order, TABLES)]
    }
    assert len(found) == 1


@pytest.mark.parametrize("value", [1e-9, 0.3, 0.5, 1 - 1e-9])
def test_odds_and_back(value):
    assert probability(log_odds(value)) == pytest.approx(value)
