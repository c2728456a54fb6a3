"""The roles of the game. A role is one module with metadata and three small compiled functions; its line is here."""

from __future__ import annotations

from types import ModuleType

from patchpact.agents.roles import business, esg, it, market, vendor
from patchpact.agents.roles.layout import COMMON_ACTIONS
from patchpact.scenarios.errors import closest

ROLE_MODULES: tuple[ModuleType, ...] = (
    it,
    business,
    vendor,
    market,
    esg,
)

ROLES: tuple[str, ...] = tuple(module.NAME for module in ROLE_MODULES)
ROLE_INDEX: dict[str, int] = {name: index for index, name in enumerate(ROLES)}
ACTION_NAMES: dict[str, tuple[str, ...]] = {m.NAME: (*COMMON_ACTIONS, *m.LEVERS) for m in ROLE_MODULES}
MAX_ACTIONS = max(len(names) for names in ACTION_NAMES.values())


def check_role(role: str) -> str:
    """The role itself. Raises ``ValueError`` with the closest name for an unknown one."""
    if role not in ROLES:
        raise ValueError(f"role: {role!r} is unknown; {closest(role, ROLES)}")
    return role


def action_names(role: str) -> tuple[str, ...]:
    """Names of the role's actions, indexed by action number. Raises ``ValueError`` for an unknown role."""
    return ACTION_NAMES[check_role(role)]
