"""Drawn topologies have the stated shape at every size, in linear time, and follow their seed."""

import math
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from patchpact.scenarios import Scenario, ScenarioError, check_scenario, generate, generator

SEEDS = range(12)
SIZE = 300


@pytest.fixture(scope="module")
def drawn() -> list[Scenario]:
    return [generate(SIZE, seed, tenants=3) for seed in SEEDS]


def topologies(services: int, seeds: range = range(20)) -> Iterator[generator._Topology]:
    for seed in seeds:
        yield generator._Topology(services, np.random.default_rng((seed, services)))


@pytest.mark.parametrize("services", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 20, 40])
def test_any_small_size(services: int) -> None:
    for seed in range(5):
        scenario = generate(services, seed, tenants=3, vendors=2)
        check_scenario(scenario)
        assert len(scenario.services) == services
        assert scenario.patches
        assert scenario.entrypoints
        called = {edge.target for edge in scenario.edges}
        assert all(service.name in called for service in scenario.services if not service.exposed)


def test_entry_points_and_stores(drawn: list[Scenario]) -> None:
    for scenario in drawn:
        kinds = Counter(service.kind for service in scenario.services)
        assert kinds["frontend"] + kinds["gateway"] == pytest.approx(0.13 * SIZE, abs=1)
        assert kinds["store"] == pytest.approx(0.29 * SIZE, abs=1)
        assert {s.kind for s in scenario.services if s.exposed} == {"frontend", "gateway"}
        stores = {service.name for service in scenario.services if service.kind == "store"}
        entries = {service.name for service in scenario.services if service.exposed}
        assert not any(edge.source in stores for edge in scenario.edges)
        assert not any(edge.target in entries for edge in scenario.edges)


@pytest.mark.parametrize("services", [20, 50, 100, 200, 1000])
def test_edges_per_service(services: int) -> None:
    stated = min(3.7, 1.3 + 0.71 * (math.log10(services) - 1))
    for shape in topologies(services, range(5)):
        assert len(shape.pairs) / services == pytest.approx(stated, rel=0.03)
    assert generator.edges_per_service(10**6) == 3.7


@pytest.mark.parametrize(("services", "tiers"), [(20, 3), (100, 3), (200, 4), (1000, 4), (3000, 5)])
def test_tiers(services: int, tiers: int) -> None:
    assert round(1.2 + 1.1 * math.log10(services)) == tiers
    for shape in topologies(services, range(3)):
        assert len(shape.tiers) == tiers
        assert sum(map(len, shape.tiers)) == services


@pytest.mark.parametrize(("services", "seeds"), [(40, 150), (300, 30), (1000, 10)])
def test_back_and_asynchronous_edges(services: int, seeds: int) -> None:
    back = late = total = 0
    for shape in topologies(services, range(seeds)):
        total += len(shape.pairs)
        late += sum(shape.pairs.values())
        back += sum(shape.tier_of[caller] >= shape.tier_of[callee] for caller, callee in shape.pairs)
    assert total > 8000
    assert back / total == pytest.approx(0.01, abs=0.003)
    assert late / total == pytest.approx(0.05, abs=0.007)


def test_asynchronous_calls_are_soft(drawn: list[Scenario]) -> None:
    edges = [edge for scenario in drawn for edge in scenario.edges]
    late = [edge for edge in edges if edge.kind == "async"]
    assert len(late) / len(edges) == pytest.approx(0.05, abs=0.01)
    assert not any(edge.hard for edge in late)


def share_of_popular(shapes: Iterator[generator._Topology]) -> float:
    """Share of the drawn calls into the stores' tier that go to the most called tenth of it."""
    top = total = 0.0
    for shape in shapes:
        calls = Counter(callee for _, callee in shape.pairs if callee in shape.stores)
        counts = sorted((calls[store] for store in shape.stores), reverse=True)
        top += sum(counts[: len(counts) // 10])
        total += sum(counts)
    return top / total


def test_preferential_attachment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Popular callees gather calls as the stated .72 makes them: above even draws, below pure popularity."""
    shares = {}
    for popular in (0.0, 0.4, 0.72, 1.0):
        monkeypatch.setattr(generator, "PREFERENTIAL", popular)
        shares[popular] = share_of_popular(topologies(1000, range(6)))
    monkeypatch.undo()
    assert generator.PREFERENTIAL == 0.72
    assert shares[0.0] + 0.02 < shares[0.4] < shares[0.72] - 0.02
    assert shares[0.72] < shares[1.0] - 0.02
    assert share_of_popular(topologies(1000, range(6, 12))) == pytest.approx(shares[0.72], abs=0.02)


def test_request_rates_follow_zipf(drawn: list[Scenario]) -> None:
    rates = [entry.requests_per_hour for entry in drawn[0].entrypoints]
    assert len(rates) == 16
    slopes = np.diff(np.log(rates)) / np.diff(np.log(np.arange(1, 17)))
    assert slopes == pytest.approx(-1.2, abs=0.02)
    for services, total in ((20, 10.0), (5, 10.0), (SIZE, 10 * math.sqrt(SIZE / 20))):
        revenue = sum(entry.revenue_keur_per_hour for entry in generate(services).entrypoints)
        assert revenue == pytest.approx(total, abs=0.02)


def test_tenants(drawn: list[Scenario]) -> None:
    for scenario in drawn:
        owned = Counter(service.owner for service in scenario.services)
        assert set(owned) == {"business_0", "business_1", "business_2"}
        assert min(owned.values()) > SIZE / 8
        tenants = {service.owner: set() for service in scenario.services}
        for service in scenario.services:
            tenants[service.owner].add(service.tenant)
        assert all(len(names) == 1 for names in tenants.values())


def test_one_seed_one_world() -> None:
    assert generate(50, 3, 2, 3) == generate(50, 3, 2, 3)
    edges = {tuple((e.source, e.target) for e in generate(50, seed).edges) for seed in range(10)}
    assert len(edges) == 10


def test_agents_and_parameters() -> None:
    scenario = generate(5, tenants=4, vendors=30, parameters={"windows": 3})
    assert [len(scenario.agents_of(role)) for role in ("it", "business", "vendor")] == [1, 4, 30]
    assert scenario.parameters["windows"] == 3


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"services": 0}, "generate: services: 0"),
        ({"services": -3}, "generate: services: -3"),
        ({"services": 2.5}, "generate: services: 2.5"),
        ({"seed": -1}, "generate: seed: -1"),
        ({"tenants": 0}, "generate: tenants: 0"),
        ({"vendors": 0}, "generate: vendors: 0"),
        ({"parameters": {"widows": 3}}, "widows: unknown parameter"),
        ({"parameters": {"windows": 0}}, "windows: 0 is out of range"),
    ],
)
def test_wrong_arguments(arguments: dict, part: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        generate(**arguments)
    assert part in str(caught.value)


def test_linear_time() -> None:
    def seconds(services: int) -> float:
        start = time.process_time()
        generate(services)
        return time.process_time() - start

    generate(50)
    assert min(seconds(2000) for _ in range(2)) < 9 * min(seconds(500) for _ in range(2))  # linear: 4, quadratic: 16


@pytest.mark.slow
def test_ten_thousand_services() -> None:
    scenario = generate(10_000, 1, tenants=8, vendors=5)
    assert len(scenario.services) == 10_000
    assert len(scenario.edges) / 10_000 == pytest.approx(1.3 + 0.71 * 3, rel=0.01)
    check_scenario(scenario)
