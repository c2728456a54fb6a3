"""Ordering rules: put the agenda in an order and nominate its first row, whoever proposes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen, best_nomination, vote_or_wait
from patchpact.agents.roles import layout

FULL = layout.MODES.index("full")


class OrderingRule(BatchPolicy):
    """Nominates the legal row of highest score in full mode and accepts every motion.

    A rule is a subclass with a ``NAME`` and ``score``.

    Args:
        role: the role it plays.
        stop: do not nominate a patch that costs more than it saves (by ``worth``).
        selfish_votes: accept only motions that raise the agent's own expected account.
    """

    def __init__(self, role: str, stop: bool = False, selfish_votes: bool = False) -> None:
        super().__init__(role)
        self.stop = stop
        self.selfish_votes = selfish_votes

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """The rows' scores ``(n, rows)``; the highest is nominated."""
        raise NotImplementedError

    def worth(self, seen: Seen) -> NDArray[np.float64]:
        """What the stop rule asks to be positive ``(n, rows)``: the public estimate of the welfare change."""
        return seen.row("public_full")

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        accept = np.ones(len(seen), np.bool_)
        if self.selfish_votes:
            accept = seen.whole("motion_own_gain") > 0.0
        actions = vote_or_wait(seen, accept)
        score = self.score(seen)
        if self.stop:
            score = np.where(self.worth(seen) > 0.0, score, -np.inf)
        value = np.full((*score.shape, len(layout.MODES)), -np.inf)
        value[:, :, FULL] = score
        return best_nomination(value, seen.may_nominate(), actions)
