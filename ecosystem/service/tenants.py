"""Who the tenants are: their keys, of which only salted hashes are kept, and the modules they subscribe to.

A key is `<key id>.<secret>`. The secret is 256 bits from the operating system's generator, so a fast hash is enough:
there is no shorter list to try than all of them.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import Field

from patchpact.ecosystem.modules import find_module
from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import parse_json, read_text
from patchpact.scenarios.schema import Model, check
from patchpact.scenarios.writing import replace_text

TENANT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NOBODY_SALT, _NOBODY_HASH = secrets.token_hex(16), secrets.token_hex(32)


class TenantRecord(Model):
    """A tenant as the operator's file has it."""

    id: Annotated[str, Field(pattern=rf"^{TENANT_ID.pattern}$")]
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] = ""
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = ""
    key_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = ""
    modules: list[str] = Field(default_factory=list)
    compliance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """What preferential prices go by, from 0 to 1; the operator's own judgement."""


class TenantsFile(Model):
    """The operator's file."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    tenants: list[TenantRecord] = Field(default_factory=list)


def read_tenants(path: Path) -> list[TenantRecord]:
    """The tenants of a file. Raises ``ScenarioError``, one line that names the file and the field."""
    where = str(path)
    file = check(TenantsFile, parse_json(read_text(path, where), where), where)
    return checked(file.tenants, where)


def checked(tenants: Iterable[TenantRecord], where: str) -> list[TenantRecord]:
    """The tenants, if no two share an id or a key and all modules are known; else ``ScenarioError``."""
    found = list(tenants)
    for field in ("id", "key_id"):
        values = [getattr(tenant, field) for tenant in found if getattr(tenant, field)]
        for value in values:
            if values.count(value) > 1:
                raise ScenarioError(where, f"tenants.{field}", f"{shown(value)} stands twice", "keep one")
    for tenant in found:
        for name in tenant.modules:
            try:
                find_module(name)
            except ValueError as error:
                problem, _, mend = str(error).partition("; ")
                raise ScenarioError(where, f"tenants.{tenant.id}.modules", problem, mend) from None
    return found


def write_tenants(path: Path, tenants: Iterable[TenantRecord]) -> None:
    """Replace the file in one step; only its owner may read it."""
    file = TenantsFile(tenants=list(tenants))
    replace_text(path, json.dumps(file.model_dump(), indent=1) + "\n", private=True)


def with_new_key(tenant: TenantRecord) -> tuple[TenantRecord, str]:
    """The tenant with a new key, and the key itself, which nothing keeps."""
    key_id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
    update = {"key_id": key_id, "salt": salt, "key_hash": _hash(salt, secret)}
    return tenant.model_copy(update=update), f"{key_id}.{secret}"


def _hash(salt: str, secret: str) -> str:
    return sha256(bytes.fromhex(salt) + secret.encode("utf-8", "surrogateescape")).hexdigest()


class Keys:
    """Finds the tenant of a key. An unknown key id takes as long as a wrong secret."""

    def __init__(self, tenants: Iterable[TenantRecord]) -> None:
        self._by_key_id = {tenant.key_id: tenant for tenant in tenants if tenant.key_id}

    def tenant_of(self, key: str) -> TenantRecord | None:
        """The tenant whose key it is; None if it is nobody's."""
        key_id, _, secret = key.partition(".")
        tenant = self._by_key_id.get(key_id)
        salt, expected = (_NOBODY_SALT, _NOBODY_HASH) if tenant is None else (tenant.salt, tenant.key_hash)
        right = hmac.compare_digest(_hash(salt, secret), expected)
        return tenant if right else None


def find_tenant(tenants: Iterable[TenantRecord], id_: str, where: str) -> TenantRecord:
    """The tenant of that id. Raises ``ScenarioError`` with the closest one."""
    found = {tenant.id: tenant for tenant in tenants}
    if id_ not in found:
        raise ScenarioError(where, "tenants", f"there is no {shown(id_)}", closest(id_, found))
    return found[id_]
