"""Is a learned policy better than the rules, world by world? Writes `docs/learned_against_rules.csv`.

    .venv/bin/python tools/learned_against_rules.py [WORLDS [POLICY=SCENARIO,SCENARIO...]...]

Each scenario's best rule (by mean, on the same worlds, which flatters it) is set beside the policy: the mean of the
paired difference in welfare with its 95% interval, on drawn losses and on expected ones, which are far less noisy.
POLICY is `pretrained` or a run folder; by default `pretrained` plays what it was trained on and what is held out.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from patchpact.agents.policies import policy_names
from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import find_policy, play

TARGET = Path(__file__).resolve().parents[1] / "docs" / "learned_against_rules.csv"
SEEN = "boutique-v1,bank-of-anthos-v1,otel-demo-v1,robot-shop-v1,sock-shop-v1,generated-v1"
HELD_OUT = "dsb-social-v1,dsb-hotel-v1,eshop-v1,teastore-v1,piggymetrics-v1,petclinic-v1,bookinfo-v1"
DRAWN = "boutique-drawn-v1,bank-of-anthos-drawn-v1,otel-demo-drawn-v1,robot-shop-drawn-v1"
RULES = [name for name in policy_names() if "+selfish" not in name and name not in ("random", "do-nothing")]
FIRST_SEED = 1000


def row(policy: str, scenario: str, losses: str, worlds: int) -> dict[str, object]:
    """One scenario under one way of booking losses."""
    world = load_scenario(scenario, incident_loss=losses)
    seeds = range(FIRST_SEED, FIRST_SEED + worlds)
    ours = play(world, find_policy(policy)[1], seeds)["welfare_keur"]
    theirs = {rule: play(world, find_policy(rule)[1], seeds)["welfare_keur"] for rule in RULES}
    best = max(theirs, key=lambda rule: float(theirs[rule].mean()))
    idle = play(world, find_policy("do-nothing")[1], seeds)["welfare_keur"]
    gap = ours - theirs[best]
    half = 1.96 * gap.std(ddof=1) / np.sqrt(worlds)
    return {
        "policy": Path(policy).name, "scenario": scenario, "losses": losses, "worlds": worlds, "seed": FIRST_SEED,
        "best_rule": best, "do_nothing_keur": idle.mean(), "best_rule_keur": theirs[best].mean(),
        "policy_keur": ours.mean(), "difference_keur": gap.mean(), "low": gap.mean() - half, "high": gap.mean() + half,
    }  # fmt: skip


if __name__ == "__main__":
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    asked = [text.partition("=") for text in sys.argv[2:]]
    pairs = [(policy, scenarios) for policy, _, scenarios in asked]
    rows = []
    for policy, scenarios in pairs or [("pretrained", ",".join((SEEN, HELD_OUT, DRAWN)))]:
        for scenario in scenarios.split(","):
            for losses in ("expected", "sampled"):
                rows.append(row(policy, scenario, losses, worlds))
                print({key: round(value, 1) if isinstance(value, float) else value for key, value in rows[-1].items()})
                with TARGET.open("w", encoding="utf-8", newline="") as stream:
                    writer = csv.DictWriter(stream, list(rows[0]))
                    writer.writeheader()
                    writer.writerows(
                        {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in one.items()}
                        for one in rows
                    )
