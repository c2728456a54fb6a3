"""Learned policies of service agents: saved and loaded as safetensors and JSON, without ray or pickle.

One small network serves every service of every graph, since what a service sees is scale-free and of one size. A
folder holds ``policy.json`` (``"game": "services"``, names of entries and actions) and ``service.safetensors``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from patchpact.agents.policies.base import Joint
from patchpact.agents.policies.network import compress, masked_logits, small
from patchpact.agents.policies.services import service_players
from patchpact.envs.service_layout import PATCH, SERVICE_ACTIONS, SERVICE_FEATURES, service_feature

FORMAT = 1
GAME = "services"
POLICY_FILE, WEIGHTS_FILE = "policy.json", "service.safetensors"
ENTRIES = tuple(entry.name for entry in SERVICE_FEATURES)


class ServiceNetwork(nn.Module):
    """Scores a service's three actions.

    Args:
        hidden: width of the hidden layers.
        prior: how strongly a new network leans towards work of positive value: logit for each unit of log(1 + value).
        entries: of an observation; fewer than today's in a network of an older layout.
    """

    def __init__(self, hidden: int, prior: float = 0.0, entries: int = len(ENTRIES)) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(entries, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            small(nn.Linear(hidden, len(SERVICE_ACTIONS)), 0.01),
        )  # fmt: skip
        self.skip = small(nn.Linear(entries, len(SERVICE_ACTIONS), bias=False), 0.0)
        if prior:
            with torch.no_grad():
                self.skip.weight[PATCH:, service_feature("value")] = prior

    def forward(self, observation: Tensor, mask: Tensor) -> Tensor:
        """Masked logits ``(n, 3)`` of observations ``(n, SERVICE_SIZE)`` and masks ``(n, 3)``."""
        seen = compress(observation)
        return masked_logits(self.body(seen) + self.skip(seen), mask)


class LearnedServicePolicy:
    """A learned policy that every service shares; takes the most probable action unless told to draw.

    Args:
        network: the trained network.
        entries: for each entry that the network sees its place in today's observation; None if equal.
        deterministic: take the best action instead of drawing one.
    """

    def __init__(
        self, network: ServiceNetwork, entries: NDArray[np.int64] | None = None, deterministic: bool = True
    ) -> None:
        self.network = network.eval()
        self.deterministic = deterministic
        self._entries = entries

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """See ``ServicePolicy.act``."""
        seen, legal = np.atleast_2d(observation), np.atleast_2d(mask)
        if self._entries is not None:
            seen = seen[:, self._entries]
        with torch.no_grad():
            scores = self.network(torch.from_numpy(np.ascontiguousarray(seen, np.float32)), torch.from_numpy(legal))
        logits = scores.numpy()
        if not self.deterministic:
            logits = logits + rng.gumbel(size=logits.shape).astype(np.float32)
        chosen = logits.argmax(-1)
        return int(chosen[0]) if np.ndim(observation) == 1 else chosen


def save_service_policy(folder: Path, state: Mapping[str, Tensor], hidden: int, trained: Mapping[str, Any]) -> None:
    """Write a policy folder.

    Args:
        folder: created if missing.
        state: of the ``ServiceNetwork``.
        hidden: its width.
        trained: what it was trained on, for readers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, folder / WEIGHTS_FILE)
    description = {
        "format": FORMAT, "game": GAME, "hidden": hidden, "actions": list(SERVICE_ACTIONS), "entries": list(ENTRIES),
        "trained": dict(trained),
    }  # fmt: skip
    (folder / POLICY_FILE).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def policy_place(folder: str | Path) -> Path:
    """Where a run folder or policy folder keeps its policy."""
    inner = Path(folder) / "policy"
    return inner if (inner / POLICY_FILE).is_file() else Path(folder)


def is_service_policy(folder: str | Path) -> bool:
    """Whether the run or policy folder holds a policy of service agents."""
    try:
        described = json.loads((policy_place(folder) / POLICY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and described.get("game") == GAME


def load_service_policy(folder: str | Path, deterministic: bool = True) -> LearnedServicePolicy:
    """A learned policy from a run folder of ``patchpact services train`` or its ``policy/``.

    Raises:
        ValueError: one line, where the folder is missing, damaged, or of another game or layout.
    """
    file = policy_place(folder) / POLICY_FILE
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        game, version = described.get("game"), described["format"]
        if game != GAME or version != FORMAT:
            raise RuntimeError(f"game {game!r}, format {version!r}; this reads {GAME!r}, format {FORMAT}")
        entries, actions, hidden = described["entries"], described["actions"], int(described["hidden"])
    except RuntimeError as error:
        raise ValueError(f"{file}: {error}") from None
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror}; give a run folder or its policy/") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file}: damaged ({type(error).__name__}: {error}); train or copy it again") from None
    unknown = [name for name in entries if name not in ENTRIES]
    if unknown or list(actions) != list(SERVICE_ACTIONS):
        what = f"entry {unknown[0]!r}" if unknown else f"actions {actions!r}"
        raise ValueError(f"{file}: {what} unknown to this version; update patchpact, or train again")
    places = None if tuple(entries) == ENTRIES else np.array([ENTRIES.index(name) for name in entries])
    network = ServiceNetwork(hidden, entries=len(entries))
    weights = file.with_name(WEIGHTS_FILE)
    try:
        network.load_state_dict(load_file(weights))
    except (SafetensorError, FileNotFoundError) as error:
        raise ValueError(f"{weights}: missing or damaged ({' '.join(str(error).split())[:120]})") from None
    except RuntimeError as error:
        raise ValueError(f"{weights}: does not fit {file.name} ({' '.join(str(error).split())[:120]})") from None
    return LearnedServicePolicy(network, places, deterministic)


def load_service_cast(folder: str | Path) -> Joint:
    """The learned policy as a cast for ``evaluate``, in which every service plays by it."""
    return service_players(str(folder), load_service_policy(folder))
