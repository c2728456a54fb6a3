"""Does fusing the verdicts of several tools rank real weaknesses better than simpler rules? And the shipped numbers.

    .venv/bin/python tools/fusion_study.py [--replicates 1000]    writes docs/fusion.csv and docs/fusion.md
    .venv/bin/python tools/fusion_study.py --fit                  writes scenarios/fusion/{rates,weights}.csv

Data: verdicts per case of nine tools on OWASP Benchmark, and counts per tool and weakness, in the folder `vulns` of
$PATCHPACT_SHARED_DATA (else ../shared/data). The cases are not part of this project.

Nothing is scored on what it was fitted on. Five settings, each scored on OWASP Benchmark 1.1 and 1.2 apart:

- weakness: rates and weights know nothing of the weakness scored;
- tool: one tool after the other is known only by its kind, and the cases scored (one fifth after the other) are
  left out too;
- both: neither the weakness nor that tool was seen;
- all tools: no tool of the suite scored was seen, nor the weakness; everything comes from the other suite;
- two tools: two static tools that were never seen are fused alone, on cases that were left out.

The five weights are fitted inside each setting by the same kind of hiding, on what is left.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from patchpact.scenarios.fusion import model
from patchpact.scenarios.fusion.tables import Rates, Tables, Weakness, families
from patchpact.training.folder import write_table

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("PATCHPACT_SHARED_DATA", ROOT.parent / "shared" / "data"))
SHIPPED = ROOT / "scenarios" / "fusion"
SOURCE = "OWASP-Benchmark/BenchmarkJava@79b9bd6177e0 scorecard/"

FOLDS = 5
SEED = 20
TOP = (0.4, 0.2, 0.6)
"""True- and false-positive rate and coverage before any data, worth one cell (assumption)."""
PSEUDO = {"kind": 1.0, "detection": 2.0, "weakness": 1.0, "tool": 2.0}
"""Cells that the level above is worth in the mean of a level (assumption, not tuned)."""
CELL_PRIOR, CELL_CAP = 2.0, 4.0
"""Cases that the level above, and at most the tool's own verdicts, are worth in a tool's rate on one weakness. The
cap is what predicts another version of the same product best (Find Security Bugs 1.4.0 to 1.4.6, ZAP 2015 and 2.10):
see `version_study`."""
DRIFT_CAPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 1000.0)
IAST = Rates(0.6, 3.0, 0.05, 3.0, 0.9, "prior only: hand-set, no verdicts per case exist")
SCA = Rates(0.8, 3.0, 0.3, 3.0, 0.95, "prior only: hand-set, no verdicts per case exist")
MANUAL = Rates(0.5, 3.0, 0.02, 3.0, 0.8, "prior only: hand-set")
KIND = {"zap": "dast"}
NAMES = {
    "fbwfindsecbugs": "findsecbugs", "owasp_zap": "zap", "sonarqube_java_plugin": "sonarqube",
}  # fmt: skip

Cells = Mapping[tuple[str, str], "Cell"]


@dataclass(frozen=True)
class Cell:
    """Counts of one tool on one weakness."""

    flagged_real: float
    real: float
    flagged_safe: float
    safe: float

    def shares(self) -> np.ndarray:
        covers = float(self.flagged_real + self.flagged_safe > 0)
        return np.array([self.flagged_real / max(self.real, 1), self.flagged_safe / max(self.safe, 1), covers])


@dataclass
class Suite:
    """One data set: `flags` (cases, tools), `real` and `weakness` and `fold` (cases,)."""

    name: str
    tools: list[str]
    weakness: np.ndarray
    real: np.ndarray
    flags: np.ndarray
    fold: np.ndarray
    looked: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What each tool's reports show without labels: whether it names the weakness, and what it passed over."""
        for name in np.unique(self.weakness):
            flags = self.flags[self.weakness == name]
            others = flags.any(axis=1)
            for index, tool in enumerate(self.tools):
                missed = int((others & ~flags[:, index]).sum())
                self.looked[tool, str(name)] = int(flags[:, index].sum()), missed

    def cells(self, cases: np.ndarray) -> dict[tuple[str, str], Cell]:
        made = {}
        for name in np.unique(self.weakness[cases]):
            here = cases & (self.weakness == name)
            real, safe = here & self.real, here & ~self.real
            for index, tool in enumerate(self.tools):
                flagged = self.flags[:, index]
                made[tool, str(name)] = Cell((flagged & real).sum(), real.sum(), (flagged & safe).sum(), safe.sum())
        return made


@cache
def weaknesses() -> dict[str, Weakness]:
    return {weakness.name: weakness for weakness in families().values()}


def kind(tool: str) -> str:
    return KIND.get(tool, "sast")


def read_suite(version: str) -> Suite:
    with (SHARED / "vulns" / f"owasp_benchmark_{version}_cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = [name for name in rows[0] if name.startswith("flagged_by_")]
    plain = [name.removeprefix("flagged_by_") for name in columns]
    weakness = np.array([families()[int(row["cwe"])].name for row in rows])
    real = np.array([row["real_vulnerability"] == "1" for row in rows])
    flags = np.array([[row[name] == "1" for name in columns] for row in rows])
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    tools = [NAMES.get(name, name.replace("_", "-")) for name in plain]
    return Suite(version.replace("_", "."), tools, weakness, real, flags, fold)


# Rates: a tool on a weakness, shrunk to the tool, the weakness and the kind.


def level(cells: Iterable[Cell], above: np.ndarray, pseudo: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean of (true positive, false positive, covers) over cells, and strengths of the first two by moments."""
    shares = np.array([cell.shares() for cell in cells]).reshape(-1, 3)
    mean = (shares.sum(axis=0) + pseudo * above) / (len(shares) + pseudo)
    squares = ((shares - mean) ** 2).sum(axis=0) + pseudo * above * (1.0 - above) / 3.0
    variance = squares / (len(shares) + pseudo)
    strength = np.clip(mean * (1.0 - mean) / np.maximum(variance, 1e-6) - 1.0, 0.5, 50.0)
    return mean, strength[:2]


def pooled_rates(cells: Cells, source: str = "") -> dict[tuple[str, str], Rates]:
    """Rates by (tool or kind, weakness, detection or ""), partially pooled: weakness -> tool -> kind."""
    found: dict[tuple[str, str], Rates] = {("iast", ""): IAST, ("sca", ""): SCA, ("manual", ""): MANUAL}
    means: dict[tuple[str, str], np.ndarray] = {}

    def add(who: str, what: str, keys: Sequence[tuple[str, str]], above: np.ndarray, pseudo: float) -> None:
        mean, strength = level([cells[key] for key in keys], above, pseudo)
        means[who, what] = mean
        found[who, what] = Rates(mean[0], strength[0], mean[1], strength[1], mean[2], source)

    detection = {name: weakness.detection for name, weakness in weaknesses().items()}
    for one in ("sast", "dast"):
        mine = [key for key in cells if kind(key[0]) == one]
        add(one, "", mine, np.array(TOP), PSEUDO["kind"])
        for way in ("flow", "use"):
            add(one, way, [key for key in mine if detection[key[1]] == way], means[one, ""], PSEUDO["detection"])
        for name in sorted({key[1] for key in mine}):
            above = means[one, detection[name]]
            add(one, name, [key for key in mine if key[1] == name], above, PSEUDO["weakness"])
        for tool in sorted({key[0] for key in mine}):
            own = [key for key in mine if key[0] == tool]
            add(tool, "", own, means[one, ""], PSEUDO["tool"])
            for way in ("flow", "use"):
                ways = [key for key in own if detection[key[1]] == way]
                add(tool, way, ways, means[one, way], PSEUDO["tool"])
            for key in own:
                found[key] = cell_rates(cells[key], means, one, detection[key[1]], key, source)
    return found


def cell_rates(
    cell: Cell, means: Mapping[tuple[str, str], np.ndarray], one: str, way: str, key: tuple[str, str], source: str
) -> Rates:
    """A tool on a weakness: its own counts, capped, on the mean that tool and weakness together suggest."""
    tool, name = key
    odds = np.log(means[tool, way] / (1.0 - means[tool, way])) + np.log(means[one, name] / (1.0 - means[one, name]))
    odds -= np.log(means[one, way] / (1.0 - means[one, way]))
    above = 1.0 / (1.0 + np.exp(-odds))
    shares = cell.shares()
    own = np.minimum([cell.real, cell.safe, CELL_CAP], CELL_CAP)
    mean = (own * shares + CELL_PRIOR * above) / (own + CELL_PRIOR)
    strength = own + CELL_PRIOR
    return Rates(mean[0], strength[0], mean[1], strength[1], mean.max(), source)


# Scoring: cases of one weakness with the same pattern of flags have the same score.


@dataclass(frozen=True)
class Scored:
    """Groups of cases of one suite: `real` of `cases` are real, by `weakness`; `score` and `chance` by method."""

    weakness: np.ndarray
    cases: np.ndarray
    real: np.ndarray
    score: dict[str, np.ndarray]
    chance: dict[str, np.ndarray]
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Group:
    weakness: str
    flags: tuple[bool, ...]
    cases: int
    real: int


def groups(suite: Suite, cases: np.ndarray, tools: Sequence[int] | None = None) -> list[Group]:
    """Cases counted by weakness and pattern of flags; `tools`: columns looked at."""
    flags = suite.flags[cases] if tools is None else suite.flags[cases][:, list(tools)]
    counted: dict[tuple[str, tuple[bool, ...]], list[int]] = {}
    for name, pattern, real in zip(suite.weakness[cases], map(tuple, flags.tolist()), suite.real[cases], strict=True):
        one = counted.setdefault((str(name), pattern), [0, 0])
        one[0] += 1
        one[1] += int(real)
    return [Group(name, pattern, n, k) for (name, pattern), (n, k) in sorted(counted.items())]


def verdicts(suite: Suite, tools: Sequence[str], group: Group) -> list[model.Verdict]:
    made = []
    for tool, flagged in zip(tools, group.flags, strict=True):
        reported, missed = suite.looked[tool, group.weakness]
        made.append(model.Verdict(tool, kind(tool), bool(flagged), reported=reported, missed=missed))  # type: ignore[arg-type]
    return made


FREE = ("first_flag", "next_flag", "first_silence", "next_silence", "prior")
PLAIN = {"first_flag": 1.0, "next_flag": 1.0, "first_silence": 1.0, "next_silence": 1.0, "prior": 0.0, "prior_sd": 0.0}


def tables_of(rates: Mapping[tuple[str, str], Rates], weights: Mapping[str, float]) -> Tables:
    return Tables(weaknesses=families(), tools={}, rates=rates, weights=weights)


@dataclass
class Material:
    """Evidence of groups by kind of tool, sorted by strength, to fit the weights on."""

    flags: list[np.ndarray]
    silences: list[np.ndarray]
    cases: np.ndarray
    real: np.ndarray


def material(
    suite: Suite, tools: Sequence[str], found: list[Group], rates: Mapping[tuple[str, str], Rates]
) -> Material:
    tables = tables_of(rates, PLAIN)
    flags: dict[str, np.ndarray] = {one: np.zeros((len(found), len(tools))) for one in ("sast", "dast")}
    silences = {one: np.zeros((len(found), len(tools))) for one in ("sast", "dast")}
    for row, group in enumerate(found):
        for column, verdict in enumerate(verdicts(suite, tools, group)):
            known = tables.rates_of(verdict.tool, verdict.kind, weaknesses()[group.weakness])
            if verdict.flagged:
                flags[verdict.kind][row, column] = model.flag_evidence(known)[0]
            else:
                worth = model.silence_evidence(known, verdict.reported, verdict.missed)[0]
                silences[verdict.kind][row, column] = worth
    return Material(
        [-np.sort(-one, axis=1) for one in flags.values()],
        [np.sort(one, axis=1) for one in silences.values()],
        np.array([group.cases for group in found], dtype=float),
        np.array([group.real for group in found], dtype=float),
    )


def fit_weights(parts: Sequence[Material]) -> dict[str, float]:
    """The five weights by penalised maximum likelihood; each set of groups weighs the same."""

    def spread(values: np.ndarray) -> np.ndarray:
        factors = 1.0 / (1.0 + np.exp(-values[:4]))
        return np.append(factors, values[4])

    def loss(values: np.ndarray) -> float:
        first, following, quiet, quieter, prior = spread(values)
        total = 0.0
        for part in parts:
            rank = np.arange(part.flags[0].shape[1])
            odds = prior + sum(one @ (first * following**rank) for one in part.flags)
            odds = odds + sum(one @ (quiet * quieter**rank) for one in part.silences)
            total += float((part.cases * np.logaddexp(0.0, odds) - part.real * odds).sum() / part.cases.sum())
        return total / len(parts) + 1e-3 * float(((values[:4] - 1.0) ** 2).sum())

    values = minimize(loss, np.array([1.0, 1.0, 1.0, 1.0, 0.2]), method="L-BFGS-B", bounds=[(-4.0, 6.0)] * 5).x
    return dict(zip(FREE, spread(values).tolist(), strict=True))


Keep = Callable[[str, str], bool]
"""Whether the verdicts of a tool on a weakness may be seen."""


@dataclass(frozen=True)
class Fit:
    """What was learnt from the visible part: cells, rates, weights."""

    cells: dict[tuple[str, str], Cell]
    rates: dict[tuple[str, str], Rates]
    weights: dict[str, float]


def fit(suites: Sequence[Suite], keep: Keep, cases: Mapping[str, np.ndarray] | None = None, source: str = "") -> Fit:
    """Rates from the visible cells; weights from visible groups that hidden rates score (inner hiding)."""
    cells: dict[tuple[str, str], Cell] = {}
    visible: list[tuple[Suite, list[int], list[Group]]] = []
    for suite in suites:
        here = cases[suite.name] if cases else np.ones(len(suite.real), dtype=bool)
        cells.update({key: cell for key, cell in suite.cells(here).items() if keep(*key)})
        names = {name for tool, name in cells if tool in suite.tools}
        columns = [i for i, tool in enumerate(suite.tools) if any((tool, name) in cells for name in names)]
        here = here & np.isin(suite.weakness, list(names))
        if columns and here.any():
            visible.append((suite, columns, groups(suite, here, columns)))
    parts = []
    for suite, columns, found in visible:
        tools = [suite.tools[column] for column in columns]
        hidden: list[Keep] = [lambda tool, name, one=one: tool != one for one in tools]  # type: ignore[misc]
        for rule in hidden:
            rates = pooled_rates({key: cell for key, cell in cells.items() if rule(*key)})
            parts.append(material(suite, tools, found, rates))
        by_name = []
        for one in sorted({group.weakness for group in found}):
            rates = pooled_rates({key: cell for key, cell in cells.items() if key[1] != one})
            mine = [group for group in found if group.weakness == one]
            by_name.append(material(suite, tools, mine, rates))
        joined = Material(
            [np.vstack(pieces) for pieces in zip(*(part.flags for part in by_name), strict=True)],
            [np.vstack(pieces) for pieces in zip(*(part.silences for part in by_name), strict=True)],
            np.concatenate([part.cases for part in by_name]),
            np.concatenate([part.real for part in by_name]),
        )
        parts.extend([joined] * len(tools))
    return Fit(cells, pooled_rates(cells, source), fit_weights(parts))


# The rules it is compared with. All learn from the same visible cells.

METHODS = (
    "fused", "best single tool", "majority vote", "union", "noisy-OR", "naive Bayes", "naive Bayes by weakness",
    "fused, tools independent", "fused, silence of all tools alike",
)  # fmt: skip


def plain_rates(cells: Cells, tool: str, name: str) -> tuple[float, float]:
    """Rates without pooling: of the tool on the weakness (name empty: on all); unknown tools: mean of the kind."""
    own = [cell for (who, what), cell in cells.items() if who == tool and (not name or what == name)]
    if not own:
        own = [cell for (who, what), cell in cells.items() if kind(who) == kind(tool) and (not name or what == name)]
    if not own:
        own = list(cells.values()) if not name else []
    if not own:
        return plain_rates(cells, tool, "")
    real, safe = sum(cell.real for cell in own), sum(cell.safe for cell in own)
    flagged_real, flagged_safe = sum(cell.flagged_real for cell in own), sum(cell.flagged_safe for cell in own)
    return (flagged_real + 0.5) / (real + 1.0), (flagged_safe + 0.5) / (safe + 1.0)


def rivals(
    seen: Fit, base: float, tools: Sequence[str], found: list[Group]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Score and probability of each group by each simpler rule."""
    flags = np.array([group.flags for group in found], dtype=bool)
    prior = model.log_odds(base)

    def odds(by_weakness: bool) -> np.ndarray:
        total = np.full(len(found), prior)
        for row, group in enumerate(found):
            for tool, flagged in zip(tools, group.flags, strict=True):
                real, safe = plain_rates(seen.cells, tool, group.weakness if by_weakness else "")
                total[row] += np.log(real / safe) if flagged else np.log((1.0 - real) / (1.0 - safe))
        return total

    def chance_of(flagged: np.ndarray, real: float, safe: float) -> np.ndarray:
        """Of a yes-or-no rule with these rates."""
        yes, no = base * real / (base * real + (1 - base) * safe), base * (1 - real)
        return np.where(flagged, yes, no / (no + (1 - base) * (1 - safe)))

    rates = [plain_rates(seen.cells, tool, "") for tool in tools]
    precision = np.array([base * real / (base * real + (1 - base) * safe) for real, safe in rates])
    noisy = 1.0 - np.prod(np.where(flags, 1.0 - precision, 1.0), axis=1)
    # Union and majority as tests with the rates that independent tools would give them.
    some = [1.0 - float(np.prod([1.0 - rate[side] for rate in rates])) for side in (0, 1)]
    votes = flags.mean(axis=1)
    most = [_majority([rate[side] for rate in rates]) for side in (0, 1)]
    made = {
        "majority vote": (votes, chance_of(votes > 0.5, *most)),
        "union": (flags.any(axis=1).astype(float), chance_of(flags.any(axis=1), *some)),
        "noisy-OR": (noisy, noisy),
    }
    for name, by_weakness in (("naive Bayes", False), ("naive Bayes by weakness", True)):
        total = odds(by_weakness)
        made[name] = total, 1.0 / (1.0 + np.exp(-total))
    for index, (real, safe) in enumerate(rates):
        made[f"single {index}"] = flags[:, index].astype(float), chance_of(flags[:, index], real, safe)
    return made


def _majority(rates: Sequence[float]) -> float:
    """Probability that more than half of independent tools flag."""
    counts = np.array([1.0])
    for rate in rates:
        counts = np.convolve(counts, [1.0 - rate, rate])
    return float(np.clip(counts[len(rates) // 2 + 1 :].sum(), 1e-4, 1 - 1e-4))


def score_groups(seen: Fit, suite: Suite, columns: Sequence[int], cases: np.ndarray, base: float) -> Scored:
    """Groups of the cases with the score and probability of every method."""
    tools = [suite.tools[column] for column in columns]
    found = groups(suite, cases, columns)
    score, chance = {}, {}
    interval: list[tuple[float, float]] = []
    variants = {
        "fused": (seen.weights, False),
        "fused, tools independent": ({**PLAIN, "prior": model.log_odds(base), "prior_sd": 0.0}, False),
        "fused, silence of all tools alike": (seen.weights, True),
    }
    for name, (weights, alike) in variants.items():
        tables = tables_of(seen.rates, {"prior_sd": PRIOR_SD, **weights})
        made = []
        for group in found:
            spoken = verdicts(suite, tools, group)
            if alike:
                spoken = [replace(verdict, reported=0, missed=0) for verdict in spoken]
            made.append(model.posterior(weaknesses()[group.weakness], spoken, tables))
        chance[name] = np.array([one.probability for one in made])
        score[name] = chance[name]
        if name == "fused":
            interval = [(one.low, one.high) for one in made]
    for name, (points, chances) in rivals(seen, base, tools, found).items():
        score[name], chance[name] = points, chances
    bounds = np.array(interval)
    return Scored(
        np.array([group.weakness for group in found]),
        np.array([group.cases for group in found], dtype=float),
        np.array([group.real for group in found], dtype=float),
        score, chance, bounds[:, 0], bounds[:, 1],
    )  # fmt: skip


PRIOR_SD = 0.4
"""Standard deviation, in log-odds, of the share of real cases between the eleven weaknesses of each suite."""


def joined(pieces: Sequence[Scored]) -> Scored:
    """Several scored pieces of one suite as one."""

    def glue(arrays: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate(list(arrays))

    names = [name for name in pieces[0].score if all(name in piece.score for piece in pieces)]
    return Scored(
        glue(piece.weakness for piece in pieces), glue(piece.cases for piece in pieces),
        glue(piece.real for piece in pieces), {name: glue(piece.score[name] for piece in pieces) for name in names},
        {name: glue(piece.chance[name] for piece in pieces) for name in names},
        glue(piece.low for piece in pieces), glue(piece.high for piece in pieces),
    )  # fmt: skip


# Settings.


def base_rate(suites: Sequence[Suite], keep: Callable[[Suite], np.ndarray]) -> float:
    """Share of real cases among those seen, each suite alike."""
    return float(np.mean([suite.real[seen].mean() for suite in suites if (seen := keep(suite)).any()]))


def by_weakness(suites: Sequence[Suite], suite: Suite, hidden: str = "") -> Scored:
    """Each weakness scored by what the others teach; `hidden`: a tool that is not seen, `*` for the whole suite."""

    def out(tool: str) -> bool:
        return tool == hidden or (hidden == "*" and tool in suite.tools)

    pieces = []
    for name in sorted(set(suite.weakness.tolist())):
        seen = fit(suites, lambda tool, what, name=name: what != name and not out(tool))  # type: ignore[misc]
        base = base_rate(suites, lambda one, name=name: one.weakness != name)  # type: ignore[misc]
        pieces.append(score_groups(seen, suite, range(len(suite.tools)), suite.weakness == name, base))
    return joined(pieces)


def by_tool(suites: Sequence[Suite], suite: Suite, hidden: Sequence[str], alone: bool = False) -> Scored:
    """Each fifth of the cases scored by what the other fifths teach, without the hidden tools."""
    columns = [i for i, tool in enumerate(suite.tools) if not alone or tool in hidden]
    pieces = []
    for fold in range(FOLDS):
        cases = {one.name: one.fold != fold for one in suites}
        seen = fit(suites, lambda tool, what: tool not in hidden, cases)
        base = base_rate(suites, lambda one, fold=fold: one.fold != fold)  # type: ignore[misc]
        pieces.append(score_groups(seen, suite, columns, suite.fold == fold, base))
    return joined(pieces)


def settings(suites: Sequence[Suite], suite: Suite) -> dict[str, list[Scored]]:
    pairs = list(combinations([tool for tool in suite.tools if kind(tool) == "sast"], 2))
    return {
        "weakness": [by_weakness(suites, suite)],
        "tool": [by_tool(suites, suite, [tool]) for tool in suite.tools],
        "both": [by_weakness(suites, suite, tool) for tool in suite.tools],
        "all tools": [by_weakness(suites, suite, "*")],
        "two tools": [by_tool(suites, suite, pair, alone=True) for pair in pairs],
    }


# Measures, all on groups of cases with weights.


def average_precision(score: np.ndarray, real: np.ndarray, cases: np.ndarray) -> float:
    """Area under the precision-recall curve, stepwise, ties taken together."""
    _, place = np.unique(-score, return_inverse=True)
    hits, shown = np.cumsum(np.bincount(place, real)), np.cumsum(np.bincount(place, cases))
    held = shown > 0
    return float((np.diff(hits[held], prepend=0.0) * hits[held] / shown[held]).sum() / hits[-1])


def calibration_error(chance: np.ndarray, real: np.ndarray, cases: np.ndarray, bins: int = 10) -> float:
    """Mean distance of stated probability and share of real cases, in ten bins of equal width."""
    place = np.minimum((chance * bins).astype(int), bins - 1)
    gap = np.bincount(place, chance * cases - real, minlength=bins)
    return float(np.abs(gap).sum() / cases.sum())


def brier(chance: np.ndarray, real: np.ndarray, cases: np.ndarray) -> float:
    return float((real * (1.0 - chance) ** 2 + (cases - real) * chance**2).sum() / cases.sum())


def log_loss(chance: np.ndarray, real: np.ndarray, cases: np.ndarray) -> float:
    held = np.clip(chance, 1e-4, 1.0 - 1e-4)
    return float(-(real * np.log(held) + (cases - real) * np.log(1.0 - held)).sum() / cases.sum())


MEASURES = {"ap": average_precision, "ece": calibration_error, "brier": brier, "log_loss": log_loss}


def measured(sets: Sequence[Scored], times: Mapping[str, int] | None) -> dict[tuple[str, str], float]:
    """Every measure of every method, mean over the sets; `times`: how often each weakness counts."""
    total: dict[tuple[str, str], float] = {}
    for one in sets:
        often = np.ones(len(one.cases)) if times is None else np.array([times.get(name, 0) for name in one.weakness])
        real, cases = one.real * often, one.cases * often
        singles = [name for name in one.score if name.startswith("single ")]
        for measure, function in MEASURES.items():
            given = one.score if measure == "ap" else one.chance
            for name in METHODS:
                if name == "best single tool":
                    values = [function(given[single], real, cases) for single in singles]
                    value = max(values) if measure == "ap" else min(values)
                else:
                    value = function(given[name], real, cases)
                total[name, measure] = total.get((name, measure), 0.0) + value / len(sets)
    return total


def covered(sets: Sequence[Scored]) -> float:
    """Fraction of groups of at least 50 cases whose share of real cases lies in the stated interval."""
    inside = []
    for one in sets:
        big = one.cases >= 50
        share = (one.real / one.cases)[big]
        inside.append((share >= one.low[big]) & (share <= one.high[big]))
    return float(np.concatenate(inside).mean())


def rows_of(suite: Suite, setting: str, sets: Sequence[Scored], replicates: int) -> list[dict[str, object]]:
    """One row per method and measure, with the difference to the fused ranking and its 95% bootstrap interval."""
    rng = np.random.default_rng(SEED)
    names = sorted(set(suite.weakness.tolist()))
    plain = measured(sets, None)
    draws = []
    for _ in range(replicates):
        drawn = rng.choice(names, len(names)).tolist()
        draws.append(measured(sets, {name: drawn.count(name) for name in names}))
    rows: list[dict[str, object]] = []
    for (name, measure), value in plain.items():
        gap = [draw["fused", measure] - draw[name, measure] for draw in draws]
        low, high = np.quantile(gap, [0.025, 0.975]) if gap else (float("nan"),) * 2
        rows.append(
            {
                "suite": suite.name, "setting": setting, "method": name, "measure": measure, "value": value,
                "fused_minus_it": plain["fused", measure] - value, "low": low, "high": high,
            }
        )  # fmt: skip
    rows.append({"suite": suite.name, "setting": setting, "method": "fused", "measure": "interval_coverage",
                 "value": covered(sets), "fused_minus_it": 0.0, "low": 0.0, "high": 0.0})  # fmt: skip
    return rows


# What is shipped.

NEWER = ("OWASP ZAP v2.10.0", "Semgrep v0.52.0 (OSS rules)")
"""Counts per weakness (no verdicts per case) that the shipped rates use beside the cases; the study does not."""


def accuracy_counts() -> dict[str, dict[str, Cell]]:
    """Counts by tool with version and weakness, from `tool_accuracy.csv`; totals without a weakness left out."""
    found: dict[str, dict[str, Cell]] = {}
    with (SHARED / "vulns" / "tool_accuracy.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            number = row["cwe"].removeprefix("CWE-")
            if number.isdigit() and row["tp"]:
                tp, fp, fn, tn = (float(row[name]) for name in ("tp", "fp", "fn", "tn"))
                cell = Cell(tp, tp + fn, fp, fp + tn)
                found.setdefault(row["tool"], {})[families()[int(number)].name] = cell
    return found


def version_study() -> dict[float, float]:
    """Log loss per case of one version's verdicts predicted by another version's rates, by cap of the rates' weight.

    The level above is the mean over other products on the same weakness, worth CELL_PRIOR cases.
    """
    counts = accuracy_counts()
    product = {tool: tool.split(" v")[0] for tool in counts}
    losses: dict[float, list[float]] = {cap: [] for cap in DRIFT_CAPS}
    for old, new in ((a, b) for a in counts for b in counts if a != b and product[a] == product[b]):
        for name, cell in counts[new].items():
            others = [counts[tool][name].shares() for tool in counts if product[tool] != product[new]]
            above = np.clip(np.mean(others, axis=0)[:2], 0.02, 0.98)
            before, after = counts[old][name].shares()[:2], cell.shares()[:2]
            for cap in DRIFT_CAPS:
                chance = np.clip((cap * before + CELL_PRIOR * above) / (cap + CELL_PRIOR), 1e-3, 1.0 - 1e-3)
                loss = -(after * np.log(chance) + (1.0 - after) * np.log(1.0 - chance))
                losses[cap].append(float(loss.mean()))
    return {cap: float(np.mean(values)) for cap, values in losses.items()}


ASSUMED = (
    ("prior_sd", PRIOR_SD, "Standard deviation of the prior, log-odds: spread of the share of real cases between "
     "weaknesses", SOURCE, "DATA"),
    ("reachability", 0.69, "Log-odds when a tool saw the weakness in the running application (odds doubled)",
     "no data", "ASSUMPTION"),
    ("exposure", 0.22, "Log-odds when the service is reached from outside (odds times 1.25): people look harder there",
     "no data", "ASSUMPTION"),
    ("under_investigation", -1.1, "Log-odds when a VEX statement says under_investigation (odds divided by 3)",
     "no data", "ASSUMPTION"),
    ("not_affected", -3.0, "Log-odds when a VEX statement says not_affected or fixed and the finding was kept",
     "no data", "ASSUMPTION"),
    ("trust_high", 1.0, "Factor on a flag that its tool calls high, or does not grade", "no data", "ASSUMPTION"),
    ("trust_medium", 0.85, "Factor on a flag that its tool calls medium", "no data", "ASSUMPTION"),
    ("trust_low", 0.6, "Factor on a flag that its tool calls low", "no data", "ASSUMPTION"),
    ("listed_exact", 0.95, "Probability that an advisory applies: scanner states component, version and purl",
     "CONFIDENCE in scenarios/findings.py", "ASSUMPTION"),
    ("listed_version", 0.9, "The same: component and version", "CONFIDENCE in scenarios/findings.py", "ASSUMPTION"),
    ("listed_component", 0.6, "The same: component without version", "CONFIDENCE in scenarios/findings.py",
     "ASSUMPTION"),
    ("listed_id", 0.3, "The same: an advisory without component", "CONFIDENCE_UNCONFIRMED in scenarios/findings.py",
     "ASSUMPTION"),
    ("listed_sd", 0.75, "Standard deviation of that prior, log-odds", "no data", "ASSUMPTION"),
)  # fmt: skip
FITTED = {
    "first_flag": "Factor on the strongest flag of a kind of tool",
    "next_flag": "Factor on each further flag of the kind, relative to the one before",
    "first_silence": "Factor on the strongest silence of a kind of tool",
    "next_silence": "Factor on each further silence of the kind, relative to the one before",
    "prior": "Log-odds that a reported place is a real weakness before any tool spoke; the benchmark's share, not a "
    "field's",
}


def write_shipped(suites: Sequence[Suite]) -> None:
    """`rates.csv` and `weights.csv`, from all cases and the counts of newer tools."""
    seen = fit(suites, lambda tool, name: True)
    cells = dict(seen.cells)
    counts = accuracy_counts()
    for version in NEWER:
        tool = "zap" if "ZAP" in version else "semgrep"
        for name, cell in counts[version].items():
            old = cells.get((tool, name), Cell(0, 0, 0, 0))
            cells[tool, name] = Cell(
                old.flagged_real + cell.flagged_real, old.real + cell.real,
                old.flagged_safe + cell.flagged_safe, old.safe + cell.safe,
            )  # fmt: skip
    rates = pooled_rates(cells, SOURCE)
    with (SHIPPED / "rates.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tool", "weakness", "true_positive", "true_strength", "false_positive", "false_strength",
                         "covers", "source"])  # fmt: skip
        for (tool, name), one in rates.items():
            numbers = (one.true_positive, one.true_strength, one.false_positive, one.false_strength, one.covers)
            writer.writerow([tool, name, *(f"{number:.4f}" for number in numbers), one.source])
    with (SHIPPED / "weights.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["name", "value", "description", "source", "confidence"])
        for name, text in FITTED.items():
            writer.writerow([name, f"{seen.weights[name]:.4f}", text, SOURCE + " (fitted)", "DATA"])
        writer.writerows([name, f"{value:g}", *rest] for name, value, *rest in ASSUMED)


# The report.

SETTINGS = {
    "weakness": "the weakness was never seen",
    "tool": "one tool was never seen (mean over tools)",
    "both": "neither the weakness nor one tool",
    "all tools": "no tool of the suite and not the weakness",
    "two tools": "two static tools never seen, fused alone (mean over pairs)",
}


def write_report(rows: Sequence[Mapping[str, object]], suites: Sequence[Suite], folder: Path) -> None:
    """`fusion.csv` with every number, `fusion.md` with the ones to read."""
    write_table(folder / "fusion.csv", rows, ".4f")
    value = {(row["suite"], row["setting"], row["method"], row["measure"]): row for row in rows}
    lines = [INTRODUCTION]
    for suite in suites:
        cases = f"{len(suite.real):,} cases, {suite.real.mean():.0%} real; {', '.join(suite.tools)}"
        lines += [f"## OWASP Benchmark {suite.name}: area under the precision-recall curve", "", cases, ""]
        head = [name for name in METHODS if not name.startswith("fused,")]
        lines += ["| setting | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
        for setting, text in SETTINGS.items():
            cells = []
            for name in head:
                row = value[suite.name, setting, name, "ap"]
                gap = "" if name == "fused" else f" ({row['low']:+.3f} to {row['high']:+.3f})"
                cells.append(f"{row['value']:.3f}{gap}")
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
        lines += ["", f"## OWASP Benchmark {suite.name}: how far stated probabilities are off", ""]
        lines += ["Calibration error (10 bins), then log loss.", ""]
        lines += ["| setting | " + " | ".join(METHODS) + " | in the interval |", "|---" * (len(METHODS) + 2) + "|"]
        for setting, text in SETTINGS.items():
            cells = [
                " / ".join(f"{value[suite.name, setting, name, one]['value']:.3f}" for one in ("ece", "log_loss"))
                for name in METHODS
            ]
            inside = value[suite.name, setting, "fused", "interval_coverage"]["value"]
            lines.append(f"| {text} | " + " | ".join(cells) + f" | {inside:.0%} |")
        lines.append("")
    lines += [losing(rows), VERSIONS, ""]
    lines += ["| cases | " + " | ".join(f"{cap:g}" for cap in DRIFT_CAPS) + " |", "|---" * (len(DRIFT_CAPS) + 1) + "|"]
    lines += ["| log loss | " + " | ".join(f"{loss:.3f}" for loss in version_study().values()) + " |", ""]
    (folder / "fusion.md").write_text("\n".join(lines), encoding="utf-8")


def losing(rows: Sequence[Mapping[str, object]]) -> str:
    """Where the fused ranking is not surely better than a simpler rule."""
    simpler = [
        row
        for row in rows
        if row["measure"] == "ap"
        and not str(row["method"]).startswith("fused")
        and (row["setting"] in ("tool", "two tools") or row["method"] != "naive Bayes by weakness")
    ]
    unsure = [row for row in simpler if float(str(row["low"])) <= 0.0]
    lines = [
        "## Where fusing is not surely better",
        "",
        f"In {len(simpler) - len(unsure)} of {len(simpler)} comparisons of rankings the interval of the difference "
        "lies above 0 (naive Bayes counted once where the weakness is hidden). In the others:",
        "",
    ]
    for row in unsure:
        lines.append(
            f"- {row['suite']}, {SETTINGS[str(row['setting'])]}: {row['method']} {row['value']:.3f}, "
            f"difference {row['fused_minus_it']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        )
    return "\n".join([*lines, "", WHY])


INTRODUCTION = """# Does fusing several tools' verdicts help?

Written by `python tools/fusion_study.py`; all numbers stand in `fusion.csv`. The posterior of
`scenarios/fusion/model.py` is scored on verdicts per case of nine tools on OWASP Benchmark, never on what it was
fitted on: weaknesses, tools or both are hidden, and where the weakness is known the cases scored are left out. The
simpler rules learn from the same visible cases; the best single tool is picked with hindsight, on the cases scored.
Intervals are 95% for the difference fused minus rule, from redrawing the eleven weaknesses.

- Verdicts are of 2015 and 2016 on synthetic Java, half of it decoys: false alarms are rarer in the field, and the
  prior is the benchmark's share of real cases. Read rankings, not levels.
- The only tool that is not static is ZAP. IAST and SCA have no verdicts per case: their rates are hand-set priors and
  nothing here tests them. Reachability, exposure and the tools' own confidence are assumptions (`weights.csv`).
- The split of weaknesses into `flow` and `use`, and what silence is worth, were chosen with these data in view, by
  these settings; the fitted numbers were hidden from what is scored, those choices were not. That makes the results
  a little too good.
- The shipped rates also use counts of Semgrep 0.52 and ZAP 2.10, which have no verdicts per case; the study does not.
- Silence counts by how much of a weakness a tool reports elsewhere in the same import. It needs no labels, but many
  places: with a handful of findings it falls back to the last column, `silence of all tools alike`.
"""
WHY = """Why: where weaknesses are known, naive Bayes with rates by weakness knows nearly all there is to know from
these verdicts, and ranks as well; fusing then adds little to the order. Two unseen tools of one kind have the same
rates, so which of them is the better one cannot be known. In 1.2 the intervals are wide because a ranking of eleven
weaknesses hangs on the large ones.

Calibration errors are larger than those of a single tool, and in places than those of the union: a rule with two
answers is easily right on average, while its log loss is worse in every row. Most of the error in 1.1 is the
share of real cases, which differs between weaknesses (44% to 71%) and is hidden by design: with the true shares the
error of unseen weaknesses falls from .116 to .045 (in 1.2 from .066 to .053). Discounting dependent tools changes
the order little (column `tools independent`); it lowers the log loss in eight of ten rows and raises it in 1.2 where
all tools, or the two fused, were never seen.

Intervals say how unsure the rates and the prior are. They cover fewer than 95% of the shares of real cases (last
column; groups of at least 50 cases of one weakness with the same flags): the cases come from a few templates, so a
group is often all real or all safe for a reason that no verdict shows. Read them as wide or narrow, not as 95%."""
VERSIONS = """
## How much a tool's own verdicts count

Rates of an old version predict a new one badly (Find Security Bugs 1.4.0 to 1.4.6, ZAP 2015 and 2.10), so a tool's
own verdicts on a weakness count as at most four cases beside two of the level above. Log loss by that number:"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="write the shipped numbers and stop")
    parser.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of fusion.csv and fusion.md")
    given = parser.parse_args()
    suites = [read_suite("1_1"), read_suite("1_2")]
    if given.fit:
        write_shipped(suites)
        return
    rows = [
        row
        for suite in suites
        for setting, sets in settings(suites, suite).items()
        for row in rows_of(suite, setting, sets, given.replicates)
    ]
    write_report(rows, suites, given.out)


if __name__ == "__main__":
    main()
