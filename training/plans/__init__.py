"""Patch plans: what to patch, when, in which mode, who pays, and why; from one scenario, without training."""

from patchpact.training.plans.make import DEFAULT_BASELINE, DEFAULT_POLICY, ROLLOUTS, plan
from patchpact.training.plans.records import Plan, document

__all__ = ["DEFAULT_BASELINE", "DEFAULT_POLICY", "ROLLOUTS", "Plan", "document", "plan"]
