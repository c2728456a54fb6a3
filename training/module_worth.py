"""Measure what each module of the platform is worth to a tenant, in the game itself.

Teams with every combination of the modules play the same worlds (`patchpact.ecosystem.modules.Team`). A module's
worth is what the tenant's own account (IT and business) gains a window: alone, added last, and on average over all
orders (Shapley). Costs, and what the modules outside the game bring, are assumptions and labelled so.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from patchpact.agents.policies import seat
from patchpact.ecosystem.modules import IN_PLAY, MODULES, PLATFORM, Team
from patchpact.ecosystem.modules.catalogue import PARAMETERS
from patchpact.ecosystem.modules.economics import break_even_tenants
from patchpact.ecosystem.modules.table import BUNDLE, NOBODY, SYNERGY
from patchpact.envs.core.engine import REWARD_SCALE_KEUR
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario, load_scenario, scenario_ids
from patchpact.scenarios.tables import Cell, Measurement
from patchpact.training import stats
from patchpact.training.stats import Estimate

Subset: TypeAlias = frozenset[str]
Floats: TypeAlias = NDArray[np.float64]
SUBSETS: tuple[Subset, ...] = tuple(
    frozenset(chosen) for size in range(len(IN_PLAY) + 1) for chosen in combinations(IN_PLAY, size)
)
NOTHING: Subset = frozenset()
TOYS = ("toy-v1",)
SMALL_LOOK = ("teastore-v1", "robot-shop-v1")
SIZES = ("all", "small", "medium", "large")
SMALL, MEDIUM = 12, 19
"""Most services of a small and of a medium tenant (assumption)."""
TENANTS = (1, 2, 4)
SERVICES_OF_A_TENANT = 10
DRAWN_GRAPHS = 3
WORLDS_AT_ONCE = 1024
BIG = 100
"""Services from which on, as on drawn graphs, a quarter of the worlds is played."""
NOTES = (
    "k€ a tenant and window, the tenant's own account (IT and business) unless a figure's name says welfare",
    "base: highest CVSS first, in full mode, IT judges by its own account; modules are added to that",
    "account_all_accept: nobody judges, as plain cvss-first and net-gain; a scan then changes nothing",
    "intervals are 95% over worlds, paired; the scenarios are taken as given and weigh the same; losses are sampled",
    "scan: what IT knows of the reachability unasked, raised from the scenario's share to all of it; compared by "
    "differences to a team that does not use it, in each of the two worlds, since knowing more redraws what is true",
    "patch-bot: an effect that is assumed (labour left: see bot_labour), and its worth measured",
    "measurement, esg-report: worth assumed, see the catalogue",
    "groups small, medium, large: at most 12, 13 to 19, from 20 services a tenant; N in one world: drawn graphs of 10 "
    "services a tenant, 20 hours and 4 motions a tenant and window",
    "synergy: account of all modules of the game less the sum of each alone; above 0 they are worth more together",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the calibration's own options."""
    parser.add_argument("--episodes", type=int, default=256, metavar="N", help="worlds for each team (default 256)")
    parser.add_argument("--small", action="store_true", help="two scenarios, few worlds: for a quick look")
    parser.add_argument("--data", metavar="SCENARIO", nargs="+", help="files or ids, in place of the bundled ones")


def run(args: argparse.Namespace) -> Measurement:
    """See ``Calibration``."""
    episodes = min(args.episodes, 16) if args.small else args.episodes
    if episodes < 2:
        raise ValueError(f"--episodes: {args.episodes} is less than 2; ask for at least two")
    names = args.data or (SMALL_LOOK if args.small else [name for name in scenario_ids() if name not in TOYS])
    worlds = [world_of(name) for name in names]
    if not args.small:
        worlds += shared_worlds()
    worlds.sort(key=lambda world: int(world.scenario.parameters["motions_per_window"]))
    return Measurement(measure(worlds, episodes), ("numpy", "numba"), NOTES)


@dataclass(frozen=True)
class World:
    """A scenario, and the groups that it counts in."""

    scenario: Scenario
    groups: tuple[str, ...]


def size_of(scenario: Scenario) -> str:
    """``small``, ``medium`` or ``large``, by services a tenant."""
    services = len(scenario.services) / tenants_of(scenario)
    return "small" if services <= SMALL else "medium" if services <= MEDIUM else "large"


def tenants_of(scenario: Scenario) -> int:
    """How many tenants the scenario has."""
    return len({service.tenant for service in scenario.services})


def world_of(name: str) -> World:
    """A scenario, bundled or a file's."""
    scenario = load_scenario(name)
    return World(scenario, ("all", size_of(scenario)))


def shared_worlds() -> Iterator[World]:
    """Drawn worlds that several tenants share; the game looks up what was measured in them."""
    for tenants in TENANTS:
        for graph in range(DRAWN_GRAPHS):
            drawn = load_scenario(
                "generated-v1",
                services=SERVICES_OF_A_TENANT * tenants,
                tenants=tenants,
                scenario_seed=graph,
                capacity_hours=20.0 * tenants,
                motions_per_window=4 * tenants,
            )
            yield World(drawn, (f"{tenants} in one world",))


@dataclass(frozen=True)
class Played:
    """What each combination of modules brought, k€ a tenant and window ``(episodes,)``."""

    account: dict[Subset, Floats]
    welfare: dict[Subset, Floats]
    accepting: dict[Subset, Floats]  # the account where nobody judges


def play_all(scenarios: Sequence[Scenario], episodes: int) -> list[Played]:
    """Every combination of modules on the same worlds of each scenario.

    What a scan tells moves what is true: the law of the world stays, its draws do not. So a team with a scan is
    compared with one that ignores it in the same world, and that one, whose expectation a scan does not change, is put
    back from the world without: ``judged(scan) - accepting(scan) + accepting(no scan)``. It has the expectation of
    ``judged(scan)`` and a fraction of its spread against teams without a scan.
    """
    known = [one.with_parameters(signal_log_sd=float(one.parameters["reachability_log_sd"])) for one in scenarios]
    played = [Played({}, {}, {}) for _ in scenarios]
    for modules in SUBSETS:
        if "scan" in modules:
            continue
        told = modules | {"scan"}
        outcomes = zip(
            _outcomes(scenarios, modules, False, episodes),
            _outcomes(known, modules, False, episodes),
            _outcomes(known, modules, True, episodes),
            _outcomes(scenarios, modules, True, episodes),
            strict=True,
        )
        for one, (ignores, ignores_told, judges_told, judges) in zip(played, outcomes, strict=True):
            one.accepting[modules] = one.accepting[told] = ignores[0]
            one.account[modules], one.welfare[modules] = judges
            one.account[told] = judges_told[0] - ignores_told[0] + ignores[0]
            one.welfare[told] = judges_told[1] - ignores_told[1] + ignores[1]
    return played


def _outcomes(
    scenarios: Sequence[Scenario], modules: Subset, judges: bool, episodes: int
) -> list[tuple[Floats, Floats]]:
    """Account and welfare of each scenario, k€ a tenant and window ``(episodes,)`` each; all in one batch."""
    worlds = VectorEnv([_prepared(one, modules) for one in scenarios], episodes * len(scenarios), autoreset=False)
    players = seat(partial(Team, modules=modules, judges=judges), worlds)
    rng = np.random.default_rng(0)  # of which a team draws nothing
    observations, _ = worlds.reset(seed=np.arange(worlds.num_envs) // len(scenarios))
    account, welfare = np.zeros(worlds.num_envs), np.zeros(worlds.num_envs)
    running = np.ones(worlds.num_envs, np.bool_)
    while running.any():
        observations, rewards, terminations, _, infos = worlds.step(players(observations, rng))
        own = rewards["it"].sum(1) + rewards["business"].sum(1)
        account += own * REWARD_SCALE_KEUR * running
        welfare += infos["welfare_keur"] * running
        running &= ~terminations
    worlds.close()
    found = []
    for number, one in enumerate(scenarios):
        share = 1.0 / (tenants_of(one) * int(one.parameters["windows"]))
        found.append((account[number :: len(scenarios)] * share, welfare[number :: len(scenarios)] * share))
    return found


def _prepared(scenario: Scenario, modules: Subset) -> Scenario:
    """The scenario with drawn losses and, with a patch bot, less work."""
    settings: dict[str, Any] = {"incident_loss": "sampled"}
    if "patch-bot" in modules:
        left = PARAMETERS["bot_labour"]
        settings["labour_keur_per_hour"] = float(scenario.parameters["labour_keur_per_hour"]) * left
        settings["capacity_hours"] = float(scenario.parameters["capacity_hours"]) / left
    return scenario.with_parameters(**settings)


def alone(played: Mapping[Subset, Floats], module: str) -> Floats:
    """What a module adds to nothing ``(episodes,)``."""
    return played[frozenset({module})] - played[NOTHING]


def last(played: Mapping[Subset, Floats], module: str) -> Floats:
    """What a module adds to all others."""
    everything = frozenset(IN_PLAY)
    return played[everything] - played[everything - {module}]


def shapley(played: Mapping[Subset, Floats], module: str) -> Floats:
    """What a module adds on average over all orders in which modules may come (Shapley, 1953)."""
    count = len(IN_PLAY)
    others = [subset for subset in SUBSETS if module not in subset]
    total: Floats = np.zeros_like(played[NOTHING])
    for subset in others:
        weight = math.factorial(len(subset)) * math.factorial(count - len(subset) - 1) / math.factorial(count)
        total += weight * (played[subset | {module}] - played[subset])
    return total


def bundle(played: Mapping[Subset, Floats]) -> Floats:
    """What all modules of the game bring together."""
    return played[frozenset(IN_PLAY)] - played[NOTHING]


def synergy(played: Mapping[Subset, Floats]) -> Floats:
    """What all bring together beyond the sum of what each brings alone."""
    return bundle(played) - sum((alone(played, module) for module in IN_PLAY), np.zeros_like(played[NOTHING]))


def measure(worlds: Sequence[World], episodes: int) -> list[dict[str, Cell]]:
    """Play all worlds; rows of the table. ``episodes`` a team and scenario, a quarter on big and drawn graphs."""
    played: list[tuple[World, Played]] = []
    for together, count in tqdm(_batches(worlds, episodes), unit="batch", disable=None):
        played += zip(together, play_all([world.scenario for world in together], count), strict=True)
    rows: list[dict[str, Cell]] = []
    there = {group for world in worlds for group in world.groups}
    for group in sorted(there, key=lambda group: ((*SIZES, group).index(group), group)):
        rows += _rows_of_group(group, [one for world, one in played if group in world.groups])
    for module in MODULES:
        if not module.in_play:
            rows.append(_row("all", module.name, "account_alone", "k€", module.assumed_worth_keur, "assumption"))
            rows += _break_even("all", module.name, _sure(module.assumed_worth_keur), "assumption")
        rows.append(_row("all", module.name, "unit_cost", "k€", module.unit_cost_keur, "assumption"))
        rows.append(_row("all", module.name, "fixed_cost", "k€", module.fixed_cost_keur, "assumption"))
    rows += [_row("platform", NOBODY, one.name, one.unit, one.value, "assumption") for one in PLATFORM]
    return rows


def _batches(worlds: Sequence[World], episodes: int) -> list[tuple[list[World], int]]:
    """Worlds to play together, equally long ones, and how many episodes of each."""
    found: list[tuple[list[World], int]] = []
    length = 0
    for world in worlds:
        big = len(world.scenario.services) > BIG or "all" not in world.groups
        count = max(episodes // 4, 2) if big else episodes
        motions = int(world.scenario.parameters["motions_per_window"])
        fits = found and motions == length and found[-1][1] == count
        if fits and count * (len(found[-1][0]) + 1) <= WORLDS_AT_ONCE:
            found[-1][0].append(world)
        else:
            found.append(([world], count))
        length = motions
    return found


def _rows_of_group(group: str, played: Sequence[Played]) -> Iterator[dict[str, Cell]]:
    account = [one.account for one in played]
    welfare = [one.welfare for one in played]
    accepting = [one.accepting for one in played]
    for module in IN_PLAY:
        basis = "measured, effect assumed" if module == "patch-bot" else "measured"
        worth = estimate(alone(one, module) for one in account)
        yield _row(group, module, "account_alone", "k€", worth, basis)
        yield _row(group, module, "account_last", "k€", estimate(last(one, module) for one in account), basis)
        yield _row(group, module, "account_shapley", "k€", estimate(shapley(one, module) for one in account), basis)
        yield _row(group, module, "account_all_accept", "k€", estimate(alone(one, module) for one in accepting), basis)
        yield _row(group, module, "welfare_alone", "k€", estimate(alone(one, module) for one in welfare), basis)
        yield from _break_even(group, module, worth, basis)
    for name, of in ((BUNDLE, bundle), (SYNERGY, synergy)):
        yield _row(group, name, "account", "k€", estimate(map(of, account)), "measured")
        yield _row(group, name, "welfare", "k€", estimate(map(of, welfare)), "measured")
        yield _row(group, name, "account_all_accept", "k€", estimate(map(of, accepting)), "measured")


def estimate(gains: Iterable[Floats]) -> Estimate:
    """The mean over scenarios, which weigh the same, with its interval; gains ``(episodes,)`` of each."""
    return stats.mean_gain([(one[None], np.zeros(len(one))) for one in gains])


def _sure(value: float) -> Estimate:
    return Estimate(value, value, value)


def _break_even(group: str, name: str, worth: Estimate, basis: str) -> list[dict[str, Cell]]:
    """Tenants from which on it pays, 0 where never; ``low`` at the lower end of the worth, ``high`` at the upper."""
    module = next(one for one in MODULES if one.name == name)
    found = [break_even_tenants(module, value) or 0 for value in worth]
    return [_row(group, name, "break_even_tenants", "tenants", Estimate(*map(float, found)), f"{basis}; costs assumed")]


def _row(group: str, module: str, figure: str, unit: str, value: Estimate | float, basis: str) -> dict[str, Cell]:
    said = value if isinstance(value, Estimate) else _sure(value)
    cells: dict[str, Cell] = {"group": group, "module": module, "figure": figure, "unit": unit}
    return cells | {"value": said.value, "low": said.low, "high": said.high, "basis": basis}
