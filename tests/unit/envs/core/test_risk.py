"""The risk estimate against the law it stands for, and its derivatives against differences."""

import numpy as np
import pytest
import small_worlds as sw

from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario

DRAWS = 1_000_000


def started(world: Scenario, seed: int = 0) -> Engine:
    engine = Engine([world], 1, autoreset=False)
    engine.reset(np.array([seed], np.uint64))
    return engine


def lateral_edges(world: Scenario) -> list[tuple[int, int, float]]:
    """(from, to, probability) by service number, both ways over a queue that the client consumes from."""
    number = {service.name: n for n, service in enumerate(world.services)}
    found = []
    for e in world.edges:
        found.append((number[e.source], number[e.target], e.lateral_probability))
        if e.kind == "queue" and e.consumes:
            found.append((number[e.target], number[e.source], e.lateral_probability))
    return found


def attempts_and_entries(world: Scenario) -> tuple[dict[int, float], list[tuple[int, int, float]]]:
    """P(attempt) by CVE, and (CVE, service, P(entry | attempt)) by finding, out of the scenario alone."""
    p = world.parameters
    number = {service.name: n for n, service in enumerate(world.services)}
    attempts = {}
    entries = []
    for f in world.findings:
        somewhere = 1.0 - (1.0 - min(f.epss, 0.9999)) ** (p["window_days"] / 30.0)
        attempts[f.cve_uid] = min(p["breadth_median"] * somewhere * p["attempt_multiplier"], 1.0)
        exposure = p["exposure_exposed"] if f.exposed else p["exposure_internal"]
        impact = 1.0 if f.technical_impact == "total" else p["partial_impact"]
        entries.append((f.cve_uid, number[f.service], exposure * f.confidence * impact))
    return attempts, entries


def least_fixed_point(world: Scenario) -> np.ndarray:
    """Kleene's iteration from zero, all services at once."""
    attempts, entries = attempts_and_entries(world)
    base = np.ones(len(world.services))
    for cve, v, chance in entries:
        base[v] *= 1.0 - attempts[cve] * chance
    q = np.zeros_like(base)
    for _ in range(5000):
        escape = base.copy()
        for u, v, p in lateral_edges(world):
            escape[v] *= 1.0 - q[u] * p
        q = 1.0 - escape
    return q


def sampled(world: Scenario, draws: int = DRAWS) -> np.ndarray:
    """Share of draws in which each service is compromised: an attempt is one event for all that have the CVE."""
    rng = np.random.default_rng(0)
    attempts, entries = attempts_and_entries(world)
    edges = lateral_edges(world)
    happened = {cve: rng.random(draws) < chance for cve, chance in attempts.items()}
    hit = np.zeros((len(world.services), draws), bool)
    for cve, v, chance in entries:
        hit[v] |= happened[cve] & (rng.random(draws) < chance)
    moves = [rng.random(draws) < p for *_, p in edges]
    for _ in world.services:
        for (u, v, _), open_ in zip(edges, moves, strict=True):
            hit[v] |= hit[u] & open_
    return hit.mean(1)


def services(count: int) -> list:
    return [sw.service(n, loss=100.0 * (n + 1)) for n in range(count)]


LOUD = {"breadth_median": 0.9, "attempt_multiplier": 1.0, "window_days": 30.0}
"""Probabilities large enough that a million draws tell them apart."""


def chain() -> Scenario:
    """s0 -> s1 -> s2 -> s3, a CVE of its own in s0 and in s2."""
    edges = [sw.edge(n, n, n + 1, 0.6) for n in range(3)]
    return sw.scenario(
        services(4), edges, [sw.finding(0, 0), sw.finding(1, 2)], [sw.patch(0, 0), sw.patch(1, 2)], **LOUD
    )


def in_tree() -> Scenario:
    """Three callers of one service, each with another CVE, and two CVEs in the callee."""
    edges = [sw.edge(n, n, 3, 0.5) for n in range(3)]
    findings = [sw.finding(0, 0), sw.finding(1, 1), sw.finding(2, 2), sw.finding(3, 3), sw.finding(4, 3)]
    return sw.scenario(services(4), edges, findings, [sw.patch(n, min(n, 3)) for n in range(5)], **LOUD)


def out_tree() -> Scenario:
    """One CVE at the root of a tree of seven."""
    edges = [sw.edge(n, n // 2, n + 1, 0.7) for n in range(6)]
    return sw.scenario(services(7), edges, [sw.finding(0, 0, epss=0.6)], [sw.patch(0, 0)], **LOUD)


def shared_apart() -> Scenario:
    """The same CVE in two services that do not reach each other or a common one."""
    edges = [sw.edge(0, 0, 2, 0.5), sw.edge(1, 1, 3, 0.5)]
    findings = [sw.finding(0, 0, cve=0), sw.finding(1, 1, cve=0)]
    return sw.scenario(services(4), edges, findings, [sw.patch(0, 0), sw.patch(1, 1)], **LOUD)


def diamond() -> Scenario:
    edges = [sw.edge(0, 0, 1, 0.7), sw.edge(1, 0, 2, 0.7), sw.edge(2, 1, 3, 0.7), sw.edge(3, 2, 3, 0.7)]
    return sw.scenario(services(4), edges, [sw.finding(0, 0, epss=0.6)], [sw.patch(0, 0)], **LOUD)


def cycle() -> Scenario:
    edges = [sw.edge(n, n, (n + 1) % 3, 0.6) for n in range(3)]
    return sw.scenario(
        services(3), edges, [sw.finding(0, 0), sw.finding(1, 1)], [sw.patch(0, 0), sw.patch(1, 1)], **LOUD
    )


def shared_behind() -> Scenario:
    """The same CVE in a caller and in its callee."""
    findings = [sw.finding(0, 0, cve=0, epss=0.6), sw.finding(1, 1, cve=0, epss=0.6)]
    return sw.scenario(services(2), [sw.edge(0, 0, 1, 0.6)], findings, [sw.patch(0, 0), sw.patch(1, 1)], **LOUD)


def broker() -> Scenario:
    """A queue that its client also consumes from: compromise goes both ways."""
    edges = [sw.edge(0, 0, 1, 0.6, kind="queue", consumes=True), sw.edge(1, 2, 1, 0.6, kind="queue", consumes=True)]
    return sw.scenario(services(3), edges, [sw.finding(0, 0, epss=0.6)], [sw.patch(0, 0)], **LOUD)


TREES = (chain, in_tree, out_tree, shared_apart)
OTHERS = (diamond, cycle, shared_behind, broker)


@pytest.mark.parametrize("make", TREES)
def test_estimate_equals_the_law_where_every_service_has_one_walk_from_each_cve(make):
    world = make()
    q = started(world).state.service["q"]
    error = 4.0 * np.sqrt(q * (1.0 - q) / DRAWS)
    assert np.all(np.abs(sampled(world) - q) <= error)


@pytest.mark.parametrize("make", OTHERS)
def test_estimate_is_never_below_the_law(make):
    world = make()
    q = started(world).state.service["q"]
    drawn = sampled(world)
    error = 4.0 * np.sqrt(drawn * (1.0 - drawn) / DRAWS)
    assert np.all(q >= drawn - error)
    assert np.any(q > drawn + error), "such a graph has a bias, or this test has no power"


def random_graph(seed: int) -> Scenario:
    """Cyclic, a queue edge, CVEs shared by several services."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(4, 9))
    pairs = [(u, v) for u in range(count) for v in range(count) if u != v]
    picked = rng.permutation(len(pairs))[: 2 * count]
    edges = [sw.edge(n, *pairs[i], float(rng.uniform(0.05, 0.45))) for n, i in enumerate(picked)]
    edges[0] = sw.replace(edges[0], kind="queue", consumes=True)
    findings = [sw.finding(n, n % count, cve=int(rng.integers(4)), epss=0.2) for n in range(2 * count)]
    epss = {f.cve_uid: float(rng.uniform(0.05, 0.9)) for f in findings}
    findings = [sw.replace(f, epss=epss[f.cve_uid]) for f in findings]
    patches = [sw.patch(n, n % count) for n in range(2 * count)]
    return sw.scenario(services(count), edges, findings, patches, breadth_median=0.6)


@pytest.mark.parametrize("seed", range(8))
def test_fixed_point_is_the_least_one(seed):
    world = random_graph(seed)
    engine = started(world)
    expected = least_fixed_point(world)
    np.testing.assert_allclose(engine.state.service["q"], expected, rtol=0, atol=1e-9)
    losses = np.array([s.loss_keur for s in world.services])
    assert engine.state.world["open_risk"][0] == pytest.approx(float(expected @ losses), rel=1e-9)


@pytest.mark.parametrize("make", [*(lambda s=s: random_graph(s) for s in range(6)), cycle, broker, in_tree])
def test_adjoint_equals_central_differences(make):
    """By every finding's chance of entry: d loss / d entry = x (1 - q) a / (1 - a e)."""
    world = make()
    engine = started(world)
    state, static = engine.state, engine.static
    x, q = state.service["adjoint"].copy(), state.service["q"].copy()
    attempt, entry = state.attempt.copy(), static.entry.copy()
    step = 2e-4
    for f in range(len(entry)):
        v = static.patch["service"][static.finding["patch"][f]]
        a = attempt[static.entry_cve[f]]
        claimed = x[v] * (1.0 - q[v]) * a / (1.0 - a * entry[f])
        totals = []
        for sign in (1.0, -1.0):
            static.entry[f] = entry[f] + sign * step
            engine.reset(np.array([0], np.uint64))
            totals.append(float(state.world["open_risk"][0]))
        static.entry[f] = entry[f]
        difference = (totals[0] - totals[1]) / (2.0 * step)
        assert claimed == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_marginal_is_exact_where_nothing_lies_behind():
    world = sw.one_service(3)
    engine = started(world)
    total = float(engine.state.world["open_risk"][0])
    marginals = engine.state.patch["risk"].copy()
    for number in range(3):
        kept = [f for f in world.findings if f.uid != number]
        fewer = sw.replace(
            world, findings=kept, patches=[sw.replace(p, findings=tuple({p.uid} - {number})) for p in world.patches]
        )
        rest = float(started(fewer).state.world["open_risk"][0])
        assert marginals[number] == pytest.approx(total - rest, rel=1e-9)


def test_certain_compromise_keeps_its_risk_and_its_loss():
    """Attempt and entry certain, twice over on a service and behind it: nothing vanishes in 0 / 0."""
    sure = {"epss": 1.0, "confidence": 1.0}
    findings = [sw.finding(0, 0, **sure), sw.finding(1, 0, **sure), sw.finding(2, 1, **sure)]
    patches = [sw.patch(0, 0), sw.patch(1, 0), sw.patch(2, 1)]
    over = {
        "breadth_median": 1.0,
        "attempt_multiplier": 1000.0,
        "incident_loss": "expected",
        "windows": 1,
        "tail_windows": 0,
    }
    for count in (1, 2, 3):
        world = sw.scenario(services(2), [sw.edge(0, 0, 1, 1.0)], findings[:count], patches[:count], **over)
        table = sw.Table(world)
        assert table.world["open_risk"] == pytest.approx(300.0)
        assert table.state.patch["risk"].max() > 0.0
        table.finish()
        assert table.welfare == pytest.approx(-300.0)


def walk(world: Scenario, worlds: int, windows: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Damage, incidents and the first estimate of many worlds in which nobody does anything."""
    engine = Engine([world.with_parameters(windows=windows, tail_windows=0)], worlds, autoreset=False)
    engine.reset(np.arange(worlds, dtype=np.uint64))
    risk = engine.state.world["open_risk"].copy()
    sw.idle(engine)
    return engine.state.world["damage_keur"].copy(), engine.state.world["incidents"].copy(), risk


@pytest.mark.parametrize("make", [chain, in_tree, out_tree, shared_apart])
def test_sampled_incidents_have_the_estimated_mean_on_trees(make):
    world = make()
    damage, incidents, risk = walk(world, 8000)
    assert abs(damage.mean() - risk[0]) <= 4.0 * damage.std() / np.sqrt(len(damage))
    q = started(world).state.service["q"]
    assert abs(incidents.mean() - q.sum()) <= 4.0 * incidents.std() / np.sqrt(len(incidents))


@pytest.mark.parametrize("make", [diamond, cycle, shared_behind, broker])
def test_sampled_incidents_stay_below_the_estimate(make):
    damage, _, risk = walk(make(), 8000)
    assert damage.mean() <= risk[0] + 4.0 * damage.std() / np.sqrt(len(damage))


@pytest.mark.parametrize("log_sd", [1.0, 3.8])
def test_hidden_breadth_keeps_the_mean(log_sd):
    """With a breadth that differs by CVE, clipped at 1, the estimate before anything was seen is the mean still."""
    world = sw.one_service(
        1, breadth_median=0.05, breadth_log_sd=log_sd, window_days=30.0, finding_changes={"epss": 0.8}
    )
    damage, _, risk = walk(world, 16000)
    assert abs(damage.mean() - risk[0]) <= 4.0 * damage.std() / np.sqrt(len(damage))
