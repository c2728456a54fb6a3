"""Stances: a rule for patches together with standing settings for firms, the market and the auditor.

A stance says which settings an agent wants; whenever it would pass it moves the first that is not so yet. The first
stance is sensible everywhere, each other one departs from it in one point: what a trivial strategy is worth shows by
comparing the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen
from patchpact.agents.policies.myopic_selfish import MyopicSelfish
from patchpact.agents.policies.net_gain import NetGain
from patchpact.agents.roles import ACTION_NAMES, layout
from patchpact.agents.roles.business import MODULES

HONEST, MOST = "honest", "most"
ACCEPT, REJECT, SELFISH = "accept", "reject", "selfish"


@dataclass(frozen=True)
class Stance:
    """What agents want where they have a choice.

    Attributes:
        name: of the policy.
        votes: accept every motion, reject every motion, or vote for one's own expected account.
        claim: the highest level that is true, or the highest there is.
        effort: level of effort, 0 to 4.
        insure: whether firms insure themselves.
        modules: what firms subscribe to.
        audit: how often the auditor looks, as in its levers.
        premium: the insurer's tier, as in its levers.
        rebate: whether the insurer rebates premiums.
        capital: what the lender offers, as in its levers.
        shade: whether reports are shaded.
        prove: whether firms prove what they claim: levels, counts of interactions, patches.
        reports: how much of their data firms let into pooled measurement, as in the levers.
        even: whether firms target groups evenly.
        incentive: what the platform pays for data, as in its levers.
        strictness: how strictly it moderates content, as in its levers.
    """

    name: str = "stewards"
    votes: str = ACCEPT
    claim: str = HONEST
    effort: int = 1
    insure: bool = True
    modules: tuple[str, ...] = ("measurement", "patch_bot")
    audit: str = "sometimes"
    premium: str = "by_risk"
    rebate: bool = True
    capital: str = "none"
    shade: bool = False
    prove: bool = True
    reports: str = "all"
    even: bool = True
    incentive: str = "some"
    strictness: str = "some"


STEWARDS = Stance()
STANCES: tuple[Stance, ...] = (
    STEWARDS,
    replace(STEWARDS, name="stewards-selfish", votes=SELFISH),
    replace(STEWARDS, name="stewards-reject-all", votes=REJECT),
    replace(STEWARDS, name="stewards-disclose-most", claim=MOST),
    replace(STEWARDS, name="stewards-never-insure", insure=False),
    replace(STEWARDS, name="stewards-never-audit", audit="never"),
    replace(STEWARDS, name="stewards-liars-unaudited", claim=MOST, audit="never", shade=True, effort=0),
    replace(STEWARDS, name="stewards-shading", shade=True),
    replace(STEWARDS, name="stewards-no-modules", modules=()),
    replace(STEWARDS, name="stewards-no-effort", effort=0),
    replace(STEWARDS, name="stewards-full-effort", effort=4),
    replace(STEWARDS, name="stewards-few-reports", reports="quarter"),
    replace(STEWARDS, name="stewards-by-gain", even=False),
    replace(STEWARDS, name="stewards-unmoderated", strictness="none"),
    replace(STEWARDS, name="stewards-unproven", prove=False),
    replace(STEWARDS, name="stewards-lending", capital="full"),
)


class Stewards(BatchPolicy):
    """Patches by public net gain; settings by a stance.

    Args:
        role: the role it plays.
        stance: what it wants.
    """

    NAME = "stewards"

    def __init__(self, role: str, stance: Stance = STEWARDS) -> None:
        super().__init__(role)
        self.stance = stance
        self._base = MyopicSelfish(role) if stance.votes == SELFISH else NetGain(role)
        self._number = {name: number for number, name in enumerate(ACTION_NAMES[role])}

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        actions = self._base.choose(seen, rng)
        if self.stance.votes == REJECT:
            rejecting = seen.mask[:, layout.VOTE_START] != 0
            actions = np.where(rejecting, layout.VOTE_START, actions)
        for wanted in reversed(self._wanted(seen)):
            legal = seen.mask[np.arange(len(seen)), wanted] != 0
            actions = np.where((actions == layout.PASS) & (wanted > 0) & legal, wanted, actions)
        return actions.astype(np.int64)

    def _wanted(self, seen: Seen) -> list[NDArray[np.int64]]:
        """Levers by urgency, the last first pulled where legal; 0 where a setting needs no lever."""
        stance = self.stance
        always: list[str] = []
        if "report:plain" in self._number:
            always.append("report:shaded" if stance.shade else "report:plain")
        if self.role == "market":
            always += [f"premium:{stance.premium}", f"rebate:{'on' if stance.rebate else 'off'}"]
            always.append(f"capital:{stance.capital}")
        elif self.role == "esg":
            always.append(f"audit:{stance.audit}")
        elif self.role == "business":
            always += [f"effort:{stance.effort}", f"insure:{'on' if stance.insure else 'off'}"]
            always += [f"prove:{'on' if stance.prove else 'off'}", f"reports:{stance.reports}"]
            always += [f"targeting:{'even' if stance.even else 'gain'}", f"incentive:{stance.incentive}"]
            always.append(f"strictness:{stance.strictness}")
        levers = [np.full(len(seen), self._number[name], np.int64) for name in always]
        if self.role == "business":
            levers.append(self._claim(seen))
            for module in MODULES:
                has = seen.whole(f"module_{module}") > 0.5
                toggle = has != (module in stance.modules)
                levers.append(np.where(toggle, self._number[f"module:{module}"], 0))
        return levers

    def _claim(self, seen: Seen) -> NDArray[np.int64]:
        """The claim to make: the highest level, or the highest that is true."""
        level = np.full(len(seen), 4, np.int64)
        if self.stance.claim == HONEST:
            level = np.floor(4.0 * seen.whole("true_level") + 1e-6).astype(np.int64)
        claimed = np.round(4.0 * seen.whole("claimed")).astype(np.int64)
        return np.where(level != claimed, self._number["claim:0"] + np.clip(level, 0, 4), 0)
