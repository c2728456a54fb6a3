"""Torch networks of a role: a row scorer with shared weights, and a separate value network.

Both read the flat observation of ``patchpact.agents.roles.layout``: rows, slots, globals. Every agenda row
goes through the same small network, so what is learned about one row holds for all, and the order of rows
carries no meaning. Money features also reach the outputs over plain linear paths, which start at zero; beside them
what no sum of them gives: a gain with the risk that it unlocks over all windows left. Nothing here imports ray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

MASKED_LOGIT = -1e9
"""Logit of an illegal action: finite, because minus infinity makes entropies NaN."""


@dataclass(frozen=True)
class ObservationShape:
    """Sizes of the three blocks of an observation, in entries."""

    rows: int
    row_width: int
    slots: int
    slot_width: int
    global_width: int

    @property
    def size(self) -> int:
        """Length of the flat observation."""
        return self.rows * self.row_width + self.slots * self.slot_width + self.global_width

    def split(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views of a batch ``(n, size)``: rows ``(n, rows, width)``, slots alike, globals ``(n, width)``."""
        row_end = self.rows * self.row_width
        slot_end = row_end + self.slots * self.slot_width
        rows = observation[:, :row_end].unflatten(1, (self.rows, self.row_width))
        slots = observation[:, row_end:slot_end].unflatten(1, (self.slots, self.slot_width))
        return rows, slots, observation[:, slot_end:]


@dataclass(frozen=True)
class ActionHeads:
    """Which head of the network scores which action, read off the actions' names.

    ``nominate:<row>:<mode>`` and levers named ``<lever>:<number>`` with one action for each row are scored
    row by row, levers with one action for each slot slot by slot, everything else (pass, votes, untargeted
    levers) from the pooled view. ``order[i]`` is the place of action ``i`` in the concatenation of the three
    blocks.
    """

    plain: tuple[str, ...]
    by_row: tuple[str, ...]
    by_slot: tuple[str, ...]
    order: tuple[int, ...]

    @classmethod
    def parse(cls, action_names: Sequence[str], rows: int, slots: int) -> ActionHeads:
        """Group ``action_names``. Targets must be numbered from 0 without holes to count as rows or slots."""
        targets: dict[str, list[int]] = {}
        split = [_head_and_target(name) for name in action_names]
        for head, target in split:
            if target is not None:
                targets.setdefault(head, []).append(target)
        by_row = tuple(head for head, found in targets.items() if sorted(found) == list(range(rows)))
        by_slot = tuple(head for head, found in targets.items() if sorted(found) == list(range(slots)))
        by_slot = tuple(head for head in by_slot if head not in by_row)
        targeted = {*by_row, *by_slot}
        plain = tuple(n for n, (head, _) in zip(action_names, split, strict=True) if head not in targeted)
        slot_start = len(plain) + rows * len(by_row)
        order = []
        for name, (head, target) in zip(action_names, split, strict=True):
            if head in by_row and target is not None:
                order.append(len(plain) + target * len(by_row) + by_row.index(head))
            elif head in by_slot and target is not None:
                order.append(slot_start + target * len(by_slot) + by_slot.index(head))
            else:
                order.append(plain.index(name))
        return cls(plain, by_row, by_slot, tuple(order))


def _head_and_target(name: str) -> tuple[str, int | None]:
    """Split ``nominate:3:full`` into (``nominate:*:full``, 3); a name without a number has no target."""
    parts = name.split(":")
    for place, part in enumerate(parts):
        if place and part.isdigit():
            return ":".join([*parts[:place], "*", *parts[place + 1 :]]), int(part)
    return name, None


def _places(found: tuple[int, ...]) -> slice | list[int]:
    """Places as an index: neighbours as a slice, whose view costs nothing where a list copies entry by entry."""
    neighbours = found == tuple(range(found[0], found[0] + len(found)))
    return slice(found[0], found[0] + len(found)) if neighbours else list(found)


class Gains(NamedTuple):
    """Where an observation has what credited gains are worked out from: places inside a row, and among the globals."""

    by_mode: tuple[int, ...]
    """In a row: the gain by each mode, view by view."""
    unlocks: tuple[bool, ...]
    """For each of these, whether its mode carries the patch out, so that others can follow."""
    unlocked: int
    """In a row: risk a window that it unlocks."""
    horizon: int
    """Among the globals: windows left, in units of ``horizon_windows``."""
    horizon_windows: float
    motion: tuple[int, ...]
    """Among the globals: the motion's gain, view by view."""
    motion_unlocks: tuple[int, ...]
    """Among the globals: 1 where the motion is in a mode that carries the patch out."""

    def of_rows(self, rows: Tensor, globals_: Tensor, unlocks: Tensor) -> Tensor:
        """Credited gains ``(n, rows, len(by_mode))`` in the unit of the money entries; all arguments uncompressed.

        ``unlocks``: those of above as a tensor, which the network keeps where it computes.
        """
        unlocked = rows[..., self.unlocked] * (globals_[:, self.horizon] * self.horizon_windows).unsqueeze(1)
        return rows[..., _places(self.by_mode)] + unlocked.unsqueeze(-1) * unlocks

    def of_motion(self, motion_row: Tensor, globals_: Tensor) -> Tensor:
        """The motion's credited gains ``(n, len(motion))``."""
        carried = globals_[:, list(self.motion_unlocks)].sum(1)
        unlocked = motion_row[:, self.unlocked] * globals_[:, self.horizon] * self.horizon_windows * carried
        return globals_[:, _places(self.motion)] + unlocked.unsqueeze(-1)


def compress(values: Tensor) -> Tensor:
    """sign(x) log(1 + |x|): heavy-tailed money entries in the range a small network handles."""
    return torch.sign(values) * torch.log1p(torch.abs(values))


def masked_logits(logits: Tensor, mask: Tensor) -> Tensor:
    """``logits`` where ``mask`` is nonzero, ``MASKED_LOGIT`` elsewhere; shapes ``(n, actions)``."""
    return torch.where(mask > 0, logits, MASKED_LOGIT)


class RowEncoder(nn.Module):
    """Embeds every row together with the globals; the same weights for every row."""

    def __init__(self, row_width: int, global_width: int, hidden: int) -> None:
        super().__init__()
        self.from_row = nn.Linear(row_width, hidden)
        self.from_globals = nn.Linear(global_width, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)

    def forward(self, rows: Tensor, globals_: Tensor) -> Tensor:
        """Embeddings ``(n, rows, hidden)`` of compressed rows, in the light of compressed globals."""
        first = torch.relu(self.from_row(rows) + self.from_globals(globals_).unsqueeze(1))
        return torch.relu(self.mix(first))


def pool(embedded: Tensor, present: Tensor) -> Tensor:
    """Mean and maximum over the rows (or slots) that are present: ``(n, rows, h)`` to ``(n, 2 h)``."""
    weight = present.unsqueeze(-1)
    total = (embedded * weight).sum(1)
    mean = total / weight.sum(1).clamp(min=1.0)
    highest = torch.where(weight > 0, embedded, 0.0).amax(1)
    return torch.cat([mean, highest], -1)


def small(layer: nn.Linear, gain: float) -> nn.Linear:
    """Initialise a head: orthogonal with a small gain (0: exactly zero), no bias."""
    if gain:
        nn.init.orthogonal_(layer.weight, gain)
    else:
        nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class View(NamedTuple):
    """What a policy network makes of observations, beside its trunk, before it scores actions."""

    rows: Tensor  # (n, rows, row_width + credited gains) compressed
    embedded: Tensor  # (n, rows, hidden)
    slots: Tensor  # (n, slots, 16)
    direct: Tensor  # (n, direct) globals, the motion's row, its credited gains; compressed


class PolicyNetwork(nn.Module):
    """Scores every action of one role.

    Args:
        shape: sizes of the observation's blocks.
        action_names: the role's actions in order, see ``patchpact.envs.action_names``.
        on_motion: index, inside a row, of the feature that marks the row voted on.
        gains: where to find what credited gains are worked out from.
        hidden: width of the hidden layers.
    """

    order: Tensor
    unlocks: Tensor

    def __init__(
        self, shape: ObservationShape, action_names: Sequence[str], on_motion: int, gains: Gains, hidden: int = 64
    ) -> None:
        super().__init__()
        self.shape = shape
        self.on_motion = on_motion
        self.gains = gains
        heads = ActionHeads.parse(action_names, shape.rows, shape.slots)
        self.heads = heads
        self.register_buffer("order", torch.tensor(heads.order), persistent=False)
        self.register_buffer("unlocks", torch.tensor(gains.unlocks, dtype=torch.float32), persistent=False)
        row_width = shape.row_width + len(gains.by_mode)
        direct = shape.global_width + row_width + len(gains.motion)
        self.encoder = RowEncoder(row_width, shape.global_width, hidden)
        self.slot_encoder = nn.Linear(shape.slot_width, 16)
        self.trunk = nn.Linear(3 * hidden + direct + 32, hidden)
        self.plain_head = small(nn.Linear(hidden, len(heads.plain)), 0.01)
        self.plain_skip = small(nn.Linear(direct, len(heads.plain), bias=False), 0.0)
        self.row_head = small(nn.Linear(hidden, len(heads.by_row)), 0.01)
        self.row_skip = small(nn.Linear(row_width, len(heads.by_row), bias=False), 0.0)
        self.row_context = small(nn.Linear(hidden, len(heads.by_row)), 0.01)
        if heads.by_slot:
            self.slot_head = small(nn.Linear(16 + hidden, len(heads.by_slot)), 0.01)

    def forward(self, observation: Tensor, mask: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` for observations ``(n, size)`` and masks ``(n, actions)``."""
        return self.score(*self.look(observation), mask)

    def look(self, observation: Tensor) -> tuple[Tensor, View]:
        """The trunk ``(n, hidden)`` of observations ``(n, size)``, and what else scores read."""
        raw_rows, raw_slots, raw_globals = self.shape.split(observation)
        slots, globals_ = compress(raw_slots), compress(raw_globals)
        raw_rows = torch.cat([raw_rows, self.gains.of_rows(raw_rows, raw_globals, self.unlocks)], -1)
        rows = compress(raw_rows)
        embedded = self.encoder(rows, globals_)
        slot_view = torch.relu(self.slot_encoder(slots))
        on_motion = raw_rows[..., self.on_motion].unsqueeze(-1)
        motion_row = (raw_rows * on_motion).sum(1)
        motion_view = (embedded * on_motion).sum(1)
        motion_gains = self.gains.of_motion(motion_row, raw_globals)
        direct = torch.cat([globals_, compress(torch.cat([motion_row, motion_gains], -1))], -1)
        pooled = pool(embedded, raw_rows[..., 0])
        pooled_slots = pool(slot_view, raw_slots[..., 0])
        trunk = torch.relu(self.trunk(torch.cat([pooled, motion_view, direct, pooled_slots], -1)))
        return trunk, View(rows, embedded, slot_view, direct)

    def score(self, trunk: Tensor, seen: View, mask: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` of what ``look`` gave."""
        blocks = [
            self.plain_head(trunk) + self.plain_skip(seen.direct),
            (self.row_head(seen.embedded) + self.row_skip(seen.rows) + self.row_context(trunk).unsqueeze(1)).flatten(1),
        ]
        if self.heads.by_slot:
            context = trunk.unsqueeze(1).expand(-1, self.shape.slots, -1)
            blocks.append(self.slot_head(torch.cat([seen.slots, context], -1)).flatten(1))
        return masked_logits(torch.cat(blocks, -1).index_select(1, self.order), mask)


class ValueNetwork(nn.Module):
    """Estimates an agent's return; shares no weight with the policy, so neither loss disturbs the other.

    Args:
        shape: sizes of the observation's blocks.
        horizon: index, inside the globals, of the feature that says how many windows are left.
        hidden: width of the hidden layers.
    """

    def __init__(self, shape: ObservationShape, horizon: int, hidden: int = 64) -> None:
        super().__init__()
        self.shape = shape
        self.horizon = horizon
        self.encoder = RowEncoder(shape.row_width, shape.global_width, hidden)
        self.trunk = nn.Sequential(
            nn.Linear(2 * hidden + 2 * shape.global_width, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
        )
        self.head = small(nn.Linear(hidden, 1), 0.1)
        self.skip = small(nn.Linear(2 * shape.global_width, 1, bias=False), 0.0)

    def forward(self, observation: Tensor) -> Tensor:
        """Values ``(n,)`` for observations ``(n, size)``, in the unit of the training reward."""
        raw_rows, _, raw_globals = self.shape.split(observation)
        rows, globals_ = compress(raw_rows), compress(raw_globals)
        timed = torch.cat([raw_globals, raw_globals * raw_globals[:, self.horizon : self.horizon + 1]], -1)
        pooled = pool(self.encoder(rows, globals_), raw_rows[..., 0])
        value: Tensor = self.head(self.trunk(torch.cat([pooled, compress(timed)], -1))) + self.skip(timed)
        return value.squeeze(-1)


class FlatPolicyNetwork(nn.Module):
    """A plain network over the whole observation, two hidden layers: what other libraries would use.

    Args:
        size: length of the observation.
        actions: how many actions the role has.
        hidden: width of the hidden layers.
    """

    def __init__(self, size: int, actions: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = _plain_layers(size, actions, hidden, 0.01)

    def forward(self, observation: Tensor, mask: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` for observations ``(n, size)`` and masks ``(n, actions)``."""
        return self.score(*self.look(observation), mask)

    def look(self, observation: Tensor) -> tuple[Tensor, None]:
        """The last hidden layer ``(n, hidden)`` of observations ``(n, size)``; scores read nothing else."""
        return self.layers[:-1](observation), None

    def score(self, trunk: Tensor, seen: None, mask: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` of what ``look`` gave."""
        return masked_logits(self.layers[-1](trunk), mask)


class FlatValueNetwork(nn.Module):
    """The value network that goes with ``FlatPolicyNetwork``."""

    def __init__(self, size: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = _plain_layers(size, 1, hidden, 0.1)

    def forward(self, observation: Tensor) -> Tensor:
        """Values ``(n,)`` for observations ``(n, size)``."""
        value: Tensor = self.layers(observation)
        return value.squeeze(-1)


def _plain_layers(size: int, out: int, hidden: int, gain: float) -> nn.Sequential:
    head = small(nn.Linear(hidden, out), gain)
    return nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), head)
