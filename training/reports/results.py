"""What a benchmark's episodes say: who stands where, how sure that is, and what does not hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patchpact.agents.policies import PLANNERS, PRETRAINED, REFERENCES
from patchpact.training import stats
from patchpact.training.stats import UNDEFINED, Estimate

IDLE, RANDOM, INFORMED, CLAIRVOYANT = "do-nothing", "random", "informed", "clairvoyant"
BOUND = "the bound"
"""Stands for the proven bound where a policy's name stands."""
Floats = NDArray[np.float64]
P = ParamSpec("P")
T = TypeVar("T")


def kept(method: Callable[Concatenate[Results, P], T]) -> Callable[Concatenate[Results, P], T]:
    """Have a method work each answer out once: tables and charts ask the same, and bootstraps take time."""

    def answer(self: Results, /, *args: P.args, **kwargs: P.kwargs) -> T:
        question = (method.__name__, args, tuple(sorted(kwargs.items())))
        if question not in self._kept:
            self._kept[question] = method(self, *args, **kwargs)
        found: T = self._kept[question]
        return found

    update_wrapper(answer, method)
    return answer


@dataclass(frozen=True)
class Standing:
    """A policy over all worlds of some scenarios."""

    policy: str
    kind: str
    """``rule``, ``planner``, ``learned`` or ``reference``."""
    runs: int
    """Training seeds; 1 where nothing is trained."""
    episodes: int
    scenarios: int
    score: Estimate
    """IQM of the scores against ``informed``."""
    bound: Estimate
    """The same against the proven bound."""
    gain: Estimate
    """Mean gain over doing nothing, k€ an episode; scenarios weigh the same."""
    welfare: Estimate
    """Mean welfare, where neither score nor gain is defined."""


@dataclass(frozen=True)
class Claim:
    """An order that should hold on a scenario, and what the worlds say of it."""

    verdict: str
    """``holds``, ``not told apart``, ``violated`` or ``missing``."""
    text: str
    difference: float = math.nan
    """k€ an episode."""


class Results:
    """All that the report says in figures.

    Args:
        episodes: as ``reading.read`` gives them.
        kinds: of policies, where the manifest says more than their names do.
    """

    def __init__(self, episodes: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> None:
        self.episodes = episodes
        self.scenarios = tuple(dict.fromkeys(episodes["scenario"]))
        self.policies = tuple(dict.fromkeys(episodes["policy"]))
        self.notes: list[str] = []
        self._kinds = dict(kinds or {})
        self._kept: dict[Any, Any] = {}
        self._welfare = {name: self._tables(name) for name in self.scenarios}
        self._means = _means(episodes)
        self.undefined = tuple(
            name for name in self.scenarios if self._has_reference(name) and not self._scorable(name)
        )
        """Scenarios on which ``informed`` cannot be told from doing nothing, so that no score is defined."""
        self._describe_gaps()

    def _tables(self, scenario: str) -> dict[str, Floats]:
        """Welfare by policy ``(runs, seeds)`` on all seeds of a scenario; NaN where a world was not played."""
        rows = self.episodes[self.episodes["scenario"] == scenario]
        rows = rows.assign(run=rows["training_seed"].fillna(-1.0).astype(float))
        keys = ["policy", "run", "seed"]
        twice = rows.duplicated(keys, keep="last")
        if twice.any():
            self.notes.append(f"{scenario}: {int(twice.sum())} episodes are there twice; the later ones count.")
        table = rows[~twice].pivot(index=["policy", "run"], columns="seed", values="welfare_keur")
        seeds = table.columns
        found = {str(policy): part.to_numpy(float) for policy, part in table.groupby(level="policy", sort=False)}
        if "bound_keur" in rows:
            bound = (
                rows[(rows["policy"] == CLAIRVOYANT) & ~twice].drop_duplicates("seed").set_index("seed")["bound_keur"]
            )
            if bound.notna().any():
                found[BOUND] = bound.reindex(seeds).to_numpy(float)[None]
        return found

    def _describe_gaps(self) -> None:
        if IDLE not in self.policies:
            self.notes.append(f"There is no {IDLE} in this folder, so gains and scores are undefined.")
        if INFORMED not in self.policies:
            self.notes.append(f"There is no {INFORMED} in this folder, so scores against it are undefined.")
        if not any(BOUND in tables for tables in self._welfare.values()):
            self.notes.append(
                "There is no clairvoyant bound in this folder, so scores against the bound are undefined."
            )
        if len(self.contestants) < 2:
            self.notes.append("There is one policy only, so there is nothing to compare.")
        if self.undefined:
            self.notes.append(
                f"The interval of {INFORMED}'s gain over {IDLE} includes 0 on {', '.join(self.undefined)}: no score is"
                " defined there, and mean scores leave them out."
            )
        for policy in self.contestants:
            missing = [name for name, tables in self._welfare.items() if policy not in tables]
            if missing:
                self.notes.append(f"{policy} did not play {', '.join(missing)}.")

    # Worlds

    @kept
    def welfare(self, scenario: str, *policies: str) -> list[Floats]:
        """Welfare by policy ``(runs, seeds)`` on the seeds that all of them played; ``BOUND`` stands for the bound.

        Empty arrays where one of them has none.
        """
        tables = self._welfare[scenario]
        if any(policy not in tables for policy in policies):
            return [np.empty((0, 0)) for _ in policies]
        common = np.logical_and.reduce([np.isfinite(tables[policy]).all(0) for policy in policies])
        return [tables[policy][:, common] for policy in policies]

    def _has_reference(self, scenario: str) -> bool:
        return INFORMED in self._welfare[scenario] and IDLE in self._welfare[scenario]

    def _scorable(self, scenario: str) -> bool:
        zero, one = self.welfare(scenario, IDLE, INFORMED)
        return zero.size > 0 and stats.has_scale(zero[0], one[0])

    @kept
    def kind(self, policy: str) -> str:
        """``rule``, ``planner``, ``learned`` or ``reference``."""
        if policy in self._kinds:
            return self._kinds[policy]
        if policy in REFERENCES:
            return "reference"
        if policy in PLANNERS:
            return "planner"
        if policy == PRETRAINED:
            return "learned"
        rows = self.episodes.loc[self.episodes["policy"] == policy, "training_seed"]
        return "learned" if rows.notna().any() else "rule"

    @cached_property
    def contestants(self) -> tuple[str, ...]:
        """All policies that are no references."""
        return tuple(policy for policy in self.policies if self.kind(policy) != "reference")

    # Standings

    @cached_property
    def measure(self) -> str:
        """What ranks: ``score`` where it is defined anywhere, else ``gain``, else ``welfare``."""
        if any(self._has_reference(name) and name not in self.undefined for name in self.scenarios):
            return "score"
        return "gain" if IDLE in self.policies else "welfare"

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """Over all scenarios: contestants from the best on, then references."""
        return self.standings_of(self.scenarios)

    @kept
    def standings_of(self, scenarios: tuple[str, ...]) -> tuple[Standing, ...]:
        """Over some scenarios."""
        found = [self._standing(policy, scenarios) for policy in self.policies]
        found = [standing for standing in found if standing.episodes]

        def place(standing: Standing) -> tuple[bool, float, float]:
            value, gain = getattr(standing, self.measure).value, standing.gain.value
            return (
                standing.kind == "reference",
                -value if math.isfinite(value) else math.inf,
                -gain if math.isfinite(gain) else math.inf,
            )

        return tuple(sorted(found, key=place))

    @kept
    def _standing(self, policy: str, scenarios: tuple[str, ...]) -> Standing:
        mine = self.episodes[(self.episodes["policy"] == policy) & self.episodes["scenario"].isin(scenarios)]
        gains, plain = [], []
        for name in scenarios:
            # In the worlds of the score, so that planners, which play fewer, stand beside rules.
            asked = (policy, IDLE, INFORMED) if self._has_reference(name) else (policy, IDLE)
            values, zero = self.welfare(name, *asked)[:2]
            if values.size:
                gains.append((values, zero[0]))
            (values,) = self.welfare(name, policy)
            if values.size:
                plain.append((values, np.zeros(values.shape[1])))
        return Standing(
            policy=policy,
            kind=self.kind(policy),
            runs=max(int(mine["training_seed"].nunique()), 1),
            episodes=len(mine),
            scenarios=int(mine["scenario"].nunique()),
            score=stats.score_iqm(self._strata(policy, scenarios, INFORMED)),
            bound=stats.score_iqm(self._strata(policy, scenarios, BOUND)),
            gain=stats.mean_gain(gains),
            welfare=stats.mean_gain(plain) if self.measure == "welfare" else UNDEFINED,
        )

    @kept
    def on(self, scenario: str) -> tuple[str, ...]:
        """Who played a scenario: contestants by mean welfare, then references."""
        played = [policy for policy in self.policies if policy in self._welfare[scenario]]
        return tuple(
            sorted(played, key=lambda p: (self.kind(p) == "reference", -self.mean(p, "welfare_keur", scenario)))
        )

    def _strata(self, policy: str, scenarios: Sequence[str], one: str) -> list[stats.Stratum]:
        """A policy between doing nothing and a reference, for each scenario that has all three."""
        found = []
        for name in scenarios:
            values, zero, top = self.welfare(name, policy, IDLE, one)
            if values.size:
                found.append((values, zero[0], top[0]))
        return found

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """Contestants from the best on."""
        return tuple(standing.policy for standing in self.standings if standing.kind != "reference")

    @cached_property
    def best_rule(self) -> str | None:
        """The best policy that neither plans nor learns."""
        rules = [s.policy for s in self.standings if s.kind == "rule" and s.policy not in (IDLE, RANDOM)]
        return rules[0] if rules else None

    @kept
    def improvement(self, one: str, other: str) -> Estimate:
        """Probability that ``one`` earns more welfare than ``other`` in a world; ties count half."""
        if self.policies.index(one) > self.policies.index(other):
            there = self.improvement(other, one)
            return Estimate(1.0 - there.value, 1.0 - there.high, 1.0 - there.low)
        if one == other:
            return UNDEFINED
        return stats.improvement([(x, y) for x, y in (self.welfare(n, one, other) for n in self.scenarios) if x.size])

    @kept
    def difference(self, one: str, other: str) -> Estimate:
        """Mean welfare of ``one`` less that of ``other``, k€ an episode; scenarios weigh the same."""
        strata = []
        for name in self.scenarios:
            x, y = self.welfare(name, one, other)
            if x.size:
                strata.append((x, y.mean(0)))
        return stats.mean_gain(strata)

    @kept
    def score(self, scenario: str, policy: str) -> Estimate:
        """A policy's score against ``informed`` on one scenario; runs are averaged."""
        values, zero, one = self.welfare(scenario, policy, IDLE, INFORMED)
        return stats.score(values.mean(0), zero[0], one[0]) if values.size else UNDEFINED

    @kept
    def bound_score(self, scenario: str, policy: str) -> Estimate:
        """A policy's score against the bound on one scenario; runs are averaged."""
        values, zero, one = self.welfare(scenario, policy, IDLE, BOUND)
        return stats.score(values.mean(0), zero[0], one[0]) if values.size else UNDEFINED

    @kept
    def gain(self, scenario: str, policy: str) -> Estimate:
        """A policy's mean gain over doing nothing on one scenario."""
        values, zero = self.welfare(scenario, policy, IDLE)
        return stats.mean(values.mean(0) - zero[0]) if values.size else UNDEFINED

    @kept
    def welfare_of(self, scenario: str, policy: str) -> Estimate:
        """A policy's mean welfare on one scenario."""
        (values,) = self.welfare(scenario, policy)
        return stats.mean(values.mean(0)) if values.size else UNDEFINED

    @kept
    def mean(self, policy: str, column: str, scenario: str | None = None) -> float:
        """The mean of a column, first within each scenario; NaN where it is missing."""
        names = self.scenarios if scenario is None else (scenario,)
        found = [self._means.get((policy, name), {}).get(column, math.nan) for name in names]
        sound = [value for value in found if math.isfinite(value)]
        return float(np.mean(sound)) if sound else math.nan

    def episodes_of(self, policy: str, scenario: str) -> int:
        """How many episodes a policy played on a scenario."""
        return int(np.isfinite(self._welfare[scenario][policy]).sum()) if policy in self._welfare[scenario] else 0

    def profile(self, policy: str, thresholds: Sequence[float]) -> list[Estimate]:
        """Share of scenarios and runs whose score is above each threshold."""
        return stats.profile(self._strata(policy, self.scenarios, INFORMED), thresholds)

    def jobs(self) -> list[Callable[[], object]]:
        """What takes time, one by one, so that progress can be shown; all answers are kept."""
        found: list[Callable[[], object]] = []
        for scenario in self.scenarios:
            for policy in self.on(scenario):
                for question in (self.welfare_of, self.gain, self.score, self.bound_score):
                    found.append(partial(question, scenario, policy))
        found += [partial(self._standing, policy, self.scenarios) for policy in self.policies]
        return found

    # Orders that should hold

    @kept
    def order(self, scenario: str) -> dict[str, Claim]:
        """Random < rules < planner, nobody above ``informed``, and nobody above the bound."""
        played = self.on(scenario)
        rules = [p for p in played if self.kind(p) == "rule" and p not in (IDLE, RANDOM)]
        planners = [p for p in played if self.kind(p) == "planner"]
        others = [p for p in played if self.kind(p) != "reference"]

        rule, planner, other = (next(iter(names), None) for names in (rules, planners, others))
        random = RANDOM if RANDOM in played else None
        informed = INFORMED if INFORMED in played else None
        return {
            "rules": self.claim(scenario, rule, random, "no rule", "no random"),
            "planner": self.claim(scenario, planner, rule, "no planner", "no rule"),
            "informed": self.claim(scenario, informed, other, "no informed", "nobody else"),
            "bound": self._below_bound(scenario, played),
        }

    @kept
    def claim(
        self, scenario: str, upper: str | None, lower: str | None, no_upper: str = "", no_lower: str = ""
    ) -> Claim:
        """That ``upper`` earns more welfare than ``lower`` in the same worlds of a scenario."""
        if upper is None or lower is None:
            return Claim("missing", no_upper if upper is None else no_lower)
        x, y = self.welfare(scenario, upper, lower)
        if not x.size:
            return Claim("missing", "no common worlds")
        difference = stats.mean(x.mean(0) - y.mean(0))
        verdict = "not told apart"
        if difference.low > 0.0:
            verdict = "holds"
        elif difference.high < 0.0:
            verdict = "violated"
        sign = "+" if difference.value > 0 else "\N{MINUS SIGN}" if difference.value < 0 else ""
        return Claim(verdict, f"{upper} to {lower}: {sign}{abs(difference.value):,.1f} k€", difference.value)

    def _below_bound(self, scenario: str, policies: Sequence[str]) -> Claim:
        worlds, above = 0, []
        for policy in policies:
            values, bound = self.welfare(scenario, policy, BOUND)
            if values.size:
                worlds = max(worlds, values.shape[1])
                over = values - bound
                if (over > 1e-6 * np.maximum(np.abs(bound), 1.0)).any():
                    above.append(f"{policy} by up to {over.max():,.1f} k€")
        if not worlds:
            return Claim("missing", "no bound")
        if above:
            return Claim("violated", "; ".join(above))
        return Claim("holds", f"in all {worlds} worlds that have a bound")

    # People

    @cached_property
    def people(self) -> pd.DataFrame:
        """Mean account and blocked motions of each agent by scenario and policy; empty where no file tells them."""
        rows: list[dict[str, Any]] = []
        if "agents" not in self.episodes:
            return pd.DataFrame(rows)
        for names, mine in self.episodes.groupby(["scenario", "policy"], sort=False):
            scenario, policy = map(str, names)
            mine = mine[[_is_list(value) for value in mine["agents"]]]
            if not len(mine):
                continue
            agents = [str(name) for name in mine["agents"].iloc[0]]
            accounts = _columns(mine, "accounts_keur", len(agents))
            blocked = _columns(mine, "blocked", len(agents))
            for n, agent in enumerate(agents):
                rows.append(
                    {
                        "scenario": scenario,
                        "policy": policy,
                        "agent": agent,
                        "role": agent.rstrip("0123456789").rstrip("_"),
                        "account_keur": float(accounts[:, n].mean()) if len(accounts) else math.nan,
                        "blocked": float(blocked[:, n].mean()) if len(blocked) else math.nan,
                    }
                )
        return pd.DataFrame(rows)

    @kept
    def by_role(self, policy: str, column: str) -> dict[str, float]:
        """Sum over a role's agents of a column of ``people``, mean over scenarios."""
        if not len(self.people):
            return {}
        mine = self.people[self.people["policy"] == policy]
        sums = mine.groupby(["scenario", "role"])[column].sum(min_count=1)
        return {str(role): float(value) for role, value in sums.groupby("role").mean().items()}

    def gini(self, policy: str) -> float:
        """Gini of what the agents bear (the negative part of their mean accounts), mean over scenarios."""
        if not len(self.people):
            return math.nan
        mine = self.people[self.people["policy"] == policy]
        found = [stats.gini(-rows["account_keur"].to_numpy(float)) for _, rows in mine.groupby("scenario")]
        sound = [value for value in found if math.isfinite(value)]
        return float(np.mean(sound)) if sound else math.nan

    def nash(self, policy: str) -> float:
        """Nash's product of the agents' gains over doing nothing (a geometric mean, k€), mean over scenarios."""
        if not len(self.people):
            return math.nan
        found = []
        for _, rows in self.people.groupby("scenario"):
            accounts = rows.pivot_table(index="agent", columns="policy", values="account_keur")
            if policy in accounts and IDLE in accounts:
                found.append(stats.nash_welfare((accounts[policy] - accounts[IDLE]).to_numpy(float)))
        sound = [value for value in found if math.isfinite(value)]
        return float(np.mean(sound)) if sound else math.nan


def _means(episodes: pd.DataFrame) -> dict[tuple[str, str], dict[str, float]]:
    """Means of the numeric columns by (policy, scenario)."""
    numeric = list(episodes.select_dtypes("number").columns)
    table = episodes.groupby(["policy", "scenario"], sort=False)[numeric].mean()
    keys = [(str(policy), str(scenario)) for policy, scenario in table.index]
    return {
        key: dict(zip(map(str, numeric), row, strict=True)) for key, row in zip(keys, table.to_numpy(), strict=True)
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray) and len(value) > 0


def _columns(rows: pd.DataFrame, name: str, width: int) -> Floats:
    """A list column as ``(episodes, width)``; empty where it is missing or ragged."""
    if name not in rows:
        return np.empty((0, width))
    sound = [np.asarray(value, float) for value in rows[name] if _is_list(value) and len(value) == width]
    return np.stack(sound) if sound else np.empty((0, width))
