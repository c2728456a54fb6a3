"""What a claim costs is measured with claims that are verified."""

from argparse import ArgumentParser, Namespace

import pytest

from patchpact.ecosystem.claims import calibration


def options(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    calibration.configure(parser)
    return parser.parse_args(arguments)


def test_a_row_for_each_type_size_and_limit() -> None:
    small = ("--leaves", "1", "3", "--days", "3", "14", "--repeats", "1", "--person-minutes", "6", "--haircut", ".25")
    found = calibration.run(options(*small))
    assert [(row["type"], row["leaves"], row["bits"]) for row in found.rows] == [
        ("sum", 1, 0), ("age", 1, 2), ("age", 1, 4), ("link", 1, 0),
        ("sum", 3, 0), ("age", 3, 2), ("age", 3, 4), ("link", 3, 0),
    ]  # fmt: skip
    sizes = {(row["type"], row["leaves"], row["bits"]): row["claim_bytes"] for row in found.rows}
    assert sizes["age", 3, 4] > sizes["age", 3, 2] > sizes["age", 1, 2] > sizes["sum", 1, 0]
    for row in found.rows:
        compute = (row["prove_ms"] + row["verify_ms"]) / 3.6e6 * 0.05 / 1000
        assert row["compute_keur"] == pytest.approx(compute)
        assert row["cost_keur"] == pytest.approx(compute + 0.1 * 60 / 1000)
        assert row["haircut"] == 0.25
        assert row["prove_ms"] > 0 and row["verify_ms"] > 0
    assert sum("assumption" in note for note in found.notes) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--leaves", "0"), ("--days", "-1"), ("--days", "4000"), ("--repeats", "0"), ("--sample", "0"),
        ("--haircut", "1.5"), ("--haircut", "nan"), ("--person-minutes", "-1"), ("--machine-eur-per-hour", "inf"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_named(arguments: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=rf"{arguments[0]} .*: is out of range; write"):
        calibration.run(options(*arguments))
