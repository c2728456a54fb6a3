"""Write the results of docs/federated.md anew from scenarios/tables/federated.csv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from patchpact.cli.output import between_marks, table
from patchpact.scenarios.tables import Table, bundled, read_table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "federated.md"


def results(measured: Table) -> str:
    """The results in Markdown."""
    rows = measured.rows
    tiers = list(dict.fromkeys(row["epsilon"] for row in rows))
    cells = list(dict.fromkeys((row["tenants"], row["persons_per_tenant"]) for row in rows))
    at = {(row["epsilon"], row["tenants"], row["persons_per_tenant"]): row for row in rows}

    def by_cell(column: str, intervals: bool) -> list[dict[str, str]]:
        return [
            {
                "tenants": tenants,
                "persons each": size,
                **{f"ε {tier}": _cell(at[tier, tenants, size], column, intervals) for tier in tiers},
            }
            for tenants, size in cells
        ]

    value = by_cell("value_share", True)
    for row, (tenants, size) in zip(value, cells, strict=True):
        any_tier = at[tiers[0], tenants, size]
        row["alone"] = _cell(any_tier, "alone_value_share", True)
        row["all treated"] = _cell(any_tier, "treat_all_value_share", False)
        alone_high = float(any_tier["alone_value_share_high"])
        better = [tier for tier in tiers if float(at[tier, tenants, size]["value_share_low"]) > alone_high]
        row["surely better than alone from"] = f"ε {better[0]}" if better else "never"
    attacks = [
        {
            "ε": tier,
            "attack on the model": _cell(at[tier, *cells[0]], "loss_attack", True),
            "worst case": _cell(at[tier, *cells[0]], "worst_case_attack", True),
            "bound": _cell(at[tier, *cells[0]], "attack_bound", False),
            "leak hazard a day (assumed)": f"{float(at[tier, *cells[0]]['leak_hazard_per_day']):.2g}",
        }
        for tier in tiers
    ]
    said = measured.provenance
    parts = [
        f"`{said['command']}`, {said['date']}, {said['libraries']}; {rows[0]['seeds']} markets of each kind.",
        "Value realised, as a share of what knowing each person's true uplift would earn; 95% intervals. Surely"
        " better is a budget whose interval lies above that of training alone:",
        table(value, markdown=True),
        "Error of uplift (root mean square, in probability of converting):",
        table(by_cell("uplift_rmse", True), markdown=True),
        "Gap of the shares targeted between the protected group and the others:",
        table(by_cell("parity_gap", False), markdown=True),
        "Share of tenants whose own gap passes 0.1 (of few persons a gap is also chance):",
        table(by_cell("uneven_share", False), markdown=True),
        "Value realised where every tenant treats of each group the same share, those who are told to gain most:",
        table(by_cell("even_value_share", True), markdown=True),
        "Share of the incentives' pool that goes to others than without noise and with other persons held back:",
        table(by_cell("misallocated_share", False), markdown=True),
        "Advantage of membership inference, with 95% intervals, and what all of ε allows at most (they see the model, a"
        " part):",
        table(attacks, markdown=True),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(row: Mapping[str, str], column: str, interval: bool) -> str:
    value = f"{float(row[column]):.3f}"
    return f"{value} ({float(row[f'{column}_low']):.3f} to {float(row[f'{column}_high']):.3f})" if interval else value


def written(text: str, measured: Table) -> str:
    """The page with these results."""
    return between_marks(text, "results", f"\n{results(measured)}")


if __name__ == "__main__":
    TARGET.write_text(written(TARGET.read_text(encoding="utf-8"), read_table(bundled("federated"))), encoding="utf-8")
