"""What the service does for a tenant in this process."""

import json
from pathlib import Path

import pytest
import shops

from patchpact.ecosystem.service import ServiceError, local
from patchpact.ecosystem.service.uploads import MOST_SERVICES, view_of

TWO = [{"id": "a", "modules": ["prioritise"]}, {"id": "b", "modules": []}]


def test_a_tenant_asks_what_it_subscribes_to() -> None:
    service = local(TWO)
    service.upload("a", shops.shop())
    assert service.plans("a", "net-gain", 2)
    with pytest.raises(ServiceError, match="needs module scan, not subscribed") as refused:
        service.plans("a", "hybrid-priority")
    assert refused.value.status == 402
    service.upload("b", shops.shop())
    assert service.plans("b", "cvss-first")
    with pytest.raises(ServiceError, match="prioritise") as refused:
        service.plans("b", "net-gain")
    assert refused.value.status == 402


@pytest.mark.parametrize(
    ("tenant", "recommender", "k", "status", "mend"),
    [
        ("c", "net-gain", 1, 404, "no such tenant"),
        ("a", "net-gian", 1, 404, "did you mean 'net-gain'"),
        ("a", "net-gain", 0, 422, "ask for 1 to"),
        ("a", "net-gain", 99, 422, "ask for 1 to"),
        ("b", "cvss-first", 1, 409, "send graph and findings first"),
    ],
)
def test_refusals_are_one_line(tenant: str, recommender: str, k: int, status: int, mend: str) -> None:
    service = local(TWO)
    service.upload("a", shops.shop())
    with pytest.raises(ServiceError, match=mend) as refused:
        service.plans(tenant, recommender, k)
    assert refused.value.status == status and "\n" not in str(refused.value)


def test_nothing_is_drawn_that_was_not_said() -> None:
    service = local()
    bare = {"graph": shops.shop()["graph"]}
    assert service.upload("me", bare)["findings"] == 0
    with pytest.raises(ServiceError, match="no finding can be patched"):
        service.plans("me", "net-gain")


def test_new_data_make_new_plans_and_refused_ones_change_nothing() -> None:
    service = local()
    service.upload("me", shops.shop("old"))
    before = service.plans("me", "net-gain")
    assert service.plans("me", "net-gain") is before  # kept
    with pytest.raises(ValueError, match=r"upload: findings.*epss"):
        service.upload("me", shops.shop("new") | {"findings": [{**shops.shop("new")["findings"][0], "epss": 2.0}]})
    assert service.plans("me", "net-gain") is before
    service.upload("me", shops.shop("new"))
    assert all(step.service.startswith("new") for plan in service.plans("me", "net-gain") for step in plan.steps)
    service.forget("me")
    with pytest.raises(ServiceError, match="nothing was uploaded"):
        service.summary("me")


def test_each_tenant_s_data_are_in_its_own_folder_and_are_read_again(tmp_path: Path) -> None:
    service = local(TWO, folder=tmp_path)
    service.upload("a", shops.shop("mine"))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == ["a/data.json"]
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0 and (tmp_path / "a/data.json").stat().st_mode & 0o077 == 0
    again = local(TWO, folder=tmp_path)
    assert again.summary("a") == service.summary("a")
    assert again.plans("a", "net-gain") == service.plans("a", "net-gain")
    with pytest.raises(ServiceError, match="nothing was uploaded"):
        again.summary("b")
    again.forget("a")
    assert not list(tmp_path.rglob("*.json"))


def test_a_file_is_never_read_for_a_tenant() -> None:
    """Scenario files may name files beside them; an upload may not."""
    for field in ("findings", "graph"):
        with pytest.raises(ValueError, match="upload"):
            view_of(shops.shop() | {field: "/etc/passwd"}, "t")


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"parameters": {"windows": 500}}, "cannot be set"),
        ({"parameters": {"capacity_hours": -1}}, "capacity_hours"),
        ({"calendar": ["peak", "peak"]}, "calendar"),
        ({"calendar": ["peak", "peak", "never"]}, "give three of"),
        ({"graph": {"nodes": [{"id": str(n)} for n in range(MOST_SERVICES + 1)]}}, "send at most"),
        ({"graph": {"nodes": []}}, "services"),
        ({"secrets": 1}, "unknown field"),
    ],
)
def test_uploads_are_checked(change: dict, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        view_of(shops.shop() | change, "t")


def test_parameters_and_calendar_are_the_tenant_s() -> None:
    view = view_of(shops.shop(parameters={"capacity_hours": 7}, calendar=["peak", "quiet", "normal"]), "t")
    assert view.scenario.parameters["capacity_hours"] == 7
    assert view.calendar == ("peak", "quiet", "normal")


def test_prices_are_pooled_and_kinder_to_the_compliant() -> None:
    def price(people: list[dict], tenant: str = "a") -> float:
        rows = {row["module"]: row for row in local(people).modules(tenant)}
        return rows["prioritise"]["price_keur_window"]

    alone = price(TWO)
    pooled = price([*TWO, {"id": "c", "modules": ["prioritise"]}])
    kind = price([{**TWO[0], "compliance": 1.0}, TWO[1]])
    assert pooled < alone and kind == pytest.approx(0.7 * alone)
    assert price([{"id": "a"}, TWO[1]]) == alone  # what it would pay


def test_the_modules_say_what_they_are_worth() -> None:
    rows = {row["module"]: row for row in local(TWO).modules("a")}
    assert rows["prioritise"]["subscribed"] and not rows["scan"]["subscribed"]
    assert rows["prioritise"]["worth_keur_window"]["value"] > 0 and rows["prioritise"]["basis"] == "measured"
    assert rows["esg-report"]["basis"] == "assumption"
    json.dumps(list(rows.values()), allow_nan=False)


def test_tenants_are_checked() -> None:
    with pytest.raises(ValueError, match="twice"):
        local([{"id": "a"}, {"id": "a"}])
    with pytest.raises(ValueError, match="did you mean 'scan'"):
        local([{"id": "a", "modules": ["scann"]}])
    for name in ("../b", "A", "", "a" * 41, "a/b"):
        with pytest.raises(ValueError, match="tenants"):
            local([{"id": name}])
