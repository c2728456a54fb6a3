"""ristretto255 as RFC 9496 has it, and commitments in it."""

import hashlib

import pytest
import rbcl
from hypothesis import given
from hypothesis import strategies as st

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import (
    IDENTITY,
    ORDER,
    G,
    H,
    add,
    commit,
    decode_point,
    decode_scalar,
    encode_scalar,
    random_scalar,
    subtract,
    times,
    times_base,
)

scalars = st.integers(0, ORDER - 1)


def test_the_base_point_and_its_double_are_those_of_the_rfc() -> None:
    assert G.hex() == "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"
    assert add(G, G).hex() == "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"
    assert times_base(2) == times(2, G) == add(G, G)
    assert times(ORDER, G) == times_base(0) == subtract(G, G) == IDENTITY


def test_hashing_to_the_group_is_that_of_the_rfc() -> None:
    text = b"Ristretto is traditionally a short shot of espresso coffee"
    point = rbcl.crypto_core_ristretto255_from_hash(hashlib.sha512(text).digest())
    assert point.hex() == "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    assert H not in (G, IDENTITY) and decode_point(H.hex(), "H") == H


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("00" * 32, "identity"),
        ("00" + "ff" * 31, "no point"),  # a field element that is not reduced
        ("f3" + "ff" * 30 + "7f", "no point"),
        ("01" + "00" * 31, "no point"),  # a negative field element
        ("ed" + "ff" * 30 + "7f", "no point"),  # zero in another encoding
        ("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", "no point"),  # no square root
        (G.hex().upper(), "lower case"),
        (G.hex()[:-2], "64 hexadecimal digits"),
        (G.hex() + "00", "64 hexadecimal digits"),
        ("zz" * 32, "64 hexadecimal digits"),
        ("\N{ARABIC-INDIC DIGIT ONE}" * 64, "64 hexadecimal digits"),
    ],
)
def test_points_that_are_not_read(text: str, problem: str) -> None:
    with pytest.raises(ClaimError, match=problem):
        decode_point(text, "p")


@given(scalars)
def test_scalars_have_one_encoding(scalar: int) -> None:
    assert decode_scalar(encode_scalar(scalar), "s") == scalar
    larger = scalar + ORDER
    if larger < 2**256:
        with pytest.raises(ClaimError, match="below the group's order"):
            decode_scalar(larger.to_bytes(32, "little").hex(), "s")


def test_the_order_itself_is_refused() -> None:
    with pytest.raises(ClaimError, match="below the group's order"):
        decode_scalar(ORDER.to_bytes(32, "little").hex(), "s")


@given(scalars, scalars, scalars, scalars)
def test_commitments_add_up(v: int, r: int, w: int, s: int) -> None:
    assert add(commit(v, r), commit(w, s)) == commit(v + w, r + s)
    assert subtract(commit(v, r), commit(v, s)) == times(r - s, H)


def test_random_scalars_differ() -> None:
    drawn = {random_scalar() for _ in range(100)}
    assert len(drawn) == 100 and min(drawn) > 0 and max(drawn) < ORDER
