"""Business: owns services and revenue flows, pays the vendors' fees and loses the revenue of downtime.

Sees the true revenue of its own flows. Several businesses (tenants) may share one world. Where disclosure, insurance
or the platform's modules are part of the game it is a firm with a true and a claimed level of security and ESG, may
insure itself and subscribe to modules; the platform's own firm sets their price and its support hours. Its impact
report is public; a shaded one makes its revenue look larger than it is. Where measurement is pooled by choice, a firm
says how much of its data enters and whether it targets a protected group as often as others, and the platform what it
pays for data; where it hosts firms, also how strictly it moderates their content.
"""

from __future__ import annotations

from patchpact.agents.roles import reports, standing
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import LEVER_START
from patchpact.agents.roles.reports import REPORT_KINDS, REPORTS
from patchpact.agents.roles.standing import STANDING, STANDING_KINDS
from patchpact.agents.roles.switches import disclosing, offering

NAME = "business"
SEES = ("revenue",)
LEVELS = 5
"""Levels of effort and of claims: 0, 0.25, 0.5, 0.75, 1."""
MODULES = ("scan", "prioritise", "patch_bot", "measurement", "esg_report", "forecast", "placebo")
SCAN, PRIORITISE, PATCH_BOT, MEASUREMENT, ESG_REPORT, FORECAST, PLACEBO = (1 << n for n in range(len(MODULES)))
"""Bits of a firm's subscriptions."""
REPORT_SHARES = (0.25, 0.5, 1.0)
"""Of a firm's data that enters pooled measurement, by the level of its lever ``reports``."""
ALL_REPORTS = len(REPORT_SHARES) - 1
_GROUPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("patching", ("night_hours", "freeze", "disclose:none", "disclose:range", "disclose:exact"), "night"),
    ("report", REPORTS, REPORT_KINDS[0]),
    ("standing", STANDING, STANDING_KINDS[0]),
    ("insurance", ("insure:off", "insure:on"), "premium"),
    ("claim", tuple(f"claim:{level}" for level in range(LEVELS)), "filing"),
    ("effort", tuple(f"effort:{level}" for level in range(LEVELS)), "compliance"),
    ("module", tuple(f"module:{name}" for name in MODULES), "module"),
    ("module_price", ("module_price:low", "module_price:list", "module_price:high"), "module"),
    ("support", ("support:none", "support:some", "support:full"), "pool"),
    ("epsilon", ("epsilon:0.5", "epsilon:1", "epsilon:2", "epsilon:4", "epsilon:8", "epsilon:none"), "uplift"),
    ("prove", ("prove:off", "prove:on"), "proof"),
    ("reports", ("reports:quarter", "reports:half", "reports:all"), "uplift"),
    ("targeting", ("targeting:gain", "targeting:even"), "parity"),
    ("incentive", ("incentive:none", "incentive:some", "incentive:full"), "incentive"),
    ("strictness", ("strictness:none", "strictness:some", "strictness:full"), "moderation"),
)
LEVERS = tuple(lever for _, levers, _ in _GROUPS for lever in levers)
LEVER_KINDS = tuple(kind for _, levers, kind in _GROUPS for _ in levers)
(
    _REPORT,
    _STANDING,
    _INSURANCE,
    _CLAIM,
    _EFFORT,
    _MODULE,
    _PRICE,
    _SUPPORT,
    _EPSILON,
    _PROVE,
    _REPORTS,
    _TARGETING,
    _PAY,
    _STRICTNESS,
) = (
    sum(len(levers) for _, levers, _ in _GROUPS[:place]) for place in range(1, len(_GROUPS))
)  # the first lever of each group
_TIERS = _PROVE - _EPSILON
_MODULES, _PLACEBO = len(MODULES), MODULES.index("placebo")


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): loss avoided, less uncovered rollbacks and, for the owner, the fee."""
    return share * gain - (1.0 - warranty) * rollback - (fee if owner else 0.0)


@compiled
def effort_cost(sc, level, small, support):  # type: ignore[no-untyped-def]
    """k€ a window for effort ``level`` in 0..1: ``cost * level^2 / 2``; support hours relieve small firms."""
    relief = 1.0 - sc.support_relief * support if small else 1.0
    return 0.5 * sc.compliance_cost_keur * sc.compliance_cost_factor * relief * level * level


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Night hours and a freeze once a window while nothing is planned; once a window another disclosure level."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    if a.gone:
        return
    quiet = w.planned_n == 0
    mask[LEVER_START] = a.night == 0 and quiet and a.budget >= sc.night_price_keur
    mask[LEVER_START + 1] = a.freeze == 0 and quiet
    for level in range(3):
        mask[LEVER_START + 2 + level] = a.disclosure != level and a.moved == 0
    reports.mask(S, st, k, i, mask, _REPORT)
    standing.mask(S, st, k, i, mask, _STANDING)
    _mask_firm(sc, w, a, S.agent[sc.a0 + i].platform, mask)


@compiled
def _mask_firm(sc, w, a, platform, mask):  # type: ignore[no-untyped-def]
    """Levers of disclosure, insurance and modules; each setting can be moved once a window."""
    discloses = disclosing(sc)
    insurable = sc.market >= 0 and sc.responsibility_enabled
    offered = offering(sc)
    if not (discloses or insurable or offered):
        return
    for on in range(2):
        mask[LEVER_START + _INSURANCE + on] = insurable and a.insured != on and a.insurance_moved == 0
    for level in range(LEVELS):
        mask[LEVER_START + _CLAIM + level] = (
            discloses and a.claim != level and a.claim_moved == 0 and level >= w.demand_level
        )
        cost = effort_cost(sc, 0.25 * level, False, 0)
        mask[LEVER_START + _EFFORT + level] = (
            discloses and a.effort_level != level and a.effort_moved == 0 and a.budget >= cost
        )
    selling = offered and platform
    pooling, hosting = offered and sc.pooling_enabled, selling and sc.hosting_enabled
    for on in range(2):
        mask[LEVER_START + _TARGETING + on] = pooling and a.even != on and a.even_moved == 0
        provable = discloses and sc.proofs_enabled
        mask[LEVER_START + _PROVE + on] = provable and a.proving != on and a.proving_moved == 0
    for tier in range(_TIERS):
        mask[LEVER_START + _EPSILON + tier] = selling and w.epsilon != tier and w.epsilon_moved == 0
    for m in range(_MODULES):
        on = offered and a.module_moved == 0 and (m != _PLACEBO or sc.placebo_enabled)
        mask[LEVER_START + _MODULE + m] = on and a.budget >= sc.module_price_keur
    for level in range(3):
        mask[LEVER_START + _PRICE + level] = selling and w.module_price_level != level and w.price_moved == 0
        mask[LEVER_START + _SUPPORT + level] = selling and w.support_level != level and w.support_moved == 0
        mask[LEVER_START + _REPORTS + level] = pooling and a.reports != level and a.reports_moved == 0
        paying = selling and pooling
        mask[LEVER_START + _PAY + level] = paying and w.incentive_level != level and w.incentive_moved == 0
        mask[LEVER_START + _STRICTNESS + level] = hosting and w.strictness != level and w.strictness_moved == 0


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    if lever == 0:
        a.night = 1
        reports.mark_rows(st, k)
        return sc.night_price_keur
    if lever == 1:
        a.freeze = 1
        return 0.0
    if lever >= _INSURANCE:
        _set_firm(w, a, lever)
        if lever < _CLAIM or _MODULE <= lever < _PRICE:  # who bears a loss, or sees a signal, has changed
            reports.mark_rows(st, k)
        return 0.0
    if lever >= _STANDING:
        standing.apply(st, k, i, lever - _STANDING)
        return 0.0
    if lever >= _REPORT:
        reports.apply(st, k, i, lever - _REPORT)
    else:
        a.disclosure = lever - 2
        a.moved = 1
        reports.mark_rows(st, k)
    _publish(S, st, k, i, sc, w, a)
    return 0.0


@compiled
def _publish(S, st, k, i, sc, w, a):  # type: ignore[no-untyped-def]
    """Public revenue of the firm's flows: by how much of the truth it discloses, and whether the report is shaded."""
    weight = 0.5 * a.disclosure
    for r in range(sc.nr):
        if S.flow[sc.r0 + r].owner == i:
            flow = st.flow[w.r0 + r]
            flow.public_rate = S.flow[sc.r0 + r].rate ** (1.0 - weight) * flow.true_rate**weight
            if a.shaded:
                flow.public_rate /= sc.report_shading


@compiled
def _set_firm(w, a, lever):  # type: ignore[no-untyped-def]
    """Insurance, claims, effort, subscriptions, data; for the platform its price, support and what it pays for data."""
    if lever < _CLAIM:
        a.insured = lever - _INSURANCE
        a.insurance_moved = 1
    elif lever < _EFFORT:
        a.claim = lever - _CLAIM
        a.claim_moved = 1
    elif lever < _MODULE:
        a.effort_level = lever - _EFFORT
        a.effort_moved = 1
    elif lever < _PRICE:
        a.modules ^= 1 << (lever - _MODULE)
        a.module_moved = 1
    elif lever < _SUPPORT:
        w.module_price_level = lever - _PRICE
        w.price_moved = 1
    elif lever < _EPSILON:
        w.support_level = lever - _SUPPORT
        w.support_moved = 1
    elif lever < _PROVE:
        w.epsilon = lever - _EPSILON
        w.epsilon_moved = 1
    elif lever < _REPORTS:
        a.proving = lever - _PROVE
        a.proving_moved = 1
    elif lever < _TARGETING:
        a.reports = lever - _REPORTS
        a.reports_moved = 1
    elif lever < _PAY:
        a.even = lever - _TARGETING
        a.even_moved = 1
    elif lever < _STRICTNESS:
        w.incentive_level = lever - _PAY
        w.incentive_moved = 1
    else:
        w.strictness = lever - _STRICTNESS
        w.strictness_moved = 1
