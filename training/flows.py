"""Who paid whom, by kind of money and by network, over whole episodes: the ledger added up.

Every flow goes from a giver to a taker; ``outside`` (users, regulator, suppliers) and ``nature`` (what work and damage
use up) are parties too. What a party took less what it gave is what its account changed by, to the last cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles.ledger import KINDS, NETWORK_OF_KIND
from patchpact.envs.core import pack
from patchpact.envs.parallel import most_entries
from patchpact.envs.view import NATURE, OUTSIDE
from patchpact.scenarios import Scenario


@dataclass
class Flows:
    """Adds up the ledger of a scenario's worlds, step by step."""

    scenario: Scenario
    episodes: int = 0
    parties: tuple[str, ...] = field(init=False)
    roles: tuple[str, ...] = field(init=False)
    """Of the parties; ``outside`` and ``nature`` stand for themselves."""
    amounts: NDArray[np.float64] = field(init=False)  # (parties, parties, kinds) k€, giver first

    def __post_init__(self) -> None:
        seats = pack.seats(self.scenario)
        self.parties = (*(agent.name for agent in seats), OUTSIDE, NATURE)
        self.roles = (*(agent.role for agent in seats), OUTSIDE, NATURE)
        self.amounts = np.zeros((len(self.parties), len(self.parties), len(KINDS)))

    @property
    def ledger_size(self) -> int:
        """Entries of a step that the worlds must keep."""
        return most_entries(self.scenario) + 1

    def add(self, state: Any, running: NDArray[np.bool_]) -> None:
        """The last step of those worlds that run ``(num_envs,)``.

        Raises:
            RuntimeError: the worlds kept fewer entries than the step had.
        """
        counts = np.where(running, state.world["ledger_n"], 0)
        most = int(counts.max(initial=0))
        if most >= state.ledger.shape[1]:
            raise RuntimeError(f"ledger: a step made {most} entries or more, and the worlds keep no more than that")
        entries = state.ledger[:, :most][np.arange(most) < counts[:, None]]
        np.add.at(self.amounts, (entries["giver"], entries["taker"], entries["kind"]), entries["amount"])

    def rows(self) -> list[dict[str, Any]]:
        """Flows between parties: ``giver``, ``giver_role``, ``taker``, ``taker_role``, ``kind``, ``network``,
        ``keur_per_episode``, the largest first."""
        rows = [
            {
                "giver": self.parties[giver],
                "giver_role": self.roles[giver],
                "taker": self.parties[taker],
                "taker_role": self.roles[taker],
                "kind": KINDS[kind],
                "network": NETWORK_OF_KIND[KINDS[kind]],
                "keur_per_episode": float(self.amounts[giver, taker, kind]) / max(self.episodes, 1),
            }
            for giver, taker, kind in np.argwhere(self.amounts > 0.0).tolist()
        ]
        return sorted(rows, key=lambda row: -row["keur_per_episode"])

    def by_role(self) -> list[list[Any]]:
        """``[giver, taker, kind, k€ an episode]`` with roles as parties, the largest first."""
        sums: dict[tuple[str, str, str], float] = {}
        for row in self.rows():
            flow = (row["giver_role"], row["taker_role"], row["kind"])
            sums[flow] = sums.get(flow, 0.0) + row["keur_per_episode"]
        return [[*flow, amount] for flow, amount in sorted(sums.items(), key=lambda item: -item[1])]


def balances(flows: Iterable[Sequence[Any]]) -> dict[str, tuple[float, float]]:
    """What each party gave and took (k€), of ``Flows.by_role()``."""
    sums: dict[str, tuple[float, float]] = {}
    for giver, taker, _, amount in flows:
        gave, took = sums.get(giver, (0.0, 0.0))
        sums[giver] = (gave + amount, took)
        gave, took = sums.get(taker, (0.0, 0.0))
        sums[taker] = (gave, took + amount)
    return sums
