"""Networks of a role under this version's layout: built, and started from a soft version of the greedy rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from patchpact.agents.policies.memory import MemoryPolicyNetwork
from patchpact.agents.policies.network import (
    FlatPolicyNetwork,
    FlatValueNetwork,
    Gains,
    ObservationShape,
    PolicyNetwork,
    ValueNetwork,
)
from patchpact.agents.roles import layout


def current_shape() -> ObservationShape:
    """The observation's sizes under this version's layout."""
    return ObservationShape(
        rows=layout.AGENDA_ROWS,
        row_width=layout.ROW_WIDTH,
        slots=layout.ENTITY_SLOTS,
        slot_width=layout.SLOT_WIDTH,
        global_width=layout.GLOBAL_WIDTH,
    )


NETWORKS = ("rows", "flat")
"""Kinds of networks: a row scorer, and a plain network over the whole observation."""


VIEWS = ("own", "public")
"""Whose gain an entry states: the agent's own account's, or all of welfare's."""


def _place(name: str) -> int:
    """Of a global feature, among the globals."""
    return layout.global_feature(name) - layout.GLOBALS_START


GAINS = Gains(
    by_mode=tuple(layout.row_feature(f"{view}_{mode}") for view in VIEWS for mode in layout.MODES),
    unlocks=tuple(mode != "mitigate" for _ in VIEWS for mode in layout.MODES),
    unlocked=layout.row_feature("unlocked_risk"),
    horizon=_place("horizon"),
    horizon_windows=12.0,
    motion=tuple(_place(f"motion_{view}_gain") for view in VIEWS),
    motion_unlocks=tuple(_place(f"motion_{mode}") for mode in layout.MODES if mode != "mitigate"),
)

PlainNetwork = PolicyNetwork | FlatPolicyNetwork


def build_policy_network(
    action_names: Sequence[str], hidden: int, kind: str = "rows", shape: ObservationShape | None = None
) -> PlainNetwork:
    """An untrained policy network for a role with these actions, under this version's layout if no shape is given."""
    shape = shape or current_shape()
    if kind == "flat":
        return FlatPolicyNetwork(shape.size, len(action_names), hidden)
    return PolicyNetwork(shape, action_names, layout.row_feature("on_motion"), GAINS, hidden)


def with_memory(network: PlainNetwork, hidden: int, memory: str = "none") -> PlainNetwork | MemoryPolicyNetwork:
    """The network itself, or with ``memory`` ``"gru"`` the network behind an untrained memory."""
    return MemoryPolicyNetwork(network, hidden) if memory == "gru" else network


def lean_towards_gains(network: PolicyNetwork, strength: float, welfare_share: float) -> None:
    """Start a policy from a soft version of the greedy rule instead of from chance.

    Random play is far worse than doing nothing, so agents that start from it first learn to reject everything. This
    sets the network's linear paths, which training changes like all other weights: nominations by their credited
    gain, accept or reject by the motion's, pass rather than pull a lever; other votes and all levers together get
    about exp(-strength) of the probability. On public estimates, and without chance, it acts as the baseline
    ``net-gain`` does; on its own account as ``myopic-selfish``: what a patch unlocks is others' risk for the most
    part, and no gain of its own.

    Args:
        network: a new network under this version's layout.
        strength: logit for each unit of log(1 + gain); 0 changes nothing.
        welfare_share: 1 reads the public estimates of welfare, 0 the agent's own account, a mix both.
    """
    shape, gains, heads = network.shape, network.gains, network.heads
    with torch.no_grad():
        public = VIEWS.index("public")
        for m, mode in enumerate(layout.MODES):
            nominate = network.row_skip.weight[heads.by_row.index(f"nominate:*:{mode}")]
            nominate[layout.row_feature(f"own_{mode}")] += strength * (1.0 - welfare_share)
            nominate[shape.row_width + public * len(layout.MODES) + m] += strength * welfare_share
        for vote, sign in (("vote:accept", strength), ("vote:reject", -strength)):
            cast = network.plain_skip.weight[heads.plain.index(vote)]
            cast[_place("motion_own_gain")] += sign * (1.0 - welfare_share)
            cast[shape.global_width + shape.row_width + len(gains.by_mode) + public] += sign * welfare_share
        rest = -strength - math.log(len(heads.order)) if strength else 0.0
        for n, name in enumerate(heads.plain):
            if name not in ("pass", "vote:accept", "vote:reject"):
                network.plain_head.bias[n] += rest
        for n, name in enumerate(heads.by_row):
            if not name.startswith("nominate:"):
                network.row_head.bias[n] += rest
        if heads.by_slot:
            network.slot_head.bias.add_(rest)


def leaning_network(action_names: Sequence[str], kind: str, prior: float, welfare_share: float) -> PlainNetwork:
    """What a new policy starts as, without the chance in its first weights: a function of the observation alone.

    All weights are 0 but those that lean towards gains, so that the narrowest network says it; where nothing leans, all
    legal actions are alike.
    """
    network = build_policy_network(action_names, 1, kind)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    if isinstance(network, PolicyNetwork):
        lean_towards_gains(network, prior, welfare_share)
    return network


def new_policy_network(
    action_names: Sequence[str], hidden: int, kind: str, memory: str, prior: float, welfare_share: float
) -> PlainNetwork | MemoryPolicyNetwork:
    """A network to train: built, leaning towards gains where it scores rows, behind a memory if asked."""
    plain = build_policy_network(action_names, hidden, kind)
    if isinstance(plain, PolicyNetwork):
        lean_towards_gains(plain, prior, welfare_share)
    return with_memory(plain, hidden, memory)


def build_value_network(hidden: int, kind: str = "rows") -> ValueNetwork | FlatValueNetwork:
    """An untrained value network under this version's layout."""
    if kind == "flat":
        return FlatValueNetwork(current_shape().size, hidden)
    return ValueNetwork(current_shape(), _place("horizon"), hidden)
