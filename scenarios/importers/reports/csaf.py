"""CSAF 2.x: the product statuses of advisories and VEX documents as statements, no findings.

Products are named by the purl their `product_identification_helper` gives, else by product name and version
out of the branches. Of a relationship (a component of a product) both must fit; where the outer product is
known by CPE alone, which findings do not carry, the inner purl must name its version, which tells the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, Status
from patchpact.scenarios.importers.reports.fields import Record, counted, json_record
from patchpact.scenarios.importers.reports.packages import parsed_purl
from patchpact.scenarios.importers.reports.weaknesses import id_and_aliases
from patchpact.scenarios.importers.vex import VexStatement

_STATUSES: dict[str, Status] = {
    "known_not_affected": "not_affected", "fixed": "fixed", "first_fixed": "fixed", "known_affected": "affected",
    "first_affected": "affected", "last_affected": "affected", "under_investigation": "under_investigation",
}  # fmt: skip
_UNREAD = frozenset({"notes", "references", "acknowledgments", "remediations", "scores"})
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a CSAF document."""
    return text.lstrip()[:1] == "{" and '"csaf_version"' in text


@dataclass(frozen=True)
class _Product:
    """Names by which findings may know a product; `inside`: parts of it that are meant."""

    names: tuple[str, ...]
    inside: tuple[str, ...] = ()
    only_cpe: bool = False


def read(text: str, name: str) -> ImportedReport:
    """The statements of a CSAF document; ScenarioError if it is none or a field has the wrong type."""
    report = json_record(text, name, _UNREAD)
    del text
    document = report.record("document")
    if not document:
        raise ScenarioError(name, "document", "missing", "give a CSAF document")
    products = _products(report.record("product_tree"))
    groups = {
        group.text("group_id"): group.texts("product_ids")
        for group in report.record("product_tree").records("product_groups")
    }
    author = document.record("publisher").text("name")
    time = document.record("tracking").moment("current_release_date")
    statements = tuple(
        statement
        for vulnerability in report.records("vulnerabilities")
        for statement in _statements(vulnerability, products, groups, author, time)
    )
    totals = {"statements": len(statements), **counted("status", (statement.status for statement in statements))}
    return ImportedReport(statements=statements, totals=totals)


def _products(tree: Record) -> dict[str, _Product]:
    """Products by id; ScenarioError for an id that stands for two different ones."""
    known: dict[str, _Product] = {}
    for product, name, version in _declared(tree):
        identifier = product.text("product_id")
        helper = product.record("product_identification_helper")
        purls = tuple(text for text in (helper.text("purl"), *helper.texts("purls")) if text)
        cpe = bool(helper.text("cpe"))
        plain = (f"{name}@{version}" if version else name) or product.text("name")
        _add(known, identifier, _Product(purls or ((plain,) if plain else ()), only_cpe=cpe and not purls), product)
    for relation in tree.records("relationships"):
        inner = known.get(relation.text("product_reference"), _Product(()))
        outer = known.get(relation.text("relates_to_product_reference"), _Product(()))
        full = relation.record("full_product_name")
        related = _Product(outer.names, inner.names)
        if outer.only_cpe:
            dated = tuple(text for text in inner.names if (purl := parsed_purl(text)) is not None and purl.version)
            related = _Product(dated) if dated else related
        _add(known, full.text("product_id"), related, full)
    return known


def _add(known: dict[str, _Product], identifier: str, product: _Product, record: Record) -> None:
    if not identifier:
        raise ScenarioError(record.where, record.at("product_id"), "missing", "correct the document")
    if known.setdefault(identifier, product) != product:
        problem = "stands for two different products"
        raise ScenarioError(record.where, record.at("product_id"), problem, "keep one")


def _declared(tree: Record) -> Iterator[tuple[Record, str, str]]:
    """Products with the product name and version of the branches they stand in."""
    for product in tree.records("full_product_names"):
        yield product, "", ""
    pending = [(branch, "", "") for branch in tree.records("branches")]
    while pending:
        branch, name, version = pending.pop()
        category, label = branch.text("category"), branch.text("name")
        name = label if category == "product_name" else name
        version = label if category == "product_version" else version
        if branch.data.get("product") is not None:
            yield branch.record("product"), name, version
        pending += [(inner, name, version) for inner in branch.records("branches")]


def _statements(
    vulnerability: Record, products: dict[str, _Product], groups: dict[str, tuple[str, ...]], author: str, time: str
) -> Iterator[VexStatement]:
    first, more = id_and_aliases(
        (vulnerability.text("cve"), *(entry.text("text") for entry in vulnerability.records("ids")))
    )
    statuses = vulnerability.record("product_status")
    if not first:
        if statuses:
            raise ScenarioError(vulnerability.where, vulnerability.at("cve"), "missing", "name the vulnerability")
        return
    reasons = _reasons(vulnerability, groups)
    for key, status in _STATUSES.items():
        gathered: dict[tuple[tuple[str, ...], str], list[str]] = {}
        for identifier in statuses.texts(key):
            if identifier not in products:
                raise ScenarioError(statuses.where, statuses.at(key), "names an unknown product", "declare it")
            product = products[identifier]
            reason = reasons.get(identifier, reasons.get("", ""))
            names = product.names or (identifier,)
            gathered.setdefault((product.inside, reason), []).extend(names)
        for (inside, reason), names_of_all in gathered.items():
            yield VexStatement(
                ids=(first, *more), products=tuple(dict.fromkeys(names_of_all)), status=status, author=author,
                reason=reason, evidence=f"{statuses.evidence}.{key}", timestamp=time, subcomponents=inside,
            )  # fmt: skip


def _reasons(vulnerability: Record, groups: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Justifications and impact statements by product id; "" for those that name no product."""
    reasons: dict[str, list[str]] = {}
    entries = [(flag, flag.text("label")) for flag in vulnerability.records("flags")]
    entries += [(t, t.title("details")) for t in vulnerability.records("threats") if t.text("category") == "impact"]
    for entry, reason in entries:
        named = [*entry.texts("product_ids"), *(p for g in entry.texts("group_ids") for p in groups.get(g, ()))]
        for identifier in named or [""]:
            if reason:
                reasons.setdefault(identifier, []).append(reason)
    return {identifier: ": ".join(dict.fromkeys(texts)) for identifier, texts in reasons.items()}
