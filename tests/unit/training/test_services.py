"""Training of service agents: rollouts, the central critic, the run folder, and the comparison with the vote."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from patchpact.agents.policies import find
from patchpact.agents.policies.service_learned import ServiceNetwork, load_service_policy
from patchpact.cli.main import main
from patchpact.envs.service_layout import SERVICE_SIZE
from patchpact.envs.service_view import STATE_WIDTH
from patchpact.scenarios import load_scenario
from patchpact.training.config import TrainConfig
from patchpact.training.decisions import Player
from patchpact.training.evaluate import play
from patchpact.training.folder import RunError
from patchpact.training.service_rollout import ACTIONS, ServiceSampler, packed_width, player_of
from patchpact.training.services import DEFAULTS, compare_services, graph_of, train_services

WORLD = load_scenario("boutique-v1", incident_loss="expected", windows=4)
SERVICES = len(WORLD.services)
UNIT_KEUR = 10.0  # an hour's revenue of boutique-v1


def sampled(worlds: int = 6, coupling_keur: float = 1.0, values: float = 0.0):
    """A rollout of the prior network under a critic that says ``values``."""
    torch.manual_seed(0)
    network = ServiceNetwork(8, 4.0)
    player = Player(player_of(network).logits, lambda packed: torch.full((len(packed),), values))
    sampler = ServiceSampler(WORLD, worlds, coupling_keur)
    return sampler.play({"service": player}, np.random.default_rng(1), torch.Generator().manual_seed(2), gae_lambda=1.0)


def test_decisions_are_those_of_services_with_a_choice():
    played = sampled()
    decisions = played.decisions["service"]
    assert decisions.packed.shape == (len(decisions.actions), packed_width(SERVICES))
    mask = decisions.packed[:, SERVICE_SIZE : SERVICE_SIZE + ACTIONS]
    assert (mask.sum(1) == ACTIONS).all()
    assert 0 < len(mask) < 6 * 4 * SERVICES
    assert set(decisions.actions.tolist()) == {0, 1, 2}
    logp = torch.log_softmax(decisions.logits, 1)[torch.arange(len(mask)), decisions.actions]
    assert torch.equal(decisions.logp, logp)
    assert (played.env_steps, played.agent_steps) == (24, 24 * SERVICES)


def test_the_reward_beyond_greedy_adds_up_to_the_return():
    """First-window advantages under lambda 1 and a critic of 0: own return less what greedy would have earned."""
    played = sampled()
    seeds = np.random.default_rng(1).integers(2**31, 2**32, 6)
    greedy = play(WORLD, find("net-gain"), seeds.tolist())["welfare_keur"]
    beyond = played.returns["service"] - greedy / UNIT_KEUR
    found = set(np.round(played.decisions["service"].advantages.numpy(), 3).tolist())
    assert set(np.round(beyond.astype(np.float32), 3).tolist()) <= found


def test_the_penalty_reaches_the_return():
    free, paid = sampled(coupling_keur=0.0), sampled(coupling_keur=5.0)
    assert (free.welfare_keur == paid.welfare_keur).all()
    assert np.allclose(free.returns["service"], free.welfare_keur / UNIT_KEUR)
    assert (paid.returns["service"] < free.returns["service"]).any()


def test_values_are_subtracted():
    zero, one = sampled().decisions["service"], sampled(values=1.0).decisions["service"]
    assert torch.allclose(zero.advantages - 1.0, one.advantages, atol=1e-4)
    assert torch.allclose(zero.targets, one.targets, atol=1e-4)


def test_the_objective_is_welfare_less_penalties():
    network = ServiceNetwork(8, 4.0)
    seeds = np.arange(4, dtype=np.uint64)
    free, paid = (ServiceSampler(WORLD, 4, penalty).objective_keur(player_of(network), seeds) for penalty in (0.0, 3.0))
    assert (free >= paid).all()
    assert set(np.round((free - paid) / 3.0, 6) % 1.0) == {0.0}


def test_the_critic_sees_the_state_and_the_actor_its_service():
    pytest.importorskip("ray")
    from patchpact.training.rllib.services import CentralValue

    packed = sampled().decisions["service"].packed
    torch.manual_seed(0)
    value, network = CentralValue(8), ServiceNetwork(8, 4.0)
    state = packed[:, SERVICE_SIZE + ACTIONS :]
    shuffled = state.unflatten(1, (SERVICES, STATE_WIDTH))[:, torch.randperm(SERVICES)].flatten(1)
    assert torch.allclose(value(state), value(shuffled), atol=1e-5)  # a graph has no first service
    assert value(state).std() > 0.0
    logits = player_of(network).logits
    blank = packed.clone()
    blank[:, SERVICE_SIZE + ACTIONS :] = 0.0
    assert torch.equal(logits(packed), logits(blank))


def test_comparisons_are_paired_and_name_who_plays():
    rows = compare_services("mvp2-v1", episodes=8, seed=40, coupling_keur=2.0, windows=4)
    by_name = {row["policy"]: row for row in rows}
    world = load_scenario("boutique-v1", windows=4)
    welfare = {name: play(world, find(name), range(40, 48))["welfare_keur"] for name in by_name if name != "pretrained"}
    for name, values in welfare.items():
        assert by_name[name]["welfare_keur"] == pytest.approx(values.mean())
        for key, other in (("over_vote", "net-gain"), ("over_full", "net-gain-full"), ("gain", "do-nothing")):
            assert by_name[name][f"{key}_keur"] == pytest.approx((values - welfare[other]).mean())
    everything = by_name["services-patch-all"]
    assert (everything["agents"], by_name["net-gain"]["agents"]) == ("services", "stakeholders")
    assert everything["coupled_pairs"] > 0
    assert everything["objective_keur"] == pytest.approx(everything["welfare_keur"] - 2.0 * everything["coupled_pairs"])
    assert by_name["net-gain"]["coupled_pairs"] is None
    assert by_name["services-batch"]["coupled_pairs"] <= by_name["services-net-gain"]["coupled_pairs"]


def test_the_commands_tell_what_is_wrong(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, text in (
        (["services"], "say train or compare"),
        (["services", "train"], "--out"),
        (["services", "train", "--out", str(tmp_path / "full")], "is not an empty folder"),
        (["services", "train", "--out", str(tmp_path / "new"), "--scenario", "boutiqe-v1"], "boutique-v1"),
        (["services", "compare", "--coupling-keur", "-1"], "is not a number from 0 on"),
        (["services", "compare", "--episode", "3"], "did you mean --episodes?"),
        (["services", "compare", "--policy", "net-gian"], "net-gain"),
        (["evaluate", "--scenario", "mvp2-v1", "--policy", "net-gain"], "a game of service agents on boutique-v1"),
    ):
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert text in told
        assert told.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_compare_prints_rows_for_machines(capsys):
    given = ["services", "compare", "--scenario", "toy-v1", "--episodes", "2", "--policy", "services-batch", "--json"]
    assert main(given) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"net-gain", "services-net-gain", "pretrained"} <= {row["policy"] for row in rows}
    assert len({row["policy"] for row in rows}) == len(rows)


def test_several_scenarios_are_told(tmp_path):
    config = TrainConfig(scenario=("boutique-v1", "toy-v1"), out=str(tmp_path / "run"))
    with pytest.raises(ValueError, match="one graph"):
        train_services(config, progress=False)
    assert graph_of("mvp2-v1") == "boutique-v1"


@pytest.mark.slow
def test_a_training_leaves_a_folder_that_plays_and_repeats_itself(tmp_path: Path):
    pytest.importorskip("ray")
    given = {
        **DEFAULTS,
        "num_envs": 8,
        "timesteps": 8 * 4 * 3,
        "validate_every": 1,
        "validation_episodes": 8,
        "hidden": 8,
    }
    tables = []
    for name in ("first", "second"):
        config = TrainConfig(
            scenario="mvp2-v1", out=str(tmp_path / name), overrides={"windows": 4}, evaluation_episodes=4, **given
        )
        folder = train_services(config, progress=False)
        tables.append(list(csv.DictReader((folder / "progress.csv").open())))
    assert [int(row["iteration"]) for row in tables[0]] == [1, 2, 3]
    same = ("validation_keur", "welfare_keur", "service_entropy", "service_policy_loss")
    assert [[row[name] for name in same] for row in tables[0]] == [[row[name] for name in same] for row in tables[1]]
    assert len({row["service_policy_loss"] for row in tables[0]}) == 3
    rows = json.loads((folder / "evaluation.json").read_text())
    assert rows[-1]["policy"] == str(folder)
    assert json.loads((folder / "services.json").read_text())["coupling_keur"] == 1.0
    load_service_policy(folder)
    kept = {file.name for file in folder.iterdir() if file.name != ".lock"}
    assert kept == {"services.json", "progress.csv", "policy", "evaluation.json"}
    with pytest.raises(RunError, match="not an empty folder"):
        train_services(config, progress=False)
