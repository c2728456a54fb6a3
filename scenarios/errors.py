"""One-line errors that name the place, the problem and the mend."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

_LONGEST = {"where": 300, "field": 200, "problem": 400, "mend": 400}
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 70


class ScenarioError(ValueError):
    """A scenario that cannot be used. `str()` is one line: `<where>: <field>: <problem>; <mend>`."""

    def __init__(self, where: str, field: str, problem: str, mend: str) -> None:
        self.where, self.field, self.problem, self.mend = where, field, problem, mend
        parts = {name: _plain(getattr(self, name), limit) for name, limit in _LONGEST.items()}
        super().__init__("{where}: {field}: {problem}; {mend}".format(**parts))

    def __reduce__(self) -> tuple[object, ...]:
        return (ScenarioError, (self.where, self.field, self.problem, self.mend))


class AssumptionWarning(UserWarning):
    """A sparse graph was completed from defaults; the message lists every assumption."""


def closest(name: object, known: Iterable[str]) -> str:
    """A mend for an unknown name: the closest known one, else the first ones."""
    names = [str(k) for k in known]
    match = get_close_matches(str(name)[:200], names, n=1, cutoff=0.5)
    if match:
        return f"did you mean {shown(match[0])}?"
    if not names:
        return "remove it"
    more = ", ..." if len(names) > 12 else ""
    return "use one of " + ", ".join(shown(n) for n in names[:12]) + more


def shown(value: object, limit: int = 80) -> str:
    """A short, single-line, printable form of what the user wrote, whatever it is."""
    try:
        text = _REPR.repr(value)
    except Exception:  # a repr of the user's own, or a whole number of too many digits
        text = f"a value of type {type(value).__name__}"
    return _plain(text, limit)


def _plain(text: str, limit: int) -> str:
    """The text on one line, with nothing that a terminal would obey, its middle left out if too long."""
    if len(text) > limit:
        text = f"{text[: limit // 2 - 2]}...{text[-(limit // 2 - 1) :]}"
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
