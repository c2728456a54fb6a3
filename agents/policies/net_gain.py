"""Greedy on welfare: nominate the row and mode of highest public net gain, credited with what it unlocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen, best_nomination, vote_or_wait
from patchpact.agents.roles import layout

UPGRADES = [place for place, mode in enumerate(layout.MODES) if mode != "mitigate"]


class NetGain(BatchPolicy):
    """Uses every mode and accepts every motion; nominates nothing whose gain is not positive."""

    NAME = "net-gain"

    def value(self, seen: Seen) -> NDArray[np.float64]:
        """What each nomination is worth ``(n, rows, modes)``, in units of the money scale."""
        value = np.stack([seen.row(f"public_{mode}") for mode in layout.MODES], -1)
        unlocked = seen.row("unlocked_risk") * seen.windows_left()[:, None]
        value[:, :, UPGRADES] += unlocked[:, :, None]
        return value

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        value = self.value(seen)
        otherwise = vote_or_wait(seen, np.ones(len(seen), np.bool_))
        return best_nomination(np.where(value > 0.0, value, -np.inf), seen.may_nominate(), otherwise)
