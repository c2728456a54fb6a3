"""Settings of federated training, as they stand in ``config.json`` under ``federated``."""

from __future__ import annotations

import math
from dataclasses import dataclass

MIN_TENANTS = 2


@dataclass(frozen=True)
class FederatedConfig:
    """Many tenants train one policy.

    Attributes:
        tenants: so many tenants, each on a graph drawn for it (``generated-v1``; made-up data); 0: each scenario of the
            run is a tenant.
        rounds: how often the tenants' updates are asked for.
        local: how a tenant trains: ``"ppo"``, or ``"imitate"``, learning the ways of the teacher ``imitate`` on its own
            worlds, which takes far fewer steps.
        local_iterations: iterations that a tenant trains in a round; of imitation, an episode in each of its worlds.
        update_clip: largest 2-norm of a tenant's update (change of all roles' policy weights); longer ones are
            shortened to it. 0 clips nothing, which a privacy budget does not allow.
        epsilon: privacy budget of each tenant for the whole run; what would overrun it is refused. 0: no noise, no
            promise.
        delta: at which ``epsilon`` holds; below one over the number of tenants (the default is an assumption).
        noise_multiplier: standard deviation of the noise on the sum of updates, over ``update_clip``; 0 is the smallest
            with which all rounds keep within ``epsilon``.
        participation: probability with which each tenant takes part in a round, by a coin of its own that nobody sees;
            below 1 the budget buys more rounds.
        subspace: noise is added in so many directions, which the server finds by training on as many drawn public
            worlds in each round; what lies outside them is not learned. 0: in every weight, which few tenants
            cannot bear.
        server_lr: step along the mean update.
        server_momentum: share of the last step that goes on into the next.
        public: bundled scenarios that are nobody's data; policies are scored and chosen on them alone, which costs no
            privacy, and a warm start (``imitate`` with ``local`` ppo) plays them.
        ledger: file of the privacy account, ``ledger.json`` in the run folder by default; runs on the same tenants
            must share one.
    """

    tenants: int = 0
    rounds: int = 20
    local: str = "ppo"
    local_iterations: int = 1
    update_clip: float = 0.3
    epsilon: float = 8.0
    delta: float = 1e-3
    noise_multiplier: float = 0.0
    participation: float = 1.0
    subspace: int = 8
    server_lr: float = 1.0
    server_momentum: float = 0.0
    public: tuple[str, ...] = ("generated-v1",)
    ledger: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", tuple(self.public))  # a list, where it was read from a file
        _check(self)

    @property
    def private(self) -> bool:
        """Whether anything is promised."""
        return self.epsilon > 0.0


def _check(given: FederatedConfig) -> None:
    """Raise ``ValueError`` naming the first setting that is out of its range."""
    for name, low in {"tenants": 0, "rounds": 1, "local_iterations": 1, "subspace": 0}.items():
        value = getattr(given, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"{name}: {value!r} is not a whole number from {low} on")
    if given.local not in ("ppo", "imitate"):
        raise ValueError(f"local: {given.local!r} is not ppo or imitate")
    ranges = {
        "update_clip": (0.0, 1e6), "epsilon": (0.0, 1e3), "delta": (0.0, 1.0), "noise_multiplier": (0.0, 1e6),
        "participation": (0.0, 1.0), "server_lr": (0.0, 1e3), "server_momentum": (0.0, 1.0),
    }  # fmt: skip
    for name, (lowest, highest) in ranges.items():
        number = getattr(given, name)
        fits = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        if not fits or not lowest <= number <= highest:
            raise ValueError(f"{name}: {number!r} is not a number from {lowest:g} to {highest:g}")
    if given.participation == 0.0:
        raise ValueError("participation: 0 asks nobody; give more than 0, and 1 for all")
    if given.server_momentum == 1.0:
        raise ValueError("server_momentum: 1 never stops; give less than 1")
    if given.tenants == 1:
        raise ValueError(f"tenants: 1 is alone; give {MIN_TENANTS} or more, or leave federated training out")
    if given.private and given.update_clip == 0.0:
        raise ValueError("update_clip: 0 bounds no tenant's influence; give a norm, or epsilon 0 for no promise")
    if given.private and not 0.0 < given.delta < 1.0:
        raise ValueError(f"delta: {given.delta!r} is not between 0 and 1")
    if not given.private and given.noise_multiplier:
        raise ValueError("noise_multiplier: noise without a budget; give epsilon too")
    if not given.public:
        raise ValueError("public: none given; name a bundled scenario")
    if given.tenants:
        check_delta(given, given.tenants)


def check_delta(given: FederatedConfig, tenants: int) -> None:
    """Raise ``ValueError`` for a delta that would let one tenant's update be published as it is."""
    if given.private and given.delta >= 1.0 / tenants:
        raise ValueError(
            f"delta: {given.delta:g} is not below 1/{tenants}, one over the number of tenants; give less, well below"
        )
