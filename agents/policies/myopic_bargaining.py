"""Everyone for himself, but for a price: who gains pays for assent, who loses asks to be paid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import ACCEPT, REJECT, Seen
from patchpact.agents.policies.myopic_selfish import MyopicSelfish
from patchpact.agents.roles import layout

PAY = {tenths: layout.VOTE_START + layout.VOTES.index(f"accept_pay_{tenths}0") for tenths in (1, 3)}
ASK = {tenths: layout.VOTE_START + layout.VOTES.index(f"ask_{tenths}0") for tenths in (1, 3)}


class MyopicBargaining(MyopicSelfish):
    """Nominates as ``myopic-selfish``; votes to pay the most that leaves a gain, or to ask the least that heals a loss.

    What is offered and not asked returns, so an offer costs nothing where nobody asks; an ask that is not filled
    rejects, as the asker would have done anyway.
    """

    NAME = "myopic-bargaining"

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        actions = super().choose(seen, rng)
        gain, tenth = seen.whole("motion_own_gain"), 0.1 * seen.whole("motion_quote")
        accepts, rejects = actions == ACCEPT, actions == REJECT
        for tenths in (1, 3):
            pays = accepts & (gain > tenths * tenth) & (seen.mask[:, PAY[tenths]] != 0)
            actions = np.where(pays, PAY[tenths], actions)
        for tenths in (3, 1):
            asks = rejects & (gain + tenths * tenth > 0.0) & (seen.mask[:, ASK[tenths]] != 0)
            actions = np.where(asks, ASK[tenths], actions)
        return actions
