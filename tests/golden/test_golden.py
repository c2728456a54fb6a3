"""One recorded episode of every bundled scenario, replayed: ``tools/record_golden.py`` writes the files anew."""

import json
from pathlib import Path

import pytest

from patchpact.agents.roles import action_names
from patchpact.envs import make
from patchpact.scenarios import scenario_ids

FOLDER = Path(__file__).resolve().parent
RENEW = "if this was meant, run tools/record_golden.py"


def test_every_scenario_has_its_file():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == list(scenario_ids()), RENEW
    assert all(path.stat().st_size < 60_000 for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", scenario_ids())
def test_recorded_episode_is_played_again(name):
    golden = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert golden["scenario"] == name
    env = make(name)
    env.reset(seed=golden["seed"])
    steps = {step["step"]: step for step in golden["steps"]}
    infos = {}
    for number in range(golden["length"]):
        step = steps.get(number, {"actions": {}, "rewards": {}})
        actions = {agent: action_names(env.role(agent)).index(action) for agent, action in step["actions"].items()}
        _, rewards, terminations, _, infos = env.step(actions)
        assert not any(info["illegal_action"] for info in infos.values()), (number, RENEW)
        expected = {agent: step["rewards"].get(agent, 0.0) for agent in rewards}
        assert rewards == pytest.approx(expected, rel=1e-9, abs=1e-9), (number, RENEW)
        assert all(terminations.values()) == (number + 1 == golden["length"]), (number, RENEW)
    totals = {name: infos["it_0"]["episode"][name] for name in golden["totals"]}  # later totals may be more
    assert totals == pytest.approx(golden["totals"], rel=1e-9, abs=1e-9), RENEW
