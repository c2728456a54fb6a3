"""Services by their names, exactly and by what names have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from patchpact.scenarios.importers.records import GraphNode

CORE_FACTOR = 0.85
"""On names that agree but for words like `service` and `api`."""
ENDING_FACTOR = 0.75
"""On a report's name that ends like the service's (`shop-cart` of `cart`)."""
RELATED_FACTOR = 0.5
"""On names that share a beginning or an end otherwise (`cart-db`, `cart`): named as candidates only."""
_GENERIC = frozenset(
    ("service", "services", "svc", "server", "app", "application", "api", "image", "container", "microservice", "pod")
)


def tokens_of(text: str) -> list[str]:
    """The words of a name in lower case."""
    return [token for token in re.split(r"[\W_]+", text.casefold()[:300]) if token]


def _core(tokens: Sequence[str]) -> str:
    """The name without words that say nothing: `cart-service` and `cartservice` as `cart`."""
    left = [token for token in tokens if token not in _GENERIC] or list(tokens)
    name = "".join(left)
    for word in ("microservice", "service", "svc", "server"):
        if name.endswith(word) and len(name) > len(word) + 2:
            return name[: -len(word)]
    return name


class Names:
    """Services by id and labels: exactly, by their core, and by beginnings and ends."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._exact: dict[str, dict[str, float]] = {}
        self._core: dict[str, set[str]] = {}
        self._edges: dict[str, set[str]] = {}
        self._ids = {node.id for node in nodes}
        for node in nodes:
            self._add(node.id, node.id, 1.0)
            for label in node.labels:
                if not label.startswith((".", "/")):
                    self._add(label, node.id, 0.97)
                    self._add(label.rpartition("/")[2], node.id, 0.95)
        self._answers: dict[tuple[str, bool], tuple[tuple[str, float], ...]] = {}

    def _add(self, name: str, service: str, factor: float) -> None:
        tokens = tokens_of(name)
        if not tokens:
            return
        exact = self._exact.setdefault("".join(tokens), {})
        exact[service] = max(factor, exact.get(service, 0.0))
        self._core.setdefault(_core(tokens), set()).add(service)
        for part in [*_ends(tokens), *_starts(tokens)]:
            self._edges.setdefault(part, set()).add(service)

    def find(self, text: str, exact: bool = False) -> tuple[tuple[str, float], ...]:
        """(service, factor on the score) of all services called so; `exact`: no beginnings and ends."""
        if (text, exact) not in self._answers:
            found = [(text, 1.0)] if text in self._ids else self._look_up(tokens_of(text), exact)
            self._answers[text, exact] = tuple(found)
        return self._answers[text, exact]

    def _look_up(self, tokens: list[str], exact: bool) -> Iterable[tuple[str, float]]:
        if not tokens:
            return ()
        if whole := self._exact.get("".join(tokens)):
            best = max(whole.values())
            return [(service, factor) for service, factor in whole.items() if factor == best]
        if core := self._core.get(_core(tokens)):
            return [(service, CORE_FACTOR) for service in sorted(core)]
        if exact:
            return ()
        for end in _ends(tokens):
            if end in self._exact or end in self._core:
                return [
                    (service, ENDING_FACTOR)
                    for service in sorted({*self._exact.get(end, ()), *self._core.get(end, ())})
                ]
        related = {service for part in [*_ends(tokens), *_starts(tokens)] for service in self._core.get(part, ())}
        for whole_name in ("".join(tokens), _core(tokens)):
            related |= self._edges.get(whole_name, set())
        return [(service, RELATED_FACTOR) for service in sorted(related)]


def _ends(tokens: Sequence[str]) -> list[str]:
    """Proper ends of a name of several words, the longest first."""
    words = [token for token in tokens if token not in _GENERIC]
    return [part for n in range(1, len(words)) if len(part := "".join(words[n:])) > 2]


def _starts(tokens: Sequence[str]) -> list[str]:
    """Proper beginnings of a name of several words, the longest first."""
    words = [token for token in tokens if token not in _GENERIC]
    return [part for n in range(len(words) - 1, 0, -1) if len(part := "".join(words[:n])) > 2]
