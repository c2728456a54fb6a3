"""Policies: baselines by name, and learned ones (``patchpact.load_policy``). Importing this loads no torch."""

from patchpact.agents.policies.base import (
    BatchPolicy,
    Cast,
    Joint,
    JointPolicy,
    Oracle,
    Policy,
    PolicyOfRole,
    Seen,
    act_all,
    seat,
)
from patchpact.agents.policies.registry import PLANNERS, PRETRAINED, REFERENCES, find, make_policy, policy_names

__all__ = [
    "PLANNERS",
    "PRETRAINED",
    "REFERENCES",
    "BatchPolicy",
    "Cast",
    "Joint",
    "JointPolicy",
    "Oracle",
    "Policy",
    "PolicyOfRole",
    "Seen",
    "act_all",
    "find",
    "make_policy",
    "policy_names",
    "seat",
]
