"""The tables of a study's report, all from raw episodes and the verdict."""

from __future__ import annotations

import math

from patchpact.agents.roles.ledger import NETWORKS
from patchpact.training.reports.page import NOTHING, Column, Figure, Table, number
from patchpact.training.reports.pieces import estimated
from patchpact.training.stats import Estimate
from patchpact.training.study.design import GAIN, GINI, LEARNED, WORSE_OFF
from patchpact.training.study.effects import Effect, Weights, differences, effect
from patchpact.training.study.verdict import NOT_TESTED, Study, Verdict

SWITCHES = ("value", "responsibility", "governance")
SHADES = {
    "supported": "good", "refuted": "bad", "undecided": "warn", NOT_TESTED: "", "holds": "good", "fails": "bad",
    "unclear": "warn", "broken down": "bad", "stands": "good",
}  # fmt: skip
HEADS = {
    "welfare_keur": "welfare, k€", "damage_keur": "damage, k€", "value_created_keur": "value created, k€",
    "participation": "small firms taking part", "insolvent": "firms insolvent", "trust_mean": "trust",
    "gap_mean": "claimed minus true", "deadlines_missed": "deadlines missed", GAIN: "gain, k€", GINI: "Gini of gains",
    WORSE_OFF: "agents worse off than idle",
    "downtime_hours": "downtime, h",
}  # fmt: skip


def all_tables(study: Study, verdict: Verdict) -> dict[str, Table]:
    """Every table by the name of its file."""
    found = {
        "verdicts": verdicts(verdict),
        "predictions": predictions(verdict),
        "arms": arms(study),
        "measures": measures(study),
        "players": players(study),
        "range": removals(study),
        "lines": lines(study),
    }
    return {name: table for name, table in found.items() if table.rows}


def verdicts(verdict: Verdict) -> Table:
    """What is said of each claim."""
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "verdict": one.verdict,
            "why": one.why,
            "mechanisms": ", ".join(one.mechanisms),
        }
        for one in verdict.rulings
    ]
    rows += [{"id": name, "title": why, "verdict": NOT_TESTED} for name, why in verdict.not_tested.items()]
    heads = (("id", "claim"), ("title", "what it says"), ("verdict", "verdict"), ("why", "why"))
    columns = [Column(key, head, text=True) for key, head in (*heads, ("mechanisms", "mechanisms in the game"))]
    return _shaded(Table("Claims and verdicts", columns, rows), "verdict")


def predictions(verdict: Verdict) -> Table:
    """Every predicted effect with its interval, its margin and what came of it."""
    rows = [
        {
            "claim": ruling.id,
            "prediction": one.name,
            "measure": HEADS.get(one.measure, one.measure) + (f", outside {one.outside}" if one.outside else ""),
            "effect": _figure(one.effect),
            "margin": number(one.margin),
            "above": number(one.p_above, 4),
            "negligible": number(one.p_negligible, 4),
            "outcome": one.outcome,
            "why": one.why,
        }
        for ruling in verdict.rulings
        for one in ruling.findings
    ]
    columns = [
        Column("claim", "claim", text=True),
        Column("prediction", "predicted: above 0", text=True),
        Column("measure", "measure", text=True),
        Column("effect", "effect"),
        Column("margin", "margin"),
        Column("above", "p (Holm): none"),
        Column("negligible", "p (Holm): as large as the margin"),
        Column("outcome", "outcome", text=True),
        Column("why", "why", text=True),
    ]
    return _shaded(Table("Predictions; 95% intervals", columns, rows, headed=2), "outcome")


def arms(study: Study) -> Table:
    """Each arm's gain, its distance to the full arm, and whether it has broken down."""
    rows = []
    for arm in study.design.file.arms:
        gain = _of(study, {(arm.name, LEARNED): 1.0})
        if math.isnan(gain.value):
            continue
        lost = _of(study, {("full", LEARNED): 1.0, (arm.name, LEARNED): -1.0}) if arm.name != "full" else None
        rows.append(
            {
                "arm": arm.name,
                "description": arm.description,
                "gain": _figure(gain),
                "lost": NOTHING if lost is None else _figure(lost),
                "state": broken(study, arm.name),
                "seeds": _seeds(study, arm.name),
            }
        )
    columns = [
        Column("arm", "arm", text=True),
        Column("description", "what it is", text=True),
        Column("gain", "gain over doing nothing in it, k€"),
        Column("lost", "gain below the full arm's, k€"),
        Column("state", "breakdown", text=True),
        Column("seeds", "training seeds"),
    ]
    return _shaded(Table("Arms, trained agents; 95% intervals", columns, rows), "state")


def broken(study: Study, arm: str) -> str:
    """Whether an arm has broken down by the criteria: ``broken down``, ``stands``, or ``unclear``."""
    failure = study.design.file.criteria.failure
    known = study.design.file.measures

    def above(part_of_full: float, measure: str) -> Estimate:
        level: dict[tuple[str, str], float] = {(arm, LEARNED): 1.0}
        level["full", LEARNED] = level.get(("full", LEARNED), 0.0) - part_of_full
        return _of(study, level, measure)

    short = [above(failure.gain_share, GAIN)]
    if "participation" in known:
        short.append(above(failure.participation_share, "participation"))
    if "insolvent" in known:
        ruined = _of(study, {(arm, LEARNED): -1.0}, "insolvent")
        most = failure.insolvent_share * failure.firms
        short.append(Estimate(*(most + value for value in ruined)))
    if any(one.high < 0.0 for one in short):
        return "broken down"
    return "stands" if all(one.low > 0.0 for one in short) else "unclear"


def measures(study: Study) -> Table:
    """Each arm's level of every measure, trained agents."""
    names = study.design.file.measures
    rows = []
    for arm in study.design.file.arms:
        if study.raw.has(arm.name, LEARNED):
            levels = {name: _figure(_of(study, {(arm.name, LEARNED): 1.0}, name)) for name in names}
            if WORSE_OFF in levels and _seeds(study, arm.name) == "1":  # a count of one training has no interval
                levels[WORSE_OFF] = Figure(levels[WORSE_OFF].value, NOTHING)
            rows.append({"arm": arm.name, **levels})
    columns = [Column("arm", "arm", text=True), *(Column(name, HEADS.get(name, name)) for name in names)]
    return Table("Measures, mean an episode; 95% intervals", columns, rows)


def players(study: Study) -> Table:
    """What each arm costs whom: with rules it is mechanical, what learners lose beyond is strategic."""
    everybody = [LEARNED, *study.design.file.players]
    rows = []
    for arm in study.design.file.arms:
        if arm.name == "full" or arm.exploratory:
            continue
        lost = {player: _figure(_of(study, {("full", player): 1.0, (arm.name, player): -1.0})) for player in everybody}
        rows.append({"arm": arm.name, **lost})
    columns = [Column("arm", "arm", text=True), *(Column(player, player) for player in everybody)]
    return Table("Gain below the full arm's, by who plays, k€ an episode; 95% intervals", columns, rows)


def removals(study: Study) -> Table:
    """What removing each network costs, in each setting in which it was tried: the range within which a claim holds."""
    known = {arm.name for arm in study.design.file.arms}
    rows = []
    for arm in study.design.file.arms:
        without = {
            network: f"no-{network}" if arm.name == "full" else f"{arm.name}-no-{network}" for network in SWITCHES
        }
        if set(without.values()) <= known and study.raw.has(arm.name, LEARNED):
            cost = {
                network: _figure(_of(study, {(arm.name, LEARNED): 1.0, (name, LEARNED): -1.0}))
                for network, name in without.items()
            }
            seeds = _seeds(study, arm.name, *without.values())
            rows.append({"arm": arm.name, "description": arm.description, **cost, "seeds": seeds})
    columns = [
        Column("arm", "setting", text=True),
        Column("description", "what it is", text=True),
        *(Column(network, f"without {network}") for network in SWITCHES),
        Column("seeds", "training seeds"),
    ]
    return Table("What removing a network costs by setting, k€ an episode; 95% intervals", columns, rows)


def lines(study: Study) -> Table:
    """What each network's lines bring to welfare."""
    rows = []
    for arm in study.design.file.arms:
        if not study.raw.has(arm.name, LEARNED):
            continue
        played = [study.raw.cells[arm.name, place, LEARNED] for place in study.raw.topologies]
        means = [one.lines.mean((0, 1)) for one in played]
        row = {network: sum(mean[n] for mean in means) / len(means) for n, network in enumerate(NETWORKS)}
        rows.append({"arm": arm.name, **{network: number(float(value), 1) for network, value in row.items()}})
    columns = [Column("arm", "arm", text=True), *(Column(network, network) for network in NETWORKS)]
    return Table("What the ledger's lines bring to welfare, by network, k€ an episode", columns, rows)


def swept(study: Study) -> dict[str, list[tuple[float, Estimate]]]:
    """For each axis of the design's sweeps: places in order, with trained agents' gains."""
    found: dict[str, list[tuple[float, Estimate]]] = {}
    for arm in study.design.file.arms:
        for axis, place in arm.sweep.items():
            gain = _of(study, {(arm.name, LEARNED): 1.0})
            if math.isfinite(gain.value):
                found.setdefault(axis, []).append((place, gain))
    return {axis: sorted(points, key=lambda point: point[0]) for axis, points in found.items() if len(points) > 1}


def _of(study: Study, weights: Weights, measure: str = GAIN) -> Estimate:
    found: Effect = effect(differences(study.raw, weights, measure))
    return found.estimate


def _seeds(study: Study, *arms: str) -> str:
    """How many trainings every topology has of each of these arms."""
    cells = [study.raw.cells.get((arm, place, LEARNED)) for arm in arms for place in study.raw.topologies]
    return str(min(len(cell.runs) if cell else 0 for cell in cells))


def _figure(estimate: Estimate) -> Figure:
    largest = max((abs(value) for value in estimate if math.isfinite(value)), default=0.0)
    return estimated(estimate, 1 if largest >= 10.0 else 3)


def _shaded(table: Table, key: str) -> Table:
    shades = {(n, key): SHADES.get(str(row.get(key, "")), "") for n, row in enumerate(table.rows)}
    return Table(table.caption, table.columns, table.rows, shades, table.headed)
