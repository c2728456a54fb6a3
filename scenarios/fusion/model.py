"""The posterior that a weakness is real, given who flagged it and who looked and stayed silent.

Everything adds up in log-odds:

    prior + flags of tools + silence of tools + reachability + exposure + vex + dependence

- A flag is worth ln(TPR / FPR), never less than 0: a tool that flags safe places as often says nothing.
- Silence is worth ln((1 - q t) / (1 - q f)), never more than 0, where t and f are the tool's rates where it looks
  and q is the share of such places that it looks at. q follows what the same import shows without any label: near
  1 for a tool that reports the weakness as often as a tool that looks would, near 0 for one that passes over all
  that others report.
- Tools of one kind share their blind spots and their false alarms (on OWASP Benchmark the verdicts of static
  tools correlate up to .57 on safe cases of one weakness), so their evidence is not simply added: within a
  kind it is sorted by strength and the k-th piece counts `first * next**k`, apart for flags and silence. The
  four factors and the prior are fitted on cases of weaknesses and tools that the rates had not seen. What is
  lost against plain adding is the part `dependence`. Sorting by strength with falling factors keeps the sum
  monotone: a further flag never lowers it, a further silence never raises it.
- Rates of IAST and SCA tools are priors: no public verdicts per case exist for them.

The prior is the share of real cases of a benchmark, which is half decoys by design: read the probabilities of
weaknesses as a ranking first. `tools/fusion_study.py` fits and scores the model; docs/fusion.md says how it does.

The interval is a normal one in log-odds: variances of the rates (errors of one kind's tools taken as fully
correlated, kinds as independent) and of the prior. It says how unsure the numbers are; it is not calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from patchpact.scenarios.fusion.tables import Rates, Tables, Weakness
from patchpact.scenarios.importers.records import ToolKind

RESERVED = ("prior", "silence", "reachability", "exposure", "vex", "dependence")
Z_95 = 1.959964
MOST_LOG_ODDS = 12.0
"""Bound of the sum: no pile of reports makes a weakness surer than 1 - 6e-6."""
PSEUDO_PLACES = 2.0
"""Places that the prior of looking is worth (assumption)."""
_SUREST_RATE = 0.98


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one tool said of one place.

    Attributes:
        tool, kind: who.
        flagged: whether it reported the weakness there.
        trust: factor on a flag's worth, 0 to 1, from the tool's own confidence label.
        reported: places where it reported this weakness in the same import (matters for silence).
        missed: places that other tools flagged and this one did not, this one included.
    """

    tool: str
    kind: ToolKind
    flagged: bool
    trust: float = 1.0
    reported: int = 0
    missed: int = 1


@dataclass(frozen=True, slots=True)
class Posterior:
    """Probability with its 95% interval; `parts` are log-odds by name and add up to the probability's."""

    probability: float
    low: float
    high: float
    parts: Mapping[str, float]


def flag_evidence(rates: Rates) -> tuple[float, float]:
    """Log-odds of a flag (at least 0) and their standard deviation."""
    worth = math.log(rates.true_positive / rates.false_positive)
    variance = _relative(rates.true_positive, rates.true_strength)
    variance += _relative(rates.false_positive, rates.false_strength)
    return max(worth, 0.0), math.sqrt(variance)


def silence_evidence(rates: Rates, reported: int, missed: int) -> tuple[float, float]:
    """Log-odds of silence (at most 0) and their standard deviation."""
    looks = looks_for(rates, reported, missed)
    real, safe = _if_looking(rates)
    worth = math.log((1.0 - looks * real) / (1.0 - looks * safe))
    variance = 0.0
    for rate, strength in ((real, rates.true_strength), (safe, rates.false_strength)):
        variance += math.log1p(looks**2 * rate * (1.0 - rate) / (strength + 1.0) / (1.0 - looks * rate) ** 2)
    return min(worth, 0.0), math.sqrt(variance)


def looks_for(rates: Rates, reported: int, missed: int) -> float:
    """Share of a weakness's places that a tool looks at, 0 to 1, from what it reported and missed elsewhere.

    The share of places reported, over the share expected of a tool that looks at all of them (a place taken as
    real or safe with even odds); `covers` stands for PSEUDO_PLACES places before any were seen.
    """
    expected = sum(_if_looking(rates)) / 2.0
    share = (reported + PSEUDO_PLACES * rates.covers * expected) / (reported + missed + PSEUDO_PLACES)
    return min(share / expected, 1.0)


def _if_looking(rates: Rates) -> tuple[float, float]:
    """Both rates given that the tool looks for the weakness."""
    return (
        min(rates.true_positive / rates.covers, _SUREST_RATE),
        min(rates.false_positive / rates.covers, _SUREST_RATE),
    )


def _relative(rate: float, strength: float) -> float:
    """Variance of the logarithm of a rate: log-normal with the mean and variance of the beta distribution."""
    return math.log1p((1.0 - rate) / (rate * (strength + 1.0)))


def discounted(worths: Iterable[float], first: float, following: float) -> float:
    """Sum of evidence of one kind of tool: strongest first, the k-th times `first * following**k`."""
    total, factor = 0.0, first
    for worth in sorted(worths, key=abs, reverse=True):
        total += factor * worth
        factor *= following
    return total


def posterior(
    weakness: Weakness,
    verdicts: Sequence[Verdict],
    tables: Tables,
    prior: float | None = None,
    prior_sd: float | None = None,
    context: Mapping[str, float] | None = None,
) -> Posterior:
    """The posterior of one weakness at one place.

    `verdicts`: one per tool that flagged it or looked. `prior`: log-odds before any tool spoke; by default the
    fitted one of weaknesses in code. `context`: further log-odds by name (`reachability`, `exposure`, `vex`).
    """
    weights = tables.weights
    parts = {"prior": weights["prior"] if prior is None else prior}
    flags: dict[ToolKind, list[tuple[float, float]]] = {}
    silences: dict[ToolKind, list[tuple[float, float]]] = {}
    for verdict in verdicts:
        rates = tables.rates_of(verdict.tool, verdict.kind, weakness)
        if verdict.flagged:
            worth, sd = flag_evidence(rates)
            flags.setdefault(verdict.kind, []).append((worth * verdict.trust, sd))
            parts[part_of(verdict.tool)] = worth * verdict.trust
        else:
            silences.setdefault(verdict.kind, []).append(silence_evidence(rates, verdict.reported, verdict.missed))
    parts["silence"] = math.fsum(worth for one in silences.values() for worth, _ in one)
    parts.update({"reachability": 0.0, "exposure": 0.0, **(context or {})})
    lost, variance = 0.0, (weights["prior_sd"] if prior_sd is None else prior_sd) ** 2
    for kind in sorted({*flags, *silences}):
        spread = 0.0
        for pieces, what in ((flags.get(kind, []), "flag"), (silences.get(kind, []), "silence")):
            factors = weights[f"first_{what}"], weights[f"next_{what}"]
            worths = [worth for worth, _ in pieces]
            lost += discounted(worths, *factors) - math.fsum(worths)
            spread += discounted([sd for _, sd in pieces], *factors)
        variance += spread**2
    plain = math.fsum(parts.values())
    total = min(max(plain + lost, -MOST_LOG_ODDS), MOST_LOG_ODDS)
    parts["dependence"] = total - plain
    reach = Z_95 * math.sqrt(variance)
    return Posterior(probability(total), probability(total - reach), probability(total + reach), parts)


def part_of(tool: str) -> str:
    """The name of a tool's part: its own, unless a part of the model is called so."""
    return f"tool {tool}" if tool in RESERVED else tool


def probability(log_odds: float) -> float:
    """Probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700.0 else 0.0


def log_odds(probability: float) -> float:
    """Log-odds of a probability strictly between 0 and 1."""
    return math.log(probability / (1.0 - probability))
