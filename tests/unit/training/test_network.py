"""The role networks: masks, shared row weights, heads read off action names."""

import numpy as np
import pytest
import torch

from patchpact.agents.policies import act_all, make_policy, seat
from patchpact.agents.policies.greedy import GREEDY
from patchpact.agents.policies.learned import LearnedPolicy
from patchpact.agents.policies.network import MASKED_LOGIT, ActionHeads
from patchpact.agents.policies.networks import (
    NETWORKS,
    build_policy_network,
    build_value_network,
    current_shape,
    lean_towards_gains,
    leaning_network,
)
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs import make_vec


def batch(role: str, size: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    observation = rng.normal(size=(size, layout.OBSERVATION_SIZE)).astype(np.float32)
    rows = observation[:, : layout.SLOTS_START].reshape(size, layout.AGENDA_ROWS, layout.ROW_WIDTH)
    rows[..., layout.row_feature("present")] = 1.0
    rows[..., layout.row_feature("on_motion")] = 0.0
    mask = (rng.random((size, len(action_names(role)))) < 0.3).astype(np.int8)
    mask[:, 0] = 1
    return torch.from_numpy(observation), torch.from_numpy(mask)


@pytest.mark.parametrize("role", ROLES)
def test_heads_cover_every_action_once(role: str) -> None:
    names = action_names(role)
    heads = ActionHeads.parse(names, layout.AGENDA_ROWS, layout.ENTITY_SLOTS)
    size = len(heads.plain) + layout.AGENDA_ROWS * len(heads.by_row) + layout.ENTITY_SLOTS * len(heads.by_slot)
    assert sorted(heads.order) == list(range(size)) == list(range(len(names)))
    assert {f"nominate:*:{mode}" for mode in layout.MODES} <= set(heads.by_row)


def test_targets_with_holes_are_plain() -> None:
    heads = ActionHeads.parse(["pass", "lift:0", "lift:2"], rows=16, slots=8)
    assert heads.plain == ("pass", "lift:0", "lift:2")
    assert heads.order == (0, 1, 2)


@pytest.mark.parametrize("role", ROLES)
def test_masked_actions_have_no_probability(role: str) -> None:
    torch.manual_seed(0)
    observation, mask = batch(role, 64)
    logits = build_policy_network(action_names(role), 16)(observation, mask)
    assert logits.shape == mask.shape
    assert (logits[mask == 0] == MASKED_LOGIT).all()
    distribution = torch.distributions.Categorical(logits=logits)
    assert (distribution.probs[mask == 0] == 0).all()
    assert torch.isfinite(distribution.entropy()).all()


@pytest.mark.parametrize("role", ROLES)
def test_permuting_rows_permutes_their_logits(role: str) -> None:
    torch.manual_seed(0)
    network = build_policy_network(action_names(role), 16)
    with torch.no_grad():
        network.row_skip.weight.normal_()
    observation, _ = batch(role)
    mask = torch.ones(5, len(action_names(role)))
    order = torch.randperm(layout.AGENDA_ROWS)
    shuffled = observation.clone()
    rows = observation[:, : layout.SLOTS_START].reshape(5, layout.AGENDA_ROWS, -1)
    shuffled[:, : layout.SLOTS_START] = rows[:, order].reshape(5, -1)
    before, after = network(observation, mask), network(shuffled, mask)
    modes = len(layout.MODES)
    nominations = slice(layout.NOMINATE_START, layout.VOTE_START)
    expected = before[:, nominations].reshape(5, -1, modes)[:, order].reshape(5, -1)
    torch.testing.assert_close(after[:, nominations], expected)
    torch.testing.assert_close(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, layout.VOTE_START : 72], before[:, layout.VOTE_START : 72])


def test_vote_sees_the_motions_row() -> None:
    torch.manual_seed(0)
    network = build_policy_network(action_names("it"), 16)
    observation, _ = batch("it", 1)
    mask = torch.ones(1, len(action_names("it")))
    votes = []
    for row in (2, 9):
        marked = observation.clone()
        marked[0, row * layout.ROW_WIDTH + layout.row_feature("on_motion")] = 1.0
        votes.append(network(marked, mask)[0, layout.VOTE_START : 72])
    assert not torch.allclose(votes[0], votes[1])


def test_value_network_is_finite_on_an_empty_agenda() -> None:
    value = build_value_network(16)(torch.zeros(3, current_shape().size))
    assert value.shape == (3,)
    assert torch.isfinite(value).all()


@pytest.mark.parametrize("role", ROLES)
def test_without_chance_a_start_is_a_function_of_the_observation(role: str) -> None:
    seen, mask = torch.randn(8, layout.OBSERVATION_SIZE), torch.ones(8, len(action_names(role)))
    for kind in NETWORKS:
        found = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            network = leaning_network(action_names(role), kind, 4.0, 1.0)
            found.append(network(seen, mask).detach())
        assert torch.equal(*found)
        assert found[0].std() > 0.0 if kind == "rows" else not found[0].any()


@pytest.mark.parametrize(("welfare_share", "rule"), [(1.0, "greedy"), (0.0, "myopic-selfish")])
@pytest.mark.parametrize("scenario", ["toy-v1", "boutique-v1", "petclinic-v1", "symbiosis-v1"])
def test_an_untrained_policy_that_leans_towards_gains_plays_a_rule(
    scenario: str, welfare_share: float, rule: str
) -> None:
    """Of the public estimates the greedy one, of its own account's the selfish one; where it does not move, chance decides."""
    worlds = make_vec(scenario, num_envs=2)
    policies = {}
    for role in worlds.roles:
        torch.manual_seed(0)
        network = build_policy_network(action_names(role), 64)
        lean_towards_gains(network, 4.0, welfare_share)
        policies[role] = LearnedPolicy(role, network)
    teacher = seat(GREEDY if rule == "greedy" else make_policy(rule), worlds)
    rng = np.random.default_rng(0)
    observations, _ = worlds.reset(seed=5)
    same = []
    for _ in range(100):
        wanted = teacher(observations, rng)
        found = act_all(policies, observations, rng)
        for role, actions in wanted.items():
            same.append(actions == found[role])
        observations, *_ = worlds.step(wanted)
    assert np.concatenate([one.ravel() for one in same]).mean() > (0.99 if rule == "greedy" else 0.93)
