"""The modules a platform sells and what it takes to run them. A module is one entry of ``MODULES``.

Costs and platform parameters are assumptions: no public figures were found. The worth of a module is measured where the
game can measure it (``patchpact calibrate modules``); two modules act outside the patch game, and what they bring is
assumed and labelled so.
"""

from __future__ import annotations

from dataclasses import dataclass

from patchpact.scenarios.errors import closest, shown


@dataclass(frozen=True)
class Module:
    """One module; costs and worth in k€ a window (a week)."""

    name: str
    what: str
    unit_cost_keur: float
    """What one more tenant costs a window (assumption)."""
    fixed_cost_keur: float
    """What running it costs a window, whoever uses it (assumption); tenants share it."""
    in_play: bool
    """Whether the patch game shows its worth."""
    assumed_worth_keur: float = 0.0
    """Worth to a tenant a window where the game does not show it (assumption)."""
    basis: str = ""
    """What that assumption is made of."""


MODULES: tuple[Module, ...] = (
    Module("scan", "IT knows which findings can really be reached", 0.30, 8.0, True),
    Module("prioritise", "orders patches by net gain, in every mode, in place of the CVSS score", 0.05, 6.0, True),
    Module("patch-bot", "does part of the work of every patch", 0.20, 8.0, True),
    Module(
        "measurement",
        "counts conversions without seeing users",
        0.10,
        5.0,
        False,
        0.20,
        "10 more conversions a window at a margin of 0.02 k€",
    ),
    Module(
        "esg-report",
        "reports energy, carbon and conduct as raters ask for it",
        0.05,
        3.0,
        False,
        0.046,
        "rating up by 0.2 on a scale of 1, 60 basis points of spread for the whole scale, 2000 k€ of debt, 52 weeks",
    ),
    Module("forecast", "lets a patch wait for a quieter season where that saves more than it risks", 0.02, 3.0, True),
)
IN_PLAY: tuple[str, ...] = tuple(module.name for module in MODULES if module.in_play)


@dataclass(frozen=True)
class Parameter:
    """A number of the platform that is not a module's; all are assumptions."""

    name: str
    unit: str
    value: float
    what: str


PLATFORM: tuple[Parameter, ...] = (
    Parameter("bot_labour", "factor", 0.7, "hours of patch work that are left with the patch bot"),
    Parameter("isolation_failure", "1/day", 1e-4, "chance a day that tenants' isolation fails, for each tenant there"),
    Parameter("leak_loss", "k€", 40.0, "what a failure of isolation costs each tenant (a loss without user data)"),
    Parameter("support_hours", "h/window", 0.5, "support that a tenant takes"),
    Parameter("support_price", "k€/h", 0.18, "an hour of support, as an hour of patch work"),
    Parameter("moderation", "strictness", 0.1, "s: misses harm with 1 - s, stops good plans with s squared"),
    Parameter("harm", "1/window", 0.01, "chance a window that a plan does harm unless stopped"),
    Parameter("harm_loss", "k€", 5.0, "what such a plan costs"),
    Parameter("discount", "share", 0.3, "most a compliant tenant is let off the price"),
)
PARAMETERS: dict[str, float] = {parameter.name: parameter.value for parameter in PLATFORM}


def find_module(name: str) -> Module:
    """The module of that name. Raises ``ValueError``, one line with the closest one."""
    for module in MODULES:
        if module.name == name:
            return module
    mend = closest(name, [module.name for module in MODULES])
    raise ValueError(f"module: there is no {shown(name)}; {mend}")
