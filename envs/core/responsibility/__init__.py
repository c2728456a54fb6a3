"""Responsibility rules: who bears an incident's loss. A rule is one module with ``NAME`` and ``shares``.

``shares`` says before the fact what IT, the service's owner and the component's vendor would bear: agents' expectations
rest on it. A rule that looks at what happened adds ``assign``, which writes every agent's share after the fact.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.responsibility import equal, fixed, negligence, parts_played, shapley

RESPONSIBILITY_RULES: tuple[ModuleType, ...] = (
    fixed,
    equal,
    negligence,
    shapley,
)
NAMES = tuple(rule.NAME for rule in RESPONSIBILITY_RULES)
NEGLIGENCE = NAMES.index("negligence")

liability_shares = dispatcher(
    [rule.shares for rule in RESPONSIBILITY_RULES], "share_it, share_business, share_vendor, has_vendor"
)


def _assign_of(rule: ModuleType) -> Callable[..., Any]:
    """The rule's ``assign``; without one the shares it announces."""
    if hasattr(rule, "assign"):
        return rule.assign  # type: ignore[no-any-return]
    shares = rule.shares

    def assign(S, st, k, j):  # type: ignore[no-untyped-def]
        w = st.world[k]
        sc = S.scenario[w.scenario]
        static = S.patch[sc.p0 + j]
        it, business, vendor = shares(sc.share_it, sc.share_business, sc.share_vendor, static.vendor >= 0)
        parts_played.write(S, st, k, j, it, business, vendor)

    return compiled(assign)


assign_shares = dispatcher([_assign_of(rule) for rule in RESPONSIBILITY_RULES], "S, st, k, j")
"""Write every agent's share of a loss that entered through patch j into ``st.share``."""
