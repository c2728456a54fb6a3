"""Training, evaluation and run folders. Importing this package imports neither ray nor torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from patchpact.training.config import TrainConfig
from patchpact.training.evaluate import evaluate
from patchpact.training.faults import RunnerFault
from patchpact.training.folder import RunError
from patchpact.training.run import resume, train

if TYPE_CHECKING:
    from patchpact.agents.policies.learned import LearnedPolicies

__all__ = ["RunError", "RunnerFault", "TrainConfig", "evaluate", "load_policy", "resume", "train"]


def load_policy(folder: str | Path, deterministic: bool = True) -> LearnedPolicies:
    """A learned policy from a run folder; see ``patchpact.agents.policies.learned.load_policy``."""
    from patchpact.agents.policies import learned

    return learned.load_policy(folder, deterministic)
