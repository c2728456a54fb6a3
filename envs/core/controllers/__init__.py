"""Controllers: how strongly rules are enforced as the game goes on. One module each with ``NAME`` and ``factor``."""

from patchpact.envs.core.controllers import adaptive, frozen
from patchpact.envs.core.dispatch import dispatcher

CONTROLLERS = (
    frozen,
    adaptive,
)
NAMES = tuple(rule.NAME for rule in CONTROLLERS)

new_factor = dispatcher([rule.factor for rule in CONTROLLERS], "now, measured, target, gain, dead_band, low, high")
