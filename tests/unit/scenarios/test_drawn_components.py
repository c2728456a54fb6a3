"""Drawn worlds have a rich middle: many patches that matter, shared CVEs, and the stated EPSS."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from patchpact.scenarios import Scenario, generate
from patchpact.scenarios.drawn_components import draw_findings, population_epss
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.schema import ComponentRow


@pytest.fixture(scope="module")
def worlds() -> list[Scenario]:
    return [generate(150, seed) for seed in range(10)]


def epss_of_patches(scenario: Scenario) -> list[float]:
    """Chance that any CVE of the patch is exploited somewhere within 30 days, each component once."""
    findings = {finding.uid: finding for finding in scenario.findings}
    found = {}
    for patch in scenario.patches:
        epss = [findings[uid].epss for uid in patch.findings]
        found[patch.component] = 1 - math.prod(1 - e for e in epss)
    return list(found.values())


def test_epss_of_patches(worlds: list[Scenario]) -> None:
    logs = np.log([epss for world in worlds for epss in epss_of_patches(world)])
    assert len(logs) > 1000
    assert math.exp(np.median(logs)) == pytest.approx(0.05, rel=0.1)
    assert logs.std() == pytest.approx(1.0, abs=0.08)


def test_no_handful_of_patches_carries_all(worlds: list[Scenario]) -> None:
    for world in worlds:
        risks = sorted(epss_of_patches(world), reverse=True)
        assert sum(risks[:3]) / sum(risks) < 0.25


def test_a_cve_is_shared_by_services(worlds: list[Scenario]) -> None:
    for world in worlds:
        services = defaultdict(set)
        for finding in world.findings:
            services[finding.cve].add(finding.service)
            assert world.findings[finding.cve_uid].cve == finding.cve
        shared = sum(len(names) > 1 for names in services.values()) / len(services)
        assert 0.3 < shared < 0.95
        same = {(f.cve, f.epss, f.kev, f.automatable, f.technical_impact) for f in world.findings}
        assert len(same) == len(services)


def test_share_of_kev(worlds: list[Scenario]) -> None:
    cves = {f.cve: f.kev for world in worlds for f in world.findings}
    assert 0.0005 < np.mean(list(cves.values())) < 0.03


def test_one_platform_and_some_libraries(worlds: list[Scenario]) -> None:
    for world in worlds:
        platforms = Counter(p.service for p in world.patches if p.ecosystem in ("runtime", "image"))
        assert set(platforms.values()) == {1}
        assert len(platforms) == len(world.services)
        assert 2 < len(world.patches) / len(world.services) < 3


def test_population_quantiles() -> None:
    for u, epss in ((0.25, 0.0032), (0.5, 0.0070), (0.75, 0.0168), (0.9, 0.0416), (0.95, 0.0948), (0.99, 0.5760)):
        assert population_epss(u) == pytest.approx(epss, rel=0.01)
    values = [population_epss(u) for u in np.linspace(0, 1, 500)]
    assert values == sorted(values)
    assert all(0 < value < 1 for value in values)


def test_a_component_listed_twice_counts_once() -> None:
    rows = [ComponentRow(service="web", component="lib", version="1.0")]
    once = draw_findings(rows, 0, Notes())
    assert draw_findings(rows * 3, 0, Notes()) == once
    other = draw_findings([*rows, ComponentRow(service="web", component="lib", version="2.0")], 0, Notes())
    assert len({row.cve for row in other}) > len(once)


@pytest.mark.parametrize("version", ["", "1.²", "1.2.3-beta", "latest", "٣", "v" * 200, "9" * 200])
def test_any_version_can_be_drawn_for(version: str) -> None:
    assert draw_findings([ComponentRow(service="web", component="lib", version=version)], 0, Notes())
