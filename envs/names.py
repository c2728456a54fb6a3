"""What scenarios, agents and entries are called, for users of the environments."""

from __future__ import annotations

from patchpact.agents.roles import layout
from patchpact.agents.roles.registry import check_role


def observation_layout(role: str) -> tuple[layout.Entry, ...]:
    """Every entry of the role's observation in order.

    Args:
        role: one of ``patchpact.agents.roles.ROLES``.

    Returns:
        Entries with ``name``, ``unit``, ``low``, ``high`` and ``description``; entry ``i`` says what
        ``observation[i]`` is. All roles share one layout, in every scenario.

    Raises:
        ValueError: for an unknown role.
    """
    check_role(role)
    return layout.observation_entries()
