"""Which parts of the wider game a scenario plays, and lengths of time."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled


@compiled
def disclosing(sc):  # type: ignore[no-untyped-def]
    """Whether firms disclose and are rated."""
    return sc.disclosure_enabled != 0 and sc.responsibility_enabled != 0


@compiled
def auditing(sc):  # type: ignore[no-untyped-def]
    """Whether what is disclosed can be audited: claims that nobody can make are still looked for."""
    return sc.disclosure_enabled != 0 and sc.governance_enabled != 0


@compiled
def offering(sc):  # type: ignore[no-untyped-def]
    """Whether the platform's modules are on offer."""
    return sc.modules_enabled != 0 and sc.value_enabled != 0


@compiled
def years(sc):  # type: ignore[no-untyped-def]
    """A window in years."""
    return sc.window_days / 365.0
