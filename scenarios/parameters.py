"""The table of parameters: name, unit, default, range, source. Read from `parameters.csv`.

A scenario carries every name of the table in one flat mapping. In a scenario file the names stand
in sections called like their network (`world`, `exploitation`, `value`, `responsibility`,
`governance`); there `enabled` is short for the network's switch (`value_enabled`, ...).
`confidence` is DATA (counted), TEXT (read in a published text), MEMORY (from memory) or ASSUMPTION.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

import numpy as np

from patchpact.scenarios.errors import ScenarioError, closest, shown

Value = float | int | str | bool
NETWORKS: tuple[str, ...] = ("world", "exploitation", "value", "responsibility", "governance")
SWITCHED_NETWORKS: tuple[str, ...] = ("value", "responsibility", "governance")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table. `choices` is empty for numbers and switches, and for the names of rules.

    Rules and roles are registered in higher rooms: a rule's name is only checked for its form here, and
    against the registry when a world is made of the scenario.
    """

    name: str
    network: str
    unit: str
    type: str
    default: Value
    low: float
    high: float
    choices: tuple[str, ...]
    description: str
    source: str
    confidence: str

    def check(self, value: object, where: str, field: str | None = None) -> Value:
        """The value in this parameter's type; ScenarioError when it does not fit."""
        at = field or self.name
        value = value.item() if isinstance(value, np.generic) else value
        if self.type == "bool":
            if not isinstance(value, bool):
                raise ScenarioError(where, at, f"{shown(value)} is no switch", "write true or false")
            return value
        if self.type == "rule":
            if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", value):
                raise ScenarioError(where, at, f"{shown(value)} is no name of a rule", "write it in lower case")
            return value
        if self.type == "str":
            if not isinstance(value, str) or value not in self.choices:
                raise ScenarioError(where, at, f"{shown(value)} is unknown", closest(value, self.choices))
            return value
        return self._number(value, where, at)

    def _number(self, value: object, where: str, at: str) -> float | int:
        try:
            number = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        whole = self.type == "int"
        kind = "a whole number" if whole else "a number"
        if not math.isfinite(number) or (whole and number != int(number)):
            mend = f"write {kind} in {self.low:g}..{self.high:g} ({self.unit})"
            raise ScenarioError(where, at, f"{shown(value)} is not {kind}", mend)
        if not self.low <= number <= self.high:
            mend = f"write {kind} in {self.low:g}..{self.high:g} ({self.unit})"
            raise ScenarioError(where, at, f"{shown(value)} is out of range", mend)
        return int(number) if whole else number


def _read_table() -> Mapping[str, Parameter]:
    text = resources.files(__package__).joinpath("parameters.csv").read_text(encoding="utf-8")
    table: dict[str, Parameter] = {}
    for row in csv.DictReader(text.splitlines()):
        kind = row["type"]
        numeric = kind in ("int", "float")
        raw = row["default"]
        default: Value = raw
        if kind == "bool":
            default = raw == "true"
        elif numeric:
            default = int(raw) if kind == "int" else float(raw)
        table[row["name"]] = Parameter(
            name=row["name"],
            network=row["network"],
            unit=row["unit"],
            type=kind,
            default=default,
            low=float(row["low"]) if numeric else 0.0,
            high=float(row["high"]) if numeric else 0.0,
            choices=tuple(row["low"].split("|")) if kind == "str" else (),
            description=row["description"],
            source=row["source"],
            confidence=row["confidence"],
        )
    return MappingProxyType(table)


PARAMETERS: Mapping[str, Parameter] = _read_table()
"""Every parameter by name, in the order of the table."""


def default_parameters() -> dict[str, Value]:
    """A fresh mapping of every name to its default."""
    return {name: parameter.default for name, parameter in PARAMETERS.items()}


def check_parameters(values: Mapping[str, object], where: str) -> dict[str, Value]:
    """The values in their types; ScenarioError for an unknown name or a value out of range."""
    checked: dict[str, Value] = {}
    for name, value in values.items():
        if name not in PARAMETERS:
            raise ScenarioError(where, str(name), "unknown parameter", closest(name, PARAMETERS))
        checked[name] = PARAMETERS[name].check(value, where)
    return checked


def check_combined(values: Mapping[str, Value], where: str) -> None:
    """Constraints between parameters; ScenarioError when one fails."""
    for names in (
        ("share_it", "share_business", "share_vendor"),
        ("season_low_probability", "season_high_probability"),
    ):
        total = sum(float(values[name]) for name in names)
        if total > 1 + 1e-9:
            mend = f"lower {', '.join(names)} so that they add up to at most 1"
            raise ScenarioError(where, names[0], f"{' + '.join(names)} = {total:g}, more than 1", mend)


def flatten_section(network: str, section: Mapping[str, object], where: str) -> dict[str, Value]:
    """A scenario file's section as flat parameters; `enabled` becomes `<network>_enabled`."""
    flat: dict[str, Value] = {}
    own = [p.name for p in PARAMETERS.values() if p.network == network]
    for key, value in section.items():
        name = f"{network}_enabled" if key == "enabled" and network in SWITCHED_NETWORKS else str(key)
        field = f"{network}.{key}"
        if name not in own:
            other = PARAMETERS.get(name)
            known = [*own, "rule_sets"] if network == "governance" else own
            mend = f"move it to section {other.network}" if other else closest(key, known)
            raise ScenarioError(where, field, "unknown parameter", mend)
        if name in flat:
            raise ScenarioError(where, field, "given twice", "keep one")
        flat[name] = PARAMETERS[name].check(value, where, field)
    return flat
