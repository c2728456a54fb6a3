"""How much one caller may ask for: a token bucket each."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; all are assumptions."""

    rate_per_second: float = 10.0
    """Requests of a tenant, in the long run."""
    burst: int = 40
    """Requests of a tenant at once."""
    failures_per_second: float = 1.0
    """Wrong keys from one address, in the long run."""
    failure_burst: int = 20
    body_bytes: int = 2_000_000
    plans: int = 10
    """Most plans in one answer."""
    connections: int = 64
    seconds: float = 10.0
    """How long a caller may take for a request, and a plan keep a caller waiting."""


class Buckets:
    """A token bucket for each caller; the least recently seen of too many are forgotten.

    Args:
        rate: tokens a second.
        burst: tokens that a bucket holds.
        callers: buckets kept.
        clock: seconds, rising.
    """

    def __init__(
        self, rate: float, burst: int, callers: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._callers, self._clock = rate, float(burst), callers, clock
        self._state: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, caller: str) -> int:
        """0 and a token taken, or the whole seconds until there is one."""
        with self._lock:
            now = self._clock()
            tokens, then = self._state.pop(caller, (self._burst, now))
            tokens = min(tokens + (now - then) * self._rate, self._burst)
            allowed = tokens >= 1.0
            self._state[caller] = (tokens - 1.0 if allowed else tokens, now)
            while len(self._state) > self._callers:
                self._state.popitem(last=False)
        return 0 if allowed else max(math.ceil((1.0 - tokens) / self._rate), 1)
