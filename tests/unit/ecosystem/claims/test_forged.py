"""Whatever is done to a claim's file, it is not verified, in one line, and nothing else is raised."""

import copy
import json
from functools import cache
from typing import Any

import pytest
import small_claims as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import ORDER, G
from patchpact.ecosystem.claims.records import file_text
from patchpact.ecosystem.claims.verify import verify

TYPES = ("sum", "age", "link")
HEX = [
    "00" * 32,  # the identity, and the scalar 0
    ORDER.to_bytes(32, "little").hex(),
    (ORDER + 1).to_bytes(32, "little").hex(),
    "ff" * 32,
    "01" + "00" * 31,  # no point
    "ed" + "ff" * 30 + "7f",
    G.hex(),
    G.hex().upper(),
    "",
    "0" * 63,
    "00" * 64,
]
OTHER = [
    *HEX,
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2**63,
    10**40,
    [],
    {},
    "age",
    "2026-01-30",
    "\ud800",
    "\x1b[2J",
    "é" * 500,
]


@cache
def original(type_: str) -> str:
    """A claim about a few leaves, its file's text."""
    return file_text(sc.claim_of(type_, sc.findings([3, 0, None]), days=3))


@cache
def other(type_: str) -> dict[str, Any]:
    """An honest claim of the next epoch about equal leaves: parts of it are transplanted."""
    return sc.data_of(sc.claim_of(type_, sc.findings([3, 0, None]), days=3, epoch="2026-W06"))


def refused(text: str, key: bytes = sc.KEY, expected: dict[str, str] | None = None) -> str:
    with pytest.raises(ClaimError) as caught:
        verify(text, key, expected)
    line = str(caught.value)
    assert line.isprintable() and len(line) < 700
    return line


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*path, key))
    return found


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def flipped(text: str, place: int) -> str:
    """One hexadecimal digit changed by one bit, any other character by the next one."""
    i = place % len(text)
    c = text[i]
    return text[:i] + (f"{int(c, 16) ^ 1:x}" if c in "0123456789abcdef" else chr(ord(c) ^ 1)) + text[i + 1 :]


@st.composite
def tampered(draw: st.DrawFn, type_: str) -> str:
    """The claim with one to three of its values changed, taken away, added, repeated, exchanged or transplanted."""
    data = json.loads(original(type_))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(data)))
        value = at(data, path)
        ways = ["replace", "transplant"]
        if isinstance(value, str) and value:
            ways += ["flip", "cut"] * 3
        if isinstance(value, int) and not isinstance(value, bool):
            ways += ["step"] * 3
        if isinstance(value, list | dict):
            ways += ["take", "add"] * 2
        way = draw(st.sampled_from(ways))
        number = draw(st.integers(0, 2**16))
        new: Any = copy.deepcopy(value)
        if way == "replace":
            new = draw(st.sampled_from(OTHER))
        elif way == "transplant":
            try:
                new = copy.deepcopy(at(other(type_), path))
            except (KeyError, IndexError, TypeError):
                continue
        elif way == "flip":
            new = flipped(value, number)
        elif way == "cut":
            new = value[: number % len(value)]
        elif way == "step":
            new = value + draw(st.sampled_from([-1, 1, 2**32]))
        elif way == "take" and value:
            key = list(value)[number % len(value)] if isinstance(value, dict) else number % len(value)
            del new[key]
        elif way == "add" and isinstance(value, dict):
            new[draw(st.sampled_from(["extra", "\x00", *value]))] = draw(st.sampled_from(OTHER))
        elif way == "add":
            new.append(copy.deepcopy(value[number % len(value)]) if value else "00" * 32)
        if not path:
            data = new
        else:
            at(data, path[:-1])[path[-1]] = new
        if not isinstance(data, dict | list):
            break
    return json.dumps(data)


def check_tampered(type_: str, text: str) -> None:
    data = json.loads(text)
    unchanged = (json.loads(original(type_)), other(type_))  # changed there and back; transplanted as a whole
    if json.dumps(data, sort_keys=True) not in [json.dumps(one, sort_keys=True) for one in unchanged]:
        refused(text)


@pytest.mark.parametrize("type_", TYPES)
def test_the_original_holds(type_: str) -> None:
    verify(original(type_), sc.KEY)
    verify(json.dumps(other(type_)), sc.KEY)


@settings(max_examples=150)
@given(st.data())
@pytest.mark.parametrize("type_", TYPES)
def test_a_tampered_claim_is_refused(type_: str, data: st.DataObject) -> None:
    check_tampered(type_, data.draw(tampered(type_)))


@pytest.mark.slow
@settings(max_examples=600)
@given(st.data())
@pytest.mark.parametrize("type_", TYPES)
def test_many_tampered_claims_are_refused(type_: str, data: st.DataObject) -> None:
    check_tampered(type_, data.draw(tampered(type_)))


@pytest.mark.parametrize("type_", TYPES)
def test_every_single_number_and_text_counts(type_: str) -> None:
    """Each value changed alone, by one digit, by one, or to its contrary: all refused."""
    whole = json.loads(original(type_))
    changed = 0
    for path in paths(whole):
        value = at(whole, path)
        if isinstance(value, dict | list) or value is None:
            continue
        data = json.loads(original(type_))
        if isinstance(value, bool):
            new: Any = not value
        elif isinstance(value, int):
            new = value + 1
        else:
            new = flipped(value, len(value) - 1) if value else "00"
        at(data, path[:-1])[path[-1]] = new
        refused(json.dumps(data))
        changed += 1
    assert changed >= 15


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("bad", HEX[:6])
def test_points_and_scalars_that_are_none_are_refused_wherever_they_stand(type_: str, bad: str) -> None:
    whole = json.loads(original(type_))
    places = [path for path in paths(whole) if isinstance(at(whole, path), str) and len(at(whole, path)) == 64]
    assert len(places) >= 7
    for path in places:
        data = json.loads(original(type_))
        at(data, path[:-1])[path[-1]] = bad
        refused(json.dumps(data))


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("part", ["statement", "proof"])
def test_parts_of_another_epoch_s_claim_are_refused(type_: str, part: str) -> None:
    data = json.loads(original(type_))
    data[part] = other(type_)[part]
    refused(json.dumps(data))


@pytest.mark.parametrize("field", ["organisation", "epoch", "subject", "date", "signer", "root"])
@pytest.mark.parametrize("type_", TYPES)
def test_another_context_is_refused(type_: str, field: str) -> None:
    data = json.loads(original(type_))
    data["statement"][field] = {"date": "2026-02-01", "signer": "auditor", "root": "11" * 32}.get(field, "other")
    assert "signature" in refused(json.dumps(data))
    claimed = json.loads(original(type_))["statement"][field]
    line = refused(original(type_), expected={field: "other"})
    assert line.startswith(f"{field}: is ") and "'other' is expected" in line
    verify(original(type_), sc.KEY, {field: claimed})


def test_another_signer_is_refused() -> None:
    assert "signature" in refused(original("sum"), sc.OTHER_KEY)
    claim = sc.claim_of("sum", sc.findings([3]), seed=sc.OTHER_SEED)
    assert "signature" in refused(file_text(claim))


def test_values_are_held_against_what_is_expected() -> None:
    verify(original("age"), sc.KEY, {"days": "3", "type": "age", "organisation": "acme", "nonce": ""})
    assert "days: is 3; '2' is expected" in refused(original("age"), expected={"days": "2"})
    assert "type: is 'age'; 'sum' is expected" in refused(original("age"), expected={"type": "sum"})
    assert "a claim of type sum has none" in refused(original("sum"), expected={"days": "3"})
    assert "nonce: is ''; 'aa' is expected" in refused(original("sum"), expected={"nonce": "aa"})
    with pytest.raises(ValueError, match="did you mean 'epoch'"):
        verify(original("sum"), sc.KEY, {"epch": "1"})


def test_a_proof_for_one_nonce_does_not_serve_for_another() -> None:
    claim = sc.claim_of("age", sc.findings([3]), nonce="aabb")
    verify(file_text(claim), sc.KEY, {"nonce": "aabb"})
    assert "nonce" in refused(file_text(claim))
    assert "does not hold" in refused(file_text(claim.model_copy(update={"nonce": "aabc"})), expected={"nonce": "aabc"})


@settings(max_examples=30)
@given(st.data())
def test_a_file_that_is_cut_or_goes_on_is_refused(data: st.DataObject) -> None:
    text = original(data.draw(st.sampled_from(TYPES))).rstrip()
    cut = data.draw(st.integers(0, len(text) - 1))
    refused(text[:cut])
    refused(text + data.draw(st.text(min_size=1).filter(str.strip)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.text() | json_values.map(json.dumps))
def test_what_is_no_claim_is_refused(text: str) -> None:
    refused(text)


@given(st.sampled_from(TYPES), json_values)
def test_what_has_a_claim_s_shape_only_is_refused(type_: str, value: Any) -> None:
    refused(json.dumps({"patchpact_claim": 1, "type": type_, "statement": value, "nonce": "", "proof": value}))
    refused(json.dumps({**json.loads(original(type_)), "proof": value}))


def test_deep_and_huge_ones_are_refused() -> None:
    refused("[" * 100_000)
    refused('{"type": "sum", "total": ' + "9" * 10_000 + "}")
    refused('{"type": "sum", "type": "sum"}')


def test_a_field_left_to_its_default_is_no_second_form() -> None:
    data = json.loads(original("link"))
    del data["proof"]["openings"][0]["leaf"]["version"]
    assert "leaves out fields" in refused(json.dumps(data))


@pytest.mark.parametrize("field", ["patchpact_claim", "days"])
@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_a_number_has_one_form(field: str, value: Any) -> None:
    data = sc.data_of(sc.claim_of("age", sc.findings([1]), days=1))
    assert data[field] == 1
    data[field] = value
    refused(json.dumps(data))
