"""What every stakeholder sees and may do, entry by entry.

The layout is the same for every scenario, however many services, tenants or vendors it has, so that a policy
trained on one graph acts on another. Observations are one flat vector,

    rows  (AGENDA_ROWS x len(ROW_FEATURES))  |  slots (ENTITY_SLOTS x len(SLOT_FEATURES))  |  globals

and actions one ``Discrete`` per role,

    0 pass  |  1.. nominate:<row>:<mode>  |  votes  |  levers of the role

``LAYOUT_VERSION`` grows when entries are appended; entries are never moved or removed.
Money entries are in units of the world's money scale (k€; its logarithm is the global ``log_money_scale``).
"""

from __future__ import annotations

from typing import NamedTuple

LAYOUT_VERSION = 3
AGENDA_ROWS = 16
ENTITY_SLOTS = 8
MODES = ("full", "canary", "mitigate", "emergency")
VOTES = ("reject", "abstain", "accept", "accept_pay_10", "accept_pay_30", "ask_10", "ask_30")
CLIP = 20.0
"""Every observation entry is clipped to [-CLIP, CLIP]."""


class Entry(NamedTuple):
    """One entry of an observation: its name, unit and range, and what it says."""

    name: str
    unit: str
    low: float
    high: float
    description: str


def _money(name: str, description: str) -> Entry:
    return Entry(name, "money scale", -CLIP, CLIP, description)


def _share(name: str, description: str, low: float = 0.0, high: float = 1.0) -> Entry:
    return Entry(name, "1", low, high, description)


ROW_FEATURES: tuple[Entry, ...] = (
    _share("present", "1 where the row names a patch, 0 where it is empty (all other entries are 0 then)"),
    _money("own_full", "this agent's expected account change if the row is carried out now in full mode"),
    _money("own_canary", "the same in canary mode"),
    _money("own_mitigate", "the same in mitigate mode"),
    _money("own_emergency", "the same in emergency mode"),
    _money("public_full", "public estimate of the welfare change if carried out now in full mode"),
    _money("public_canary", "the same in canary mode"),
    _money("public_mitigate", "the same in mitigate mode"),
    _money("public_emergency", "the same in emergency mode"),
    _money("risk", "public expected loss a window that the patch removes"),
    _money("unlocked_risk", "public risk a window of open patches that need this one first"),
    _money("cost", "public cost in full mode: effort, downtime, support, expected rollback"),
    _money("downtime_cost", "public cost of the downtime that full mode adds to this window's plan"),
    Entry("effort", "share of a window's capacity", 0.0, CLIP, "public effort in full mode"),
    Entry("downtime_added", "10 h", 0.0, CLIP, "flow hours that full mode adds to this window's plan"),
    Entry("downtime_alone", "10 h", 0.0, CLIP, "flow hours that full mode would take in an empty window"),
    _share("prerequisites_met", "1 where every patch it requires is in or planned in this window"),
    _share("released", "1 where the vendor has released the fix"),
    _share("mitigated", "1 where a mitigation is in force"),
    Entry("cvss", "10", 0.0, 1.0, "highest CVSS base score of the row's open findings"),
    Entry("epss", "probability", 0.0, 1.0, "highest EPSS of the row's open findings"),
    _share("kev", "1 where an open finding is in the KEV catalogue"),
    _share("exposed", "1 where the service is exposed"),
    Entry(
        "due",
        "60 days",
        -1.0,
        1.0,
        "time to the earliest deadline, negative when overdue; 1 where there is none",
    ),
    Entry("waiting", "4 windows", 0.0, CLIP, "time since the row was last on the agenda"),
    Entry("regression", "probability", 0.0, 1.0, "regression probability in full mode, as this agent sees it"),
    _share("own_service", "1 where this agent owns the service"),
    _share("own_component", "1 where this agent is the component's vendor"),
    Entry("failed", "2 tries", 0.0, CLIP, "how often this patch was rolled back before"),
    _share("on_motion", "1 on the row that is voted on now"),
    _money("own_motion", "this agent's expected account change by the motion in its mode; on the motion's row"),
)

SLOT_FEATURES: tuple[Entry, ...] = (
    _share("slot_present", "1 where the slot names a service"),
    _money("slot_risk", "public expected loss a window that enters through the service"),
    Entry("slot_compromise", "probability", 0.0, 1.0, "public estimate that it is compromised within a window"),
    _share("slot_exposed", "1 where the service is exposed"),
    _share("slot_own", "1 where this agent owns the service"),
    _share("slot_scanned", "1 where a scan has shown the true security state"),
)

GLOBAL_FEATURES: tuple[Entry, ...] = (
    _share("phase_vote", "1 while a motion is voted on, 0 while one is proposed"),
    _share("is_proposer", "1 where this agent is the proposer of the motion"),
    _share("proposer_it", "1 where an IT agent is"),
    _share("proposer_business", "1 where a business agent is"),
    _share("proposer_vendor", "1 where a vendor agent is"),
    _share("may_vote", "1 where this agent may vote on the motion"),
    _share("windows_left", "share of the episode's windows that are left, the current one included"),
    Entry("windows_to_act", "12 windows", 0.0, CLIP, "windows left, the current one included, without the tail"),
    Entry("horizon", "12 windows", 0.0, CLIP, "windows left, the tail included"),
    _share("motions_left", "share of the window's motions that are left, the current one included"),
    Entry("season_now", "multiplier", 0.0, CLIP, "revenue season of this window"),
    Entry("season_next", "multiplier", 0.0, CLIP, "announced season of the next window"),
    Entry("season_next2", "multiplier", 0.0, CLIP, "announced season of the window after"),
    Entry("capacity_left", "share of a window's capacity", 0.0, CLIP, "hours left to plan this window"),
    Entry("budget_left", "share of the agent's budget", 0.0, 1.0, "spending authority left this window"),
    _money("open_risk", "public expected loss a window of everything open"),
    _money("planned_downtime", "public downtime cost of what is planned this window"),
    Entry("planned_patches", "4 patches", 0.0, CLIP, "motions carried in this window"),
    Entry("overdue", "16 patches", 0.0, CLIP, "patches past their deadline"),
    Entry("open_patches", "64 patches", 0.0, CLIP, "patches with an open finding"),
    _share("motion_full", "1 where the motion is in full mode"),
    _share("motion_canary", "1 where it is in canary mode"),
    _share("motion_mitigate", "1 where it is in mitigate mode"),
    _share("motion_emergency", "1 where it is in emergency mode"),
    _money("motion_own_gain", "this agent's expected account change by the motion"),
    _money("motion_public_gain", "public estimate of the welfare change by the motion"),
    _money("motion_quote", "the motion's public quote, of which 10% or 30% can be paid or asked"),
    _share("liability", "this agent's share of an incident's loss where it is liable"),
    _share("freeze", "1 where a change freeze is in force for services this agent owns, or any for other roles"),
    _share("night_hours", "1 where maintenance runs at night this window"),
    _share("overtime", "1 where overtime was bought this window"),
    Entry("price", "multiplier", 0.0, CLIP, "the vendor's price level (own for vendors, mean for others)"),
    Entry("log_money_scale", "log10(k€)", -CLIP, CLIP, "logarithm of the world's money scale"),
    Entry("log_services", "log10", 0.0, CLIP, "logarithm of the number of services"),
    # since version 2: the market, the auditor and the platform
    _share("trust", "trust in this firm; for other roles the firms' mean"),
    _share("trust_mean", "mean trust in all firms"),
    _share("rating", "this firm's public rating; for other roles the firms' mean"),
    _share("claimed", "level that this firm claims; for other roles the firms' mean"),
    _share("true_level", "this firm's true level; for other roles 0"),
    _share("effort_level", "level of effort that this firm pays for; for other roles 0"),
    _share("caught", "1 where this agent's last report was found false"),
    _share("shaded", "1 where this agent's reports are shaded now"),
    _share("insured", "1 where this firm is insured; for other roles the share of firms that are"),
    _money("premium", "premium a window that this firm pays or would pay; for other roles the firms' sum"),
    _share("premium_tier", "how far premiums follow a firm's own risk: 0, 0.5 or 1"),
    _share("rebate", "1 where the insurer rebates premiums of firms with nothing overdue"),
    _share("capital", "capital on offer: 0, 0.5 or 1"),
    _share("audit_level", "how often the auditor looks: 0, 1/3, 2/3 or 1"),
    _share("demand_level", "lowest level that firms must claim: 0, 0.25 or 0.5"),
    Entry("fine_factor", "multiplier", 0.0, CLIP, "what the adaptive controller makes of fines"),
    _share("negligence", "share of the patch's loss that falls on this agent if it rejects and is found negligent"),
    Entry("credits", "10 credits", 0.0, CLIP, "voice credits left (rule quadratic)"),
    _share("intensity", "votes cast at once, of 3 (rule quadratic)"),
    _share("bid", "this agent's standing bid, of 3 (rule second_price)"),
    _share("module_scan", "1 where this firm has the module; for other roles the share of firms that do"),
    _share("module_prioritise", "the same"),
    _share("module_patch_bot", "the same"),
    _share("module_measurement", "the same"),
    _share("module_esg_report", "the same"),
    _share("module_forecast", "the same"),
    _share("module_placebo", "the same"),
    Entry("module_price", "multiplier", 0.0, CLIP, "the platform's price level for modules"),
    _share("support_level", "support hours of the platform: 0, 0.5 or 1"),
    _share("joined", "share of firms with any module"),
    _share("epsilon", "privacy budget of pooled measurement: tiers from 0.5 (0) to none (1)"),
    _share("proving", "1 where this firm proves levels, counts and patches; for other roles the share that does"),
    Entry("equity", "share of the first", -CLIP, CLIP, "this firm's equity; for other roles the firms' mean"),
    _share("small", "1 where this firm is small"),
    _share("platform", "1 where this firm runs the platform"),
    _share("gone", "1 where this firm is insolvent; for other roles the share of firms that are"),
    _share("proposer_market", "1 where the market agent proposes the motion"),
    _share("proposer_esg", "1 where the auditor does"),
    # since version 3: what enters pooled measurement, and what it is used for
    _share("reports", "share of its data that this firm lets into pooled measurement; for other roles the firms' mean"),
    _share("even", "1 where this firm targets groups evenly; for other roles the share of firms that do"),
    _share("incentive", "what the platform pays for data: 0, 0.5 or 1"),
    _share("strictness", "how strictly the platform moderates content: 0, 0.5 or 1"),
)

ROW_WIDTH = len(ROW_FEATURES)
SLOT_WIDTH = len(SLOT_FEATURES)
GLOBAL_WIDTH = len(GLOBAL_FEATURES)
SLOTS_START = AGENDA_ROWS * ROW_WIDTH
GLOBALS_START = SLOTS_START + ENTITY_SLOTS * SLOT_WIDTH
OBSERVATION_SIZE = GLOBALS_START + GLOBAL_WIDTH

PASS = 0
NOMINATE_START = 1
VOTE_START = NOMINATE_START + AGENDA_ROWS * len(MODES)
LEVER_START = VOTE_START + len(VOTES)
ABSTAIN = VOTE_START + VOTES.index("abstain")

COMMON_ACTIONS: tuple[str, ...] = (
    "pass",
    *(f"nominate:{row}:{mode}" for row in range(AGENDA_ROWS) for mode in MODES),
    *(f"vote:{vote}" for vote in VOTES),
)

_ROW_INDEX = {entry.name: index for index, entry in enumerate(ROW_FEATURES)}
_SLOT_INDEX = {entry.name: index for index, entry in enumerate(SLOT_FEATURES)}
_GLOBAL_INDEX = {entry.name: GLOBALS_START + index for index, entry in enumerate(GLOBAL_FEATURES)}


def row_feature(name: str) -> int:
    """Index of a row feature inside its row. Raises ``KeyError`` for an unknown name."""
    return _ROW_INDEX[name]


def slot_feature(name: str) -> int:
    """Index of a slot feature inside its slot. Raises ``KeyError`` for an unknown name."""
    return _SLOT_INDEX[name]


def global_feature(name: str) -> int:
    """Index of a global feature in the whole observation. Raises ``KeyError`` for an unknown name."""
    return _GLOBAL_INDEX[name]


def observation_entries() -> tuple[Entry, ...]:
    """All entries of an observation in order, rows and slots prefixed with their number (e.g. ``row3.cvss``)."""
    rows = (e._replace(name=f"row{r}.{e.name}") for r in range(AGENDA_ROWS) for e in ROW_FEATURES)
    slots = (e._replace(name=f"slot{s}.{e.name}") for s in range(ENTITY_SLOTS) for e in SLOT_FEATURES)
    return (*rows, *slots, *GLOBAL_FEATURES)
