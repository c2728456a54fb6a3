"""Rule sets: what regulators, a sector or a platform ask, each as bounds on parameters with the reason for each bound.

A scenario lists those in force (`governance: {rule_sets: [bod-26-04, privacy]}`): names of bundled sets, one YAML
file each in `scenarios/rule_sets/`, or sets written out in the list. All hold at once, so every parameter lies in the
intersection of its bounds:

    id: privacy
    title: Personal data
    source: where the rules come from
    bounds:
    - {parameter: leak_keur, at_least: 75, why: a leak of personal data is paid for}
    - {parameter: disclosure_enabled, exactly: true, why: breaches are notified}

Two sets that no value can meet are an error, as is a stated value outside; a default outside moves to the nearest
value allowed, and is listed among the assumptions. Different rules by name (`deadlines`) always contradict: neither
of the bundled pair is the stricter one on every finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import MAX_YAML_BYTES, parse_yaml, read_text
from patchpact.scenarios.parameters import PARAMETERS, Value
from patchpact.scenarios.schema import Line, Model, Name, Text, check

FOLDER = Path(__file__).resolve().parent / "rule_sets"
FIELD = "governance.rule_sets"


class BoundRow(Model):
    """A bound on one parameter: `exactly` a value, or a number `at_least`, `at_most` or both."""

    parameter: Name
    at_least: float | None = None
    at_most: float | None = None
    exactly: Any = None
    why: Line


class RuleSetFile(Model):
    """A rule set as a file or a list states it."""

    id: Name
    title: Line
    source: Text
    bounds: list[BoundRow]


@dataclass(frozen=True, slots=True)
class Bound:
    """What one set asks of one parameter; `low` and `high` are equal where it asks for one value."""

    rule_set: str
    parameter: str
    low: Value | None
    high: Value | None
    why: str

    @property
    def exact(self) -> bool:
        """Whether one value alone is allowed."""
        return self.low is not None and self.low == self.high

    def allows(self, value: Value) -> bool:
        """Whether the value lies within."""
        if isinstance(value, bool | str) or isinstance(self.low, bool | str):
            return value == self.low
        return not (_below(value, self.low) or _below(self.high, value))

    def binds(self, value: Value) -> bool:
        """Whether the value lies at the edge, so that without the bound it could go on."""
        return value in (self.low, self.high)

    def __str__(self) -> str:
        if self.exact:
            return f"exactly {_text(self.low)}"
        parts = (("at least", self.low), ("at most", self.high))
        return " and ".join(f"{word} {_text(value)}" for word, value in parts if value is not None)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A conjunction of bounds."""

    id: str
    title: str
    source: str
    bounds: tuple[Bound, ...]


def rule_set_names() -> tuple[str, ...]:
    """Names of the bundled sets, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def rule_sets(given: object, where: str) -> tuple[RuleSet, ...]:
    """The sets that a list names or states.

    Raises:
        ScenarioError: one line, for what is no such list, an unknown name (with the closest one), a set named
            twice, a bound that no value of its parameter meets, or two sets that contradict each other.
    """
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list | tuple):
        raise ScenarioError(where, FIELD, f"{shown(given)} is no list", "write a list of names, as [bod-26-04]")
    made: list[RuleSet] = []
    for n, item in enumerate(given):
        field = f"{FIELD}[{n}]"
        item = item.strip() if isinstance(item, str) else item
        if isinstance(item, Mapping):
            one = _stated(item, where, field)
        elif item in rule_set_names():
            one = _bundled(str(item))
        else:
            raise ScenarioError(where, field, f"no rule set {shown(item)}", closest(item, rule_set_names()))
        if one.id in (other.id for other in made):
            raise ScenarioError(where, field, f"{shown(one.id)} stands twice", "keep one")
        made.append(one)
    allowed(made, where)
    return tuple(made)


def allowed(sets: Iterable[RuleSet], where: str) -> dict[str, tuple[Bound | None, Bound | None]]:
    """The tightest bounds below and above, by parameter. ScenarioError where they leave no value."""
    tightest: dict[str, tuple[Bound | None, Bound | None]] = {}
    for bound in (bound for one in sets for bound in one.bounds):
        low, high = tightest.get(bound.parameter, (None, None))
        other = next((known for known in (low, high) if known is not None and _apart(known, bound)), None)
        if other is not None:
            at = f"{PARAMETERS[bound.parameter].network}.{bound.parameter}"
            names = f"{shown(other.rule_set)} asks for {other}, {shown(bound.rule_set)} for {bound}"
            mend = f"take one of the two out of {FIELD}"
            if other.rule_set == bound.rule_set:
                mend = "keep one of the two bounds"
            raise ScenarioError(where, at, f"rule sets contradict each other: {names}", mend)
        if bound.low is not None and (low is None or _below(low.low, bound.low)):
            low = bound
        if bound.high is not None and (high is None or _below(bound.high, high.high)):
            high = bound
        tightest[bound.parameter] = (low, high)
    return tightest


def hold(sets: Sequence[RuleSet], stated: Mapping[str, Value], where: str) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The stated values with the defaults that had to move, and a line for each of these.

    Raises:
        ScenarioError: a stated value lies outside what a set allows, or sets contradict each other.
    """
    check_stated(sets, stated, where)
    values, moved = dict(stated), []
    for name, (low, high) in allowed(sets, where).items():
        default = PARAMETERS[name].default
        if name in stated:
            continue
        edge, bound = default, None
        missed = low is not None and (_below(default, low.low) or (low.exact and not low.allows(default)))
        if missed and low is not None and low.low is not None:
            edge, bound = low.low, low
        if high is not None and high.high is not None and _below(high.high, default):
            edge, bound = high.high, high
        if bound is not None:
            values[name] = edge
            why = f"{_text(edge)} in place of the default {_text(default)}, as rule set {bound.rule_set} asks"
            moved.append(f"{name} (1): {why}")
    return values, tuple(moved)


def check_stated(sets: Iterable[RuleSet], stated: Mapping[str, Value], where: str) -> None:
    """ScenarioError for the first stated value that a set does not allow."""
    for bound in (bound for one in sets for bound in one.bounds):
        if bound.parameter in stated and not bound.allows(stated[bound.parameter]):
            value = _text(stated[bound.parameter])
            at = f"{PARAMETERS[bound.parameter].network}.{bound.parameter}"
            problem = f"{value} is not allowed by rule set {shown(bound.rule_set)}, which asks for {bound}"
            raise ScenarioError(where, at, problem, f"write {bound}, or take the set out of {FIELD}")


def bounds_in_force(sets: Iterable[RuleSet], values: Mapping[str, Value]) -> list[dict[str, Any]]:
    """A row for each bound: set, parameter, bound, the value and its default, whether it binds, and why it is there."""
    return [
        {
            "set": one.id,
            "parameter": bound.parameter,
            "bound": str(bound),
            "value": values[bound.parameter],
            "default": PARAMETERS[bound.parameter].default,
            "binds": bound.binds(values[bound.parameter]),
            "why": bound.why,
        }
        for one in sets
        for bound in one.bounds
    ]


@cache
def _bundled(name: str) -> RuleSet:
    path = FOLDER / f"{name}.yaml"
    return _stated(parse_yaml(read_text(path, path.name, MAX_YAML_BYTES), path.name), path.name, "")


def _stated(data: object, where: str, field: str) -> RuleSet:
    stated = check(RuleSetFile, data, where, field)
    prefix = f"{field}." if field else ""
    bounds = tuple(_bound(row, stated.id, where, f"{prefix}bounds[{n}]") for n, row in enumerate(stated.bounds))
    made = RuleSet(stated.id, stated.title, stated.source, bounds)
    allowed([made], where)
    return made


def _bound(row: BoundRow, rule_set: str, where: str, field: str) -> Bound:
    if row.parameter not in PARAMETERS:
        problem = f"no parameter {shown(row.parameter)}"
        raise ScenarioError(where, f"{field}.parameter", problem, closest(row.parameter, PARAMETERS))
    parameter = PARAMETERS[row.parameter]
    given = {name: value for name in ("at_least", "at_most", "exactly") if (value := getattr(row, name)) is not None}
    if not given or ("exactly" in given and len(given) > 1):
        problem = "no bound" if not given else "both exactly and a range"
        raise ScenarioError(where, field, problem, "write exactly, or at_least, at_most or both")
    if "exactly" not in given and parameter.type not in ("int", "float"):
        raise ScenarioError(where, field, f"{row.parameter} is no number", "write exactly in place of a range")
    checked = {name: parameter.check(value, where, f"{field}.{name}") for name, value in given.items()}
    low, high = (checked.get(name, checked.get("exactly")) for name in ("at_least", "at_most"))
    if _below(high, low):
        raise ScenarioError(where, field, f"at_least {_text(low)} is above at_most {_text(high)}", "exchange them")
    return Bound(rule_set, row.parameter, low, high, row.why)


def _apart(one: Bound, other: Bound) -> bool:
    """Whether no value meets both."""
    if isinstance(one.low, bool | str) or isinstance(other.low, bool | str):
        return one.low != other.low
    return _below(one.high, other.low) or _below(other.high, one.low)


def _below(value: Value | None, other: Value | None) -> bool:
    """Whether both are numbers, and the first is less."""
    return (
        isinstance(value, int | float)
        and isinstance(other, int | float)
        and not isinstance(value, bool)
        and not isinstance(other, bool)
        and value < other
    )


def _text(value: Value | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


__all__ = [
    "Bound",
    "RuleSet",
    "allowed",
    "bounds_in_force",
    "check_stated",
    "hold",
    "rule_set_names",
    "rule_sets",
]
