"""The privacy ledger: one account of everything released from persons' data, kept on disk before it is released.

The unit is a person: neighbouring data differ by adding or removing all there is of one person (each stands once, in
one tenant). Of federated training of policies it is a tenant, with all its worlds (`unit`). Epsilon at a fixed delta is
dp-accounting's for privacy loss distributions, of all releases composed. Sampling lowers the price only where every
unit is drawn by a coin of its own, unseen (Poisson), which is what the accountant assumes; where the unit is a person,
which tenants take part is known to all and lowers nothing.

A charge is written (to a new file, synced, renamed, under a lock) before it returns, so a crash can lose a release but
never a charge. What the ledger cannot know: releases that did not ask it, and a file that was deleted.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from patchpact.scenarios.writing import replace_text

FORMAT = 1
PERSON = "a person, added or removed"
TENANT = "a tenant, added or removed with all its worlds"


class LedgerError(ValueError):
    """A ledger that cannot be used; its text is one line, `<file>: <field>: <problem>; <mend>`."""


class BudgetError(LedgerError):
    """A release that the budget does not allow; nothing was charged and nothing may be released."""


@dataclass(frozen=True)
class Release:
    """One or more releases of the same kind.

    Args:
        what: what is released, in words.
        noise_multiplier: standard deviation of the Gaussian noise over the sensitivity, above 0.
        count: how often.
        sampling_probability: with which each person is in a release, by a coin of its own; 1 for all.
    """

    what: str
    noise_multiplier: float
    count: int = 1
    sampling_probability: float = 1.0

    def __post_init__(self) -> None:
        fits = (
            _is_text(self.what)
            and _is_number(self.noise_multiplier)
            and self.noise_multiplier > 0.0
            and _is_number(self.count)
            and self.count == int(self.count) > 0
            and _is_number(self.sampling_probability)
            and 0.0 < self.sampling_probability <= 1.0
        )
        if not fits:
            raise LedgerError(
                f"release {self.what!r}: noise_multiplier must be above 0, count a whole number from 1 on,"
                " sampling_probability above 0 and at most 1; correct it"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def epsilon(releases: Sequence[Release], delta: float) -> float:
    """What all releases together cost a person, at ``delta``."""
    exact = sum(one.count / one.noise_multiplier**2 for one in releases if one.sampling_probability == 1.0)
    sampled: Counter[tuple[float, float]] = Counter()
    for one in releases:
        if one.sampling_probability < 1.0:
            sampled[one.sampling_probability, one.noise_multiplier] += one.count
    return _epsilon(exact, tuple(sorted(sampled.items())), delta)


@lru_cache(maxsize=512)
def _epsilon(exact: float, sampled: tuple[tuple[tuple[float, float], int], ...], delta: float) -> float:
    """Of Gaussian releases together (they compose to one whose squared inverse multiplier is the sum) and sampled."""
    from dp_accounting import GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent, get_epsilon_gaussian
    from dp_accounting.pld import PLDAccountant

    if not sampled:  # known in closed form, to which the distribution's grid is a close upper bound
        return float(get_epsilon_gaussian(exact**-0.5, delta))
    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    if exact:
        accountant.compose(GaussianDpEvent(exact**-0.5))
    for (probability, multiplier), count in sampled:
        accountant.compose(PoissonSampledDpEvent(probability, GaussianDpEvent(multiplier)), count)
    return float(accountant.get_epsilon(delta))


class Ledger:
    """What has been released, and what may still be.

    Args:
        path: the file; None keeps it in memory, for made-up data. A file that is there is read: its budget and delta
            must be these.
        budget_epsilon: what all releases together may cost, above 0.
        delta: well below one over the number of persons (or tenants).
        unit: what neighbouring data differ by; a file that is there must have the same.
    """

    def __init__(self, path: Path | None, budget_epsilon: float, delta: float = 1e-5, unit: str = PERSON) -> None:
        if not (_is_number(budget_epsilon) and budget_epsilon > 0.0 and _is_number(delta) and 0.0 < delta < 1.0):
            raise LedgerError(f"{path or 'ledger'}: budget: epsilon above 0 and delta between 0 and 1; correct them")
        self.path, self.budget_epsilon, self.delta, self.unit = path, float(budget_epsilon), float(delta), unit
        self._releases: tuple[Release, ...] = ()
        if path is not None:
            with self._locked():
                self._releases = self._read()

    @property
    def releases(self) -> tuple[Release, ...]:
        """All charged so far, as this process knows."""
        return self._releases

    def spent(self) -> float:
        """Epsilon of all charged so far."""
        return epsilon(self._releases, self.delta) if self._releases else 0.0

    def check(self, releases: Sequence[Release]) -> None:
        """Raise ``BudgetError`` if the budget does not allow all of these; charges nothing."""
        self._refuse_overrun([*self._releases, *releases])

    def charge(self, release: Release) -> None:
        """Charge before releasing. When this returns, the charge is on disk; when it raises, nothing is charged.

        Raises:
            BudgetError: the budget does not allow it.
            LedgerError: the file cannot be read as a ledger.
            OSError: it cannot be written.
        """
        if self.path is None:
            self._refuse_overrun([*self._releases, release])
            self._releases += (release,)
            return
        with self._locked():
            known = self._read()  # another process may have charged meanwhile
            if len(known) < len(self._releases):
                raise LedgerError(f"{self.path}: entries: some were removed while it was in use; put them back")
            self._releases = known
            self._refuse_overrun([*known, release])
            self._write((*known, release))
            self._releases = (*known, release)

    def _refuse_overrun(self, releases: Sequence[Release]) -> None:
        would = epsilon(releases, self.delta)
        if not would <= self.budget_epsilon:
            raise BudgetError(
                f"{self.path or 'ledger'}: budget: epsilon {self.spent():.4g} of {self.budget_epsilon:g} is spent, and"
                f" {releases[-1].what!r} would make it {would:.4g}; release less, or with more noise"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        assert self.path is not None
        with self.path.with_name(self.path.name + ".lock").open("a", encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _read(self) -> tuple[Release, ...]:
        """The file's entries; none if there is no file. One that is broken is never taken for an empty one."""
        assert self.path is not None
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError:
            raise LedgerError(f"{self.path}: is no text; name the ledger's file") from None
        try:
            said = json.loads(text)
            entries = tuple(Release(**entry) for entry in said["entries"])
            kept = (said["format"], said["budget_epsilon"], said["delta"])
            unit = said["unit"]
        except (ValueError, KeyError, TypeError) as error:
            problem = f"is no ledger ({' '.join(str(error).split())[:80]})"
            raise LedgerError(f"{self.path}: entries: {problem}; restore it, do not delete it") from None
        if kept != (FORMAT, self.budget_epsilon, self.delta):
            asked = f"epsilon {self.budget_epsilon:g} at delta {self.delta:g}"
            raise LedgerError(
                f"{self.path}: budget: was opened with epsilon {kept[1]} at delta {kept[2]}, not with {asked};"
                " a budget is set once: give the same"
            )
        if unit != self.unit:
            raise LedgerError(f"{self.path}: unit: is an account of {unit!r}, not of {self.unit!r}; name another file")
        return entries

    def _write(self, releases: tuple[Release, ...]) -> None:
        assert self.path is not None
        said = {
            "format": FORMAT,
            "unit": self.unit,
            "budget_epsilon": self.budget_epsilon,
            "delta": self.delta,
            "spent_epsilon": epsilon(releases, self.delta),
            "entries": [asdict(one) for one in releases],
        }
        replace_text(self.path, json.dumps(said, indent=1) + "\n")
