"""The small tables of the fusion: weakness families, tools, their rates, and the fitted weights.

| file | what | made by |
|---|---|---|
| `families.csv` | CWE numbers that name the same weakness, and how it is found | hand; titles after MITRE's CWE |
| `tools.csv` | names under which tools report, and their kind | hand |
| `rates.csv` | true- and false-positive rates per tool or kind and weakness | `tools/fusion_study.py --fit` |
| `weights.csv` | the few other numbers of the model, with source | fitted rows by `--fit`, the rest assumed |

`detection` says how a weakness is found in code: `flow` (user input must be followed to where it does harm;
tools guess here and flag many safe cases) or `use` (the call or setting itself is wrong; what is flagged is
nearly always there). It is the level above single weaknesses, so that an unknown weakness has a sensible prior.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from patchpact.scenarios.importers.records import ToolKind

KINDS: tuple[ToolKind, ...] = ("sast", "dast", "iast", "sca", "manual")


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a tool flags: real weaknesses (`true_positive`) and safe places (`false_positive`).

    The strengths say how sure the two rates are, as the number of cases of a beta distribution with that
    mean. `covers` is the probability that a tool looks for the weakness at all; both rates include it.
    """

    true_positive: float
    true_strength: float
    false_positive: float
    false_strength: float
    covers: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Weakness:
    """What a CWE number means here: rates go by `name`, sameness by `family`; `detection` is the level above."""

    name: str
    family: str
    detection: str = ""


@dataclass(frozen=True)
class Tables:
    """All numbers of the model.

    Attributes:
        weaknesses: by CWE number.
        tools: tool and kind by the name a report uses.
        rates: by (tool or kind, weakness or detection or "").
        weights: by name, see `weights.csv`.
    """

    weaknesses: Mapping[int, Weakness]
    tools: Mapping[str, tuple[str, ToolKind]]
    rates: Mapping[tuple[str, str], Rates]
    weights: Mapping[str, float]
    _found: dict[tuple[str, str, Weakness], Rates] = field(default_factory=dict, compare=False, repr=False)

    def weakness(self, cwes: Iterable[int], rule: str) -> Weakness:
        """The first CWE that the table knows, else the first one as its own family, else the tool's rule."""
        numbers = tuple(cwes)
        for number in numbers:
            if number in self.weaknesses:
                return self.weaknesses[number]
        name = f"cwe-{numbers[0]}" if numbers else f"rule {rule}"
        return Weakness(name, name)

    def tool(self, name: str) -> tuple[str, ToolKind | None]:
        """The name that the rates use, and the tool's kind if the table knows it."""
        plain = "-".join(name.lower().replace("_", " ").replace("-", " ").split())
        return self.tools.get(plain, (plain, None))

    def rates_of(self, tool: str, kind: ToolKind, weakness: Weakness) -> Rates:
        """The most specific rates known: the tool's (weakness, detection, all), else those of its kind."""
        key = (tool, kind, weakness)
        if key not in self._found:
            levels = (weakness.name, weakness.detection, "")
            known = (self.rates[one, level] for one in (self.tool(tool)[0], kind) for level in levels
                     if (one, level) in self.rates)  # fmt: skip
            self._found[key] = next(known)
        return self._found[key]


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def families() -> Mapping[int, Weakness]:
    """Weaknesses by CWE number."""
    return {
        int(row["cwe"]): Weakness(row["weakness"], row["family"], row["detection"]) for row in _rows("families.csv")
    }


@cache
def load_tables() -> Tables:
    """The shipped tables."""
    kinds: dict[str, ToolKind] = {kind: kind for kind in KINDS}
    rates = {
        (row["tool"], row["weakness"]): Rates(
            true_positive=float(row["true_positive"]),
            true_strength=float(row["true_strength"]),
            false_positive=float(row["false_positive"]),
            false_strength=float(row["false_strength"]),
            covers=float(row["covers"]),
            source=row["source"],
        )
        for row in _rows("rates.csv")
    }
    return Tables(
        weaknesses=families(),
        tools={row["name"]: (row["tool"], kinds[row["kind"]]) for row in _rows("tools.csv")},
        rates=rates,
        weights={row["name"]: float(row["value"]) for row in _rows("weights.csv")},
    )
