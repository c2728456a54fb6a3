"""Keys are kept as salted hashes only, and callers are bounded."""

from pathlib import Path

import pytest

from patchpact.cli.main import main
from patchpact.ecosystem.service.limits import Buckets
from patchpact.ecosystem.service.tenants import Keys, TenantRecord, read_tenants, with_new_key, write_tenants


def test_a_key_is_its_tenant_s_alone(tmp_path: Path) -> None:
    made = [with_new_key(TenantRecord(id=name)) for name in ("a", "b")]
    write_tenants(tmp_path / "t.json", [record for record, _ in made])
    keys = Keys(read_tenants(tmp_path / "t.json"))
    for record, key in made:
        assert keys.tenant_of(key) == record
    (a, key_a), (b, key_b) = made
    half_a, half_b = key_a.split(".")[0], key_b.split(".")[1]
    for wrong in (
        "",
        ".",
        key_a[:-1],
        key_a + "x",
        key_a.upper(),
        f"{half_a}.{half_b}",
        key_a.split(".")[1],
        "\udcff.x",
    ):
        assert keys.tenant_of(wrong) is None
    assert Keys([TenantRecord(id="c")]).tenant_of("") is None  # a tenant without a key
    assert a.salt != b.salt


def test_the_file_holds_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.json"
    assert main(["serve", "--tenants", str(file), "--add", "acme", "--module", "scan"]) == 0
    key = capsys.readouterr().out.split()[-1]
    text = file.read_text()
    assert not any(part in text for part in key.split(".")[1:]) and file.stat().st_mode & 0o077 == 0
    (record,) = read_tenants(file)
    assert Keys([record]).tenant_of(key) == record and record.modules == ["scan"]
    assert main(["serve", "--tenants", str(file), "--new-key", "acme"]) == 0
    new = capsys.readouterr().out.split()[-1]
    (again,) = read_tenants(file)
    assert again.modules == ["scan"] and Keys([again]).tenant_of(new) and not Keys([again]).tenant_of(key)
    assert main(["serve", "--tenants", str(file), "--remove", "acme"]) == 0
    assert not read_tenants(file)


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["--add", "a"], "is there already"),
        (["--add", "../x"], "small letters"),
        (["--add", "b", "--module", "scann"], "did you mean 'scan'"),
        (["--new-key", "aa"], "did you mean 'a'"),
        (["--remove", "zz"], "use one of 'a'"),
        (["--module", "scan"], "goes with --add"),
        (["--port", "70000"], "0 to 65535"),
        (["--data", "/no/such"], "make it first"),
    ],
)
def test_bad_input_changes_nothing(
    arguments: list[str], mend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.json"
    write_tenants(file, [with_new_key(TenantRecord(id="a"))[0]])
    before = file.read_bytes()
    assert main(["serve", "--tenants", str(file), *arguments]) == 2
    err = capsys.readouterr().err
    assert mend in err and err.count("\n") == 1
    assert file.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["t.json"]


def test_a_bad_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.json"
    file.write_text('{"tenants": [{"id": "a", "key": "x"}]}')
    assert main(["serve", "--tenants", str(file)]) == 2
    assert "tenants[0].key: unknown field" in capsys.readouterr().err
    assert main(["serve", "--tenants", str(tmp_path / "no.json")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_buckets_fill_with_time() -> None:
    now = [0.0]
    buckets = Buckets(2.0, 3, callers=2, clock=lambda: now[0])
    assert [buckets.wait_seconds("a") for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.wait_seconds("b") == 0  # each has its own
    now[0] = 0.5
    assert [buckets.wait_seconds("a") for _ in range(2)] == [0, 1]
    now[0] = 100.0
    assert [buckets.wait_seconds("a") for _ in range(4)] == [0, 0, 0, 1]
    assert (
        buckets.wait_seconds("c") == buckets.wait_seconds("d") == 0
    )  # a and b are forgotten: no more than two are kept
    assert len(buckets._state) == 2
