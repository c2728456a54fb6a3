"""Raw episodes of a made-up study whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from patchpact.agents.roles.ledger import NETWORKS
from patchpact.training.study.design import IDLE, LEARNED, Design, load_design, parse_design
from patchpact.training.study.raw import Played, Raw

SWITCHES = ("value", "responsibility", "governance")
ARMS = {
    "full": (1, 1, 1),
    "no-value": (0, 1, 1),
    "no-responsibility": (1, 0, 1),
    "no-governance": (1, 1, 0),
    "only-value": (1, 0, 0),
    "only-responsibility": (0, 1, 0),
    "only-governance": (0, 0, 1),
    "none": (0, 0, 0),
    "placebo": (1, 1, 1),
    "flat": (1, 1, 1),
}


def core() -> Design:
    return load_design("core")


def changed(design: Design, *swaps: tuple[str, str]) -> Design:
    text = design.text
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new)
    return parse_design(text, "changed.yaml", None)


def raw_of(
    welfare: Mapping[str, float],
    own_line: float = 0.0,
    noise: float = 1.0,
    seeds: int = 6,
    draws: int = 128,
    topologies: int = 3,
    shared: float = 30.0,
    seed: int = 0,
) -> Raw:
    """A mean welfare for each arm (do-nothing brings 0), noise of its own, and noise that all arms share by draw.

    ``own_line`` is what each network that is on brings by its own lines, as a part of welfare.
    """
    rng = np.random.default_rng(seed)
    cells = {}
    for place in ("boutique", "robot-shop", "bank")[:topologies]:
        world = rng.normal(0.0, shared, draws)
        for arm, mean in welfare.items():
            for player, runs in ((LEARNED, tuple(range(seeds))), (IDLE, (-1,))):
                at = mean if player == LEARNED else 0.0
                own = rng.normal(0.0, noise, (len(runs), draws)) + rng.normal(0.0, noise / 4.0, (len(runs), 1))
                value = at + world + own * (player == LEARNED)
                lines = np.zeros((len(runs), draws, len(NETWORKS)))
                for n, on in enumerate(ARMS.get(arm, (1, 1, 1))):
                    lines[:, :, NETWORKS.index(SWITCHES[n])] = own_line * on * (player == LEARNED)
                lines[:, :, 0] = value - lines.sum(2)
                accounts = np.repeat(value[:, :, None], 3, 2) * np.array([1.0, 2.0, 3.0])
                totals = {
                    "welfare_keur": value,
                    "damage_keur": 200.0 - value,
                    "deadlines_missed": np.full_like(value, 3.0),
                }
                totals["downtime_hours"] = np.zeros_like(value)
                cells[arm, place, player] = Played(runs, tuple(range(draws)), totals, lines, accounts)
    return Raw(cells, ("boutique", "robot-shop", "bank")[:topologies])


def levels(full: float, pair: float, one: float, none: float = 0.0) -> dict[str, float]:
    """Welfare by how many networks are on."""
    at = {3: full, 2: pair, 1: one, 0: none}
    return {arm: at[sum(on)] for arm, on in ARMS.items()}
