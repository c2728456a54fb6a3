"""SPDX 2.x in JSON and tag-value form, and GitHub's export of it: the packages of an SBOM, no findings."""

from __future__ import annotations

import re
from collections import defaultdict

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import Component, ImportedReport
from patchpact.scenarios.importers.reports.fields import Record, json_record
from patchpact.scenarios.importers.reports.packages import image_of_purl, package, parsed_purl
from patchpact.scenarios.importers.reports.spdx_tags import tagged_document

_NONE = frozenset({"NOASSERTION", "NONE"})
_THREE = re.compile(r"spdx\.org/rdf/3")
_TAGGED = re.compile(r"\A(?:\s*#[^\n]*\n)*\s*SPDXVersion\s*:")
_UNREAD = frozenset({
    "files", "hasFiles", "checksums", "licenseInfoFromFiles", "annotations", "snippets",
    "hasExtractedLicensingInfos", "copyrightText", "attributionTexts", "externalDocumentRefs",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like SPDX; SPDX 3 is taken too, to say that it is not read."""
    return re.search(r'"(?:spdxVersion|SPDXID)"\s*:', text) is not None or bool(
        _THREE.search(text) or _TAGGED.match(text)
    )


def read(text: str, name: str) -> ImportedReport:
    """The components of an SPDX 2 document; ScenarioError if it is none or a field has the wrong type."""
    if _THREE.search(text[:64_000]):
        raise ScenarioError(name, "file", "SPDX 3 is not read", "write SPDX 2.3 JSON")
    tagged = _TAGGED.match(text[:64_000]) is not None
    document = Record(tagged_document(text, name), name) if tagged else json_record(text, name, _UNREAD)
    del text
    if "sbom" in document.data:
        document = document.record("sbom")
    if not document.text("spdxVersion").startswith("SPDX-2"):
        raise ScenarioError(name, document.at("spdxVersion"), "is not SPDX-2.x", "write SPDX 2.3")
    known: dict[str, tuple[str, str]] = {}
    for record in document.records("packages"):
        identifier, named = record.text("SPDXID"), (record.text("name"), record.text("versionInfo"))
        if identifier and known.setdefault(identifier, named) != named:
            raise ScenarioError(name, record.at("SPDXID"), "stands for two different packages", "keep one")
    described, depends = _relations(document)
    direct = {target for root in described for target in depends[root]}
    image = next(filter(None, (_image(r) for r in document.records("packages") if r.text("SPDXID") in described)), "")
    components, left_out = [], 0
    for record in document.records("packages"):
        if record.text("SPDXID") in described:
            continue
        purl = _purl(record)
        if not purl and record.text("versionInfo") in ("", *_NONE):
            left_out += 1
            continue
        version = record.text("versionInfo")
        made = package(record.text("name"), "" if version in _NONE else version, "", purl)
        if not made.component:
            raise ScenarioError(name, record.at("name"), "missing", "name each package")
        components.append(
            Component(
                made.component, made.version, made.ecosystem, made.purl, record.evidence, "", image,
                not direct or record.text("SPDXID") in direct,
            )
        )  # fmt: skip
    warnings = [f"{name}: {left_out} packages have neither version nor purl: not imported"] if left_out else []
    totals = {"packages": len(document.items("packages")), "components": len(components)}
    return ImportedReport(components=tuple(components), warnings=tuple(warnings), totals=totals)


def _relations(document: Record) -> tuple[set[str], dict[str, set[str]]]:
    """Packages that the document describes, and what each package depends on."""
    described = set(document.texts("documentDescribes"))
    depends: dict[str, set[str]] = defaultdict(set)
    for relation in document.records("relationships"):
        kind, source, target = (
            relation.text("relationshipType"), relation.text("spdxElementId"), relation.text("relatedSpdxElement")
        )  # fmt: skip
        if kind == "DESCRIBES" and source == "SPDXRef-DOCUMENT":
            described.add(target)
        elif kind in ("DEPENDS_ON", "DYNAMIC_LINK", "STATIC_LINK"):
            depends[source].add(target)
        elif kind in ("DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF"):
            depends[target].add(source)
    return described, depends


def _purl(record: Record) -> str:
    for reference in record.records("externalRefs"):
        if reference.text("referenceType").endswith("purl"):
            return reference.text("referenceLocator")
    return ""


def _image(record: Record) -> str:
    """The image that a described package is, by its purl or its purpose."""
    purl = parsed_purl(_purl(record))
    image = image_of_purl(purl) if purl is not None else None
    if image is not None:
        return image.repository + (f":{image.tag}" if image.tag else "") + (f"@{image.digest}" if image.digest else "")
    if record.text("primaryPackagePurpose") != "CONTAINER":
        return ""
    name, version = record.text("name"), record.text("versionInfo")
    joint = "@" if version.startswith("sha256:") else ":"
    return f"{name}{joint}{version}" if version and version not in _NONE and ":" not in name else name
