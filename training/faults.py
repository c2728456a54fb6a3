"""What stops a training from outside the settings: told without the trainer's own stack, which would say nothing."""

from __future__ import annotations


class RunnerFault(RuntimeError):
    """Sampling cannot go on: an exception in a runner, with its traceback, or no runner left to sample.

    What was saved before is complete; the run goes on from there with ``resume`` once the cause is mended.
    """
