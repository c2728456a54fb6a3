"""Statements of several tools become findings with the probability that they are real."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from patchpact.scenarios.errors import shown
from patchpact.scenarios.fusion.model import RESERVED, Posterior, Verdict, flag_evidence, log_odds, part_of, posterior
from patchpact.scenarios.fusion.same import Group, group
from patchpact.scenarios.fusion.tables import Tables, load_tables
from patchpact.scenarios.importers.records import RawFinding, ToolKind

PRIOR_ONLY: tuple[ToolKind, ...] = ("iast", "sca", "manual")
"""Kinds of tools without public verdicts per case: their rates are hand-set."""
_LOOKS_FOR: Mapping[str, tuple[ToolKind, ...]] = {"weakness": ("sast", "dast", "iast"), "advisory": ("sca",)}


@dataclass(frozen=True)
class FusedFinding:
    """One thing in one service, as all tools together state it.

    Attributes:
        service: where it is.
        finding: the richest of the statements, unchanged (an advisory with its component, then most fields filled).
        statements: all of them, in a fixed order.
        tools: who flagged it, sorted.
        silent: who looked for such things there and said nothing, sorted.
        probability: that it is real (a weakness), or applies and can be reached (an advisory); 0 < p < 1.
        low, high: interval of the probability from the uncertainty of rates and prior, nominally 95%
            (docs/fusion.md says how it does).
        parts: log-odds by name: `prior`, each tool (`tool NAME` where it is called like a part), `silence`,
            `reachability`, `exposure`, `vex`, `dependence`. They add up to the log-odds of `probability`.
    """

    service: str
    finding: RawFinding
    statements: tuple[RawFinding, ...]
    tools: tuple[str, ...]
    silent: tuple[str, ...]
    probability: float
    low: float
    high: float
    parts: Mapping[str, float]


def fuse(
    matched: Sequence[tuple[str, RawFinding]], exposed: Mapping[str, bool], ran: Collection[str] = ()
) -> list[FusedFinding]:
    """One finding per thing and service (`same.py` says what is the same), surest first.

    `matched`: (service, statement). `exposed`: whether a service is reached from outside; missing is no.
    `ran`: tools that looked at every service. A tool that states anything about a service has looked at that
    service, whether it stands here or not. Static, dynamic and interactive tools are silent about weaknesses,
    composition scanners about advisories of ecosystems; people never are. A tool in `ran` whose kind neither the
    statements nor `tools.csv` tell is left out.

    Rates of IAST and SCA tools are priors (no verdicts per case exist), so is what reachability and exposure add.
    """
    tables = load_tables()
    groups = group(matched, tables)
    kinds = _kinds(matched, ran, tables)
    watchers = _watchers(matched, ran, kinds)
    fusion = _Fusion(tables, kinds, watchers, _Seen(groups, kinds, watchers))
    fused = [fusion.finding(one, bool(exposed.get(one.service, False))) for one in groups]
    return sorted(fused, key=lambda one: -one.probability)


def _kinds(matched: Sequence[tuple[str, RawFinding]], ran: Collection[str], tables: Tables) -> dict[str, ToolKind]:
    """Kind by tool; a tool with statements of several kinds is of the kind it states most, then by name."""
    counts: dict[str, dict[ToolKind, int]] = defaultdict(lambda: defaultdict(int))
    for _, finding in matched:
        counts[finding.tool][finding.kind] += 1
    kinds = {tool: min(of, key=lambda kind: (-of[kind], kind)) for tool, of in counts.items()}
    for tool in ran:
        known = tables.tool(tool)[1]
        if tool not in kinds and known is not None:
            kinds[tool] = known
    return kinds


def _watchers(
    matched: Sequence[tuple[str, RawFinding]], ran: Collection[str], kinds: Mapping[str, ToolKind]
) -> dict[str, tuple[str, ...]]:
    """By service: tools that looked at it, sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    for service, finding in matched:
        found[service].add(finding.tool)
    return {service: tuple(sorted(tools | {tool for tool in ran if tool in kinds})) for service, tools in found.items()}


class _Seen:
    """How many places of a sort a tool reported, and how many it passed over that others reported.

    Places are counted by family, and for static tools by the file's suffix too (a Python linter says nothing about
    Java); advisories by ecosystem.
    """

    def __init__(
        self, groups: Sequence[Group], kinds: Mapping[str, ToolKind], watchers: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._reported: dict[tuple[str, str, str], int] = defaultdict(int)
        self._missed: dict[tuple[str, str, str], int] = defaultdict(int)
        for one in groups:
            flagged = {statement.tool for statement in one.statements}
            for tool in flagged:
                self._reported[self._key(tool, kinds[tool], one)] += 1
            for tool in watchers[one.service]:
                if tool not in flagged and kinds[tool] in _LOOKS_FOR[one.sort]:
                    self._missed[self._key(tool, kinds[tool], one)] += 1

    @staticmethod
    def _key(tool: str, kind: ToolKind, one: Group) -> tuple[str, str, str]:
        if one.sort == "advisory":
            return tool, "advisory", one.context
        return tool, one.weakness.family, one.context if kind == "sast" else ""

    def counts(self, tool: str, kind: ToolKind, one: Group) -> tuple[int, int]:
        key = self._key(tool, kind, one)
        return self._reported.get(key, 0), self._missed.get(key, 0)


class _Fusion:
    """Makes findings of groups; posteriors of equal evidence are computed once."""

    def __init__(
        self,
        tables: Tables,
        kinds: Mapping[str, ToolKind],
        watchers: Mapping[str, tuple[str, ...]],
        seen: _Seen,
    ) -> None:
        self._tables, self._kinds, self._watchers, self._seen = tables, kinds, watchers, seen
        self._known: dict[tuple[object, ...], Posterior] = {}

    def finding(self, one: Group, exposed: bool) -> FusedFinding:
        trust: dict[str, float] = {}
        for statement in one.statements:
            trust[statement.tool] = max(trust.get(statement.tool, 0.0), _trust(statement, self._tables))
        tools = tuple(sorted(trust))
        looking = _LOOKS_FOR[one.sort]
        silent = tuple(
            tool for tool in self._watchers[one.service] if tool not in trust and self._kinds[tool] in looking
        )
        verdicts = [Verdict(tool, self._kinds[tool], True, trust[tool]) for tool in tools]
        for tool in silent:
            reported, missed = self._seen.counts(tool, self._kinds[tool], one)
            verdicts.append(Verdict(tool, self._kinds[tool], False, reported=reported, missed=missed))
        found = self._posterior(one, verdicts, _context(one, exposed, self._tables))
        finding = one.statements[0] if len(one.statements) == 1 else max(one.statements, key=_richness)
        return FusedFinding(
            one.service, finding, one.statements, tools, silent, found.probability, found.low, found.high, found.parts
        )

    def _posterior(self, one: Group, verdicts: Sequence[Verdict], context: Mapping[str, float]) -> Posterior:
        prior, sd = _advisory_prior(one, self._tables) if one.sort == "advisory" else (None, None)
        key = (one.weakness, *verdicts, prior, *context.items())
        if key not in self._known:
            self._known[key] = posterior(one.weakness, verdicts, self._tables, prior, sd, context)
        return self._known[key]


def _trust(statement: RawFinding, tables: Tables) -> float:
    """What the tool's own confidence makes of its flag. No data: an assumption, and never for composition scanners,
    whose confidence is how the version was matched."""
    label = statement.tool_confidence.strip().lower()
    known = "high" if statement.kind == "sca" or label not in ("medium", "low") else label
    return tables.weights[f"trust_{known}"]


def _advisory_prior(one: Group, tables: Tables) -> tuple[float, float]:
    """Log-odds before a scanner spoke, such that one scanner's statement gives the probability of its match."""
    listed = max(tables.weights[f"listed_{_match(statement)}"] for statement in one.statements)
    first = tables.weights["first_flag"] * flag_evidence(tables.rates_of("", "sca", one.weakness))[0]
    return log_odds(listed) - first, tables.weights["listed_sd"]


def _match(statement: RawFinding) -> str:
    """How an advisory was matched to a component."""
    if not statement.component and not statement.purl:
        return "id"
    if not statement.version and "@" not in statement.purl:
        return "component"
    return "exact" if statement.purl else "version"


def _context(one: Group, exposed: bool, tables: Tables) -> dict[str, float]:
    weights = tables.weights
    running = any(statement.seen_running for statement in one.statements)
    context = {
        "reachability": weights["reachability"] if running else 0.0,
        "exposure": weights["exposure"] if exposed else 0.0,
    }
    statuses = {statement.status for statement in one.statements}
    if statuses <= {"not_affected", "fixed"}:
        context["vex"] = weights["not_affected"]
    elif "under_investigation" in statuses:
        context["vex"] = weights["under_investigation"]
    return context


def _richness(statement: RawFinding) -> tuple[int, int]:
    """Order of statements by how much they say; of equal ones the first stays."""
    filled = sum(value not in ("", (), None, False) for value in vars(statement).values())
    advisory = bool(statement.component) + bool(statement.fixed_version) + (statement.cvss is not None)
    return advisory, filled


def explain(fused: FusedFinding) -> list[str]:
    """Lines of plain text: what, where, how sure, and every part of the log-odds that is not zero."""
    kinds = {statement.tool: statement.kind for statement in fused.statements}
    names = {part_of(tool): tool for tool in fused.tools}
    lines = [
        f"{shown(fused.finding.id)} in {shown(fused.service)}: real with probability {fused.probability:.2f} "
        f"({fused.low:.2f} to {fused.high:.2f})"
    ]
    for name, value in fused.parts.items():
        text = _TEXTS.get(name, "")
        if name in names and name not in RESERVED:
            tool = names[name]
            text = f"{shown(tool)} ({kinds[tool]}) flags it"
            if kinds[tool] in PRIOR_ONLY:
                text += "; its rates are a prior, no verdicts per case exist"
        if name == "silence" and fused.silent:
            text = "silent: " + ", ".join(shown(tool) for tool in fused.silent[:8])
            text += f" and {len(fused.silent) - 8} more" if len(fused.silent) > 8 else ""
        if name == "prior" or abs(value) > 5e-4:
            lines.append(f"  {value:+.2f} odds x {math.exp(value):.3g}: {text}")
    return lines


_TEXTS = {
    "prior": "before any tool spoke",
    "reachability": "seen in the running application (assumption)",
    "exposure": "the service is reached from outside (assumption)",
    "vex": "what a VEX statement says of it (assumption)",
    "dependence": "tools err together and differ from those measured: their evidence counts less (fitted)",
}
