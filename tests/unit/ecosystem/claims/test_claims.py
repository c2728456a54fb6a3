"""Honest claims hold; what is not so cannot be proven, and a dishonest prover's claim is not verified."""

from collections import Counter
from random import Random

import pytest
import small_claims as sc

from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.group import G, H, commit, encode_scalar, times_base
from patchpact.ecosystem.claims.proofs import RangeProof, _closed, _Opened, _opened, _with_bits, prove_openings
from patchpact.ecosystem.claims.prove import (
    _opening_numbers,
    _range_numbers,
    age_transcript,
    bits_for,
    blinding_of,
    context_of,
    drawn_leaves,
    prove_age,
    prove_age_numbers,
    prove_link,
    prove_sum,
    sum_transcript,
)
from patchpact.ecosystem.claims.records import AgeClaim, Openings, RangeNumbers, Statement, SumClaim, file_text
from patchpact.ecosystem.claims.verify import verify


def verified(claim) -> str:
    return verify(file_text(claim), sc.KEY, {"nonce": claim.nonce}).text


def not_verified(claim, problem: str) -> None:
    with pytest.raises(ClaimError, match=problem):
        verified(claim)


def check_honest(first: int, count: int) -> None:
    seen = Counter()
    for seed in range(first, first + count):
        claim = sc.random_claim(Random(seed))
        assert claim.statement.epoch in verified(claim)
        seen[claim.type] += 1
    assert set(seen) == {"sum", "age", "link"}


def test_honest_claims_are_verified() -> None:
    check_honest(0, 50)


@pytest.mark.slow
def test_a_thousand_honest_claims_are_verified() -> None:
    check_honest(50, 1000)


def test_what_is_verified_is_said_in_one_line() -> None:
    head = "acme, epoch 2026-W05, signed by its scanner: "
    source = sc.findings([0, 14, None, 3, None])
    assert verified(sc.claim_of("sum", source)) == head + "the total of 2 committed parts is 5 (findings open)"
    says = "each of 3 open findings that are known exploited was 0 to 14 days old on 2026-01-31"
    assert verified(sc.claim_of("age", source)) == head + says
    assert verified(sc.claim_of("link", source)) == head + "2 of 5 leaves, drawn by the challenge, are as shown"
    assert "no open finding is known exploited on" in verified(sc.claim_of("age", sc.findings([None])))


# Age: what a prover may try


@pytest.mark.parametrize("days", [0, 1, 2, 3, 7, 8, 14, 15, 16])
def test_the_limits_themselves_can_be_proven_and_a_day_beyond_cannot(days: int) -> None:
    verified(sc.claim_of("age", sc.findings([0, days]), days=days))
    for age in (-1, days + 1):
        with pytest.raises(ClaimError, match="1 of 2 are not 0 to"):
            sc.claim_of("age", sc.findings([0, age]), days=days)


def honest_openings(openings: Openings) -> list[tuple[int, int]]:
    from datetime import date

    leaves = [one for one in openings.leaves if one.leaf.kev]
    return [((sc.DAY - date.fromisoformat(one.leaf.known)).days, blinding_of(one)) for one in leaves]


def age_claim(statement: Statement, days: int, numbers: RangeNumbers) -> AgeClaim:
    return AgeClaim(patchpact_claim=1, type="age", statement=statement, nonce="", days=days, proof=numbers)


def dishonest_bit(digit: int, blinding: int) -> _Opened:
    """A commitment to a digit that is no bit, with the honest algorithm's numbers for a bit 1."""
    one = _opened(1, blinding, 1)[0]
    return one._replace(commitment=commit(digit, blinding), blinding=blinding)


def dishonest_value(value: int, blinding: int, bits: int) -> list[_Opened]:
    """The value out of range in as many digits as are asked for: all that is too much in the lowest one."""
    inside = min(max(value, 0), (1 << bits) - 1)
    opened = _opened(inside, blinding, bits)
    digit = opened[0].bit + value - inside
    return [dishonest_bit(digit, opened[0].blinding) if digit not in (0, 1) else opened[0], *opened[1:]]


@pytest.mark.parametrize("age", [-1, 15, 16, 100])
def test_digits_that_are_no_bits_are_refused(age: int) -> None:
    """A finding a day too old, one of negative age: digits that add up, but are not 0 or 1."""
    days = 14
    statement, openings = sc.signed(sc.findings([3, age]))
    sides = [s for a, r in honest_openings(openings) for s in ((a, r), (days - a, -r))]
    values = [dishonest_value(value, r, bits_for(days)) for value, r in sides]
    transcript = age_transcript(statement, "", days)
    challenge = _with_bits(transcript, values).challenge()
    proof = RangeProof(challenge, tuple(tuple(_closed(one, challenge) for one in value) for value in values))
    not_verified(age_claim(statement, days, _range_numbers(proof)), "the proof does not hold")


@pytest.mark.parametrize("age", [-1, 15])
def test_another_age_than_the_committed_one_does_not_add_up(age: int) -> None:
    statement, openings = sc.signed(sc.findings([3, age]))
    (first, (_, r)) = honest_openings(openings)
    numbers = prove_age_numbers(statement, [first, (7, r)], 14, "")
    not_verified(age_claim(statement, 14, numbers), "do not add up")


def test_one_side_only_more_bits_or_fewer_are_refused() -> None:
    statement, openings = sc.signed(sc.findings([3, 15]))
    opened = honest_openings(openings)
    loose = prove_age_numbers(statement, opened, 30, "")
    not_verified(age_claim(statement, 14, loose), r"values\[0\]: 5 bits instead of 4")
    statement, openings = sc.signed(sc.findings([3, 5]))
    good = prove_age(statement, openings, 14).proof
    one_side = good.model_copy(update={"values": good.values[::2]})
    not_verified(age_claim(statement, 14, one_side), "2 range proofs for 2 findings")
    for change, bits in ((lambda value: value[:-1], 3), (lambda value: [*value, value[-1]], 5), (lambda value: [], 0)):
        values = [change(value) if i == 2 else value for i, value in enumerate(good.values)]
        not_verified(
            age_claim(statement, 14, good.model_copy(update={"values": values})), rf"values\[2\]: {bits} bits instead"
        )
    not_verified(age_claim(statement, 15, good), "do not add up")  # of as many bits as 14


def test_an_omitted_leaf_is_noticed() -> None:
    """The finding that is too old left out: of the proof, of the statement, or of both."""
    statement, openings = sc.signed(sc.findings([3, 40, 5]))
    opened = [one for one in honest_openings(openings) if one[0] <= 14]
    numbers = prove_age_numbers(statement, opened, 14, "")
    not_verified(age_claim(statement, 14, numbers), "4 range proofs for 3 findings")
    fewer = statement.model_copy(update={"ages": [statement.ages[0], statement.ages[2]], "open_kev": 2})
    numbers = prove_age_numbers(fewer, opened, 14, "")
    not_verified(age_claim(fewer, 14, numbers), "signature")


def test_a_duplicated_or_substituted_leaf_is_noticed() -> None:
    statement, openings = sc.signed(sc.findings([3, 40, 5]))
    one, _, three = honest_openings(openings)
    for instead in (one, (5, 12345)):  # another leaf's commitment, one of the prover's own
        numbers = prove_age_numbers(statement, [one, instead, three], 14, "")
        not_verified(age_claim(statement, 14, numbers), r"values\[2\]: the bits do not add up")
        ages = [statement.ages[0], commit(*instead).hex(), statement.ages[2]]
        changed = statement.model_copy(update={"ages": ages})
        not_verified(age_claim(changed, 14, prove_age_numbers(changed, [one, instead, three], 14, "")), "signature")


def test_a_proof_serves_only_its_own_statement_and_order() -> None:
    first, other = sc.claim_of("age", sc.findings([3, 5])), sc.claim_of("age", sc.findings([3, 5]))
    not_verified(age_claim(first.statement, 14, other.proof), "do not add up")
    swapped = first.proof.model_copy(update={"values": [*first.proof.values[2:], *first.proof.values[:2]]})
    not_verified(age_claim(first.statement, 14, swapped), "do not add up")


def test_a_scanner_s_faulty_statement_is_refused() -> None:
    """Signed, but with a count that does not fit, or one commitment twice."""
    from patchpact.ecosystem.claims.signatures import sign
    from patchpact.ecosystem.claims.statements import _signed

    claim = sc.claim_of("age", sc.findings([3, 5]))
    ages = claim.statement.ages
    for change, problem in (
        ({"open_kev": 1}, "2 commitments for 1"),
        ({"leaves": 1}, "2 commitments for 2 of 1 leaves"),
        ({"ages": [ages[0], ages[0]]}, "stands twice"),
        ({"ages": [ages[0], "00" * 32]}, "identity"),
        ({"ages": [ages[0], "01" + "00" * 31]}, "no point"),
    ):
        changed = claim.statement.model_copy(update=change)
        changed = changed.model_copy(update={"signature": sign(_signed(changed), sc.SEED).hex()})
        not_verified(age_claim(changed, 14, claim.proof), problem)


def test_amounts_have_no_age() -> None:
    """A statement without findings must not pass for one without exploited findings."""
    statement, openings = sc.signed(sc.amounts([1, 2]))
    with pytest.raises(ClaimError, match="not about findings"):
        prove_age(statement, openings, 14)
    not_verified(age_claim(statement, 14, prove_age_numbers(statement, [], 14, "")), "not about findings")


# Sum


@pytest.mark.parametrize("change", [-1, 1])
def test_another_total_cannot_be_proven(change: int) -> None:
    statement, openings = sc.signed(sc.amounts([5, 7, 0]))
    claim = prove_sum(statement, openings)
    assert claim.total == 12
    not_verified(claim.model_copy(update={"total": 12 + change}), "does not hold")
    # The prover knows the blindings: what he lacks is the logarithm of H.
    blinding = sum(int.from_bytes(bytes.fromhex(part.blinding), "little") for part in openings.parts)
    proof = prove_openings(sum_transcript(statement, "", 12 + change), [blinding])
    forged = SumClaim(
        patchpact_claim=1,
        type="sum",
        statement=statement,
        nonce="",
        total=12 + change,
        proof=_opening_numbers(proof),
    )
    not_verified(forged, "does not hold")


def test_sums_of_nothing_are_refused() -> None:
    source = sc.findings([1])
    statement, openings = sc.signed(type(source)(source.kind, source.leaves, {}))
    with pytest.raises(ClaimError, match="none to add up"):
        prove_sum(statement, openings)
    proof = _opening_numbers(prove_openings(context_of("sum", statement, ""), [1]))
    not_verified(
        SumClaim(patchpact_claim=1, type="sum", statement=statement, nonce="", total=0, proof=proof), "none to add up"
    )


# Link


def test_the_challenge_draws_different_leaves_and_all_of_them() -> None:
    statement, _ = sc.signed(sc.findings([None] * 50))
    drawn = drawn_leaves(statement, "", 50)
    assert sorted(drawn) == list(range(1, 51))
    assert drawn_leaves(statement, "", 10) == drawn[:10]  # the size of the sample is no choice of leaves
    assert drawn_leaves(statement, "00", 50) != drawn


def test_leaves_are_drawn_evenly() -> None:
    statement, _ = sc.signed(sc.findings([None] * 5))
    counts = Counter(leaf for n in range(2000) for leaf in drawn_leaves(statement, f"{n:04x}", 2))
    # 800 each; five standard deviations of a binomial of 2000 and 0.4
    assert all(abs(count - 800) < 110 for count in counts.values())


def test_only_the_leaves_that_are_drawn_will_do() -> None:
    statement, openings = sc.signed(sc.findings([3, None, 5, None, 2, None, None]))
    claims = [prove_link(statement, openings, 2, nonce) for nonce in ("", "aa", "bb", "cc", "dd")]
    other = next(c for c in claims[1:] if c.proof.openings != claims[0].proof.openings)
    not_verified(other.model_copy(update={"nonce": ""}), "not the leaves that the challenge draws")
    with pytest.raises(ClaimError, match=r"nonce: is '.*'; '' is expected"):
        verify(file_text(other), sc.KEY)
    with pytest.raises(ClaimError, match="8 of 7 leaves"):
        prove_link(statement, openings, 8)
    not_verified(claims[0].model_copy(update={"sample": 8}), "8 of 7 leaves")


def test_a_leaf_that_differs_from_the_signed_one_is_noticed() -> None:
    claim = sc.claim_of("link", sc.findings([3, 5]))
    first, second = claim.proof.openings
    younger = first.model_copy(update={"leaf": first.leaf.model_copy(update={"known": "2026-01-31"})})
    for openings, problem in (
        ([younger, second], r"openings\[0\]: is not in the tree"),
        ([first.model_copy(update={"salt": "00" * 32}), second], "is not in the tree"),
        ([first, first], "not the leaves"),
        ([first], "not the leaves"),
    ):
        changed = claim.proof.model_copy(update={"openings": openings})
        not_verified(claim.model_copy(update={"proof": changed}), problem)


def test_a_scanner_whose_commitment_is_to_another_age_than_its_leaf_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The leaf says 40 days, the commitment 3: an audit of that leaf shows it."""
    from patchpact.ecosystem.claims import statements

    real = statements.value_of
    monkeypatch.setattr(statements, "value_of", lambda leaf, day: 3 if real(leaf, day) == 40 else real(leaf, day))
    statement, openings = sc.signed(sc.findings([40, 5]))
    claim = prove_link(statement, openings, 2)
    monkeypatch.undo()
    not_verified(claim, "does not hold")


def test_commitments_hide_and_differ_for_equal_values() -> None:
    statement, _ = sc.signed(sc.findings([3, 3, 3]))
    again, _ = sc.signed(sc.findings([3, 3, 3]))
    assert len({*statement.ages, *again.ages}) == 6
    assert not {*statement.ages} & {times_base(3).hex(), G.hex(), H.hex()}


def test_openings_of_another_statement_are_refused() -> None:
    (one, openings), (other, _) = sc.signed(sc.findings([3])), sc.signed(sc.findings([3]))
    with pytest.raises(ClaimError, match="not those of this statement"):
        prove_age(other, openings, 14)
    wrong = openings.leaves[0].model_copy(update={"blinding": encode_scalar(7)})
    with pytest.raises(ClaimError, match="do not open the statement's commitments"):
        prove_age(one, openings.model_copy(update={"leaves": [wrong]}), 14)
    with pytest.raises(ClaimError, match="root"):
        prove_age(one, openings.model_copy(update={"leaves": []}), 14)


def test_nothing_secret_stands_in_a_claim() -> None:
    """Neither blindings, nor salts and leaves that are not shown, nor the key."""
    statement, openings = sc.signed(sc.findings([3, 5, None]))
    for claim in (
        prove_sum(statement, openings),
        prove_age(statement, openings, 14),
        prove_link(statement, openings, 1),
    ):
        text = file_text(claim)
        shown = [one.index - 1 for one in claim.proof.openings] if claim.type == "link" else []
        secret = [one.salt for i, one in enumerate(openings.leaves) if i not in shown]
        secret += [one.leaf.name for i, one in enumerate(openings.leaves) if i not in shown]
        secret += [one.blinding for one in (*openings.leaves, *openings.parts) if one.blinding]
        assert len(secret) >= 8
        assert not [word for word in (*secret, sc.SEED.hex()) if word in text]
