"""Policies: baselines by name, and learned ones (``patchpact.load_policy``). Importing this loads no torch."""

from patchpact.agents.policies.base import BatchPolicy, Policy, PolicyOfRole, Seen, act_all
from patchpact.agents.policies.registry import make_policy, policy_names

__all__ = ["BatchPolicy", "Policy", "PolicyOfRole", "Seen", "act_all", "make_policy", "policy_names"]
