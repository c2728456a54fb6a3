"""Fixed shares of an incident's loss by role; what they leave falls on users."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "fixed"


@compiled
def shares(share_it, share_business, share_vendor, has_vendor):  # type: ignore[no-untyped-def]
    """Shares of IT, the service's owner and the component's vendor; the rest is borne outside."""
    return share_it, share_business, share_vendor if has_vendor else 0.0
