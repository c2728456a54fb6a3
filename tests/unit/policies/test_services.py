"""Policies of service agents: rules of thumb, and what a folder of a learned one holds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from patchpact.agents.policies import find, make_policy, policy_names, seat
from patchpact.agents.policies.learned import load_policy
from patchpact.agents.policies.registry import PRETRAINED_FOLDER
from patchpact.agents.policies.service_learned import (
    ENTRIES,
    LearnedServicePolicy,
    ServiceNetwork,
    is_service_policy,
    load_service_cast,
    load_service_policy,
    save_service_policy,
)
from patchpact.agents.policies.services import RULES, ServicePlayers, service_players
from patchpact.agents.roles import layout
from patchpact.envs.service_layout import BATCH, DEFER, PATCH, SERVICE_SIZE, service_feature
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import evaluate, play

RNG = np.random.default_rng(0)


def seen(value: float, others: float = 0.0) -> np.ndarray:
    observation = np.zeros(SERVICE_SIZE, np.float32)
    observation[service_feature("value")] = value
    observation[service_feature("others_best")] = others
    return observation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_service_policy(tmp_path / "policy", ServiceNetwork(8, 4.0).state_dict(), 8, {"scenario": "toy-v1"})
    return tmp_path


@pytest.mark.parametrize(
    ("rule", "value", "others", "action"),
    [
        ("services-net-gain", 0.1, 1.0, PATCH),
        ("services-net-gain", 0.0, 1.0, DEFER),
        ("services-batch", 0.1, 1.0, BATCH),
        ("services-batch", 0.1, 0.0, PATCH),
        ("services-batch", -0.1, 1.0, DEFER),
        ("services-patch-all", -0.1, 0.0, PATCH),
    ],
)
def test_rules_of_thumb(rule, value, others, action):
    legal, nothing = np.array([1, 1, 1], np.int8), np.array([1, 0, 0], np.int8)
    assert RULES[rule].act(seen(value, others), legal, RNG) == action
    assert RULES[rule].act(seen(value, others), nothing, RNG) == DEFER
    both = np.stack([seen(value, others)] * 2), np.stack([legal, nothing])
    assert RULES[rule].act(*both, RNG).tolist() == [action, DEFER]


def test_rules_are_found_by_name_and_stay_out_of_the_stakeholders_list():
    for name in RULES:
        assert make_policy(name).name == name
        assert name not in policy_names()
    with pytest.raises(ValueError, match="services-net-gain"):
        find("services-net-gian")


def test_a_batch_of_worlds_plays_as_each_world_alone():
    world = load_scenario("sock-shop-v1")
    for name in RULES:
        together = play(world, find(name), range(6))
        for seed in range(6):
            alone = play(world, find(name), [seed])
            assert alone["welfare_keur"][0] == together["welfare_keur"][seed]


def test_pairs_are_counted_over_the_whole_episode():
    """As the environment counts them, the last window included."""
    from patchpact.envs import ServicesEnv

    world = load_scenario("boutique-v1", windows=3)
    worlds = VectorEnv([world], 2, autoreset=False)
    players = ServicePlayers(worlds, RULES["services-patch-all"])
    observations, _ = worlds.reset(seed=[7, 8])
    while not worlds.engine.state.world["over"].all():
        observations, *_ = worlds.step(players.act(observations, RNG))
    env = ServicesEnv(world)
    for n, seed in enumerate((7, 8)):
        env.reset(seed=seed)
        count = 0
        while env.agents:
            *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
            count += infos["frontend"]["coupled_pairs"]
        assert players.pairs[n] == count > 0


def test_a_learned_policy_is_saved_and_loaded_back(folder):
    torch.manual_seed(0)
    network = ServiceNetwork(8, 4.0)
    observation = np.random.default_rng(1).normal(size=(50, SERVICE_SIZE)).astype(np.float32)
    mask = np.ones((50, 3), np.int8)
    mask[::3, PATCH:] = 0
    expected = LearnedServicePolicy(network).act(observation, mask, RNG)
    assert len(set(expected.tolist())) > 1
    assert (expected[::3] == DEFER).all()
    for place in (folder, folder / "policy"):
        policy = load_service_policy(place)
        assert (policy.act(observation, mask, RNG) == expected).all()
        assert policy.act(observation[1], mask[1], RNG) == expected[1]
    drawn = load_service_policy(folder, deterministic=False).act(observation, mask, RNG)
    assert (mask[np.arange(50), drawn] == 1).all()
    assert (drawn != expected).any()
    assert {file.suffix for file in (folder / "policy").iterdir()} == {".json", ".safetensors"}


def test_an_older_layout_is_read_by_names(folder):
    """Fewer entries in another order: each is read from its place of today."""
    file = folder / "policy" / "policy.json"
    described = json.loads(file.read_text())
    kept = list(reversed(ENTRIES))[5:]
    torch.manual_seed(3)
    network = ServiceNetwork(8, entries=len(kept))
    save_service_policy(folder / "policy", network.state_dict(), 8, {})
    file.write_text(json.dumps({**described, "entries": kept}))
    observation = np.random.default_rng(1).normal(size=(20, SERVICE_SIZE)).astype(np.float32)
    scores = network(torch.from_numpy(observation[:, [ENTRIES.index(name) for name in kept]]), torch.ones(20, 3))
    chosen = load_service_policy(folder).act(observation, np.ones((20, 3), np.int8), RNG)
    assert (chosen == scores.argmax(-1).numpy()).all()


def test_evaluate_takes_the_folder(folder):
    assert is_service_policy(folder)
    rows = evaluate("toy-v1", ["services-net-gain", str(folder)], episodes=4)
    assert [row["policy"] for row in rows] == ["services-net-gain", str(folder)]
    world = load_scenario("toy-v1", incident_loss="sampled")
    other = play(world, service_players("again", load_service_policy(folder)), range(4))
    assert rows[1]["welfare_keur"] == pytest.approx(other["welfare_keur"].mean())
    assert load_service_cast(folder).name == str(folder)


def test_the_games_do_not_take_each_others_policies(folder):
    with pytest.raises(ValueError, match="is a policy of services; load it with load_service_policy"):
        load_policy(folder)
    with pytest.raises(ValueError, match="game None"):
        load_service_policy(PRETRAINED_FOLDER)
    assert not is_service_policy(PRETRAINED_FOLDER)
    assert not is_service_policy(folder / "nothing")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "format 2"),
        ({"entries": ["nonsense"]}, "entry 'nonsense' unknown"),
        ({"actions": ["defer", "patch"]}, "unknown to this version"),
        ({"hidden": 9}, "does not fit policy.json"),
        ({"hidden": None}, "damaged"),
    ],
)
def test_damage_is_one_line(folder, change, problem):
    file = folder / "policy" / "policy.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=problem) as told:
        load_service_policy(folder)
    assert "\n" not in str(told.value)


def test_missing_files_are_told(folder):
    (folder / "policy" / "service.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"service\.safetensors: missing or damaged"):
        load_service_policy(folder)
    with pytest.raises(ValueError, match="cannot be read"):
        load_service_policy(folder / "nothing")


def test_the_vote_in_full_mode_alone_knows_no_other():
    world = load_scenario("boutique-v1", windows=3)
    worlds = VectorEnv([world], 4, autoreset=False)
    observations, _ = worlds.reset(seed=0)
    players = seat(find("net-gain-full"), worlds)
    nominated = 0
    while not worlds.engine.state.world["over"].all():
        actions = players(observations, RNG)
        for chosen in actions.values():
            nominations = chosen[(chosen > 0) & (chosen < layout.VOTE_START)]
            nominated += len(nominations)
            assert ((nominations - layout.NOMINATE_START) % len(layout.MODES) == 0).all()
        observations, *_ = worlds.step(actions)
    assert nominated > 0
