"""What each stakeholder sees, may do and is paid."""

from patchpact.agents.roles.registry import ACTION_NAMES, ROLE_INDEX, ROLE_MODULES, ROLES, action_names

__all__ = ["ACTION_NAMES", "ROLES", "ROLE_INDEX", "ROLE_MODULES", "action_names"]
