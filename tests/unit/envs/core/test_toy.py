"""toy-v1, solved by hand: its rules once more in plain Python, every plan tried, and the engine in agreement.

Nothing is random in it: breadths are known, scores stand still, no patch regresses, losses are expectations. Three
services in a chain, so the estimate is exact. A plan gives each slot (window and motion) a patch and a mode, or
nothing. Levers are left out.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout
from patchpact.scenarios import Scenario, load_scenario

Plan = dict[tuple[int, int], tuple[int, str]]


class Rules:
    """The welfare of a plan, out of the scenario's own numbers and the text of the design."""

    def __init__(self, world: Scenario) -> None:
        self.p = p = world.parameters
        self.world = world
        self.windows, self.motions, self.tail = p["windows"], p["motions_per_window"], p["tail_windows"]
        self.days = float(p["window_days"])
        order = {s.name: n for n, s in enumerate(world.services)}
        lateral = sorted((order[e.source], order[e.target], e.lateral_probability) for e in world.edges)
        assert [(u, v) for u, v, _ in lateral] == list(pairwise(range(len(order)))), "a chain"
        self.onward = [chance for *_, chance in lateral] + [0.0]
        self.losses = [s.loss_keur * p["loss_multiplier"] for s in world.services]
        findings = {f.uid: f for f in world.findings}
        self.chance = []  # of entry through each patch's one finding, in a window
        for patch in world.patches:
            (f,) = (findings[uid] for uid in patch.findings)
            somewhere = 1.0 - (1.0 - min(f.epss, 0.9999)) ** (self.days / 30.0)
            attempt = min(p["breadth_median"], 1.0) * somewhere * p["attempt_multiplier"]
            exposure = p["exposure_exposed"] if f.exposed else p["exposure_internal"]
            impact = 1.0 if f.technical_impact == "total" else p["partial_impact"]
            self.chance.append(min(attempt, 1.0) * exposure * f.confidence * impact)
        self.at = [order[patch.service] for patch in world.patches]
        number = {patch.uid: n for n, patch in enumerate(world.patches)}
        self.needs = [[number[uid] for uid in patch.requires] for patch in world.patches]
        self.touch = [self._touched(world, patch.service) for patch in world.patches]

    @staticmethod
    def _touched(world: Scenario, name: str) -> list[tuple[int, float]]:
        """(flow, share of it lost) while the service updates; calls of a chain, all hard and certain."""
        order = {s.name: n for n, s in enumerate(world.services)}
        service = world.services[order[name]]
        assert all(e.hard and e.call_probability == 1.0 for e in world.edges)
        share = 1.0 if service.kind == "store" else 1.0 / service.replicas
        return [(n, share) for n, e in enumerate(world.entrypoints) if order[e.service] <= order[name]]

    def hours(self, number: int, mode: str) -> float:
        factor = {"full": 1.0, "canary": self.p["canary_effort"], "mitigate": self.p["mitigate_effort"]}
        factor["emergency"] = self.p["emergency_effort"]
        return self.world.patches[number].effort_hours * factor[mode]

    def outage(self, number: int, mode: str) -> float:
        factor = {"full": 1.0, "canary": self.p["canary_downtime"], "emergency": self.p["emergency_downtime"]}
        return self.world.patches[number].downtime_minutes / 60.0 * factor[mode]

    def day(self, slot: tuple[int, int], mode: str) -> float:
        window, motion = slot
        if mode == "emergency":
            return window * self.days
        return (window + (motion + 1) / (self.motions + 1)) * self.days

    def window_cost(self, actions: list[tuple[int, str]]) -> float:
        """Labour, support and lost revenue of one window's plan."""
        cost = 0.0
        outages: dict[int, list[tuple[float, float]]] = {}
        for number, mode in actions:
            cost += self.hours(number, mode) * self.p["labour_keur_per_hour"]
            if mode != "mitigate":
                cost += self.p["support_keur"] if self.world.patches[number].vendor else 0.0
                for flow, share in self.touch[number]:
                    outages.setdefault(flow, []).append((self.outage(number, mode) * share, share))
        for flow, parts in outages.items():
            longest, total = max(h for h, _ in parts), sum(h for h, _ in parts)
            lost = longest + self.p["downtime_overlap"] * (total - longest)
            lost += self.p["setup_hours"] * max(share for _, share in parts)
            cost += lost * self.world.entrypoints[flow].revenue_keur_per_hour
        return cost

    def loss(self, window: int, done: dict[int, float], eased: dict[int, float]) -> float:
        """Expected loss of a window; ``done`` and ``eased`` give the day of the patch and of the last mitigation."""
        start, end = window * self.days, (window + 1) * self.days
        escape = [1.0] * len(self.losses)
        for number, chance in enumerate(self.chance):
            until = min(max(done.get(number, end), start), end)
            left = (until - start) / self.days
            if number in eased:
                over = min(eased[number] + self.p["mitigate_windows"] * self.days, until) - max(eased[number], start)
                left -= (1.0 - self.p["mitigate_hazard"]) * max(over, 0.0) / self.days
            escape[self.at[number]] *= 1.0 - chance * left
        total, behind = 0.0, 0.0
        for v, base in enumerate(escape):
            q = 1.0 - base * (1.0 - behind)
            total += q * self.losses[v]
            behind = q * self.onward[v]
        return total

    def after(self, slots: list, done: dict, eased: dict) -> tuple[dict, dict]:
        done, eased = dict(done), dict(eased)
        for slot, number, mode in slots:
            (eased if mode == "mitigate" else done)[number] = self.day(slot, mode)
        return done, eased

    def welfare(self, plan: Plan) -> float:
        done: dict[int, float] = {}
        eased: dict[int, float] = {}
        total = 0.0
        for window in range(self.windows + self.tail):
            slots = [(slot, *action) for slot, action in sorted(plan.items()) if slot[0] == window]
            done, eased = self.after(slots, done, eased)
            total -= self.window_cost([(n, mode) for _, n, mode in slots]) + self.loss(window, done, eased)
        return total


def expected_loss(rules: Rules, window: int, done: np.ndarray, eased: np.ndarray) -> np.ndarray:
    """``Rules.loss`` of many plans at once: days of patch and mitigation ``(plans, patches)``, infinite for never."""
    p, start, end = rules.p, window * rules.days, (window + 1) * rules.days
    until = np.clip(done, start, end)
    over = np.minimum(eased + p["mitigate_windows"] * rules.days, until) - np.maximum(eased, start)
    left = (until - start - (1.0 - p["mitigate_hazard"]) * np.maximum(over, 0.0)) / rules.days
    survive = 1.0 - np.array(rules.chance) * left
    total = behind = np.zeros(len(done))
    for v, loss in enumerate(rules.losses):
        base = survive[:, [n for n, at in enumerate(rules.at) if at == v]].prod(1)
        q = 1.0 - base * (1.0 - behind)
        total = total + q * loss
        behind = q * rules.onward[v]
    return total


class Search:
    """Every plan, window by window, the best bounds first; what cannot beat the best found is cut."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.patches = len(rules.chance)
        self.plans: list[dict[int, tuple[int, str]]] = [{}]
        for motion in range(rules.motions):
            more = [{**plan, motion: (n, m)} for plan in self.plans for n in range(self.patches) for m in layout.MODES]
            self.plans += [plan for plan in more if self._fits(list(plan.values()))]
        self.cost = np.array([rules.window_cost(list(plan.values())) for plan in self.plans])
        shape = (len(self.plans), self.patches)
        self.done_at, self.eased_at = np.full(shape, np.inf), np.full(shape, np.inf)  # days after the window opens
        self.missing = np.zeros(shape, bool)  # must be done before the window
        for row, plan in enumerate(self.plans):
            planned: set[int] = set()
            for motion, (n, mode) in sorted(plan.items()):
                (self.eased_at if mode == "mitigate" else self.done_at)[row, n] = rules.day((0, motion), mode)
                if mode != "mitigate":
                    self.missing[row, [m for m in rules.needs[n] if mode == "emergency" or m not in planned]] = True
                    planned.add(n)

    def _fits(self, actions: list[tuple[int, str]]) -> bool:
        hours = sum(self.rules.hours(n, mode) for n, mode in actions if mode != "emergency")
        return hours <= self.rules.p["capacity_hours"] and len({n for n, _ in actions}) == len(actions)

    def allowed(self, window: int, done: np.ndarray, eased: np.ndarray) -> np.ndarray:
        """Numbers of the plans that may be carried out in the window."""
        is_done = np.isfinite(done)
        middle = (window + 0.5) * self.rules.days
        lasting = eased + self.rules.p["mitigate_windows"] * self.rules.days > middle
        upgrades, mitigates = np.isfinite(self.done_at), np.isfinite(self.eased_at)
        wrong = (
            ((upgrades | mitigates) & is_done) | (mitigates & np.isfinite(eased) & lasting) | (self.missing & ~is_done)
        )
        return np.flatnonzero(~wrong.any(1))

    def future(self, window: int, done: np.ndarray, eased: np.ndarray) -> np.ndarray:
        """Welfare from a window on if nothing more is done."""
        ends = self.rules.windows + self.rules.tail
        return -sum((expected_loss(self.rules, w, done, eased) for w in range(window, ends)), np.zeros(len(done)))

    def bound(self, window: int, done: np.ndarray, eased: np.ndarray) -> np.ndarray:
        """No plan brings more from this window on: every slot left saves one patch's share, taken one by one.

        A patch saves at most its chance of entry times all that lies behind, from the window's first day on, and
        costs at least its labour; outages are left out.
        """
        rules, p = self.rules, self.rules.p
        behind = 0.0
        through = [0.0] * len(rules.losses)
        for v in reversed(range(len(rules.losses))):
            through[v] = behind = rules.losses[v] + rules.onward[v] * behind
        left = rules.windows + rules.tail - window
        saved = []
        for n, chance in enumerate(rules.chance):
            rate = chance * through[rules.at[n]]
            labour = {mode: rules.hours(n, mode) * p["labour_keur_per_hour"] for mode in layout.MODES}
            eases = rate * (1.0 - p["mitigate_hazard"]) * min(p["mitigate_windows"], left) - labour.pop("mitigate")
            saved.append(max(rate * left - min(labour.values()), eases, 0.0))
        slots = (rules.windows - window) * rules.motions
        best = np.sort(np.where(np.isfinite(done), 0.0, saved), axis=1)[:, self.patches - min(slots, self.patches) :]
        return self.future(window, done, eased) + best.sum(1)

    def best(self) -> tuple[float, Plan]:
        never = np.full(self.patches, np.inf)
        return self._best(0, never.tobytes(), never.tobytes())

    @cache  # noqa: B019
    def _best(self, window: int, done_bytes: bytes, eased_bytes: bytes) -> tuple[float, Plan]:
        done, eased = np.frombuffer(done_bytes), np.frombuffer(eased_bytes)
        if window == self.rules.windows:
            return float(self.future(window, done[None], eased[None])[0]), {}
        rows = self.allowed(window, done, eased)
        opens = window * self.rules.days
        done_after = np.minimum(done, opens + self.done_at[rows])
        eased_after = np.where(np.isfinite(self.eased_at[rows]), opens + self.eased_at[rows], eased)
        now = -self.cost[rows] - expected_loss(self.rules, window, done_after, eased_after)
        bounds = now + self.bound(window + 1, done_after, eased_after)
        value, plan = -np.inf, {}
        for i in np.argsort(-bounds):
            if bounds[i] <= value:
                break
            then, rest = self._best(window + 1, done_after[i].tobytes(), eased_after[i].tobytes())
            if now[i] + then > value:
                value = float(now[i] + then)
                plan = {(window, motion): action for motion, action in self.plans[rows[i]].items()} | rest
        return value, plan


def engine_welfare(world: Scenario, plan: Plan) -> float:
    table = sw.Table(world)
    while not table.over:
        slot = (int(table.world["t"]), int(table.world["motion"]))
        if slot in plan:
            assert table.motion(*plan[slot]), slot
        else:
            table.step()
    assert table.welfare == pytest.approx(table.world["welfare_keur"].item())
    return table.welfare


@pytest.fixture(scope="module")
def toy() -> Scenario:
    return load_scenario("toy-v1")


def test_nothing_is_random_in_it(toy):
    tables = [sw.Table(toy, seed).finish() for seed in range(5)]
    assert len({table.welfare for table in tables}) == 1


def random_plan(search: Search, rng: np.random.Generator) -> Plan:
    done, eased = np.full((2, search.patches), np.inf)
    plan: Plan = {}
    for window in range(search.rules.windows):
        row = int(rng.choice(search.allowed(window, done, eased)))
        opens = window * search.rules.days
        done = np.minimum(done, opens + search.done_at[row])
        eased = np.where(np.isfinite(search.eased_at[row]), opens + search.eased_at[row], eased)
        plan |= {(window, motion): action for motion, action in search.plans[row].items()}
    return plan


def test_engine_and_hand_agree_on_plans_drawn_at_random(toy):
    """What the search holds for allowed can be nominated, and brings what the rules say."""
    rules, rng = Rules(toy), np.random.default_rng(0)
    search = Search(rules)
    assert engine_welfare(toy, {}) == pytest.approx(rules.welfare({}), abs=1e-6)
    for _ in range(150):
        plan = random_plan(search, rng)
        assert engine_welfare(toy, plan) == pytest.approx(rules.welfare(plan), abs=1e-6), plan


def test_what_the_search_leaves_out_cannot_be_nominated(toy):
    """In the windows of a plan drawn at random, motion by motion, the mask and the rules allow the same."""
    search = Search(Rules(toy))
    rng = np.random.default_rng(2)
    for _ in range(20):
        plan = random_plan(search, rng)
        table = sw.Table(toy)
        done, eased = np.full((2, search.patches), np.inf)
        for window in range(search.rules.windows):
            opens = window * search.rules.days
            allowed = [search.plans[row] for row in search.allowed(window, done, eased)]
            taken: dict = {}
            for motion in range(search.rules.motions):
                proposer = int(table.world["proposer"])
                on_table = [n for n in table.state.row["patch"][0].tolist() if n >= 0]
                legal = {
                    (n, mode) for n in on_table for mode in layout.MODES
                    if table.legal(proposer, f"nominate:{table.row(n)}:{mode}")
                }  # fmt: skip
                known = {p[motion] for p in allowed if motion in p and {k: p[k] for k in p if k < motion} == taken}
                assert legal == known, (window, motion, taken)
                if (window, motion) in plan:
                    taken[motion] = plan[window, motion]
                    table.motion(*plan[window, motion])
                else:
                    table.step()
            row = search.plans.index(taken)
            done = np.minimum(done, opens + search.done_at[row])
            eased = np.where(np.isfinite(search.eased_at[row]), opens + search.eased_at[row], eased)


@pytest.mark.parametrize("windows", [2, pytest.param(None, marks=pytest.mark.slow)])
def test_the_best_plan_of_all(toy, windows):
    """The whole scenario takes some seconds; cut to two windows it is searched in a moment."""
    toy = toy if windows is None else toy.with_parameters(windows=windows)
    rules = Rules(toy)
    search = Search(rules)
    best, plan = search.best()
    assert rules.welfare(plan) == pytest.approx(best, abs=1e-9)
    assert engine_welfare(toy, plan) == pytest.approx(best, abs=1e-6)
    rng = np.random.default_rng(1)
    drawn = [rules.welfare(random_plan(search, rng)) for _ in range(500)]
    assert max(drawn) <= best + 1e-9
    assert best > rules.welfare({}), "something is worth doing"
