"""What the service does for a tenant, over HTTP or in this process. Every call names its tenant, and reads and writes
nothing but that tenant's room."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from patchpact.ecosystem.modules import MODULES, load_modules
from patchpact.ecosystem.modules.economics import price_keur
from patchpact.ecosystem.service.limits import Limits
from patchpact.ecosystem.service.recommender import PlanScore, TenantView
from patchpact.ecosystem.service.recommenders import RECOMMENDERS, Offer
from patchpact.ecosystem.service.tenants import TenantRecord, checked
from patchpact.ecosystem.service.uploads import view_of
from patchpact.scenarios import load_scenario
from patchpact.scenarios.errors import closest, shown
from patchpact.scenarios.files import parse_json, read_text
from patchpact.scenarios.schema import check
from patchpact.scenarios.writing import replace_text

_ANSWERS_KEPT = 16
_DATA_FILE = "data.json"


class ServiceError(ValueError):
    """A request that is refused: an HTTP status and one line with the mend."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(" ".join(text.split()))
        self.status = status


class _Room:
    """One tenant's data and the answers made from them; nothing else refers to it."""

    def __init__(self, tenant: TenantRecord, folder: Path | None) -> None:
        self.tenant, self.lock = tenant, threading.Lock()
        self._file = None if folder is None else folder / tenant.id / _DATA_FILE
        self._answers: OrderedDict[tuple[str, int], list[PlanScore]] = OrderedDict()
        self._view: TenantView | None = None
        self._read = self._file is None

    def view(self) -> TenantView | None:
        """The tenant's view, read from its file where there is one. Called with the lock held."""
        if not self._read and self._file is not None:
            if self._file.is_file():
                name = f"{self.tenant.id}/{_DATA_FILE}"
                self._view = view_of(parse_json(read_text(self._file, name), name), self.tenant.id)
            self._read = True
        return self._view

    def replace(self, document: Any) -> TenantView:
        """Take a new document; the old one stays if it is refused."""
        view = view_of(document, self.tenant.id)
        with self.lock:
            if self._file is not None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_text(self._file, json.dumps(document), private=True)
            self._view, self._read = view, True
            self._answers.clear()
        return view

    def forget(self) -> None:
        """Delete all that is the tenant's."""
        with self.lock:
            if self._file is not None:
                self._file.unlink(missing_ok=True)
            self._view, self._read = None, True
            self._answers.clear()

    def answer(self, offer: Offer, k: int) -> list[PlanScore]:
        """The recommender's plans, or those it gave for these data before."""
        key = (offer.recommender.name, k)
        with self.lock:
            view, known = self.view(), self._answers.get(key)
        if view is None:
            raise ServiceError(409, "data: nothing was uploaded; send graph and findings first (PUT /v1/data)")
        if not view.scenario.patches:
            raise ServiceError(409, "data: no finding can be patched; send findings with their fixed_version")
        if known is None:
            known = offer.recommender.recommend(view, k)
            with self.lock:
                if self._view is view:  # else new data came meanwhile
                    self._answers[key] = known
                    while len(self._answers) > _ANSWERS_KEPT:
                        self._answers.popitem(last=False)
        return known


class Service:
    """Patch plans for tenants.

    Args:
        tenants: who they are; nobody else is served.
        folder: where their data are kept, a folder each; None: in memory alone.
        limits: bounds.
        offers: recommenders by name.

    Raises:
        ScenarioError: one line, for tenants that share an id or have unknown modules.
    """

    def __init__(
        self,
        tenants: Iterable[TenantRecord],
        folder: Path | None = None,
        limits: Limits | None = None,
        offers: Mapping[str, Offer] = RECOMMENDERS,
    ) -> None:
        self.limits = limits or Limits()
        self.tenants = tuple(checked(tenants, "tenants"))
        self._offers = dict(offers)
        self._worth = load_modules()
        self._rooms = {tenant.id: _Room(tenant, folder) for tenant in self.tenants}
        self._subscribers = {
            module.name: sum(module.name in tenant.modules for tenant in self.tenants) for module in MODULES
        }

    def warm_up(self) -> None:
        """Load, and where need be compile, what the first plans would wait for."""
        view = TenantView.of(load_scenario("toy-v1"))
        for offer in self._offers.values():
            if offer.available:
                offer.recommender.recommend(view, 1)

    def _room(self, tenant: str) -> _Room:
        if tenant not in self._rooms:
            raise ServiceError(404, "tenant: there is no such tenant")
        return self._rooms[tenant]

    def upload(self, tenant: str, document: Any) -> dict[str, Any]:
        """Take the tenant's graph and findings in place of those it had.

        Args:
            tenant: its id.
            document: ``{"graph": node-link, "findings": [...], "calendar": [...], "parameters": {...}}``.

        Returns:
            As ``summary``.

        Raises:
            ScenarioError: one line that names the field and the mend; what was there stays.
        """
        room = self._room(tenant)
        return _summary(room.replace(document))

    def summary(self, tenant: str) -> dict[str, Any]:
        """What the tenant has uploaded: counts, and what was assumed."""
        room = self._room(tenant)
        with room.lock:
            view = room.view()
        if view is None:
            raise ServiceError(404, "data: nothing was uploaded; send graph and findings (PUT /v1/data)")
        return _summary(view)

    def forget(self, tenant: str) -> None:
        """Delete the tenant's data."""
        self._room(tenant).forget()

    def plans(self, tenant: str, recommender: str, k: int = 3) -> list[PlanScore]:
        """Plans for the tenant's coming window, best first.

        Args:
            tenant: its id.
            recommender: a name of ``modules``' recommenders.
            k: how many at most.

        Raises:
            ServiceError: 402 for a module that is not subscribed, 404 for an unknown recommender, 409 without data,
                422 for a bad ``k``, 501 where a library is missing.
        """
        room = self._room(tenant)
        offer = self._offers.get(recommender)
        if offer is None:
            mend = closest(recommender, self._offers)
            raise ServiceError(404, f"recommender: there is no {shown(recommender)}; {mend}")
        if offer.module is not None and offer.module not in room.tenant.modules:
            mend = "ask the platform's operator (GET /v1/modules shows its price)"
            raise ServiceError(402, f"recommender: {recommender} needs module {offer.module}, not subscribed; {mend}")
        if not offer.available:
            raise ServiceError(501, f"recommender: {recommender} needs {offer.needs}, not installed; take another")
        if not 1 <= k <= self.limits.plans:
            raise ServiceError(422, f"k: {k} is out of range; ask for 1 to {self.limits.plans} plans")
        return room.answer(offer, k)

    def modules(self, tenant: str) -> list[dict[str, Any]]:
        """All modules: whether the tenant has each, its price now, what it is worth, and its recommenders.

        Prices fall with the number of subscribers and with the tenant's compliance; worth is the measured table's.
        """
        record = self._room(tenant).tenant
        rows = []
        for module in MODULES:
            others = self._subscribers[module.name] - (module.name in record.modules)
            worth = self._worth.figure(module.name, "account_alone")
            rows.append(
                {
                    "module": module.name,
                    "what": module.what,
                    "subscribed": module.name in record.modules,
                    "price_keur_window": price_keur(module, others + 1, record.compliance),
                    "worth_keur_window": {"value": worth.value, "low": worth.low, "high": worth.high},
                    "basis": worth.basis,
                    "recommenders": [
                        name for name, offer in self._offers.items() if offer.module == module.name and offer.available
                    ],
                }
            )
        return rows


def _summary(view: TenantView) -> dict[str, Any]:
    scenario = view.scenario
    return {
        "services": len(scenario.services),
        "findings": len(scenario.findings),
        "patches": len(scenario.patches),
        "calendar": list(view.calendar),
        "assumptions": list(scenario.assumptions),
    }


def plan_rows(plans: Iterable[PlanScore]) -> list[dict[str, Any]]:
    """Plans as JSON takes them."""
    return [asdict(plan) for plan in plans]


_ME: Mapping[str, Any] = {"id": "me", "modules": [module.name for module in MODULES]}


def local(
    tenants: Iterable[Mapping[str, Any]] = (_ME,),
    folder: str | Path | None = None,
    limits: Limits | None = None,
    offers: Mapping[str, Offer] = RECOMMENDERS,
) -> Service:
    """The service in this process, without HTTP and without keys.

    Args:
        tenants: ``{"id": ..., "modules": [...]}`` each; left out: one, ``me``, with all modules.
        folder: where data are kept; None: in memory alone.
        limits: bounds.
        offers: recommenders by name, such as ``{**RECOMMENDERS, "mine": Offer(Mine(), None)}``.

    Raises:
        ScenarioError: one line, for a tenant that is not well described.
    """
    records = [check(TenantRecord, dict(tenant), "tenants", f"[{number}]") for number, tenant in enumerate(tenants)]
    return Service(records, None if folder is None else Path(folder), limits, offers)
