"""Turn raw topologies, components and findings into the data bundled under `scenarios/data/`.

    python tools/build_scenario_data.py RAW_DATA_FOLDER

RAW_DATA_FOLDER holds `graphs/<app>.json`, `components/<app>[@tag].csv`,
`components/<app>[@tag]_findings.csv` and `vulns/cves.csv`. Only facts are copied. Left out: findings
from share-alike sources, and findings whose platform cannot be Linux. Findings whose affected range
has an open lower bound stay, marked `unconfirmed`. Uids are given here, once: the order of the rows.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "scenarios" / "data"
APPLICATIONS: dict[str, tuple[str, ...]] = {
    "online_boutique": ("online_boutique@v0.8.1",),
    "otel_demo": ("otel_demo@1.6.0",),
    "bank_of_anthos": ("bank_of_anthos@v0.6.2",),
    "sock_shop": ("sock_shop", "sock_shop@source-2023-12"),
    "robot_shop": ("robot_shop",),
    "dsb_social_network": ("dsb_social_network",),
    "dsb_hotel": ("dsb_hotel",),
    "dotnet_eshop": (),
    "teastore": ("teastore@v1.4.1",),
    "piggymetrics": ("piggymetrics",),
    "spring_petclinic": ("spring_petclinic@v3.0.9",),
    "istio_bookinfo": (),
}
"""The releases taken of each application; none where no finding is known for what it ships."""
PRODUCERS_ONLY = {
    ("checkout", "kafka"),
    ("shipping", "rabbitmq"),
    ("payment", "rabbitmq"),
    ("order-processor", "eventbus"),
}
"""Queue clients that only send; read from the applications' own source."""
NODE_FIELDS = ("kind", "exposed", "data_sensitivity", "language", "image_or_build")
FINDING_FIELDS = (
    "uid", "service", "component", "ecosystem", "version", "cve", "fixed_version", "cvss", "severity", "epss",
    "kev", "automatable", "technical_impact", "match", "unconfirmed", "source",
)  # fmt: skip
COMPONENT_FIELDS = ("service", "component", "ecosystem", "version", "direct", "evidence")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, fields: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def graph(raw: Path, app: str) -> None:
    data = json.loads((raw / "graphs" / f"{app}.json").read_text(encoding="utf-8"))
    head = {key: data[key] for key in ("name", "source_repo", "commit", "licence", "notes")}
    nodes = [
        {"uid": uid, "id": node["id"], **{key: node[key] for key in NODE_FIELDS if key in node}}
        for uid, node in enumerate(data["nodes"])
    ]
    edges = []
    for uid, edge in enumerate(data["edges"]):
        row = {"uid": uid, **{key: edge[key] for key in ("source", "target", "kind")}}
        if edge["kind"] == "queue":
            row["consumes"] = (edge["source"], edge["target"]) not in PRODUCERS_ONLY
        edges.append({**row, "evidence": edge["evidence"]})
    lines = [f' "{key}": {json.dumps(value, ensure_ascii=False)},' for key, value in head.items()]
    for name, rows in (("nodes", nodes), ("edges", edges)):
        body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
        lines.append(f' "{name}": [\n{body}\n ]' + ("," if name == "nodes" else ""))
    (TARGET / f"{app}.json").write_text("{\n" + "\n".join(lines) + "\n}\n", encoding="utf-8")


def match_code(text: str) -> str:
    """The match confidence in one word."""
    for start, code in (
        ("exact range match", "exact"),
        ("toolchain image floating tag", "toolchain-floating"),
        ("CNA record range", "cna-record"),
        ("declared lower bound", "declared-lower-bound"),
        ("fixed_version compare", "fix-compare"),
    ):
        if text.startswith(start):
            return code
    return "image-floating" if "floating tag" in text else "image"


def findings(raw: Path, release: str, ssvc: dict[str, tuple[str, str]]) -> None:
    rows: list[dict[str, str]] = []
    seen: set[tuple[str, str, str]] = set()
    for row in read_rows(raw / "components" / f"{release}_findings.csv"):
        key = (row["service"], row["component"], row["cve_id"])
        if row["platform_hint"].startswith("not linux") or "victims" in row["source"] or key in seen:
            continue
        seen.add(key)
        automatable, impact = ssvc.get(row["cve_id"], ("", ""))
        rows.append({
            "uid": str(len(rows)), "service": row["service"], "component": row["component"],
            "ecosystem": row["ecosystem"], "version": row["version"], "cve": row["cve_id"],
            "fixed_version": row["fixed_version"], "cvss": row["cvss_v3_score"],
            "severity": row["severity_label"].lower().replace("unknown", ""), "epss": row["epss"],
            "kev": row["in_kev"] or "0", "automatable": {"yes": "1", "no": "0"}.get(automatable, ""),
            "technical_impact": impact, "match": match_code(row["match_confidence"]),
            "unconfirmed": "1" if "open lower bound" in row["match_confidence"] else "0",
            "source": row["source"],
        })  # fmt: skip
    write_rows(TARGET / f"{release}_findings.csv", FINDING_FIELDS, rows)
    used = {(row["service"], row["component"], row["version"]) for row in rows}
    components = [
        {name: row[name] for name in COMPONENT_FIELDS}
        for row in read_rows(raw / "components" / f"{release}.csv")
        if (row["service"], row["component"], row["version"]) in used
    ]
    write_rows(TARGET / f"{release}_components.csv", COMPONENT_FIELDS, components)
    print(f"{release}: {len(rows)} findings, {len(components)} components")


def main() -> None:
    raw = Path(sys.argv[1])
    ssvc = {
        row["cve_id"]: (row["ssvc_automatable"], row["ssvc_technical_impact"])
        for row in read_rows(raw / "vulns" / "cves.csv")
        if row["ssvc_automatable"]
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    for app, releases in APPLICATIONS.items():
        graph(raw, app)
        for release in releases:
            findings(raw, release, ssvc)


if __name__ == "__main__":
    main()
