"""`patchpact calibrate federated`: the curve on made-up markets, or one measurement of the user's persons."""

import json
from pathlib import Path

import numpy as np
import pytest

from patchpact.cli.main import main
from patchpact.ecosystem.federated.persons import CHANNELS, COLUMNS, Persons
from patchpact.ecosystem.federated.study import leak_hazard_per_day, mean_interval
from patchpact.scenarios.tables import bundled, read_table

pytest.importorskip("dp_accounting")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path, persons: Persons) -> Path:
    lines = [",".join(COLUMNS)]
    for i in range(len(persons)):
        last = int(persons.last[i])
        path = [CHANNELS[k] for k in np.flatnonzero(persons.touched[i]) if k != last] + [CHANNELS[last]]
        switches = [int(x[i]) for x in (persons.treated, persons.converted)]
        cells = [persons.tenants[persons.tenant[i]], f"p{i}", int(persons.group[i]), ">".join(path), *switches]
        lines.append(",".join(map(str, [*cells, persons.order_eur[i], *persons.covariates[i]])))
    file = tmp_path / "persons.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.mark.slow
def test_the_same_markets_give_the_same_table(tmp_path: Path, capsys: Capture) -> None:
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for file in files:
        assert main(["calibrate", "federated", "--small", "--out", str(file)]) == 0
    assert files[0].read_text(encoding="utf-8") == files[1].read_text(encoding="utf-8")
    table = read_table(files[0], ("epsilon", "tenants", "value_share"))
    assert table.texts("epsilon")[:6] == ("0.5", "1", "2", "4", "8", "none")
    assert all(
        float(a) <= float(b)
        for a, b in zip(table.texts("epsilon_spent"), table.texts("epsilon"), strict=True)
        if b != "none"
    )


@pytest.mark.slow
def test_users_persons_are_measured_until_the_budget_is_spent(tmp_path: Path, data: Path, capsys: Capture) -> None:
    pytest.importorskip("opacus")
    out = tmp_path / "mine.csv"
    command = [
        "calibrate",
        "federated",
        "--small",
        "--data",
        str(data),
        "--epsilon",
        "100",
        "--budget",
        "100",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    assert "is spent" in capsys.readouterr().err
    releases = data.with_name("persons.csv.releases.json")
    said = json.loads(releases.read_text(encoding="utf-8"))
    assert said["privacy"]["epsilon_spent"] <= 100.0 and len(said["tenants"]) == 3
    assert any("no person's data" in note for note in read_table(out).notes)
    before = [file.read_bytes() for file in (releases, out, data.with_name("persons.csv.ledger.json"))]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "persons.csv.ledger.json: budget: epsilon 100 of 100 is spent" in err
    assert before == [file.read_bytes() for file in (releases, out, data.with_name("persons.csv.ledger.json"))]


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["--epsilon", "0"], "--epsilon: out of range; give a number above 0"),
        (["--epsilon", "9"], "--budget: out of range; give a number --epsilon or more"),
        (["--delta", "nan"], "--delta: out of range"),
        (["--sampling", "2"], "--sampling: out of range"),
        (["--seeds", "1"], "2 or more"),
        (["--ledger", "x.json"], "name the persons' file, too"),
        (["--data", "no.csv"], "no.csv"),
        (["--data", "no.csv", "--ledger", "no/such/x.json"], "name a file in a folder that is there"),
        (["--epsilo", "2"], "did you mean --epsilon?"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], mend: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["calibrate", "federated", *arguments, "--out", str(tmp_path / "t.csv")]) == 2
    err = capsys.readouterr().err
    assert mend in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_wrong_file_is_told_before_anything_is_charged(tmp_path: Path, data: Path, capsys: Capture) -> None:
    data.write_text(data.read_text(encoding="utf-8").replace(",p7,", ",p7,9"), encoding="utf-8")
    assert main(["calibrate", "federated", "--data", str(data), "--out", str(tmp_path / "t.csv")]) == 2
    err = capsys.readouterr().err
    assert f"{data}: row 9: group: is neither 0 nor 1; write 0 or 1" in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [data]


def test_missing_libraries_are_told_before_anything_is_charged(
    tmp_path: Path, data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opacus", None)
    assert main(["calibrate", "federated", "--data", str(data), "--out", str(tmp_path / "t.csv")]) == 2
    err = capsys.readouterr().err
    assert "needs opacus; install it with: pip install 'patchpact[platform]'" in err
    assert list(tmp_path.iterdir()) == [data]


def test_the_hazard_is_the_formula() -> None:
    assert leak_hazard_per_day(2.0) == pytest.approx(1e-4 * np.exp(0.6))
    assert leak_hazard_per_day(None) == pytest.approx(1e-4 * np.exp(4.8)) and leak_hazard_per_day(8.0) < 0.002


def test_intervals_are_student_s() -> None:
    """As tables state it: t for 4 degrees of freedom is 2.776."""
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert mean == 3.0 and high - mean == pytest.approx(mean - low) == pytest.approx(
        2.7764 * (2.5 / 5) ** 0.5, rel=1e-4
    )


def test_the_bundled_table_can_be_looked_up() -> None:
    table = read_table(bundled("federated"), ("epsilon", "tenants", "persons_per_tenant", "value_share", "parity_gap"))
    keys = list(zip(*(table.texts(c) for c in ("epsilon", "tenants", "persons_per_tenant")), strict=True))
    assert len(set(keys)) == len(keys) == len(set(table.texts("epsilon"))) * len({key[1:] for key in keys})
    assert set(table.texts("epsilon")) == {"0.5", "1", "2", "4", "8", "none"}
    for name in ("value_share", "uplift_rmse", "parity_gap", "loss_attack", "worst_case_attack"):
        low, value, high = (np.array(table.numbers(name + end)) for end in ("_low", "", "_high"))
        assert (low <= value).all() and (value <= high).all()
    bounds, private = np.array(table.numbers("attack_bound")), np.array(table.texts("epsilon")) != "none"
    for name in ("loss_attack", "worst_case_attack"):
        assert (np.array(table.numbers(f"{name}_high"))[private] < bounds[private]).all()
    shares = dict(zip(keys, table.numbers("value_share"), strict=True))
    for tenants, size in {key[1:] for key in keys}:
        assert shares["none", tenants, size] >= shares["0.5", tenants, size]
