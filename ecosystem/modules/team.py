"""How a tenant's team works with the modules it has, and without them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen, best_nomination, vote_or_wait
from patchpact.agents.policies.net_gain import NetGain
from patchpact.agents.policies.net_gain_patient import NetGainPatient
from patchpact.agents.policies.ordering import FULL
from patchpact.agents.roles import layout


class Team(BatchPolicy):
    """Nominates the highest CVSS score first, in full mode; with modules it does better.

    - ``prioritise``: nominates what ``net-gain`` does, in every mode, and nothing without a gain.
    - ``forecast``: what ``net-gain-patient`` would let wait, waits.
    - ``scan`` and ``patch-bot`` change the world, not the rule: what IT knows, and what work takes.

    Where IT judges, it nominates and accepts only what raises its own expected account by all that it knows; that is
    where a scan comes in. Business and vendors accept.

    Args:
        role: the role it plays.
        modules: names of the modules it has.
        judges: whether IT judges; otherwise everybody accepts everything, and knowledge changes nothing.
    """

    NAME = "team"

    def __init__(self, role: str, modules: Collection[str] = (), judges: bool = True) -> None:
        super().__init__(role)
        self.modules = frozenset(modules)
        self.judges = judges and role == "it"
        self._net, self._patient = NetGain(role), NetGainPatient(role)

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        accept = seen.whole("motion_own_gain") > 0.0 if self.judges else np.ones(len(seen), np.bool_)
        actions = vote_or_wait(seen, accept)
        legal = seen.may_nominate()
        ours = np.flatnonzero(legal.any((1, 2)))  # nearly always few
        if len(ours):
            proposing = Seen(seen.observation[ours], seen.mask[ours])
            value = self._value(proposing)
            if self.judges:
                own = np.stack([proposing.row(f"own_{mode}") for mode in layout.MODES], -1)
                value = np.where(own > 0.0, value, -np.inf)
            actions[ours] = best_nomination(value, legal[ours], actions[ours])
        return actions

    def _value(self, seen: Seen) -> NDArray[np.float64]:
        """What it thinks of each nomination ``(n, rows, modes)``; minus infinity: not now."""
        gain = self._net.value(seen)
        if "prioritise" in self.modules:
            value = np.where(gain > 0.0, gain, -np.inf)
        else:
            value = np.full(gain.shape, -np.inf)
            value[:, :, FULL] = seen.row("cvss")
        if "forecast" in self.modules:
            value = np.where(np.isneginf(self._patient.value(seen)), -np.inf, value)
        return value
