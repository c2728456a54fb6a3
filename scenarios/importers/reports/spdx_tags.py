"""SPDX 2.x in tag-value form (`PackageName: qs`), turned into what the JSON form would say of packages."""

from __future__ import annotations

from typing import Any

from patchpact.scenarios.errors import ScenarioError

_OPEN, _CLOSE = "<text>", "</text>"
_PACKAGE_TAGS = {
    "PackageVersion": "versionInfo",
    "PrimaryPackagePurpose": "primaryPackagePurpose",
    "SPDXID": "SPDXID",
}
_OTHER_ELEMENTS = frozenset({"FileName", "SnippetSPDXID", "LicenseID", "Annotator", "Reviewer"})
"""Tags that begin something else than a package: what follows is not the package's."""


def tagged_document(text: str, name: str) -> dict[str, Any]:
    """The document's version, packages and relationships, in the JSON form's fields.

    ScenarioError for a line without a tag, an open `<text>` and an external reference without its three parts.
    """
    document: dict[str, Any] = {"packages": [], "relationships": []}
    package: dict[str, Any] | None = None
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        tag, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not tag.isalnum():
            raise ScenarioError(name, f"line {number}", "holds no tag", "write `Tag: value`")
        if value.startswith(_OPEN):
            while _CLOSE not in value:
                _, more = next(lines, (0, None))
                if more is None:
                    raise ScenarioError(name, f"line {number}", f"{_OPEN} is never closed", f"write {_CLOSE}")
                value = more  # texts are not read
            continue
        if tag == "SPDXVersion":
            document["spdxVersion"] = value
        elif tag == "PackageName":
            package = {"name": value, "externalRefs": []}
            document["packages"].append(package)
        elif tag in _OTHER_ELEMENTS:
            package = None
        elif tag == "Relationship":
            parts = value.split()
            if len(parts) < 3:
                raise ScenarioError(name, f"line {number}", "is no relationship", "write `Relationship: A KIND B`")
            names = ("spdxElementId", "relationshipType", "relatedSpdxElement")
            document["relationships"].append(dict(zip(names, parts, strict=False)))
        elif tag == "ExternalRef":
            parts = value.split()
            if len(parts) < 3:
                raise ScenarioError(
                    name, f"line {number}", "is no reference", "write `ExternalRef: CATEGORY type locator`"
                )
            if package is not None:
                package["externalRefs"].append({"referenceType": parts[1], "referenceLocator": parts[2]})
        elif package is not None and tag in _PACKAGE_TAGS:
            package.setdefault(_PACKAGE_TAGS[tag], value)
    return document
