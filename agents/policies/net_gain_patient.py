"""Greedy on welfare with a look at the announced seasons: wait where a quieter window saves more than it risks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.net_gain import NetGain
from patchpact.agents.roles import layout

DOWNTIME_OF_MODE = {"full": 1.0, "canary": 0.3, "mitigate": 0.0, "emergency": 2.0}
"""Relative to full mode, the defaults of the parameter table."""
ANNOUNCED = ("season_next", "season_next2")


class NetGainPatient(NetGain):
    """As ``net-gain``, but a patch waits while the downtime it would save in one of the next two windows outweighs
    the risk that stays open until then."""

    NAME = "net-gain-patient"

    def value(self, seen: Seen) -> NDArray[np.float64]:
        """See ``NetGain.value``."""
        value = super().value(seen)
        downtime = seen.row("downtime_cost")[:, :, None] * np.array([DOWNTIME_OF_MODE[m] for m in layout.MODES])
        at_stake = (seen.row("risk") + seen.row("unlocked_risk"))[:, :, None]
        now = np.maximum(seen.whole("season_now"), 1e-3)
        for wait, name in enumerate(ANNOUNCED, start=1):
            saved = downtime * (1.0 - seen.whole(name) / now)[:, None, None]
            comes = (seen.windows_to_act() > wait + 0.5)[:, None, None]
            value = np.where(comes & (saved > wait * at_stake), -np.inf, value)
        return value
