"""Patch plans as a service to many tenants: modules propose plans for a tenant's own graph and findings.

In this process::

    from patchpact.ecosystem.service import local

    service = local(tenants=[{"id": "acme", "modules": ["prioritise"]}])
    service.upload("acme", {"graph": {...}, "findings": [...]})
    service.plans("acme", "net-gain", k=3)

Over HTTP: ``patchpact serve``. A new module is a ``Recommender`` and a line in ``recommenders.OFFERS``.
"""

from patchpact.ecosystem.service.recommender import PatchStep, PlanScore, Recommender, TenantView
from patchpact.ecosystem.service.recommenders import RECOMMENDERS, Offer
from patchpact.ecosystem.service.service import Service, ServiceError, local

__all__ = [
    "RECOMMENDERS",
    "Offer",
    "PatchStep",
    "PlanScore",
    "Recommender",
    "Service",
    "ServiceError",
    "TenantView",
    "local",
]
