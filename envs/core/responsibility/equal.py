"""Equal shares for every agent concerned: IT, the service's owner and, where an agent plays it, the vendor."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "equal"


@compiled
def shares(share_it, share_business, share_vendor, has_vendor):  # type: ignore[no-untyped-def]
    """Shares of IT, the service's owner and the component's vendor; nothing is left for users."""
    if has_vendor:
        return 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0
    return 0.5, 0.5, 0.0
