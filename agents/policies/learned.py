"""Policies learned by ``patchpact.training``: saved and loaded as safetensors and JSON, without ray or
pickle.

A policy folder holds ``policy.json`` (layout, roles, sizes, names of entries and actions) and one
``<role>.safetensors`` for each role. Entries and actions are kept by name: a folder written under an older
layout still loads when newer layouts only append.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from patchpact.agents.policies.memory import MEMORIES, MemoryPolicyNetwork
from patchpact.agents.policies.network import ObservationShape
from patchpact.agents.policies.networks import (
    NETWORKS,
    PlainNetwork,
    build_policy_network,
    current_shape,
    with_memory,
)
from patchpact.agents.policies.registry import PRETRAINED, PRETRAINED_FOLDER
from patchpact.agents.roles import action_names, layout
from patchpact.scenarios.errors import closest

FORMAT = 2
POLICY_FILE = "policy.json"


class LearnedPolicy:
    """One role's learned policy, with the interface of every policy.

    By default it acts deterministically (the legal action of highest probability), which is how evaluations
    report it; ``deterministic=False`` draws from its distribution with the caller's ``rng``.

    A policy whose network remembers (``remembers``) plays one agent, or one batch in an order that stays: ``reset``
    it where episodes start, and take a ``fresh`` one for others. A batch of another size starts anew.

    Args:
        role: the role it plays.
        network: the trained network.
        entries: for each entry of the network's observation its place in today's observation; None if equal.
        actions: for each of the network's actions its place in today's action space; None if equal.
        deterministic: whether to take the best action instead of drawing one.
    """

    def __init__(
        self,
        role: str,
        network: PlainNetwork | MemoryPolicyNetwork,
        entries: NDArray[np.int64] | None = None,
        actions: NDArray[np.int64] | None = None,
        deterministic: bool = True,
    ) -> None:
        self.role = role
        self.network = network.eval()
        self.deterministic = deterministic
        self._entries = entries
        self._actions = actions
        self._memory: Tensor | None = None  # (n, hidden)

    @property
    def remembers(self) -> bool:
        """Whether what it does depends on what it saw before."""
        return isinstance(self.network, MemoryPolicyNetwork)

    def reset(self, which: NDArray[np.bool_] | None = None) -> None:
        """Forget: everything, or of a batch the rows ``which`` ``(n,)``, whose episodes have ended."""
        if which is None or self._memory is None:
            self._memory = None
        else:
            self._memory[torch.from_numpy(np.asarray(which))] = 0.0

    def fresh(self) -> LearnedPolicy:
        """The same policy with a memory of its own, which is empty."""
        return LearnedPolicy(self.role, self.network, self._entries, self._actions, self.deterministic)

    def logits(self, observation: NDArray[Any], mask: NDArray[Any]) -> NDArray[np.float32]:
        """Masked logits ``(n, known actions)`` for observations ``(n, D)`` and masks ``(n, actions)``.

        A network that remembers also takes the step into its memory, where more than one action is legal.
        """
        if self._entries is not None:
            observation = observation[:, self._entries]
        if self._actions is not None:
            mask = mask[:, self._actions]
        seen = torch.from_numpy(np.ascontiguousarray(observation, dtype=np.float32))
        legal = torch.from_numpy(np.ascontiguousarray(mask))
        with torch.no_grad():
            if isinstance(self.network, MemoryPolicyNetwork):
                if self._memory is None or len(self._memory) != len(seen):
                    self._memory = torch.zeros(len(seen), self.network.hidden)
                scores, after = self.network(seen, legal, self._memory)
                self._memory = torch.where(((legal != 0).sum(1) > 1)[:, None], after, self._memory)
            else:
                scores = self.network(seen, legal)
        found: NDArray[np.float32] = scores.numpy()
        return found

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """Choose legal actions.

        Args:
            observation: ``(D,)`` or ``(n, D)``.
            mask: ``(actions,)`` or ``(n, actions)``, nonzero where legal.
            rng: source of randomness, used only if not ``deterministic``.

        Returns:
            An ``int``, or an int64 array ``(n,)`` for batched input. Where none of the actions this policy
            knows is legal (a newer layout), the first legal one.
        """
        single = np.ndim(observation) == 1
        observation, mask = np.atleast_2d(observation), np.atleast_2d(mask)
        chosen = (mask != 0).argmax(-1)
        noise = None
        if not self.deterministic:
            known = mask.shape[1] if self._actions is None else len(self._actions)
            noise = rng.gumbel(size=(len(mask), known)).astype(np.float32)
        if self.remembers:  # its memory is of the whole batch
            chosen = self._choose(observation, mask, noise)
        elif (open_ := np.flatnonzero(np.count_nonzero(mask, axis=1) > 1)).size:  # one legal action needs no score
            noise = None if noise is None else noise[open_]
            chosen[open_] = self._choose(observation[open_], mask[open_], noise)
        return int(chosen[0]) if single else chosen

    def _choose(
        self, observation: NDArray[Any], mask: NDArray[Any], noise: NDArray[np.float32] | None
    ) -> NDArray[np.int64]:
        """The best legal actions ``(n,)``, of scores with the noise that makes them a draw, if any."""
        scores = self.logits(observation, mask)
        chosen: NDArray[np.int64] = (scores if noise is None else scores + noise).argmax(-1)
        if self._actions is not None:
            chosen = self._actions[chosen]
            unknown = mask[np.arange(len(mask)), chosen] == 0
            chosen = np.where(unknown, (mask != 0).argmax(-1), chosen)
        return chosen


class LearnedPolicies(Mapping[str, LearnedPolicy]):
    """The learned policies of all roles of a run, by role: ``policies["it"].act(...)``."""

    def __init__(self, roles: Mapping[str, LearnedPolicy], name: str) -> None:
        self.roles = dict(roles)
        self.name = name

    def __getitem__(self, role: str) -> LearnedPolicy:
        return self.roles[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self.roles)

    def __len__(self) -> int:
        return len(self.roles)

    def __call__(self, role: str) -> LearnedPolicy:
        """A fresh policy of ``role``, so that these policies serve wherever a factory by role does.

        Raises ``ValueError`` for a role that these policies do not play.
        """
        if role not in self.roles:
            raise ValueError(f"policy: {self.name} plays no {role!r}; {closest(role, self.roles)}")
        return self.roles[role].fresh()


def _entry_names() -> list[str]:
    return [entry.name for entry in layout.observation_entries()]


def save_policy(
    folder: Path,
    networks: Mapping[str, Mapping[str, Tensor]],
    action_names: Mapping[str, Sequence[str]],
    hidden: int,
    kind: str = "rows",
    memory: str = "none",
) -> None:
    """Write a policy folder.

    Args:
        folder: created if missing.
        networks: for each role the state of its ``PolicyNetwork``.
        action_names: for each role its actions in order.
        hidden: width of the networks' hidden layers.
        kind: of the networks, see ``NETWORKS``.
        memory: of the networks, see ``MEMORIES``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for role, state in networks.items():
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in state.items()},
            folder / f"{role}.safetensors",
        )
    description = {
        "format": FORMAT,
        "layout_version": layout.LAYOUT_VERSION,
        "network": kind,
        "memory": memory,
        "hidden": hidden,
        "shape": vars(current_shape()),
        "roles": {role: {"actions": list(action_names[role])} for role in networks},
        "entries": _entry_names(),
    }
    (folder / POLICY_FILE).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def load_policy(folder: str | Path, deterministic: bool = True) -> LearnedPolicies:
    """Load a learned policy from a run folder or a policy folder, without ray and without pickle.

    Args:
        folder: a run folder (its ``policy/`` is taken), a policy folder, or ``"pretrained"``, the one that comes with
            the package.
        deterministic: act by the most probable legal action (default) or draw.

    Returns:
        A mapping from role to policy.

    Raises:
        ValueError: one line, where the folder is missing, damaged or of an unknown layout.
    """
    folder = PRETRAINED_FOLDER if folder == PRETRAINED and not Path(folder).exists() else Path(folder)
    place = folder / "policy" if (folder / "policy" / POLICY_FILE).is_file() else folder
    file = place / POLICY_FILE
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if "game" in description:
            raise ValueError(f"{file}: is a policy of {description['game']}; load it with load_service_policy")
        roles = {
            role: _load_role(place, role, entry["actions"], description, deterministic)
            for role, entry in description["roles"].items()
        }
    except FileNotFoundError as error:
        problem = f"{error.filename or file}: no learned policy here; give a run folder or its policy/ folder"
        raise ValueError(problem) from None
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: damaged ({type(error).__name__}: {error}); train or copy it again") from None
    return LearnedPolicies(roles, folder.resolve().name)


def _load_role(
    place: Path, role: str, names: Sequence[str], description: Mapping[str, Any], deterministic: bool
) -> LearnedPolicy:
    """One role's policy from its weights and the folder's description."""
    file = place / POLICY_FILE
    if description["format"] != FORMAT:
        raise ValueError(f"{file}: format {description['format']!r} is unknown; this version reads {FORMAT}")
    if description["layout_version"] > layout.LAYOUT_VERSION:
        raise ValueError(
            f"{file}: layout_version {description['layout_version']} is newer than this version's"
            f" {layout.LAYOUT_VERSION}; update patchpact"
        )
    try:
        today = tuple(action_names(role))
    except (KeyError, ValueError):
        raise ValueError(f"{file}: role {role!r} is unknown to this version") from None
    entries = _places(description["entries"], _entry_names(), "entry", file)
    actions = _places(names, today, "action", file)
    kind = description["network"]
    if kind not in NETWORKS:
        raise ValueError(f"{file}: network {kind!r} is unknown to this version; update patchpact")
    memory, hidden = description.get("memory", "none"), description["hidden"]
    if memory not in MEMORIES:
        raise ValueError(f"{file}: memory {memory!r} is unknown to this version; update patchpact")
    plain = build_policy_network(names, hidden, kind, ObservationShape(**description["shape"]))
    network = with_memory(plain, hidden, memory)
    weights = place / f"{role}.safetensors"
    try:
        network.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise ValueError(f"{weights}: damaged ({_first_line(error)}); train or copy it again") from None
    except RuntimeError as error:
        raise ValueError(f"{weights}: does not fit {file.name} ({_first_line(error)})") from None
    return LearnedPolicy(role, network, entries, actions, deterministic)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _places(then: Sequence[str], today: Sequence[str], kind: str, file: Path) -> NDArray[np.int64] | None:
    """Where each name of ``then`` stands in ``today``; None if the two are equal."""
    if list(then) == list(today):
        return None
    index = {name: place for place, name in enumerate(today)}
    missing = [name for name in then if name not in index]
    if missing:
        raise ValueError(f"{file}: {kind} {missing[0]!r} is unknown to this version's layout")
    return np.array([index[name] for name in then], dtype=np.int64)
