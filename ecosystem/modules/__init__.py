"""What a multi-tenant platform sells in modules: who needs which, what each is worth and costs, and from how many
tenants on it pays."""

from patchpact.ecosystem.modules.catalogue import IN_PLAY, MODULES, PLATFORM, Module, Parameter, find_module
from patchpact.ecosystem.modules.table import Figure, ModuleTable, load_modules
from patchpact.ecosystem.modules.team import Team

__all__ = [
    "IN_PLAY",
    "MODULES",
    "PLATFORM",
    "Figure",
    "Module",
    "ModuleTable",
    "Parameter",
    "Team",
    "find_module",
    "load_modules",
]
