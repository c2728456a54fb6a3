"""The audit game alone: one firm, one auditor, nothing else in play; its equilibrium, and play that finds it.

A firm chooses effort e and a claim d in [0, 1]; a gap g = max(0, d - e) costs it, if audited, a penalty F g and
goodwill T g. The auditor audits with probability q at a cost a and keeps the share eta of penalties. Per window, k€:

    firm     u = b d - c d^2 / 2 - k e^2 / 2 - q (min(F g, E) + T g)
    auditor  v = q (eta min(F g, E) - a)

b is what a level claimed brings (interest, prices), c and k are the costs of filing and of effort, E the firm's equity.

**Quadratic game, E not binding.** While it lies (d > e) the firm's first-order conditions are b - c d = q (F + T) and
k e = q (F + T), hence d = (b - q (F + T)) / c, e = q (F + T) / k. The auditor is indifferent where eta F g = a, hence
g* = a / (eta F). Setting d - e = g*: q* = (b / c - g*) / ((F + T) (1 / c + 1 / k)).

**Linear game.** The firm lies in full (g = 1, gains b) or not at all. It is indifferent at q* = b / (F + T), the
auditor where it lies with probability x* = a / (eta F).

Both have no equilibrium in pure strategies; fictitious play (Brown 1951), in which each side answers best to the
average of what the other did so far, comes to the mixed one on average. With b = 30, c = 10, k = 80, F = 400, T = 100,
a = 30, eta = 0.5: q* = .0507, g* = .15 and q* = .06, x* = .15.

Costs and penalties are the functions that the simulator plays (``envs.core.disclosure``, ``agents.roles.business``).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

from patchpact.agents.roles import business
from patchpact.envs.core import disclosure
from patchpact.scenarios import Scenario


@dataclass(frozen=True)
class AuditGame:
    """Parameters of the game, k€ a window; see the module's formulas."""

    benefit: float = 30.0
    filing_cost: float = 10.0
    effort_cost: float = 80.0
    penalty: float = 400.0
    reputation: float = 100.0
    audit_cost: float = 30.0
    bounty_share: float = 0.5
    equity: float = float("inf")

    @classmethod
    def of(cls, scenario: Scenario, agent: str) -> AuditGame:
        """The game that a firm of a scenario plays with the auditor; only interest rewards its claims here."""
        p = scenario.parameters
        firm = next(a for a in scenario.agents if a.name == agent)
        factor = float(p["compliance_cost_factor"])
        tier = float(p["filing_small_factor"]) if firm.size == "small" else 1.0
        debt = float(p["debt_ratio"]) * firm.equity_keur
        return cls(
            benefit=float(p["spread_rating"]) * debt * float(p["window_days"]) / 365.0,
            filing_cost=float(p["filing_cost_keur"]) * factor * tier,
            effort_cost=float(p["compliance_cost_keur"]) * factor,
            penalty=float(p["gap_penalty_keur"]),
            reputation=float(p["reputation_keur"]),
            audit_cost=float(p["audit_cost_keur"]),
            bounty_share=float(p["bounty_share"]),
            equity=firm.equity_keur,
        )

    def _costs(self) -> SimpleNamespace:
        return SimpleNamespace(
            compliance_cost_keur=self.effort_cost,
            compliance_cost_factor=1.0,
            support_relief=0.0,
            filing_cost_keur=self.filing_cost,
            filing_small_factor=1.0,
            esg_report_relief=0.0,
        )

    def penalty_for(self, gap: float) -> float:
        """What an audit that finds the gap takes from the firm's equity, k€."""
        return min(self.penalty * gap, self.equity)

    def firm_payoff(self, claim: float, effort: float, audited: float) -> float:
        """The firm's payoff when it is audited with this probability, k€."""
        costs = self._costs()
        gap = max(claim - effort, 0.0)
        spent = business.effort_cost.py_func(costs, effort, False, 0.0)  # type: ignore[attr-defined]
        spent += disclosure.filing_cost.py_func(costs, claim, False, False)  # type: ignore[attr-defined]
        return float(self.benefit * claim - spent - audited * (self.penalty_for(gap) + self.reputation * gap))

    def best_answer(self, audited: float) -> tuple[float, float]:
        """The firm's best (claim, effort) when it is audited with this probability.

        The payoff is concave on each of three pieces: honest, lying with the penalty in proportion, lying with all its
        equity at stake. The best of their optima, each clipped to [0, 1], is the best of all.
        """
        honest = _unit(self.benefit / (self.filing_cost + self.effort_cost))
        found = [(honest, honest), (1.0, 0.0)]
        for price in (audited * (self.penalty + self.reputation), audited * self.reputation):
            claim, effort = _unit((self.benefit - price) / self.filing_cost), _unit(price / self.effort_cost)
            found.append((max(claim, effort), effort))
        return max(found, key=lambda answer: self.firm_payoff(answer[0], answer[1], audited))

    def equilibrium(self) -> tuple[float, float]:
        """(audit probability, mean gap) of the quadratic game; ValueError where it has none inside the bounds."""
        gap = self.audit_cost / (self.bounty_share * self.penalty)
        price = self.penalty + self.reputation
        audited = (self.benefit / self.filing_cost - gap) / (price * (1.0 / self.filing_cost + 1.0 / self.effort_cost))
        claim, effort = (self.benefit - audited * price) / self.filing_cost, audited * price / self.effort_cost
        if self.penalty * gap > self.equity or not (0.0 <= effort <= claim <= 1.0 and 0.0 <= audited <= 1.0):
            raise ValueError("audit game: no interior equilibrium with these parameters; look at fictitious play")
        return audited, gap

    def linear_equilibrium(self) -> tuple[float, float]:
        """(audit probability, probability of lying) of the all-or-nothing game."""
        return self.benefit / (self.penalty + self.reputation), self.audit_cost / (self.bounty_share * self.penalty)


@dataclass(frozen=True)
class Average:
    """Time averages of fictitious play."""

    rounds: int
    audited: float
    gap: float
    claim: float
    effort: float


def _unit(x: float) -> float:
    return min(max(x, 0.0), 1.0)


def fictitious_play(game: AuditGame, rounds: int = 20_000) -> Average:
    """Play the quadratic game: both sides answer best to the other's average so far."""
    audited = gap = claim = effort = paid = 0.0
    for n in range(1, rounds + 1):
        d, e = game.best_answer(audited)
        audit = 1.0 if n > 1 and game.bounty_share * paid > game.audit_cost else 0.0
        g = max(d - e, 0.0)
        for_once = game.penalty_for(g)
        gap, claim, effort = gap + (g - gap) / n, claim + (d - claim) / n, effort + (e - effort) / n
        paid, audited = paid + (for_once - paid) / n, audited + (audit - audited) / n
    return Average(rounds, audited, gap, claim, effort)


def fictitious_play_linear(game: AuditGame, rounds: int = 20_000) -> tuple[float, float]:
    """Play the all-or-nothing game; averages of (audits, lies)."""
    audited = lying = 0.0
    for n in range(1, rounds + 1):
        lie = 1.0 if game.benefit > audited * (game.penalty + game.reputation) else 0.0
        audit = 1.0 if lying * game.bounty_share * game.penalty > game.audit_cost else 0.0
        audited, lying = audited + (audit - audited) / n, lying + (lie - lying) / n
    return audited, lying
