"""What agents of Online Boutique learn from their own accounts, for themselves and for all. Writes
`docs/own_accounts.csv`.

    .venv/bin/python tools/own_accounts.py RUNS [SEEDS]

RUNS is a folder for the runs; those that are finished in it are not trained again. Training seeds are 0 to SEEDS - 1
(default 3). All agents first imitate a rule (48,000 env-steps), `myopic-selfish` or `myopic-bargaining`, and then learn
by PPO from their own accounts (`--reward own`, 98,304 env-steps, 128 worlds). `stage` says which of the two is played:
`imitated` or `trained` (what training ended with). `who` plays what it learned: one role alone, the others keeping to
`myopic-selfish`, or all; `nobody` has the rules themselves. `estimate` says what a state is worth in training: what
everyone for himself would still bring from it, at a decay of .9 a decision (`rollout`, the default); for those who
imitated `myopic-selfish` also without decay, so that only what is played counts (`rollout-1`), and a value network
(`value`).

All meet the same 1,024 worlds, whose seeds no training sees, losses booked as expectations. Differences are to everyone
playing `myopic-selfish` in the same worlds, k€ an episode: `welfare_keur`, and `ROLE_keur`, the accounts of a role's
agents together; 95% intervals resample training runs and worlds within them.
Rows that are there: 2026-11-28, two shared cores, defaults.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import PolicyOfRole
from patchpact.envs.core import pack
from patchpact.scenarios import load_scenario
from patchpact.training import TrainConfig, stats, train
from patchpact.training.evaluate import find_policy, play
from patchpact.training.folder import RunFolder, write_table
from patchpact.training.rllib.connect import start_ray

TARGET = Path(__file__).resolve().parents[1] / "docs" / "own_accounts.csv"
SCENARIO, RULE = "boutique-v1", "myopic-selfish"
TEACHERS = (RULE, "myopic-bargaining")
ROLES = ("it", "business", "vendor")
WORLDS, FIRST_SEED = 1024, 1000
BASE = TrainConfig(
    scenario=SCENARIO, reward="own", entropy=0.0, imitate_timesteps=48_000, timesteps=98_304, checkpoint_every=1000,
    validate_every=1000, validation_episodes=1, evaluation_episodes=0,
)  # fmt: skip
ESTIMATES: dict[str, dict[str, Any]] = {
    "rollout": {},
    "rollout-1": {"gae_lambda": 1.0},
    "value": {"baseline": "value", "gae_lambda": 0.97},
}
VARIANTS = [(teacher, "rollout") for teacher in TEACHERS] + [(RULE, name) for name in ("rollout-1", "value")]
Accounts = dict[str, NDArray[np.float64]]


def trained(runs: Path, teacher: str, estimate: str, seed: int) -> dict[str, PolicyOfRole]:
    """The learned policies by stage."""
    out = runs / (f"{teacher}-{seed}" if estimate == "rollout" else f"{teacher}-{estimate}-{seed}")
    config = replace(BASE, imitate=teacher, seed=seed, out=str(out), **ESTIMATES[estimate])
    train(config, resume=(out / "config.json").exists(), progress=False)
    stages = {"imitated": "imitated", "trained": "last"} if estimate == "rollout" else {"trained": "last"}
    return {stage: cast_of(RunFolder(out).path / "checkpoints" / name) for stage, name in stages.items()}


def cast_of(policy: str | Path) -> PolicyOfRole:
    """A policy that is one for each role."""
    return find_policy(policy)[1]  # type: ignore[return-value]


def accounts(cast: PolicyOfRole) -> Accounts:
    """Welfare and each role's accounts of every world."""
    world = load_scenario(SCENARIO, incident_loss="expected")
    totals = play(world, cast, range(FIRST_SEED, FIRST_SEED + WORLDS))
    role_of = [agent.role for agent in pack.seats(world)]
    found = {"welfare": totals["welfare_keur"]}
    for role in ROLES:
        columns = [n for n, name in enumerate(role_of) if name == role]
        found[role] = totals["accounts_keur"][:, columns].sum(1)
    return found


def row(head: tuple[str, str, str, str], runs: list[Accounts], rule: Accounts) -> dict[str, Any]:
    """Differences of these runs to the rule; ``head``: teacher, estimate, stage, who."""
    found: dict[str, Any] = dict(zip(("teacher", "estimate", "stage", "who"), head, strict=True))
    found |= {"runs": len(runs), "worlds": WORLDS}
    for name, level in rule.items():
        over = stats.mean_gain([(np.stack([one[name] for one in runs]), level)])
        found |= {f"{name}_keur": over.value, f"{name}_low": over.low, f"{name}_high": over.high}
    return found


def main(runs: Path, seeds: int) -> None:
    start_ray(BASE)  # once for all runs
    rule = cast_of(RULE)
    level = accounts(rule)
    rows = [row((name, "", "rule", "nobody"), [accounts(cast_of(name))], level) for name in TEACHERS]
    for teacher, estimate in VARIANTS:
        found: dict[tuple[str, str, str, str], list[Accounts]] = {}
        for seed in range(seeds):
            for stage, cast in trained(runs, teacher, estimate, seed).items():
                for who in (*ROLES, "all"):

                    def mixed(role: str, cast: PolicyOfRole = cast, who: str = who) -> Any:
                        return cast(role) if who in (role, "all") else rule(role)

                    head = (teacher, estimate, stage, who)
                    found.setdefault(head, []).append(accounts(mixed))
                    last = {k: round(float((v - level[k]).mean()), 2) for k, v in found[head][-1].items()}
                    print(*head, seed, last, flush=True)
        rows += [row(head, several, level) for head, several in found.items()]
        write_table(TARGET, rows, ".2f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
