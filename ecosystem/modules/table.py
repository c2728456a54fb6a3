"""The table of what modules are worth, as ``patchpact calibrate modules`` writes it; the game looks numbers up here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patchpact.scenarios.errors import closest
from patchpact.scenarios.tables import Table, TableError, bundled, read_table

COLUMNS = ("group", "module", "figure", "unit", "value", "low", "high", "basis")
"""``group``: which tenants (``all``, ``small``, ``medium``, ``large``, ``4 in one world``, ``platform``); ``basis``:
``measured``, ``measured, effect assumed`` or ``assumption``."""
BUNDLE, SYNERGY, NOBODY = "bundle", "synergy", "-"
"""In place of a module: all modules of the game together; what they bring beyond their sum; the platform's own."""


@dataclass(frozen=True)
class Figure:
    """A number with its 95% interval; where nothing was measured the interval is the number itself."""

    value: float
    low: float
    high: float
    unit: str
    basis: str


@dataclass(frozen=True)
class ModuleTable:
    """The table, by group, module and figure."""

    where: str
    figures: Mapping[tuple[str, str, str], Figure]
    source: Table

    def figure(self, module: str, figure: str, group: str = "all") -> Figure:
        """One number.

        Args:
            module: its name, ``bundle``, ``synergy``, or ``-`` for the platform's parameters.
            figure: ``account_alone``, ``welfare_alone``, ``account_last``, ``account_shapley``,
                ``account_all_accept`` (all k€ a tenant and window), ``unit_cost``, ``fixed_cost``,
                ``break_even_tenants`` (0: never), or a parameter's name.
            group: see ``COLUMNS``.

        Raises:
            TableError: where there is none; one line with the closest name.
        """
        found = self.figures.get((group, module, figure))
        if found is None:
            wanted = f"{group}/{module}/{figure}"
            mend = closest(wanted, ["/".join(key) for key in self.figures])
            raise TableError(self.where, wanted, "no such number", mend)
        return found

    def groups(self) -> tuple[str, ...]:
        """All groups, in the table's order."""
        return tuple(dict.fromkeys(group for group, _, _ in self.figures))


def load_modules(path: Path | None = None) -> ModuleTable:
    """The package's table, or another file. Raises ``TableError`` or ``ScenarioError``, one line."""
    table = read_table(bundled("modules") if path is None else path, COLUMNS)
    numbers = [table.numbers(column) for column in ("value", "low", "high")]
    figures = {
        (row["group"], row["module"], row["figure"]): Figure(value, low, high, row["unit"], row["basis"])
        for row, value, low, high in zip(table.rows, *numbers, strict=True)
    }
    return ModuleTable(table.where, figures, table)
