"""What is said of a claim that does not hold."""

from __future__ import annotations

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.plain import one_line


class ClaimError(ValueError):
    """A claim that is not verified, or that cannot be proven; its text is one line, `<field>: <problem>`."""

    def __init__(self, field: str, problem: str) -> None:
        self.field, self.problem = field, problem
        super().__init__(f"{one_line(field, 200)}: {one_line(problem, 400)}")


def clipped(value: object) -> str:
    """What a claim's file says, short and printable."""
    return shown(value, 60)
