"""Collects what was assumed while a scenario is put together, one line per kind of thing."""

from __future__ import annotations


class Notes:
    """Counts assumptions by text; `lines()` gives one line each, in order of first use."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, what: str, how: str, count: int = 1) -> None:
        """`what` (plural, e.g. "deploy_minutes of services") was set by `how`, `count` times."""
        if count:
            self._counts[what, how] = self._counts.get((what, how), 0) + count

    def lines(self) -> tuple[str, ...]:
        """`what (count): how`, one line per kind of assumption."""
        return tuple(f"{what} ({count}): {how}" for (what, how), count in self._counts.items())
