"""Whatever a file holds, importing it ends in a report or in one clear error."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers import snapshots
from patchpact.scenarios.importers.findings_file import findings_json, import_findings, load_findings
from patchpact.scenarios.importers.registry import REPORT_FORMATS

FIXTURES = Path(__file__).with_name("fixtures") / "reports"
FILES = sorted(path for path in FIXTURES.iterdir() if not path.name.startswith(("epss", "kev")))
JSON_FILES = [path for path in FILES if path.read_text().lstrip()[:1] in "{["]
FAST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8), st.sampled_from(["CVE-2099-1", "pkg:npm/x@1", "pkg:", "CVSS:3.1/AV:N", "CVSS:4.0/", "AV:N/Au:N",
        "urn:cdx:0e0e0e0e-0000-4000-8000-000000000001/1#%zz", "http://[", "2026-13-45", "\x1b[31m", "\ud800", "a/b:c@d", ":@/"]),
    st.just([]), st.just({}), st.just([None]), st.just([{}]), st.just([[]]),
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        holder = pending.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else []
        found += [(holder, key) for key in keys]
        pending += [holder[key] for key in keys]
    return found


def refused(call: Callable[[], Any]) -> str:
    """The error's text, "" if there was none."""
    try:
        call()
    except ScenarioError as error:
        return str(error)
    return ""


def reads(path: Path, format: str = "auto") -> None:
    def all_of_it() -> None:
        report = import_findings([path], format)
        again = path.with_name("again.json")
        again.write_text(json.dumps(findings_json(report)))
        assert load_findings(again, "again") == report

    message = refused(all_of_it)
    assert "\n" not in message and "SECRET" not in message and not message.startswith("again")


@pytest.mark.parametrize("source", JSON_FILES, ids=lambda path: path.name)
@settings(parent=FAST, max_examples=20)
@given(data=st.data())
def test_a_json_report_with_any_one_value_replaced(tmp_path: Path, source: Path, data: st.DataObject) -> None:
    value = copy.deepcopy(json.loads(source.read_text()))
    holder, key = data.draw(st.sampled_from(places(value)))
    holder[key] = data.draw(STRANGE)
    path = tmp_path / source.name
    path.write_text(json.dumps(value))
    name = next(one.name for one in REPORT_FORMATS if _takes(one.module, source))
    reads(path, name)


def _takes(module: str, path: Path) -> bool:
    from importlib import import_module

    return bool(import_module(module).detect(path.read_text()[:64_000], path.name))


@pytest.mark.parametrize("source", [path for path in FILES if path not in JSON_FILES], ids=lambda path: path.name)
@settings(parent=FAST, max_examples=30)
@given(data=st.data())
def test_a_text_report_with_a_piece_replaced(tmp_path: Path, source: Path, data: st.DataObject) -> None:
    text = source.read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(
        st.sampled_from(["", '"', "\r", ",", ";", "<", "&x;", "nan", "1e999", "\x1b", "]]>", "99999999999999999999"])
    )
    path = tmp_path / source.name
    path.write_text(text[:start] + piece + text[end:], newline="")
    reads(path)


@pytest.mark.parametrize("format", [one.name for one in REPORT_FORMATS])
@settings(parent=FAST, max_examples=10)
@given(content=st.one_of(st.binary(max_size=60), st.recursive(STRANGE, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(
        ["runs", "results", "matches", "site", "bomFormat", "components", "vulnerabilities", "statements", "document", "findings", "Results", "vulns"]
    ), inner, max_size=3)), max_leaves=8).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_any_content_in_any_format(tmp_path: Path, format: str, content: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    reads(path, format)


@pytest.mark.parametrize("read", [snapshots.read_epss, snapshots.read_kev])
@settings(parent=FAST, max_examples=30)
@given(data=st.data())
def test_snapshots_with_a_piece_replaced(tmp_path: Path, read: Any, data: st.DataObject) -> None:
    sources = sorted(FIXTURES.glob("epss*" if read is snapshots.read_epss else "kev*"))
    text = data.draw(st.sampled_from(sources)).read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(st.sampled_from(["", '"', "nan", "NaN", "-1", "2", "{", "\x1f\x8b", "null", "[]"]))
    path = tmp_path / "snapshot"
    path.write_text(text[:start] + piece + text[end:])
    message = refused(lambda: read(path))
    assert not message or message.startswith(str(path))


HOSTILE = {
    "nan.json": (b'{"matches": [{"vulnerability": {"id": "CVE-2099-1", "risk": NaN}}], "descriptor": {"name": "grype"}}', "finite"),
    "infinity.json": (b'{"matches": [{"vulnerability": {"id": "x", "risk": 1e999}}], "descriptor": {"name": "grype"}}', "finite"),
    "twice.json": (b'{"matches": [], "matches": [], "descriptor": {"name": "grype"}}', "twice"),
    "deep.json": (b'{"matches": ' + b"[" * 5000 + b"]" * 5000 + b', "x": "grype"}', "nested"),
    "digits.json": (b'{"matches": [{"vulnerability": {"id": ' + b"9" * 6000 + b'}}], "x": "grype"}', "digits"),
    "latin.json": ('{"matches": [{"vulnerability": {"id": "\xe9"}}], "x": "grype"}'.encode("latin-1"), "UTF-8"),
    "zero.json": (b'{"matches": [], "x": "grype\x00"}', "zero bytes"),
    "empty.json": (b" \n ", "empty"),
    "unknown.json": (b'{"hello": "world"}', "no known format"),
    "laughs.xml": (b'<!DOCTYPE a [<!ENTITY x "ha">]><OWASPZAPReport>&x;</OWASPZAPReport>', "entities"),
    "deep.xml": (b"<OWASPZAPReport>" + b"<site>" * 5000 + b"</site>" * 5000 + b"</OWASPZAPReport>", "nested"),
    "score.csv": (b"component,cve,cvss\nx,CVE-2099-1,11\n", "between 0 and 10"),
    "slip.csv": (b"component,cve,cvvs\nx,CVE-2099-1,5\n", "did you mean 'cvss'"),
    "quote.csv": (b'component,cve\n"x,CVE-2099-1\n', "CSV"),
    "refs.json": (b'{"bomFormat": "CycloneDX", "components": [{"bom-ref": "a", "name": "x"}, {"bom-ref": "a", "name": "y"}]}', "two different"),
    "spdx.json": (b'{"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "a", "name": "x"}, {"SPDXID": "a", "name": "y"}]}', "two different"),
    "spdx3.json": (b'{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}', "SPDX 3"),
    "old.sarif": (b'{"version": "1.0.0", "runs": [], "$schema": "sarif-schema"}', "SARIF 1.0.0"),
    "time.json": (b'{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-2099-1", "status": "fixed", "timestamp": "soon"}]}', "no time"),
    "status.json": (b'{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-2099-1", "status": "notaffected"}]}', "did you mean 'not_affected'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_one_clear_error(tmp_path: Path, name: str) -> None:
    content, expected = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        import_findings([path])
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "grype.json"
    path.write_bytes((FIXTURES / "grype.json").read_text().encode(encoding))
    assert len(import_findings([path]).findings) == 2


def test_a_wrong_type_is_named_with_file_and_field_and_never_shown(tmp_path: Path) -> None:
    value = json.loads((FIXTURES / "grype.json").read_text())
    value["matches"][1]["artifact"]["name"] = ["SECRET"]
    path = tmp_path / "grype.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ScenarioError) as caught:
        import_findings([path])
    assert str(caught.value).startswith(f"{path}: matches[1].artifact.name: a list where a text belongs; ")


def test_unreadable_files_and_unknown_formats_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        import_findings([tmp_path / "absent.json"])
    with pytest.raises(ScenarioError, match="did you mean 'trivy'"):
        import_findings([FIXTURES / "trivy.json"], "trivvy")
    (tmp_path / "epss.csv.gz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(ScenarioError, match="unpacked"):
        snapshots.read_epss(tmp_path / "epss.csv.gz")
