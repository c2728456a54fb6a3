"""PettingZoo's own tests, on every bundled scenario, the study's worlds and graphs that nobody has seen."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import networkx as nx
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

from patchpact.envs import make, make_aec, patchpact_v1
from patchpact.scenarios import AssumptionWarning, Scenario, load_scenario, scenario_ids
from patchpact.training.study.design import load_design
from patchpact.training.study.worlds import world_of as study_world


def one_node() -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_node("alone")
    return graph


def ring() -> nx.DiGraph:
    return nx.cycle_graph(5, create_using=nx.DiGraph)


def apart() -> nx.DiGraph:
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("x", "y")])
    graph.add_node("lonely", kind="store")
    return graph


def thirty() -> nx.DiGraph:
    graph = nx.gn_graph(30, seed=4)
    return nx.DiGraph((f"n{u}", f"n{v}") for u, v in graph.reverse().edges)


def queues() -> nx.DiGraph:
    graph = nx.DiGraph([("web", "orders"), ("orders", "broker"), ("worker", "broker"), ("worker", "db")])
    graph.nodes["broker"]["kind"] = "queue"
    graph.nodes["web"].update(exposed=True, revenue_keur_per_hour=2.0)
    graph.nodes["db"]["kind"] = "store"
    return graph


GRAPHS = (one_node, ring, apart, thirty, queues)
STUDY = load_design("symbiosis")
STUDIED = tuple(f"{place.name} of the study" for place in STUDY.file.topologies)
WORLDS = [*scenario_ids(), *STUDIED, *GRAPHS]


def world_of(source: str | Callable[[], nx.DiGraph]) -> Scenario:
    if source in STUDIED:
        place = str(source).partition(" ")[0]
        return study_world(next(cell for cell in STUDY.cells("full") if cell.topology == place))
    if isinstance(source, str):
        return load_scenario(source)
    with pytest.warns(AssumptionWarning):
        return load_scenario(source())


HINTS = (
    "Observation space for each agent probably should be",  # ours are Dicts, with a mask
    "Observation is not a NumPy array",
    "Agents have different observation space sizes",  # masks are as long as a role has actions
)
"""What PettingZoo says of every environment with masks by role."""


@contextmanager
def nothing_to_complain() -> Iterator[None]:
    """Warnings are errors, but for the hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for hint in HINTS:
            warnings.filterwarnings("ignore", message=hint)
        yield


@pytest.mark.parametrize("source", WORLDS)
def test_parallel_api(source):
    with nothing_to_complain():
        parallel_api_test(make(world_of(source)), num_cycles=200)


@pytest.mark.parametrize("source", WORLDS)
def test_aec_api(source):
    world = world_of(source)
    with nothing_to_complain():
        api_test(make_aec(world), num_cycles=60)


@pytest.mark.parametrize("source", WORLDS)
def test_parallel_seeds(source):
    world = world_of(source)
    with nothing_to_complain():
        parallel_seed_test(lambda: make(world), num_cycles=120)


@pytest.mark.parametrize("source", WORLDS)
def test_aec_seeds(source):
    world = world_of(source)
    with nothing_to_complain():
        seed_test(lambda: make_aec(world), num_cycles=60)


def test_the_usual_module():
    with nothing_to_complain():
        parallel_api_test(patchpact_v1.parallel_env("toy-v1"), num_cycles=40)
        api_test(patchpact_v1.env("toy-v1"), num_cycles=40)
        api_test(patchpact_v1.raw_env("toy-v1"), num_cycles=40)
        seed_test(lambda: patchpact_v1.env("toy-v1"), num_cycles=40)
