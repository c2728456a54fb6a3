"""Every baseline acts legally, alone and batched, and does what its name says."""

import numpy as np
import pytest

import patchpact
from patchpact.agents.policies import PLANNERS, BatchPolicy, Joint, Seen, make_policy, policy_names, seat
from patchpact.agents.policies.base import ACCEPT, REJECT
from patchpact.agents.policies.registry import BASELINES
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import load_scenario

FULL = layout.MODES.index("full")


@pytest.fixture(scope="module")
def visited() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Observations and masks by role, from some steps of many worlds at random."""
    worlds = patchpact.make_vec("toy-v1", num_envs=16)
    random = {role: make_policy("random")(role) for role in worlds.roles}
    rng = np.random.default_rng(0)
    observations, _ = worlds.reset(seed=0)
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {role: [] for role in worlds.roles}
    for _ in range(12):
        actions = {}
        for role, seen in observations.items():
            flat = seen["observation"].reshape(16, -1), seen["action_mask"].reshape(16, -1)
            found[role].append(flat)
            actions[role] = random[role].act(*flat, rng).reshape(16, 1)
        observations, *_ = worlds.step(actions)
    return {
        role: (np.concatenate([o for o, _ in pairs]), np.concatenate([m for _, m in pairs]))
        for role, pairs in found.items()
    }


def empty(role: str = "it", voting: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """An observation with nothing in it, and a mask with nothing but passing (or abstaining)."""
    observation = np.zeros(layout.OBSERVATION_SIZE, np.float32)
    mask = np.zeros(len(action_names(role)), np.int8)
    mask[layout.ABSTAIN if voting else layout.PASS] = 1
    observation[layout.global_feature("phase_vote")] = voting
    return observation, mask


def with_rows(*rows: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """A proposer's view of an agenda with these rows, all of them legal in every mode."""
    observation, mask = empty()
    observation[layout.global_feature("horizon")] = 1.0
    observation[layout.global_feature("season_now")] = 1.0
    for number, features in enumerate(rows):
        mask[layout.NOMINATE_START + 4 * number : layout.NOMINATE_START + 4 * number + 4] = 1
        for name, value in {"present": 1.0, "cost": 1.0, "public_full": 1.0, **features}.items():
            observation[number * layout.ROW_WIDTH + layout.row_feature(name)] = value
    return observation, mask


def choice(policy: str, *rows: dict[str, float]) -> str:
    action = make_policy(policy)("it").act(*with_rows(*rows), np.random.default_rng(0))
    assert isinstance(action, int)
    return action_names("it")[action]


BY_ROLE = [name for name in policy_names() if not isinstance(make_policy(name), Joint)]
TOGETHER = [name for name in policy_names() if isinstance(make_policy(name), Joint)]


@pytest.mark.parametrize("name", [*TOGETHER, *PLANNERS, "informed"])
def test_who_plays_all_agents_acts_legally(name: str) -> None:
    worlds = VectorEnv([load_scenario("boutique-v1", windows=2)], 2, autoreset=False)
    observations, _ = worlds.reset(seed=[3, 4])
    players = seat(make_policy(name), worlds)
    nominated = 0
    for _ in range(16):
        actions = players(observations, np.random.default_rng(0))
        for role, chosen in actions.items():
            assert np.take_along_axis(observations[role]["action_mask"], chosen[:, :, None], 2).all(), role
            nominated += ((chosen >= layout.NOMINATE_START) & (chosen < layout.VOTE_START)).sum()
        observations, *_ = worlds.step(actions)
    assert nominated > 0


@pytest.mark.parametrize("name", BY_ROLE)
def test_acts_legally_alone_and_batched(name: str, visited: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for role, (observation, mask) in visited.items():
        policy = make_policy(name)(role)
        batched = policy.act(observation, mask, np.random.default_rng(1))
        assert batched.shape == (len(mask),)
        assert batched.dtype == np.int64
        assert mask[np.arange(len(mask)), batched].all()
        single = policy.act(observation[5], mask[5], np.random.default_rng(1))
        assert isinstance(single, int)
        if name != "random":
            assert single == batched[5]


def test_names() -> None:
    assert policy_names(variants=False) == tuple(policy.NAME for policy in BASELINES)
    needed = {
        *("random", "do-nothing", "cvss-first", "epss-first", "kev-first", "kev-epss-cvss"),
        *("risk-per-cost", "risk-per-cost-chain", "myopic-selfish"),
    }
    assert needed <= set(policy_names())
    for rule in ("cvss-first", "risk-per-cost-chain"):
        assert {f"{rule}+stop", f"{rule}+selfish", f"{rule}+stop+selfish"} <= set(policy_names())
    with pytest.raises(ValueError, match="did you mean 'cvss-first'"):
        make_policy("cvss-frist")


LOW = {"cvss": 0.4, "epss": 0.01, "risk": 0.1}


@pytest.mark.parametrize(
    ("policy", "better"),
    [
        ("cvss-first", {"cvss": 0.9}),
        ("epss-first", {"epss": 0.5}),
        ("kev-first", {"kev": 1.0, "cvss": 0.1}),
        ("kev-epss-cvss", {"kev": 1.0, "cvss": 0.1}),
        ("kev-epss-cvss", {"epss": 0.09, "cvss": 0.1}),
        ("risk-per-cost", {"risk": 0.5}),
        ("risk-per-cost", {"cost": 0.1}),
        ("risk-per-cost-chain", {"unlocked_risk": 1.0}),
    ],
)
def test_an_ordering_rule_takes_the_first_of_its_order(policy: str, better: dict[str, float]) -> None:
    assert choice(policy, LOW, {**LOW, **better}, LOW) == "nominate:1:full"
    assert choice(policy, {**LOW, **better}, LOW) == "nominate:0:full"


def test_the_chaining_rule_asks_for_severity_among_the_threatened() -> None:
    threatened = {"epss": 0.5, "cvss": 0.5}
    both = {"epss": 0.1, "cvss": 0.75}
    severe = {"epss": 0.01, "cvss": 0.98}
    assert choice("kev-epss-cvss", severe, threatened, both) == "nominate:2:full"
    assert choice("kev-epss-cvss", severe, threatened) == "nominate:1:full"


def test_the_stop_rule_leaves_what_costs_more_than_it_saves() -> None:
    harmful = {**LOW, "cvss": 1.0, "public_full": -0.1}
    assert choice("cvss-first", LOW, harmful) == "nominate:1:full"
    assert choice("cvss-first+stop", LOW, harmful) == "nominate:0:full"
    assert choice("cvss-first+stop", harmful) == "pass"
    unlocking = {**harmful, "unlocked_risk": 0.1}
    assert choice("risk-per-cost+stop", unlocking) == "pass"
    assert choice("risk-per-cost-chain+stop", unlocking) == "nominate:0:full"


def test_net_gain_takes_the_best_mode_and_waits_for_a_quiet_season() -> None:
    row = {"public_full": 1.0, "public_canary": 2.0, "public_mitigate": 0.5, "public_emergency": 0.1}
    assert choice("net-gain", row) == "nominate:0:canary"
    assert choice("net-gain", dict.fromkeys(row, -1.0)) == "pass"
    observation, mask = with_rows({"public_full": 3.0, "downtime_cost": 2.0, "risk": 0.1})
    observation[layout.global_feature("season_now")] = 2.5
    observation[layout.global_feature("season_next")] = 0.4
    observation[layout.global_feature("season_next2")] = 1.0
    observation[layout.global_feature("windows_to_act")] = 0.5
    rng = np.random.default_rng(0)
    acts = {name: make_policy(name)("it").act(observation, mask, rng) for name in ("net-gain", "net-gain-patient")}
    assert acts["net-gain"] == layout.NOMINATE_START
    assert acts["net-gain-patient"] == layout.PASS
    observation[layout.global_feature("windows_to_act")] = 1 / 12  # the last window: nothing to wait for
    assert make_policy("net-gain-patient")("it").act(observation, mask, rng) == layout.NOMINATE_START


def test_votes() -> None:
    observation, mask = empty(voting=True)
    mask[layout.VOTE_START : layout.LEVER_START] = 1
    rng = np.random.default_rng(0)
    for gain, selfish in ((1.0, ACCEPT), (-1.0, REJECT), (0.0, REJECT)):
        observation[layout.global_feature("motion_own_gain")] = gain
        assert make_policy("myopic-selfish")("it").act(observation, mask, rng) == selfish
        assert make_policy("cvss-first+selfish")("it").act(observation, mask, rng) == selfish
        assert make_policy("cvss-first")("it").act(observation, mask, rng) == ACCEPT
        assert make_policy("do-nothing")("it").act(observation, mask, rng) == layout.ABSTAIN
    observation, mask = empty(voting=True)
    assert make_policy("cvss-first")("it").act(observation, mask, rng) == layout.ABSTAIN


def test_who_bargains_pays_only_out_of_a_gain_and_asks_only_to_make_good_a_loss() -> None:
    worlds = patchpact.make_vec(["boutique-v1"], num_envs=32, autoreset=False)
    rule, rng = seat(make_policy("myopic-bargaining"), worlds), np.random.default_rng(0)
    observations, _ = worlds.reset(seed=1)
    vote = dict(zip(layout.VOTES, range(layout.VOTE_START, layout.LEVER_START), strict=True))
    tenths = {vote["accept_pay_10"]: 1, vote["accept_pay_30"]: 3, vote["ask_10"]: -1, vote["ask_30"]: -3}
    seen = dict.fromkeys(tenths, 0)
    while not worlds.engine.state.world["over"].all():
        actions = rule(observations, rng)
        for role, one in observations.items():
            gain, quote = (
                one["observation"][..., layout.global_feature(name)] for name in ("motion_own_gain", "motion_quote")
            )
            for action, tenth in tenths.items():
                here = actions[role] == action
                seen[action] += int(here.sum())
                assert (gain[here] - 0.1 * tenth * quote[here] > 0.0).all()
                assert ((gain[here] > 0.0) == (tenth > 0)).all()
        observations, *_ = worlds.step(actions)
    assert all(seen.values())


def test_random_is_uniform_over_the_legal_actions() -> None:
    observation, mask = empty()
    mask[3:7] = 1
    drawn = make_policy("random")("it").act(
        np.tile(observation, (5000, 1)), np.tile(mask, (5000, 1)), np.random.default_rng(0)
    )
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0, 3, 4, 5, 6]
    assert np.abs(counts / 5000 - 0.2).max() < 0.03


def test_a_new_baseline_is_one_class_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from patchpact.agents.policies import registry

    class LastRow(BatchPolicy):
        NAME = "last-row"

        def choose(self, seen: Seen, rng: np.random.Generator) -> np.ndarray:
            return seen.mask.shape[1] - 1 - (seen.mask[:, ::-1] != 0).argmax(1)

    monkeypatch.setattr(registry, "BASELINES", (*BASELINES, LastRow))
    rows = patchpact.evaluate("toy-v1", ["last-row"], episodes=2)
    assert rows[0]["policy"] == "last-row"


def test_roles_share_one_layout() -> None:
    env = patchpact.make("symbiosis-v1")
    assert {env.observation_space(f"{role}_0")["observation"].shape for role in ROLES} == {(layout.OBSERVATION_SIZE,)}
