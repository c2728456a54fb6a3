"""Play a cell's evaluation worlds: a row an episode, with every party's money by kind and by network.

Columns: ``arm``, ``topology``, ``player``, ``training_seed`` (null where nothing is trained), ``seed`` (of the world);
every total of an episode by its name; ``accounts_keur`` by agent; for each network (``world`` among them)
``NETWORK_keur`` by party, and for each kind of the ledger ``kind_KIND_keur`` by party. Parties are the agents in the
order of ``agents_of``, then ``outside`` and ``nature``; what nature takes is lost to welfare, so welfare is minus what
nature took: ``welfare_lines_keur`` by network. Lists by kind are single precision, all else double.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from patchpact.agents.policies.base import Cast
from patchpact.agents.roles.ledger import KINDS, NETWORK_OF_KIND, NETWORKS
from patchpact.envs.core.engine import REWARD_SCALE_KEUR
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario
from patchpact.training.evaluate import WORLDS_AT_ONCE, agents_of, begin
from patchpact.training.study.design import Cell

Floats = NDArray[np.float64]
PARTIES = ("outside", "nature")
"""Behind the agents."""


def measured(cell: Cell, scenario: Scenario, policy: Cast) -> pa.Table:
    """A row for each of the cell's draws."""
    seeds = list(cell.draws)
    pieces = [seeds[i : i + WORLDS_AT_ONCE] for i in range(0, len(seeds), WORLDS_AT_ONCE)]
    played = [_play(scenario, policy, piece) for piece in pieces]
    totals = {name: np.concatenate([part[0][name] for part in played]) for name in played[0][0]}
    flows = np.concatenate([part[1] for part in played])
    accounts = np.concatenate([part[2] for part in played])
    rows = len(seeds)
    seed = None if cell.training_seed < 0 else cell.training_seed
    columns: dict[str, Any] = {
        "arm": [cell.arm] * rows,
        "topology": [cell.topology] * rows,
        "player": [cell.player] * rows,
        "training_seed": pa.array([seed] * rows, pa.int64()),
        "seed": seeds,
        **totals,
        "agents": [list(agents_of(scenario))] * rows,
        "accounts_keur": list(accounts),
    }
    lines = by_network(flows)
    columns["welfare_lines_keur"] = list(-lines[:, -1])
    columns |= {f"{network}_keur": list(lines[:, :, n]) for n, network in enumerate(NETWORKS)}
    for n, kind in enumerate(KINDS):
        columns[f"kind_{kind}_keur"] = pa.array(list(flows[:, :, n].astype(np.float32)), pa.list_(pa.float32()))
    return pa.table(columns)


def by_network(flows: Floats) -> Floats:
    """Money by kind ``(..., kinds)`` summed over the kinds of each network ``(..., networks)``."""
    belongs = np.array([[NETWORK_OF_KIND[kind] == network for network in NETWORKS] for kind in KINDS], np.float64)
    return np.asarray(flows @ belongs)


def _play(scenario: Scenario, policy: Cast, seeds: Sequence[int]) -> tuple[dict[str, Floats], Floats, Floats]:
    """Totals by name ``(n,)``, money ``(n, agents + 2, kinds)``, accounts ``(n, agents)``, each over the episode."""
    worlds, players, observations = begin(scenario, policy, seeds)
    state = worlds.engine.state
    totals = {name: np.zeros(len(seeds)) for name in TOTALS}
    flows = np.zeros((len(seeds), worlds.engine.num_agents + len(PARTIES), len(KINDS)))
    accounts = np.zeros(state.reward.shape)
    running = np.ones(len(seeds), np.bool_)
    while running.any():
        observations, _, terminations, _, infos = worlds.step(players(observations))
        flows += state.parts * running[:, None, None]
        accounts += state.reward * REWARD_SCALE_KEUR * running[:, None]
        ended = terminations & running
        for name in TOTALS if ended.any() else ():
            totals[name][ended] = infos["episode"][name][ended]
        running &= ~terminations
    worlds.close()
    return totals, flows, accounts
