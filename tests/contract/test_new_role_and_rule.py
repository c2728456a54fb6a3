"""A role, a voting rule and a scenario that uses both: two new modules, two registry lines and one YAML file."""

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # the simulator is compiled anew

ROLE = '''
"""Insurer: has a part of every loss avoided, and can pay for a survey."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import LEVER_START

NAME = "insurer"
SEES = ("reachability",)
LEVERS = ("survey", "wait")
LEVER_KINDS = ("scan", "scan")


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """A tenth of the loss avoided (k€)."""
    return 0.1 * gain


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """A survey once a window, within the budget."""
    mask[LEVER_START] = st.agent[k, i].moved == 0 and st.agent[k, i].budget >= 1.5


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€."""
    st.agent[k, i].moved = 1
    return 1.5
'''

RULE = '''
"""Three quarters of the votes cast."""

from patchpact.agents.roles.compiled import compiled

NAME = "three_quarters"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast."""
    accepts = 0
    cast = 0
    for i in range(ballots.shape[0]):
        accepts += ballots[i] > 0
        cast += ballots[i] != 0
    return cast > 0 and 4 * accepts >= 3 * cast
'''

SCENARIO = """
id: insured-v1
title: A shop that is insured
graph:
  nodes:
  - {id: web, kind: frontend, exposed: true}
  - {id: db, kind: store, data_sensitivity: payment}
  edges:
  - {source: web, target: db, kind: db}
entrypoints:
- {service: web, revenue_keur_per_hour: 4.0, owner: business_0}
- {service: web, revenue_keur_per_hour: 1.0, owner: business_1}
findings:
- {service: web, component: kit, cve: CVE-2023-1, cvss: 9.1, epss: 0.4, fixed_version: 2.1.0, known_window: 0}
agents:
- {name: it_0, budget_keur: 100}
- {name: business_0, budget_keur: 100}
- {name: business_1, budget_keur: 100}
- {name: vendor_0, budget_keur: 100}
- {name: insurer_0, budget_keur: 100}
patches:
- {service: web, component: kit, vendor: vendor_0, effort_hours: 4, downtime_minutes: 5, regression_probability: 0.0}
world: {windows: 2, motions_per_window: 3}
governance: {voting: three_quarters, recognition: rotating}
"""

PLAY = """
import sys, warnings
import numpy as np
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs import make, make_vec, observation_layout
from patchpact.scenarios import ScenarioError

warnings.simplefilter("ignore")
assert ROLES == ("it", "business", "vendor", "market", "esg", "insurer")
assert len(observation_layout("insurer")) == layout.OBSERVATION_SIZE

def start():
    env = make(sys.argv[1])
    env.reset(seed=1)
    return env

env = start()
assert env.possible_agents == ["it_0", "business_0", "business_1", "vendor_0", "insurer_0"]
names = action_names("insurer")
assert names[-2:] == ("survey", "wait") and env.action_space("insurer_0").n == len(names)
observations, rewards, *_, infos = env.step({"insurer_0": names.index("survey")})
assert infos["insurer_0"]["parts"] == {"scan": -0.15} and rewards["insurer_0"] == -0.15
assert infos["insurer_0"]["budget_keur"] == 98.5
assert not observations["insurer_0"]["action_mask"][names.index("survey")]
*_, infos = env.step({"insurer_0": names.index("wait")})
assert infos["insurer_0"]["illegal_action"]

env = start()
row = int(np.flatnonzero(env.engine.state.row["patch"][0] == 0)[0])
own = env.engine.state.own[0, :, row, 0]
gain = float(env.engine.state.row["before_downtime"][0, row, 0] + env.engine.state.row["fixed_cost"][0, row])
reach = float(env.engine.state.patch["signal"][0])  # what the role says it sees
assert abs(own[4] - 0.1 * reach * gain) < 1e-9 and own[4] > 0.0 and reach != 1.0, own

for rejecting, passes in (((), True), (("it_0",), True), (("it_0", "vendor_0"), False)):
    env = start()
    observations, *_ = env.step({"it_0": layout.NOMINATE_START + 4 * row})
    assert env.view().phase == "vote"
    legal = {name: int(seen["action_mask"].sum()) for name, seen in observations.items()}
    assert legal["insurer_0"] == 1 < min(n for name, n in legal.items() if name != "insurer_0")
    accept, reject = layout.VOTE_START + 2, layout.VOTE_START
    voters = [name for name in env.agents if name != "insurer_0"]
    env.step({name: reject if name in rejecting else accept for name in voters})
    assert env.last_motion.passed is passes, (rejecting, env.last_motion)

rng = np.random.default_rng(0)
env = start()
observations, _ = env.reset(seed=5)
proposed = set()
while env.agents:
    proposed.add(env.view().proposer)
    actions = {n: int(rng.choice(np.flatnonzero(s["action_mask"]))) for n, s in observations.items()}
    observations, *_ = env.step(actions)
assert "insurer_0" in proposed

vec = make_vec(["toy-v1", sys.argv[1]], 4)
observations, _ = vec.reset(seed=0)
assert vec.roles == ("it", "business", "vendor", "insurer") and vec.seats["insurer"].tolist() == [[False], [True]] * 2
vec.step({role: np.zeros((4, vec.agents_of(role)), int) for role in vec.roles})

try:
    make("toy-v1", voting="three_quarter")
except ScenarioError as error:
    assert "three_quarters" in str(error)
else:
    raise AssertionError("a misspelt rule was taken")
print("played")
"""


def test_two_modules_two_lines_and_a_scenario(repository, tmp_path):
    package = tmp_path / "patchpact"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "patchpact", package, ignore=ignore)
    for room in ("scenarios", "agents", "envs", "ecosystem", "training"):
        shutil.copytree(repository / room, package / room, ignore=ignore)
    roles, voting = package / "agents" / "roles", package / "envs" / "core" / "voting"
    (roles / "insurer.py").write_text(ROLE, encoding="utf-8")
    (voting / "three_quarters.py").write_text(RULE, encoding="utf-8")
    registry = roles / "registry.py"
    registry.write_text(
        registry.read_text(encoding="utf-8")
        .replace("import business, esg, it,", "import business, esg, insurer, it,")
        .replace("    esg,\n)", "    esg,\n    insurer,\n)"),
        encoding="utf-8",
    )
    rules = voting / "__init__.py"
    rules.write_text(
        rules.read_text(encoding="utf-8")
        .replace("quadratic, two_thirds,", "quadratic, three_quarters, two_thirds,")
        .replace("    quadratic,\n)", "    quadratic,\n    three_quarters,\n)"),
        encoding="utf-8",
    )
    assert "    insurer,\n" in registry.read_text() and "    three_quarters,\n" in rules.read_text()
    (tmp_path / "insured-v1.yaml").write_text(SCENARIO, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PATCHPACT_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", PLAY, str(tmp_path / "insured-v1.yaml")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "played"
