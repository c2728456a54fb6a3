"""What a central critic sees: all that any agent knows alone, the hidden truth, whatever a world's size."""

import numpy as np
import pytest
import torch

import patchpact
from patchpact.agents.policies.networks import current_shape
from patchpact.agents.roles import ROLE_INDEX, ROLES, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.truth import TRUTHS, hidden_truth
from patchpact.scenarios import load_scenario
from patchpact.training.central import BEYOND_SIZE, PRIVATE_GLOBAL, PRIVATE_ROW, Beyond, CentralCritic

MIXTURE = [load_scenario(one, windows=3) for one in ("toy-v1", "boutique-v1", "bank-of-anthos-v1")]


def roles_of(engine: Engine) -> np.ndarray:
    table = np.full((engine.num_envs, engine.num_agents), -1)
    for k in range(engine.num_envs):
        agents = engine.scenarios[k % len(engine.scenarios)].agents
        order = sorted(ROLE_INDEX[agent.role] for agent in agents)
        table[k, : len(order)] = order
    return table


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine(MIXTURE, 6)
    made.reset(np.arange(6, dtype=np.uint64))
    made.step_at_random(3, 0, np.zeros((6, made.num_agents), np.int64), steps=5)
    return made


def test_only_the_features_named_private_differ_between_agents() -> None:
    """All others the critic reads off the agent's own observation; a new private feature must be named there."""
    mixture = [*MIXTURE, load_scenario("symbiosis-v1", windows=3)]
    worlds = 2 * len(mixture)
    engine = Engine(mixture, worlds)
    engine.reset(np.arange(worlds, dtype=np.uint64))
    names = np.array([entry.name.rpartition(".")[2] for entry in layout.observation_entries()])
    known = {*PRIVATE_ROW, *PRIVATE_GLOBAL, "slot_own"}  # who owns a slot is told by the rows
    out = np.zeros((worlds, engine.num_agents), np.int64)
    for t in range(150):
        engine.step_at_random(1, t, out)
        for k in range(worlds):
            seen = engine.state.observation[k, : len(mixture[k % len(mixture)].agents)]
            assert set(names[(seen != seen[0]).any(0)]) <= known


def test_means_are_over_the_agents_of_a_role(engine: Engine) -> None:
    roles = roles_of(engine)
    beyond = Beyond(roles)(engine)
    assert beyond.shape == (6, BEYOND_SIZE)
    wide = layout.AGENDA_ROWS * (len(ROLES) * len(PRIVATE_ROW) + len(TRUTHS))
    by_row = beyond[:, :wide].reshape(6, layout.AGENDA_ROWS, -1)
    whole = beyond[:, wide:]
    for k in range(6):
        for place, role in enumerate(ROLES):
            seats = np.flatnonzero(roles[k] == ROLE_INDEX[role])
            seen = engine.state.observation[k, seats].astype(np.float64)
            for n, name in enumerate(PRIVATE_ROW):
                columns = np.arange(layout.AGENDA_ROWS) * layout.ROW_WIDTH + layout.row_feature(name)
                wanted = seen[:, columns].mean(0) if len(seats) else 0.0
                assert np.allclose(by_row[k, :, place * len(PRIVATE_ROW) + n], wanted, atol=1e-5)
            for n, name in enumerate(PRIVATE_GLOBAL):
                wanted = seen[:, layout.global_feature(name)].mean() if len(seats) else 0.0
                assert whole[k, place * len(PRIVATE_GLOBAL) + n] == pytest.approx(wanted, abs=1e-5)
            assert whole[k, len(ROLES) * len(PRIVATE_GLOBAL) + place] == pytest.approx(np.log1p(len(seats)))
    assert np.array_equal(by_row[:, :, -len(TRUTHS) :], hidden_truth(engine))


def test_the_truth_is_that_of_state() -> None:
    env = patchpact.make("boutique-v1")
    env.reset(seed=4)
    truth = env.state()[-layout.AGENDA_ROWS * len(TRUTHS) :].reshape(layout.AGENDA_ROWS, -1)
    patches = env.engine.state.row["patch"][0]
    assert (patches >= 0).any()
    for row, patch in enumerate(patches):
        record, public = env.engine.state.patch[patch], env.engine.static.patch["effort"][patch]
        wanted = (record["regression"], record["effort"] / public, record["truth"]) if patch >= 0 else (0, 0, 0)
        assert np.allclose(truth[row], wanted)


@pytest.mark.parametrize("kind", ["rows", "flat"])
def test_the_critic_reads_both(engine: Engine, kind: str) -> None:
    torch.manual_seed(0)
    critic = CentralCritic(8, kind)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # some start at zero
    seen = torch.from_numpy(engine.state.observation[:, 0].copy())
    beyond = torch.from_numpy(Beyond(roles_of(engine))(engine)).requires_grad_()
    seen.requires_grad_()
    critic(seen, beyond).sum().backward()
    assert seen.shape[1] == current_shape().size
    assert seen.grad is not None and beyond.grad is not None
    wide = layout.AGENDA_ROWS * (len(ROLES) * len(PRIVATE_ROW) + len(TRUTHS))
    for gradient in (seen.grad, beyond.grad[:, :wide], beyond.grad[:, wide:]):
        assert float(gradient.abs().sum()) > 0.0
