"""One-line errors that name the place, the problem and the mend."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ScenarioError(ValueError):
    """A scenario that cannot be used. `str()` is one line: `<where>: <field>: <problem>; <mend>`."""

    def __init__(self, where: str, field: str, problem: str, mend: str) -> None:
        self.where, self.field, self.problem, self.mend = where, field, problem, mend
        super().__init__(" ".join(f"{where}: {field}: {problem}; {mend}".split()))

    def __reduce__(self) -> tuple[object, ...]:
        return (ScenarioError, (self.where, self.field, self.problem, self.mend))


class AssumptionWarning(UserWarning):
    """A sparse graph was completed from defaults; the message lists every assumption."""


def closest(name: object, known: Iterable[str]) -> str:
    """A mend for an unknown name: the closest known one, else the first ones."""
    names = [str(k) for k in known]
    match = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if match:
        return f"did you mean {shown(match[0])}?"
    if not names:
        return "remove it"
    more = ", ..." if len(names) > 12 else ""
    return "use one of " + ", ".join(shown(n) for n in names[:12]) + more


def shown(value: object, limit: int = 80) -> str:
    """A short, single-line, printable form of what the user wrote."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
