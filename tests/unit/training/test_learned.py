"""Policy folders: what is saved loads equal, older layouts load, damage gives one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from patchpact.agents.policies.learned import load_policy, save_policy
from patchpact.agents.policies.networks import build_policy_network
from patchpact.agents.roles import ROLES, action_names, layout

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    names = {role: action_names(role) for role in ROLES}
    networks = {role: build_policy_network(names[role], 8).state_dict() for role in ROLES}
    save_policy(tmp_path / "policy", networks, names, 8)
    return tmp_path / "policy"


def states(role: str, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    mask = (rng.random((size, len(action_names(role)))) < 0.2).astype(np.int8)
    mask[:, 0] = 1
    return rng.normal(size=(size, layout.OBSERVATION_SIZE)).astype(np.float32), mask


@pytest.mark.parametrize("deterministic", [True, False])
def test_acts_legally_alone_and_batched(folder: Path, deterministic: bool) -> None:
    for place in (folder, folder.parent):
        policies = load_policy(place, deterministic=deterministic)
        assert list(policies) == list(ROLES)
        for role in ROLES:
            observation, mask = states(role)
            batched = policies[role].act(observation, mask, RNG)
            assert batched.shape == (16,)
            assert mask[np.arange(16), batched].all()
            single = policies[role].act(observation[0], mask[0], RNG)
            assert isinstance(single, int)
            assert mask[0, single]
            if deterministic:
                assert single == batched[0]


@pytest.mark.parametrize("deterministic", [True, False])
def test_leaving_out_what_is_forced_changes_no_action(
    folder: Path, deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = load_policy(folder, deterministic=deterministic)["business"]
    observation, mask = states("business", 64)
    mask[::2] = 0
    mask[np.arange(0, 64, 2), np.arange(32)] = 1  # every other one has one legal action
    scores = policy.logits(observation, mask)
    if not deterministic:
        scores = scores + np.random.default_rng(2).gumbel(size=scores.shape).astype(np.float32)
    scored: list[int] = []
    whole = type(policy).logits

    def counted(self: object, observation: np.ndarray, mask: np.ndarray) -> np.ndarray:
        scored.append(len(observation))
        return whole(self, observation, mask)  # type: ignore[arg-type]

    monkeypatch.setattr(type(policy), "logits", counted)
    chosen = policy.act(observation, mask, np.random.default_rng(2))
    assert scored == [32] and chosen.dtype == np.int64
    np.testing.assert_array_equal(chosen, scores.argmax(1))
    assert policy.act(observation[::2], mask[::2], np.random.default_rng(2)).tolist() == list(range(32))
    assert scored == [32]


def test_a_folder_of_a_smaller_layout_still_loads(folder: Path) -> None:
    """Drop the last action and permute entries: names, not places, decide."""
    description = json.loads((folder / "policy.json").read_text())
    description["roles"]["it"]["actions"].pop()
    shift = [*description["entries"][1:], description["entries"][0]]
    description["entries"] = shift
    names = {role: description["roles"][role]["actions"] for role in ROLES}
    networks = {role: build_policy_network(names[role], 8).state_dict() for role in ROLES}
    save_policy(folder, networks, names, 8)
    (folder / "policy.json").write_text(json.dumps({**description, "hidden": 8}))
    # the last action is one of eight scans: with a hole in the targets the rest count as plain actions
    policy = load_policy(folder)["it"]
    observation, mask = states("it")
    direct = policy.network(torch.from_numpy(np.roll(observation, -1, 1)), torch.from_numpy(mask[:, :-1]))
    assert (policy.act(observation, mask, RNG) == direct.argmax(-1).numpy()).all()
    only_new = np.zeros_like(mask)
    only_new[:, -1] = 1
    assert (policy.act(observation, only_new, RNG) == mask.shape[1] - 1).all()


def damage_json(folder: Path) -> None:
    (folder / "policy.json").write_text("{")


def damage_weights(folder: Path) -> None:
    (folder / "it.safetensors").write_bytes(b"\x00" * 30)


def cut_weights(folder: Path) -> None:
    whole = (folder / "it.safetensors").read_bytes()
    (folder / "it.safetensors").write_bytes(whole[: len(whole) // 2])


def lose_weights(folder: Path) -> None:
    (folder / "it.safetensors").unlink()


def swap_weights(folder: Path) -> None:
    (folder / "it.safetensors").write_bytes((folder / "vendor.safetensors").read_bytes())


def change(**values: object):
    def apply(folder: Path) -> None:
        description = json.loads((folder / "policy.json").read_text())
        (folder / "policy.json").write_text(json.dumps({**description, **values}))

    return apply


@pytest.mark.parametrize(
    "harm",
    [
        damage_json,
        damage_weights,
        cut_weights,
        lose_weights,
        swap_weights,
        change(layout_version=layout.LAYOUT_VERSION + 1),
        change(format=99),
        change(entries=["row0.unheard_of"]),
        change(roles={"plumber": {"actions": ["pass"]}}),
        change(roles=[]),
        change(hidden="wide"),
        change(hidden=9),
    ],
)
def test_damage_gives_one_line(folder: Path, harm) -> None:
    harm(folder)
    with pytest.raises(ValueError, match=str(folder)) as caught:
        load_policy(folder)
    assert "\n" not in str(caught.value)


def test_missing_folder_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no learned policy here"):
        load_policy(tmp_path / "nowhere")
