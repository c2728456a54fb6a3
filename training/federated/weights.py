"""Policy weights of all roles as one vector: what goes to tenants, and all that comes back.

A value network is no part of it: ``Trainer.networks`` gives policies alone, and the layout is made from those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Networks: TypeAlias = Mapping[str, Mapping[str, Tensor]]
"""By role the state of its policy network."""
Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where each weight of each role stands in the vector."""

    entries: tuple[tuple[str, str, tuple[int, ...]], ...]
    """Role, name and shape, in order."""

    @classmethod
    def of(cls, networks: Networks) -> Layout:
        """The layout of these policies."""
        return cls(tuple((role, n, tuple(t.shape)) for role, state in networks.items() for n, t in state.items()))

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(prod(shape) for _, _, shape in self.entries)

    def vector(self, networks: Networks) -> Vector:
        """The weights as a vector ``(size,)``."""
        parts = [networks[role][name].detach().cpu().numpy().ravel() for role, name, _ in self.entries]
        return np.concatenate(parts).astype(np.float64)

    def networks(self, vector: Vector) -> dict[str, dict[str, Tensor]]:
        """The weights of a vector ``(size,)``, in single precision as networks have them."""
        found: dict[str, dict[str, Tensor]] = {}
        start = 0
        for role, name, shape in self.entries:
            end = start + prod(shape)
            piece = torch.from_numpy(vector[start:end].astype(np.float32)).reshape(shape)
            found.setdefault(role, {})[name] = piece
            start = end
        return found
