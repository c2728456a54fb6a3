"""What no agent sees of the agenda's rows, for critics in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine

TRUTHS = ("regression", "effort", "reachability")
"""By row: true regression probability, true effort over public effort, true over public chance of entry."""


def hidden_truth(engine: Engine) -> NDArray[np.float32]:
    """The hidden values of every agenda row ``(num_envs, AGENDA_ROWS, len(TRUTHS))``; 0 where a row is empty."""
    state, static = engine.state, engine.static
    local = state.row["patch"]
    here = np.maximum(local, 0)
    patch = state.patch[state.world["p0"][:, None] + here]
    public = static.patch["effort"][static.scenario["p0"][state.world["scenario"]][:, None] + here]
    effort = np.divide(patch["effort"], public, out=np.ones_like(public), where=public > 0.0)
    truth = np.stack([patch["regression"], effort, patch["truth"]], -1) * (local >= 0)[:, :, None]
    clipped: NDArray[np.float32] = np.clip(truth, -layout.CLIP, layout.CLIP).astype(np.float32)
    return clipped
