"""PettingZoo's own tests of the game in which every service is an agent."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import networkx as nx
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

import patchpact
from patchpact.envs import make_services
from patchpact.envs.services import ServicesEnv
from patchpact.scenarios import AssumptionWarning, load_scenario

HINTS = (
    "Observation space for each agent probably should be",  # ours are Dicts, with a mask
    "Observation is not a NumPy array",
    "We recommend agents to be named in the format",  # they are called as the graph's services are
)
"""What PettingZoo says of every environment with masks."""


@contextmanager
def nothing_to_complain() -> Iterator[None]:
    """Warnings are errors, but for the hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for hint in HINTS:
            warnings.filterwarnings("ignore", message=hint)
        yield


NAMES = ("boutique-v1", "sock-shop-v1", "generated-v1", "toy-v1", "symbiosis-v1")


@pytest.mark.parametrize("name", NAMES)
def test_parallel_api(name):
    with nothing_to_complain():
        parallel_api_test(make_services(name), num_cycles=60)


@pytest.mark.parametrize("name", NAMES)
def test_parallel_seeds(name):
    with nothing_to_complain():
        parallel_seed_test(lambda: make_services(name), num_cycles=40)


def test_the_id():
    with nothing_to_complain():
        parallel_api_test(patchpact.make("mvp2-v1"), num_cycles=60)
        parallel_seed_test(lambda: patchpact.make("mvp2-v1"), num_cycles=40)
        api_test(patchpact.make_aec("mvp2-v1"), num_cycles=30)
        seed_test(lambda: patchpact.make_aec("mvp2-v1"), num_cycles=30)


def test_a_graph_that_nobody_has_seen():
    with pytest.warns(AssumptionWarning):
        world = load_scenario(nx.gn_graph(30, seed=4).reverse())
    with nothing_to_complain():
        parallel_api_test(ServicesEnv(world), num_cycles=30)


def test_an_episode_lasts_as_many_windows_as_the_scenario_says():
    env = make_services("toy-v1", windows=5)
    env.reset(seed=0)
    for window in range(5):
        assert env.agents, window
        _, _, terminations, truncations, _ = env.step({})
    assert all(terminations.values())
    assert not any(truncations.values())
    assert env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_the_page_s_example_runs(repository):
    text = (repository / "docs" / "service_agents.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(compile(example, "service_agents.md", "exec"), names)
    assert names["env"].agents == []
    assert names["infos"]["frontend"]["episode"]["welfare_keur"] < 0.0
