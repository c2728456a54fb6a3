"""The two steps of a motion: propose, then vote; and what a motion that passes puts into the window's plan."""

from __future__ import annotations

from patchpact.agents.roles import ROLE_INDEX, ROLE_MODULES
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import (
    ABSTAIN,
    LEVER_START,
    NOMINATE_START,
    PASS,
    ROW_WIDTH,
    VOTE_START,
    VOTES,
)
from patchpact.agents.roles.registry import ACTION_NAMES
from patchpact.envs.core import firms, modes, random, rows
from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.ledger import BID, SIDE_PAYMENT, book, nature, outside
from patchpact.envs.core.modes import MITIGATE
from patchpact.envs.core.recognition import recognise, second_price
from patchpact.envs.core.responsibility import NEGLIGENCE, assign_shares
from patchpact.envs.core.voting import motion_passes

_FIRST_PAY, _FIRST_ASK = VOTES.index("accept_pay_10"), VOTES.index("ask_10")
_REJECT, _ABSTAIN = VOTES.index("reject"), VOTES.index("abstain")
_IT = ROLE_INDEX["it"]
_SIZES = tuple(len(ACTION_NAMES[module.NAME]) for module in ROLE_MODULES)

role_apply_lever = dispatcher([module.apply_lever for module in ROLE_MODULES], "S, st, k, i, lever")


@compiled
def payment_tenths(vote):  # type: ignore[no-untyped-def]
    """Tenths of the quote that a vote pays (positive) or asks (negative): whole, so that no rounding decides."""
    if vote == _FIRST_PAY:
        return 1
    if vote == _FIRST_PAY + 1:
        return 3
    if vote == _FIRST_ASK:
        return -1
    return -3 if vote == _FIRST_ASK + 1 else 0


@compiled
def read_actions(S, st, k, actions):  # type: ignore[no-untyped-def]
    """Take the agents' actions; an illegal one becomes pass (while proposing) or abstain (while voting)."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        a = actions[i]
        legal = 0 <= a < _SIZES[S.agent[sc.a0 + i].role] and st.mask[k, i, a] == 1
        st.illegal[k, i] = not legal
        st.chosen[k, i] = a if legal else (ABSTAIN if w.voting else PASS)


@compiled
def propose(S, st, k):  # type: ignore[no-untyped-def]
    """Levers first, in agent order, then the proposer's nomination, if it is still feasible.

    Returns whether the motion is over (nothing nominated, or no governance to vote on it) and whether it passed.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.levers = 0
    for i in range(sc.na):
        a = st.chosen[k, i]
        if a >= LEVER_START:
            role = S.agent[sc.a0 + i].role
            price = role_apply_lever(role, S, st, k, i, a - LEVER_START)
            paid = book(S, st, k, i, nature(st), S.lever_kind[role, a - LEVER_START], price)
            st.agent[k, i].budget -= paid
            w.spend_keur += paid
            w.levers = 1
    if w.levers:
        rows.refresh_rows(S, st, k, False, False)
    a = st.chosen[k, w.proposer]
    if not NOMINATE_START <= a < VOTE_START:
        return True, False
    w.row = (a - NOMINATE_START) // 4
    w.mode = (a - NOMINATE_START) % 4
    row = st.row[k, w.row]
    if row.patch < 0 or not row.feasible[w.mode]:
        w.row = -1
        return True, False
    w.motions_proposed += 1.0
    if not sc.governance_enabled:
        return True, True
    w.quote = public_quote(S, st, k, row.patch, w.mode)
    w.public_gain = row.public[w.mode]
    scale = 1.0 / sc.money_scale
    for i in range(sc.na):
        agent = st.agent[k, i]
        agent.own_gain = st.own[k, i, w.row, w.mode]
        agent.may_vote = voter(S, st, k, i, row.patch)
        agent.negligence = 0.0
        if (
            sc.responsibility_rule == NEGLIGENCE
            and sc.responsibility_enabled
            and agent.may_vote
            and w.public_gain > 0.0
        ):
            agent.negligence = firms.negligence_at_stake(S, st, k, i, row.patch)
            agent.own_gain += agent.negligence
        start = w.row * ROW_WIDTH
        st.observation[k, i, start + rows.ON_MOTION] = 1.0
        st.observation[k, i, start + rows.OWN_MOTION] = rows.clip(agent.own_gain * scale)
    w.voting = 1
    _weigh(S, st, k, row.patch)
    return False, False


@compiled
def _weigh(S, st, k, j):  # type: ignore[no-untyped-def]
    """Vote weights in force: the agents' own, or their liability for patch j in thousandths where the rule says so."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    liable = sc.weighs_liability and sc.responsibility_enabled
    if liable:
        assign_shares(sc.responsibility_rule, S, st, k, j)
    for i in range(sc.na):
        st.weight[k, i] = S.agent[sc.a0 + i].weight
        if sc.weighs_liability:
            st.weight[k, i] = int(round(1000.0 * st.share[k, i])) if liable else 1


@compiled
def public_quote(S, st, k, j, mode):  # type: ignore[no-untyped-def]
    """Labour, fee and added downtime of a motion (k€) by public figures, whether or not a network collects them."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    quote = static.effort * modes.effort_factor(sc, mode) * sc.labour_keur_per_hour
    if mode == MITIGATE:
        return quote
    quote += static.fee * (st.agent[k, static.vendor].price if static.vendor >= 0 else 1.0)
    outage = static.downtime * modes.downtime_factor(sc, mode)
    service = S.service[sc.s0 + static.service]
    for n in range(service.link0, service.link1):
        link = S.link[n]
        flow = st.flow[w.r0 + link.flow]
        hours = rows.added_hours(flow, sc, outage, link.weight)
        quote += hours * flow.public_rate * rows.price_of_hour(S, st, k, link.flow)
    return quote


@compiled
def voter(S, st, k, i, j):  # type: ignore[no-untyped-def]
    """Every IT agent, the owners of the service and of the flows through it, and the component's vendor may vote."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    if st.agent[k, i].gone:
        return False
    if S.agent[sc.a0 + i].role == _IT or i == static.owner or i == static.vendor:
        return True
    service = S.service[sc.s0 + static.service]
    for n in range(service.link0, service.link1):
        if S.flow[sc.r0 + S.link[n].flow].owner == i:
            return True
    return False


@compiled
def committed(S, st, k, i):  # type: ignore[no-untyped-def]
    """Budget (k€) that agent i will need for the motion itself if it passes: labour for IT, the fee for the owner."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    row = st.row[k, w.row]
    static = S.patch[sc.p0 + row.patch]
    need = 0.0
    if static.it == i:
        need += row.effort * modes.effort_factor(sc, w.mode)
    if static.owner == i and w.mode != MITIGATE:
        need += row.fee
    return need


@compiled
def settle(S, st, k):  # type: ignore[no-untyped-def]
    """Count the votes, with escrow. Asks are filled smallest first and only in full; an unfilled ask rejects.

    Nothing moves if the motion fails; unused escrow returns to its payers in proportion. Returns whether it passed.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    escrow = 0
    for i in range(sc.na):
        vote = st.chosen[k, i] - VOTE_START
        st.transfers[k, i] = payment_tenths(vote)
        st.ballots[k, i] = -1 if vote == _REJECT else (0 if vote == _ABSTAIN else 1)
        escrow += max(st.transfers[k, i], 0)
        if sc.counts_credits and st.ballots[k, i] != 0:
            _spend_credits(st, k, i)
    left = escrow
    for vote in range(_FIRST_ASK, _FIRST_ASK + 2):
        for i in range(sc.na):
            if st.chosen[k, i] - VOTE_START != vote:
                continue
            if -st.transfers[k, i] <= left:
                left += st.transfers[k, i]
            else:
                st.transfers[k, i] = 0
                st.ballots[k, i] = -abs(st.ballots[k, i])
    agents = S.agent[sc.a0 : sc.a0 + sc.na]
    quota = int(round(1000.0 * sc.quota))
    if not motion_passes(sc.voting, st.ballots[k, : sc.na], st.weight[k, : sc.na], agents["veto"], quota):
        _remember_rejection(S, st, k)
        return False
    used = escrow - left
    if used > 0:
        share = 0.1 * w.quote / escrow
        for giver in range(sc.na):
            paid = st.transfers[k, giver]
            if paid <= 0:
                continue
            st.agent[k, giver].budget -= share * paid * used
            for taker in range(sc.na):
                if st.transfers[k, taker] < 0:
                    book(S, st, k, giver, taker, SIDE_PAYMENT, share * paid * -st.transfers[k, taker])
    return True


@compiled
def _spend_credits(st, k, i):  # type: ignore[no-untyped-def]
    """Cast as many votes at once as the agent's intensity says and its credits allow; n cost n squared."""
    agent = st.agent[k, i]
    votes = agent.intensity
    while votes > 0 and votes * votes > agent.credits:
        votes -= 1
    agent.credits -= votes * votes
    st.ballots[k, i] *= votes


@compiled
def _remember_rejection(S, st, k):  # type: ignore[no-untyped-def]
    """Who rejected a patch, and who accepted it, while the public estimate said it was worth it."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if w.public_gain <= 0.0:
        return
    p = st.patch[w.p0 + st.row[k, w.row].patch]
    p.rejecters = p.accepters = 0
    p.rejected_day = w.t * sc.window_days
    for i in range(sc.na):
        if st.ballots[k, i] < 0:
            p.rejecters |= 1 << i
        elif st.ballots[k, i] > 0:
            p.accepters |= 1 << i


@compiled
def carry(S, st, k):  # type: ignore[no-untyped-def]
    """Put the motion into the window's plan: reserve hours and budgets (at public figures), extend the outages."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    row = st.row[k, w.row]
    static = S.patch[sc.p0 + row.patch]
    p = st.patch[w.p0 + row.patch]
    hours = static.effort * modes.effort_factor(sc, w.mode)
    p.planned = w.mode
    p.fee = row.fee
    p.order = w.planned_n
    p.day = modes.plan_day(S, st, k, w.mode)
    if w.mode != modes.EMERGENCY:
        w.capacity_left = max(w.capacity_left - hours, 0.0)
    for i in range(sc.na):
        st.agent[k, i].budget = max(st.agent[k, i].budget - committed(S, st, k, i), 0.0)
    if w.mode != MITIGATE:
        service = S.service[sc.s0 + static.service]
        outage = static.downtime * modes.downtime_factor(sc, w.mode)
        for n in range(service.link0, service.link1):
            link = S.link[n]
            flow = st.flow[w.r0 + link.flow]
            flow.total += outage * link.weight
            flow.longest = max(flow.longest, outage * link.weight)
            flow.opened = max(flow.opened, link.weight)
    w.planned_n += 1
    w.motions_passed += 1.0
    row.patch = -1
    row.stale = 1
    p.row = -1
    rows.refresh_rows(S, st, k, False, True)


@compiled
def close_motion(S, st, k):  # type: ignore[no-untyped-def]
    """Clear the table after a motion; returns True where it was the window's last."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if w.row >= 0:
        for i in range(sc.na):
            start = w.row * ROW_WIDTH
            st.observation[k, i, start + rows.ON_MOTION] = 0.0
            st.observation[k, i, start + rows.OWN_MOTION] = 0.0
            st.agent[k, i].may_vote = 0
            st.agent[k, i].own_gain = 0.0
            st.agent[k, i].negligence = 0.0
    w.voting = 0
    w.row = -1
    w.quote = 0.0
    w.public_gain = 0.0
    w.motion += 1
    w.turn += 1
    return w.motion >= sc.motions_per_window


@compiled
def name_proposer(S, st, k):  # type: ignore[no-untyped-def]
    """The recognition rule names who proposes the coming motion; without governance owners act in turn."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.governance_enabled:
        draw = random.uniform(w.seed, random.RECOGNITION, 0, w.turn)
        weights = S.agent[sc.a0 : sc.a0 + sc.na]["weight"]
        bids = st.agent[k, : sc.na]["bid"]
        w.proposer = recognise(sc.recognition, draw, weights, w.turn, bids)
        if sc.sells_floor and (w.motion > 0 or w.t > 0):
            price = second_price.price(w.proposer, bids) * sc.bid_step_keur
            paid = book(S, st, k, w.proposer, outside(st), BID, price)
            st.agent[k, w.proposer].budget = max(st.agent[k, w.proposer].budget - paid, 0.0)
        return
    owners = 0
    for i in range(sc.na):
        owners += S.agent[sc.a0 + i].services > 0
    turn = w.turn % owners
    for i in range(sc.na):
        if S.agent[sc.a0 + i].services > 0:
            if turn == 0:
                w.proposer = i
            turn -= 1
