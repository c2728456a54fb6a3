"""OpenVEX documents, all versions: statements, no findings."""

from __future__ import annotations

from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.records import ImportedReport, Status
from patchpact.scenarios.importers.reports.fields import LONGEST_TEXT, Record, counted, json_record, wrong_type
from patchpact.scenarios.importers.reports.weaknesses import id_and_aliases
from patchpact.scenarios.importers.vex import VexStatement

_STATUSES: dict[str, Status] = {
    "not_affected": "not_affected",
    "affected": "affected",
    "fixed": "fixed",
    "under_investigation": "under_investigation",
}


def detect(text: str, name: str) -> bool:
    """Whether the file begins like an OpenVEX document."""
    return text.lstrip()[:1] == "{" and '"@context"' in text and "openvex" in text


def read(text: str, name: str) -> ImportedReport:
    """The statements of an OpenVEX document; ScenarioError if it is none or a field has the wrong type."""
    document = json_record(text, name)
    if "statements" not in document.data:
        raise ScenarioError(name, "statements", "missing", "give an OpenVEX document")
    statements = tuple(_statement(entry, document) for entry in document.records("statements"))
    totals = {"statements": len(statements), **counted("status", (statement.status for statement in statements))}
    return ImportedReport(statements=statements, totals=totals)


def _statement(entry: Record, document: Record) -> VexStatement:
    status = entry.text("status")
    if status not in _STATUSES:
        raise ScenarioError(entry.where, entry.at("status"), "is no VEX status", closest(status, _STATUSES))
    products: list[str] = []
    inside: list[str] = []
    for index, product in enumerate(entry.items("products")):
        place = f"{entry.at('products')}[{index}]"
        products += _names(product, entry.where, place)
        if isinstance(product, dict):
            for number, part in enumerate(Record(product, entry.where, place).items("subcomponents")):
                inside += _names(part, entry.where, f"{place}.subcomponents[{number}]")
    for index, part in enumerate(entry.items("subcomponents")):
        inside += _names(part, entry.where, f"{entry.at('subcomponents')}[{index}]")
    if entry.items("products") and not products:
        raise ScenarioError(entry.where, entry.at("products"), "no product has an @id or a purl", "name the products")
    justification, impact = entry.text("justification"), entry.text("impact_statement")
    return VexStatement(
        ids=_ids(entry),
        products=tuple(dict.fromkeys(products)),
        status=_STATUSES[status],
        author=entry.text("supplier") or document.text("author") or document.text("supplier"),
        reason=": ".join(text for text in (justification, impact) if text) or entry.text("status_notes"),
        evidence=entry.evidence,
        timestamp=entry.moment("last_updated") or entry.moment("timestamp")
        or document.moment("last_updated") or document.moment("timestamp"),
        subcomponents=tuple(dict.fromkeys(inside)),
    )  # fmt: skip


def _ids(entry: Record) -> tuple[str, ...]:
    """The vulnerability's names: an object, or a text in older files."""
    value = entry.data.get("vulnerability")
    if isinstance(value, dict):
        record = entry.record("vulnerability")
        first, more = id_and_aliases((record.text("name"), record.text("@id"), *record.texts("aliases")))
    else:
        first, more = id_and_aliases((entry.text("vulnerability"),))
    if not first:
        raise ScenarioError(entry.where, entry.at("vulnerability"), "missing", "name the vulnerability")
    return (first, *more)


def _names(value: Any, where: str, place: str) -> list[str]:
    """A product's purl, else its id: an object with `@id` and `identifiers`, or a text in older files."""
    if isinstance(value, str):
        return [one_line(value, LONGEST_TEXT)] if value.strip() else []
    if not isinstance(value, dict):
        raise wrong_type(where, place, value, "an object or a text")
    product = Record(value, where, place)
    identifiers = product.record("identifiers")
    named = (identifiers.text("purl"), product.text("@id"), identifiers.text("cpe23"))
    stated = [text for text in named if text]
    purls = [text for text in stated if text.startswith("pkg:")]
    return purls[:1] or stated
