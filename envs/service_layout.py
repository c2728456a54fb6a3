"""What one service sees and may do where each service is an agent, entry by entry.

Scale-free, like the stakeholders' layout (``patchpact.agents.roles.layout``): a policy for one service plays every
service of every graph. Money entries are in units of the world's money scale.
"""

from __future__ import annotations

from patchpact.agents.roles import layout
from patchpact.agents.roles.layout import CLIP, Entry

SERVICE_ACTIONS = ("defer", "patch", "batch")
DEFER, PATCH, BATCH = range(len(SERVICE_ACTIONS))

_VOTING = ("on_motion", "own_motion")
CANDIDATE_FEATURES: tuple[Entry, ...] = tuple(entry for entry in layout.ROW_FEATURES if entry.name not in _VOTING)
"""Of the patch that the service would carry out, as its owner sees it; all 0 where there is none."""

SELF_FEATURES: tuple[Entry, ...] = (
    Entry("value", "money scale", -CLIP, CLIP, "public net gain of the patch, with the risk that it unlocks"),
    Entry("night_saving", "money scale", -CLIP, CLIP, "what night hours would save of its downtime, less their price"),
    Entry("on_agenda", "4 patches", 0.0, CLIP, "patches of this service on the window's agenda"),
    Entry("exposed_service", "1", 0.0, 1.0, "1 where users reach the service from outside"),
    Entry("compromise", "probability", 0.0, 1.0, "public estimate that the service is compromised within a window"),
    Entry("entry_risk", "money scale", -CLIP, CLIP, "public expected loss a window that enters through the service"),
    Entry("ahead", "motions of a window", 0.0, CLIP, "services whose patch has a higher value than this one's"),
    Entry("hours_ahead", "share of a window's capacity", 0.0, CLIP, "hours that their patches and this one take"),
)

_SIDE: tuple[Entry, ...] = (
    Entry("count", "8 services", 0.0, CLIP, "how many there are"),
    Entry("able", "8 services", 0.0, CLIP, "how many of them have a patch they could carry out"),
    Entry("best", "money scale", -CLIP, CLIP, "highest value among their patches, 0 where there is none above 0"),
    Entry("gains", "money scale", -CLIP, CLIP, "sum of their values above 0"),
    Entry("downtime", "money scale", -CLIP, CLIP, "highest cost of downtime among their patches"),
    Entry("compromised", "probability", 0.0, 1.0, "highest estimate of compromise among them"),
)
SIDES = ("callers", "callees", "others")
SIDE_FEATURES: tuple[Entry, ...] = tuple(
    entry._replace(name=f"{side}_{entry.name}", description=f"{side}: {entry.description}")
    for side in SIDES
    for entry in _SIDE
)
SIDE_WIDTH = len(_SIDE)

_GLOBALS = (
    "windows_left", "windows_to_act", "horizon", "season_now", "season_next", "season_next2", "capacity_left",
    "open_risk", "overdue", "open_patches", "log_money_scale", "log_services", "trust_mean", "fine_factor",
)  # fmt: skip
GLOBAL_COLUMNS = tuple(layout.global_feature(name) for name in _GLOBALS)
"""Where the globals stand in a stakeholder's observation; they are the same in everybody's."""
GLOBAL_FEATURES: tuple[Entry, ...] = tuple(
    next(entry for entry in layout.GLOBAL_FEATURES if entry.name == name) for name in _GLOBALS
)

SERVICE_FEATURES: tuple[Entry, ...] = (*CANDIDATE_FEATURES, *SELF_FEATURES, *SIDE_FEATURES, *GLOBAL_FEATURES)
SERVICE_SIZE = len(SERVICE_FEATURES)
CANDIDATE_COLUMNS = tuple(layout.row_feature(entry.name) for entry in CANDIDATE_FEATURES)
SELF_START = len(CANDIDATE_FEATURES)
SIDES_START = SELF_START + len(SELF_FEATURES)
GLOBALS_START = SIDES_START + len(SIDE_FEATURES)

_INDEX = {entry.name: place for place, entry in enumerate(SERVICE_FEATURES)}


def service_feature(name: str) -> int:
    """Place of an entry in a service's observation. Raises ``KeyError`` for an unknown name."""
    return _INDEX[name]


def service_layout() -> tuple[Entry, ...]:
    """Every entry of a service's observation in order, with unit, range and meaning."""
    return SERVICE_FEATURES
