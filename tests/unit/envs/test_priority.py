"""Priority is probability x exploitability x loss on the graph, as the environment estimates it."""

from dataclasses import replace

import numpy as np
import pytest

from patchpact.envs.core.engine import Engine
from patchpact.envs.priority import priority
from patchpact.scenarios import Scenario, load_scenario


@pytest.fixture(scope="module")
def toy() -> Scenario:
    return load_scenario("toy-v1")


def test_parts_multiply_to_the_risk(toy: Scenario) -> None:
    rows = priority(toy)
    assert len(rows) == sum(len(patch.findings) for patch in toy.patches)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert row["risk_keur"] == pytest.approx(
            row["probability"] * row["exploitability"] * row["loss_keur"], rel=1e-9
        )
        assert row["exploitability"] == pytest.approx(row["attempt"] * row["exposure"] * row["impact"])
    risks = [row["risk_keur"] for row in rows]
    assert risks == sorted(risks, reverse=True)
    assert risks[0] > 0


def test_it_is_the_loss_that_the_environment_would_lose_less(toy: Scenario) -> None:
    """Against the estimate itself, with and without the finding."""
    known = replace(toy, findings=tuple(replace(finding, known_window=0) for finding in toy.findings))
    for row in priority(toy)[:3]:
        without = tuple(
            replace(f, confidence=0.0) if (f.service, f.component, f.cve) == (row["service"], row["component"], row["cve"])
            else f
            for f in known.findings
        )  # fmt: skip
        drop = _open_risk(known) - _open_risk(replace(known, findings=without))
        assert row["risk_keur"] == pytest.approx(drop, rel=0.05)


def _open_risk(scenario: Scenario) -> float:
    engine = Engine([scenario], 1, autoreset=False)
    engine.reset(np.zeros(1, np.uint64))
    return float(engine.state.world[0]["open_risk"])


def test_a_likelier_finding_ranks_higher(toy: Scenario) -> None:
    last = priority(toy)[-1]
    surer = tuple(replace(f, epss=0.999, kev=True, confidence=1.0) if f.cve == last["cve"] else f for f in toy.findings)
    again = next(row for row in priority(replace(toy, findings=surer)) if row["cve"] == last["cve"])
    assert again["rank"] < last["rank"]
