"""Writing what agents see: slots, globals and masks. Rows are written where they are worked out (``rows``)."""

from __future__ import annotations

import math

from patchpact.agents.roles import ROLE_INDEX, ROLE_MODULES
from patchpact.agents.roles.business import MODULES, REPORT_SHARES
from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.layout import (
    ABSTAIN,
    AGENDA_ROWS,
    ENTITY_SLOTS,
    GLOBAL_FEATURES,
    GLOBALS_START,
    LEVER_START,
    NOMINATE_START,
    PASS,
    SLOT_WIDTH,
    SLOTS_START,
    VOTE_START,
    VOTES,
)
from patchpact.envs.core.agenda import entry_risk
from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.negotiate import committed, payment_tenths
from patchpact.envs.core.records import EPSILON_TIERS
from patchpact.envs.core.responsibility import liability_shares
from patchpact.envs.core.rows import clip, price_of_hour

_BUSINESS = ROLE_INDEX["business"]
_IT = ROLE_INDEX["it"]
_VENDOR = ROLE_INDEX["vendor"]
EACH_STEP, GLOBALS, ALL = range(3)
"""How much of an observation a step has changed."""
role_mask_levers = dispatcher([module.mask_levers for module in ROLE_MODULES], "S, st, k, i, mask")

_GLOBAL_NAMES = tuple(entry.name for entry in GLOBAL_FEATURES)
MODULES_SHOWN = len(MODULES)
_PROPOSER_PLACES = tuple(
    GLOBALS_START + _GLOBAL_NAMES.index(f"proposer_{role}")
    for role in ROLE_INDEX
    if f"proposer_{role}" in _GLOBAL_NAMES
)
_SHOWN_PROPOSERS = len(_PROPOSER_PLACES)
(
    PHASE, PROPOSER, MAY_VOTE, WINDOWS_LEFT, WINDOWS_TO_ACT, HORIZON, MOTIONS_LEFT, SEASON, CAPACITY,
    BUDGET, OPEN_RISK,
    PLANNED_DOWNTIME, PLANNED, OVERDUE, OPEN, MOTION_MODE, OWN_GAIN, PUBLIC_GAIN, QUOTE, LIABILITY, FREEZE, NIGHT,
    OVERTIME, PRICE, LOG_SCALE, LOG_SERVICES,
    TRUST, TRUST_MEAN, RATING, CLAIMED, TRUE_LEVEL, EFFORT_LEVEL, CAUGHT, SHADED, INSURED, PREMIUM, PREMIUM_TIER,
    REBATE, CAPITAL, AUDIT_LEVEL, DEMAND_LEVEL, FINE_FACTOR, NEGLIGENCE_SHARE, CREDITS, INTENSITY, BID, MODULE,
    MODULE_PRICE, SUPPORT, JOINED, EPSILON, PROVING, EQUITY, SMALL, PLATFORM, GONE, REPORTS, EVEN, INCENTIVE,
    STRICTNESS,
) = (
    GLOBALS_START + _GLOBAL_NAMES.index(name)
    for name in (
        "phase_vote", "is_proposer", "may_vote", "windows_left", "windows_to_act", "horizon",
        "motions_left", "season_now",
        "capacity_left", "budget_left", "open_risk", "planned_downtime", "planned_patches", "overdue",
        "open_patches", "motion_full", "motion_own_gain", "motion_public_gain", "motion_quote", "liability",
        "freeze", "night_hours", "overtime", "price", "log_money_scale", "log_services",
        "trust", "trust_mean", "rating", "claimed", "true_level", "effort_level", "caught", "shaded", "insured",
        "premium", "premium_tier", "rebate", "capital", "audit_level", "demand_level", "fine_factor", "negligence",
        "credits", "intensity", "bid", "module_scan", "module_price", "support_level", "joined", "epsilon", "proving",
        "equity", "small",
        "platform", "gone", "reports", "even", "incentive",
        "strictness",
    )
)  # fmt: skip


@compiled_apart
def write(S, st, k, changed):  # type: ignore[no-untyped-def]
    """What agents see beside the rows, and their masks.

    ``changed`` says how much is to be written: ``EACH_STEP``, what every step moves; ``GLOBALS``, also what a lever or
    a plan moves; ``ALL``, also what a window moves.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if changed == ALL:
        _write_slots(S, st, k, sc, w)
    if changed != EACH_STEP:
        _write_scans(st, k, sc, w)
        _write_steady_globals(S, st, k, sc, w)
        _write_firms(S, st, k, sc, w)
    _write_phase(S, st, k, sc, w)


# What all agents see alike is worked out before the loop over agents: the compiler must assume that writing an
# observation changes what it is worked out from, and would work it out again for each.


@compiled
def _write_slots(S, st, k, sc, w):  # type: ignore[no-untyped-def]
    scale = 1.0 / sc.money_scale
    agents = sc.na
    for n in range(ENTITY_SLOTS):
        at = SLOTS_START + n * SLOT_WIDTH
        v = st.slot[k, n]
        if v < 0:
            for i in range(agents):
                st.observation[k, i, at : at + SLOT_WIDTH] = 0.0
            continue
        risk = clip(entry_risk(S, st, k, v) * scale)
        compromise = st.service[w.s0 + v].q
        exposed = S.service[sc.s0 + v].exposed
        owner = S.service[sc.s0 + v].owner
        for i in range(agents):
            obs = st.observation[k, i]
            obs[at] = 1.0
            obs[at + 1] = risk
            obs[at + 2] = compromise
            obs[at + 3] = exposed
            obs[at + 4] = owner == i


@compiled
def _write_scans(st, k, sc, w):  # type: ignore[no-untyped-def]
    agents = sc.na
    for n in range(ENTITY_SLOTS):
        v = st.slot[k, n]
        scanned = st.service[w.s0 + v].scanned if v >= 0 else 0
        for i in range(agents):
            st.observation[k, i, SLOTS_START + n * SLOT_WIDTH + 5] = scanned


@compiled
def _write_steady_globals(S, st, k, sc, w):  # type: ignore[no-untyped-def]
    """Globals that change only with a window, a plan or a lever."""
    scale = 1.0 / sc.money_scale
    agents = sc.na
    first = sc.a0
    planned = 0.0
    frozen = 0
    night = 0
    price = 0.0
    vendors = 0
    for r in range(sc.nr):
        flow = st.flow[w.r0 + r]
        hours = flow.longest + sc.downtime_overlap * (flow.total - flow.longest) + sc.setup_hours * flow.opened
        planned += hours * flow.public_rate * price_of_hour(S, st, k, r)
    for other in range(agents):
        frozen = max(frozen, st.agent[k, other].freeze)
        night = max(night, st.agent[k, other].night)
        if S.agent[first + other].role == _VENDOR:
            price += st.agent[k, other].price
            vendors += 1
    share_it, share_business, share_vendor = liability_shares(
        sc.responsibility_rule, sc.share_it, sc.share_business, sc.share_vendor, True
    )
    liable = sc.responsibility_enabled
    windows_left = (sc.windows - w.t) / sc.windows
    windows_to_act = clip((sc.windows - w.t) / 12.0)
    horizon = clip((sc.windows - w.t + sc.tail_windows) / 12.0)
    season, season_next, season_next2 = clip(w.season[0]), clip(w.season[1]), clip(w.season[2])
    capacity = clip(w.capacity_left / sc.capacity_hours) if sc.capacity_hours > 0.0 else 0.0
    open_risk = clip(w.open_risk * scale)
    planned_downtime = clip(planned * scale)
    planned_n = clip(0.25 * w.planned_n)
    overdue = clip(w.overdue / 16.0)
    open_n = clip(w.open_n / 64.0)
    overtime = w.overtime
    mean_price = price / max(vendors, 1)
    log_scale = math.log10(sc.money_scale)
    log_services = math.log10(max(sc.ns, 1))
    for i in range(agents):
        role = S.agent[first + i].role
        state = st.agent[k, i]
        own_freeze, own_night, own_price = state.freeze, state.night, state.price
        share = 0.0
        if liable:
            if role == _IT:
                share = share_it
            elif role == _BUSINESS:
                share = share_business
            elif role == _VENDOR:
                share = share_vendor
        obs = st.observation[k, i]
        obs[WINDOWS_LEFT] = windows_left
        obs[WINDOWS_TO_ACT] = windows_to_act
        obs[HORIZON] = horizon
        obs[SEASON] = season
        obs[SEASON + 1] = season_next
        obs[SEASON + 2] = season_next2
        obs[CAPACITY] = capacity
        obs[OPEN_RISK] = open_risk
        obs[PLANNED_DOWNTIME] = planned_downtime
        obs[PLANNED] = planned_n
        obs[OVERDUE] = overdue
        obs[OPEN] = open_n
        obs[LIABILITY] = share
        obs[FREEZE] = own_freeze if role == _BUSINESS else frozen
        obs[NIGHT] = own_night if role == _BUSINESS else night
        obs[OVERTIME] = overtime
        obs[PRICE] = clip(own_price if role == _VENDOR else mean_price)
        obs[LOG_SCALE] = log_scale
        obs[LOG_SERVICES] = log_services


@compiled_apart
def _write_firms(S, st, k, sc, w):  # type: ignore[no-untyped-def]
    """Trust, disclosure, insurance, modules: a firm sees its own settings, other roles the firms' means."""
    scale = 1.0 / sc.money_scale
    agents = sc.na
    first = sc.a0
    count = max(sc.firms, 1)
    proving = 0.0
    trust = rating = claimed = insured = premium = equity = gone = reports = even = 0.0
    for i in range(sc.na):
        if S.agent[sc.a0 + i].firm:
            agent = st.agent[k, i]
            trust += agent.trust / count
            rating += agent.rating / count
            claimed += 0.25 * agent.claim / count
            insured += agent.insured / count
            premium += agent.premium
            equity += agent.equity / max(S.agent[sc.a0 + i].equity, 1e-9) / count
            gone += agent.gone / count
            proving += agent.proving / count
            reports += REPORT_SHARES[agent.reports] / count
            even += agent.even / count
    tier = 0.5 * w.premium_tier
    rebate = w.rebate
    capital = 0.5 * w.capital_level
    audit = w.audit_level / 3.0
    demand = 0.25 * w.demand_level
    fine_factor = clip(w.fine_factor)
    counts_credits = sc.counts_credits
    level = w.module_price_level
    step = sc.module_price_step
    module_price = clip(1.0 / step if level == 0 else (1.0 if level == 1 else step))
    support = 0.5 * w.support_level
    joined = w.joined
    epsilon = w.epsilon / (EPSILON_TIERS - 1.0)
    pooling = sc.pooling_enabled
    incentive = 0.5 * w.incentive_level
    strictness = 0.5 * w.strictness
    subscribed = 0
    for n in range(agents):
        subscribed |= st.agent[k, n].modules
    for i in range(agents):
        obs = st.observation[k, i]
        agent = st.agent[k, i]
        static = S.agent[first + i]
        firm = static.firm
        obs[TRUST] = agent.trust if firm else trust
        obs[TRUST_MEAN] = trust
        obs[RATING] = agent.rating if firm else rating
        obs[CLAIMED] = 0.25 * agent.claim if firm else claimed
        obs[TRUE_LEVEL] = agent.true_level if firm else 0.0
        obs[EFFORT_LEVEL] = 0.25 * agent.effort_level if firm else 0.0
        obs[CAUGHT] = agent.caught
        obs[SHADED] = agent.shaded
        obs[INSURED] = agent.insured if firm else insured
        obs[PREMIUM] = clip((agent.premium if firm else premium) * scale)
        obs[PREMIUM_TIER] = tier
        obs[REBATE] = rebate
        obs[CAPITAL] = capital
        obs[AUDIT_LEVEL] = audit
        obs[DEMAND_LEVEL] = demand
        obs[FINE_FACTOR] = fine_factor
        obs[INTENSITY] = agent.intensity / 3.0 if counts_credits else 0.0
        obs[BID] = agent.bid / 3.0
        for m in range(MODULES_SHOWN):
            users = 0.0
            if firm:
                users = (agent.modules >> m) & 1
            elif (subscribed >> m) & 1:
                for n in range(agents):
                    users += ((st.agent[k, n].modules >> m) & 1) / count
            obs[MODULE + m] = users
        obs[MODULE_PRICE] = module_price
        obs[SUPPORT] = support
        obs[JOINED] = joined
        obs[EPSILON] = epsilon
        obs[PROVING] = agent.proving if firm else proving
        obs[EQUITY] = clip(agent.equity / max(static.equity, 1e-9) if firm else equity)
        obs[SMALL] = static.small
        obs[PLATFORM] = static.platform
        obs[GONE] = agent.gone if firm else gone
        if pooling:
            obs[REPORTS] = REPORT_SHARES[agent.reports] if firm else reports
            obs[EVEN] = agent.even if firm else even
            obs[INCENTIVE] = incentive
        obs[STRICTNESS] = strictness


@compiled
def _write_phase(S, st, k, sc, w):  # type: ignore[no-untyped-def]
    """What every step changes: phase, proposer, the motion's figures, budgets, masks."""
    scale = 1.0 / sc.money_scale
    agents = sc.na
    first = sc.a0
    voting, over, proposer, mode = w.voting, w.over, w.proposer, w.mode
    proposing = -1 if over else S.agent[first + proposer].role
    motions_left = (sc.motions_per_window - w.motion) / sc.motions_per_window
    public_gain = clip(w.public_gain * scale) if voting else 0.0
    quote = clip(w.quote * scale)
    negligence_share = sc.negligence_share
    counts_credits = sc.counts_credits
    for i in range(agents):
        obs = st.observation[k, i]
        agent = st.agent[k, i]
        budget = S.agent[first + i].budget
        obs[PHASE] = voting
        obs[PROPOSER] = proposer == i and not over
        for n in range(_SHOWN_PROPOSERS):
            obs[_PROPOSER_PLACES[n]] = proposing == n
        obs[MAY_VOTE] = agent.may_vote
        obs[MOTIONS_LEFT] = motions_left
        obs[BUDGET] = min(agent.budget / budget, 1.0) if budget > 0.0 else 0.0
        for n in range(4):
            obs[MOTION_MODE + n] = voting and mode == n
        obs[OWN_GAIN] = clip(agent.own_gain * scale)
        obs[PUBLIC_GAIN] = public_gain
        obs[QUOTE] = quote
        obs[NEGLIGENCE_SHARE] = negligence_share if agent.negligence > 0.0 else 0.0
        obs[CREDITS] = clip(0.1 * agent.credits) if counts_credits else 0.0
        _write_mask(S, st, k, i, sc, w, agent)


@compiled
def _write_mask(S, st, k, i, sc, w, agent):  # type: ignore[no-untyped-def]
    mask = st.mask[k, i]
    mask[:] = 0
    if w.voting:
        mask[ABSTAIN] = 1
        if agent.may_vote:
            free = agent.budget - committed(S, st, k, i)
            tenth = 0.1 * w.quote
            for vote in range(len(VOTES)):
                tenths = payment_tenths(vote)
                mask[VOTE_START + vote] = tenths <= 0 or tenth * tenths <= free
        return
    mask[PASS] = 1
    if w.over:
        return
    if w.proposer == i:
        for r in range(AGENDA_ROWS):
            row = st.row[k, r]
            if row.patch < 0:
                continue
            if not sc.governance_enabled and S.patch[sc.p0 + row.patch].owner != i:
                continue
            for mode in range(4):
                mask[NOMINATE_START + 4 * r + mode] = row.feasible[mode]
    role_mask_levers(S.agent[sc.a0 + i].role, S, st, k, i, mask)


assert VOTE_START + len(VOTES) == LEVER_START
