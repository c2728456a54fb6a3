"""Training, evaluation and run folders. Importing this package imports neither ray nor torch."""

from patchpact.training.config import TrainConfig
from patchpact.training.folder import RunError
from patchpact.training.run import resume, train

__all__ = ["RunError", "TrainConfig", "resume", "train"]
