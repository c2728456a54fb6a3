"""A file of persons is read as it stands, or refused in one line that names file, row, field and mend."""

from pathlib import Path

import numpy as np
import pytest

from patchpact.ecosystem.federated.persons import COLUMNS, load_persons
from patchpact.scenarios.errors import ScenarioError

HEAD = ",".join(COLUMNS)
GOOD = ("b,p1,0,social>search,1,1,42.5,0.8,0.3", "a,p2,1,web,0,0,0,0.1,1", "b,p3,0,app,0,1,9,0,0")


def write(folder: Path, *lines: str, head: str = HEAD) -> Path:
    file = folder / "persons.csv"
    file.write_text("\n".join((head, *lines)) + "\n", encoding="utf-8")
    return file


def test_a_file_is_read(tmp_path: Path) -> None:
    persons = load_persons(write(tmp_path, *GOOD))
    assert persons.tenants == ("a", "b") and persons.tenant.tolist() == [0, 1, 1]
    assert persons.treated.tolist() == [False, True, False] and persons.group.tolist() == [True, False, False]
    assert persons.touched[1].tolist() == [False, False, True, True] and persons.last.tolist() == [0, 3, 1]
    assert persons.order_eur.tolist() == [0.0, 42.5, 9.0] and not persons.synthetic and persons.repeated == 0
    np.testing.assert_array_equal(persons.covariates, [[0.1, 1.0], [0.8, 0.3], [0.0, 0.0]])


def test_a_person_counts_once_in_all_tenants(tmp_path: Path) -> None:
    """Else one person could move a sum twice, and the ledger would promise too much."""
    persons = load_persons(write(tmp_path, *GOOD, "a,p1,0,web,0,1,5,0,0", GOOD[1]))
    assert len(persons) == 3 and persons.repeated == 2
    assert persons.order_eur[persons.tenant == 1].tolist() == [42.5, 9.0]


@pytest.mark.parametrize(
    ("line", "field", "mend"),
    [
        ("a,p9,2,web,1,1,5,0,0", "row 3: group", "write 0 or 1"),
        ("a,p9,0,wep,1,1,5,0,0", "row 3: touches", "did you mean 'web'?"),
        ("a,p9,0,,1,1,5,0,0", "row 3: touches", "at least one channel"),
        ("a,p9,0,web,1,0,5,0,0", "row 3: order_eur", "converted 1"),
        ("a,p9,0,web,1,1,-5,0,0", "row 3: order_eur", "from 0 on"),
        ("a,p9,0,web,1,1,nan,0,0", "row 3: order_eur", "from 0 on"),
        ("a,p9,0,web,1,1,5,1.5,0", "row 3: activity", "from 0 to 1"),
        (",p9,0,web,1,1,5,0,0", "row 3: tenant", "printable"),
        ("a,p9,0,web,1,1,5,0", "row 3", "correct the line"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, line: str, field: str, mend: str) -> None:
    file = write(tmp_path, GOOD[0], line)
    with pytest.raises(ScenarioError) as caught:
        load_persons(file)
    assert str(caught.value).startswith(f"{file}: {field}: ") and mend in str(caught.value)
    assert "\n" not in str(caught.value) and "p9" not in str(caught.value).removeprefix(str(file))


@pytest.mark.parametrize(
    ("head", "mend"),
    [
        (HEAD.replace(",tenure", ""), "tenure: no such column"),
        (HEAD.replace("tenure", "tenur"), "tenure: no such column"),
        (HEAD + ",tenures", "did you mean 'tenure'?"),
        (HEAD + ",tenure", "stands twice"),
        (HEAD, "rows: there are none"),
    ],
)
def test_wrong_columns_are_named(tmp_path: Path, head: str, mend: str) -> None:
    with pytest.raises(ScenarioError, match=r"persons\.csv") as caught:
        load_persons(write(tmp_path, head=head))
    assert mend in str(caught.value)


def test_a_huge_cell_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="correct the line"):
        load_persons(write(tmp_path, "a" * 200_000))
