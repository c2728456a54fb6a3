import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.scenarios.fusion import explain, fuse
from patchpact.scenarios.fusion.model import log_odds
from patchpact.scenarios.fusion.tables import load_tables
from patchpact.scenarios.importers.records import RawFinding

KIND = {"semgrep": "sast", "codeql": "sast", "sast-99": "sast", "zap": "dast", "contrast": "iast", "audit": "manual"}


def weak(tool, cwe=89, path="src/db.py", line=10, **fields):
    running = KIND[tool] in ("dast", "iast")
    place = {"url": "http://shop/db?x=1"} if KIND[tool] == "dast" else {"path": path, "line": line}
    given = {"cwe": (cwe,), "seen_running": running, **place, **fields}
    return RawFinding(tool=tool, kind=KIND[tool], id=f"{tool}-rule", evidence=f"{tool}.json", **given)


def listed(tool="trivy", cve="CVE-2021-44228", component="log4j-core", **fields):
    given = {"version": "2.14.0", "purl": f"pkg:maven/org.apache.logging.log4j/{component}@2.14.0", **fields}
    return RawFinding(tool=tool, kind="sca", id=cve, evidence=f"{tool}.json", component=component, **given)


def only(findings):
    assert len(findings) == 1
    return findings[0]


STATEMENTS = st.lists(
    st.tuples(
        st.sampled_from(["shop", "cart"]),
        st.one_of(
            st.builds(
                weak, st.sampled_from(sorted(KIND)), st.sampled_from([89, 564, 79, 328, 999]),
                st.sampled_from(["a.py", "src/a.py", "web/src/a.py", "b.py"]), st.sampled_from([1, 2, 9, None]),
                tool_confidence=st.sampled_from(["", "low", "high"]),
            ),
            st.builds(
                listed, st.sampled_from(["trivy", "grype"]), st.sampled_from(["CVE-2020-1", "CVE-2020-2"]),
                st.sampled_from(["one", "two"]), status=st.sampled_from(["affected", "under_investigation"]),
                aliases=st.sampled_from([(), ("GHSA-aaaa-bbbb-cccc",)]),
            ),
        ),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@given(STATEMENTS, st.sets(st.sampled_from(["trivy", "bandit", "nuclei", "nobody knows"])), st.randoms())
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_the_rules_hold(matched, ran, random):
    found = fuse(matched, {"shop": True}, ran)
    for one in found:
        assert 0.0 < one.probability < 1.0
        assert one.low <= one.probability <= one.high
        assert log_odds(one.probability) == pytest.approx(math.fsum(one.parts.values()), abs=1e-6)
        assert one.finding in one.statements
        assert set(one.tools) == {statement.tool for statement in one.statements}
        assert not set(one.tools) & set(one.silent)
        assert {one.service} == {service for service, finding in matched if finding in one.statements} & {one.service}
        assert all((one.service, statement) in matched for statement in one.statements)
        assert explain(one)
    assert {finding for _, finding in matched} == {statement for one in found for statement in one.statements}
    random.shuffle(matched)
    assert fuse(matched, {"shop": True}, ran) == found


@given(st.lists(st.sampled_from(sorted(KIND)), unique=True, min_size=1), st.sampled_from([89, 327, 862]))
@settings(max_examples=40, deadline=None)
def test_each_further_tool_that_agrees_raises_or_leaves_it(tools, cwe):
    before = 0.0
    for count in range(1, len(tools) + 1):
        matched = [("shop", replace(weak(tool, cwe), url="", path="src/db.py", line=10)) for tool in tools[:count]]
        now = only(fuse(matched, {})).probability
        assert now >= before - 1e-12
        before = now


@pytest.mark.parametrize("ran", [["codeql"], ["codeql", "bandit"], ["zap"], ["contrast", "zap", "codeql"]])
def test_silence_never_raises(ran):
    alone = only(fuse([("shop", weak("semgrep"))], {}))
    watched = only(fuse([("shop", weak("semgrep"))], {}, ran))
    assert watched.silent == tuple(sorted(ran))
    assert watched.probability < alone.probability
    assert watched.parts["silence"] < 0.0 == alone.parts["silence"]


def test_only_tools_for_such_things_are_silent():
    matched = [("shop", weak("semgrep")), ("shop", listed()), ("shop", weak("audit", cwe=79))]
    by_id = {one.finding.id: one for one in fuse(matched, {}, ["grype", "nobody knows"])}
    assert by_id["semgrep-rule"].silent == ()
    assert by_id["CVE-2021-44228"].silent == ("grype",)
    assert by_id["audit-rule"].silent == ("semgrep",)


def test_a_tool_that_passes_over_everything_does_not_look():
    matched = [("shop", weak("semgrep", path=f"src/f{n}.py")) for n in range(40)]
    many = fuse([*matched, ("shop", weak("codeql", cwe=79))], {})
    first = next(one for one in many if one.finding.path == "src/f0.py" and one.tools == ("semgrep",))
    few = fuse([matched[0], ("shop", weak("codeql", cwe=79))], {})
    single = next(one for one in few if one.tools == ("semgrep",))
    assert first.silent == single.silent == ("codeql",)
    assert single.parts["silence"] < first.parts["silence"] < 0.0


def test_what_raises_and_what_lowers():
    plain = only(fuse([("shop", weak("semgrep"))], {}))
    exposed = only(fuse([("shop", weak("semgrep"))], {"shop": True}))
    running = only(fuse([("shop", weak("semgrep", seen_running=True))], {}))
    doubted = only(fuse([("shop", weak("semgrep", tool_confidence="low"))], {}))
    assert doubted.probability < plain.probability < exposed.probability < running.probability
    assert running.parts["reachability"] == load_tables().weights["reachability"]
    assert exposed.parts["exposure"] == load_tables().weights["exposure"]


@pytest.mark.parametrize(
    ("fields", "probability"),
    [({}, 0.95), ({"purl": ""}, 0.9), ({"purl": "", "version": ""}, 0.6)],
)
def test_one_scanner_gives_the_probability_of_its_match(fields, probability):
    assert only(fuse([("shop", listed(**fields))], {})).probability == pytest.approx(probability)


def test_an_advisory_goes_up_and_down():
    alone = only(fuse([("shop", listed())], {})).probability
    two = only(fuse([("shop", listed()), ("shop", listed("grype"))], {})).probability
    seen = RawFinding("contrast", "iast", "CVE-2021-44228", "iast.json", seen_running=True)
    run = only(fuse([("shop", listed()), ("shop", seen)], {}))
    open_question = only(fuse([("shop", listed(status="under_investigation"))], {}))
    assert open_question.probability < alone < two < run.probability
    assert run.finding.tool == "trivy"
    assert open_question.parts["vex"] < 0.0


def test_what_is_refuted_falls_further():
    unsure = only(fuse([("shop", listed(status="under_investigation"))], {}))
    refuted = only(fuse([("shop", listed(status="not_affected"))], {}))
    assert refuted.probability < unsure.probability
    assert "vex" not in only(fuse([("shop", listed()), ("shop", listed("grype", status="fixed"))], {})).parts


def test_a_pile_of_reports_stays_below_one():
    names = [f"tool{n}" for n in range(300)]
    matched = [("shop", replace(weak("zap"), tool=name, cwe=(79,))) for name in names]
    found = only(fuse(matched, {"shop": True}))
    assert found.probability < 1.0
    assert log_odds(found.probability) == pytest.approx(math.fsum(found.parts.values()), abs=1e-6)


def test_an_explanation_names_every_part_and_says_what_is_a_prior():
    matched = [("shop", weak("semgrep")), ("shop", weak("contrast")), ("shop", weak("codeql", cwe=79))]
    found = next(one for one in fuse(matched, {"shop": True}) if "contrast" in one.tools)
    text = "\n".join(explain(found))
    assert "'semgrep' (sast) flags it\n" in text
    assert "'contrast' (iast) flags it; its rates are a prior" in text
    assert "silent: 'codeql'" in text
    assert "running application" in text and "reached from outside" in text and "count" in text
    assert f"{found.probability:.2f}" in text.splitlines()[0]


def test_hostile_names_stay_on_their_line():
    finding = replace(weak("semgrep"), id="x\n\x1b[31m", tool="prior")
    found = only(fuse([("shop\n", finding)], {}))
    assert found.parts["tool prior"] > 0.0
    lines = explain(found)
    assert all(line.isprintable() for line in lines)
    assert "'prior' (sast) flags it" in "\n".join(lines)


def test_nothing_in_nothing_out():
    assert fuse([], {}, ["zap"]) == []
