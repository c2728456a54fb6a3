"""Weighted by liability: a voter counts by its share of the loss if the patch stays open; above the quota of it passes.

Where nobody is liable (responsibility is off) every vote counts the same.
"""

from __future__ import annotations

from patchpact.envs.core.voting import weighted

NAME = "liability_weighted"

passes = weighted.passes
"""Weights are the voters' liability in thousandths."""
