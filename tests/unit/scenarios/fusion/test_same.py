import time

import pytest

from patchpact.scenarios.fusion.same import group, url_place
from patchpact.scenarios.fusion.tables import load_tables
from patchpact.scenarios.importers.records import RawFinding


def sast(path="src/a.py", line=10, cwe=89, tool="semgrep", **fields):
    return RawFinding(tool, "sast", f"{tool}-rule", "r", cwe=(cwe,) if cwe else (), path=path, line=line, **fields)


def dast(url, cwe=89, method="", tool="zap"):
    return RawFinding(tool, "dast", f"{tool}-rule", "z", cwe=(cwe,), url=url, method=method)


def iast(path, url, line=10):
    return RawFinding("contrast", "iast", "sqli", "i", cwe=(89,), path=path, line=line, url=url)


def sca(id_, component, tool="trivy", aliases=(), purl=""):
    return RawFinding(tool, "sca", id_, "t", component=component, aliases=aliases, purl=purl)


def together(*findings, service="shop"):
    """Sizes of the groups, largest first."""
    groups = group([(service, finding) for finding in findings], load_tables())
    return sorted((len(one.statements) for one in groups), reverse=True)


def test_services_are_kept_apart():
    groups = group([("shop", sast()), ("cart", sast()), ("cart", sca("CVE-1-1", "x")), ("shop", sca("CVE-1-1", "x"))],
                   load_tables())  # fmt: skip
    assert sorted((one.service, one.sort) for one in groups) == [
        ("cart", "advisory"), ("cart", "weakness"), ("shop", "advisory"), ("shop", "weakness"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (sast(), sast(tool="codeql"), True),
        (sast(), sast(cwe=943, tool="codeql"), True),
        (sast(cwe=327), sast(cwe=328, tool="codeql"), True),
        (sast(), sast(cwe=79, tool="codeql"), False),
        (sast(cwe=4321), sast(cwe=4321, tool="codeql"), True),
        (sast(cwe=0), sast(cwe=0, tool="codeql"), False),
        (sast(), sast(line=13, tool="codeql"), True),
        (sast(), sast(line=14, tool="codeql"), False),
        (sast(), sast(line=None, tool="codeql"), True),
        (sast(), sast("app\\src\\a.py", tool="codeql"), True),
        (sast(), sast("./src/a.py", tool="codeql"), True),
        (sast(), sast("lib/a.py", tool="codeql"), False),
        (sast("src/LoginForm.java"), dast("https://h:1/x/login-form?id=1"), True),
        (sast("src/index.java"), dast("https://h/index"), False),
        (sast("src/LoginForm.java"), dast("https://h/login-form", cwe=79), False),
        (dast("http://h/a/1?x"), dast("http://other/a/22", tool="burp"), True),
        (dast("http://h/a"), dast("http://h/b", tool="burp"), False),
        (dast("http://h/a", method="GET"), dast("http://h/a", method="post", tool="burp"), False),
        (dast("http://h/a", method="get"), dast("http://h/a", tool="burp"), True),
        (iast("src/a.py", "http://h/q"), dast("/q"), True),
        (iast("src/a.py", "http://h/q"), sast(), True),
    ],
)
def test_pairs(one, other, same):
    assert together(one, other) == together(other, one) == ([2] if same else [1, 1])


def test_a_short_path_goes_to_the_only_longer_one():
    assert together(sast("a.py"), sast("src/a.py", tool="b"), sast("x/src/a.py", tool="c")) == [3]
    assert together(sast("a.py"), sast("src/a.py", tool="b"), sast("lib/a.py", tool="c")) == [1, 1, 1]


def test_ambiguous_links_are_not_made():
    url = dast("http://h/login-form")
    assert together(sast("src/LoginForm.java"), sast("old/LoginForm.java"), url) == [1, 1, 1]
    assert together(sast("LoginForm.java", 1), sast("LoginForm.java", 90), url) == [1, 1, 1]
    assert together(iast("src/a.py", "/q"), iast("src/b.py", "/q"), dast("/q")) == [1, 1, 1]
    assert together(sast(line=10), sast(line=90), sast(line=None)) == [1, 1, 1]


def test_advisories_need_the_component_and_an_id_in_common():
    one = sca("CVE-2021-1", "org.x:Log4J_core")
    assert together(one, sca("GHSA-aaaa-bbbb-cccc", "log4j.core", "grype", ("cve-2021-1",))) == [2]
    assert together(one, sca("CVE-2021-2", "log4j-core", "grype")) == [1, 1]
    assert together(one, sca("CVE-2021-1", "other", "grype")) == [1, 1]
    assert together(one, sca("CVE-2021-1", "", "grype", purl="pkg:maven/org.x/log4j-core@1?a=b")) == [2]


def test_an_advisory_without_component_speaks_for_all_of_them():
    seen = RawFinding("contrast", "iast", "CVE-2021-1", "i", seen_running=True)
    assert together(sca("CVE-2021-1", "a"), sca("CVE-2021-1", "b"), seen) == [2, 2]
    assert together(sca("CVE-2021-2", "a"), seen) == [1, 1]
    assert together(seen, RawFinding("zap", "dast", "CVE-2021-1", "z")) == [2]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://h:8080/a//b/?q=1#f", "/a/b"),
        ("/orders/17/lines/5", "/orders/{}/lines/{}"),
        ("http://h/u/123e4567-e89b-12d3-a456-426614174000", "/u/{}"),
        ("http://[bad", "/http:/[bad"),
        ("", "/"),
    ],
)
def test_places_of_urls(url, place):
    assert url_place(url) == place


@pytest.mark.parametrize(
    "findings",
    [
        [sast(line=n) for n in range(20_000)],
        [sast(f"d{n}/index.py") for n in range(20_000)],
        [sast("/".join(["a"] * (n % 150 + 1))) for n in range(20_000)],
        [sca("CVE-2021-1", f"c{n}" if n % 2 else "") for n in range(20_000)],
    ],
    ids=["one file", "one file name", "nested paths", "one advisory"],
)
def test_time_does_not_grow_with_the_square(findings):
    started = time.process_time()
    group([("shop", finding) for finding in findings], load_tables())
    assert time.process_time() - started < 5.0
