"""Rewrite the results of `docs/platform.md` from the table that `patchpact calibrate modules` wrote.

python tools/write_platform.py
"""

from __future__ import annotations

from pathlib import Path

from patchpact.cli.output import between_marks, table
from patchpact.ecosystem.modules import IN_PLAY, MODULES, Figure, ModuleTable, load_modules
from patchpact.ecosystem.modules.economics import isolation_failure_probability, net_worth_keur
from patchpact.envs.core.tables import WORTHS, measured_worths

TARGET = Path(__file__).resolve().parent.parent / "docs" / "platform.md"
LEGEND = """\
*Last*: added to all others. *All orders*: on average over the orders in which modules may come (Shapley). *If nobody
judges*: IT accepts whatever is nominated, as plain `cvss-first` and `net-gain` do; a scan then changes nothing. *Pays
from*: tenants from which on a module brings each what it costs, at its worth and at the two ends of the interval."""
SIZES = (1, 3, 10, 30, 100, 300, 1000)
FIRMS = (1, 2, 3, 4)


def page(text: str, worth: ModuleTable) -> str:
    """The page with the part between the marks written anew."""
    return between_marks(text, "worth", results(worth))


def results(worth: ModuleTable) -> str:
    """All tables, and what they say."""
    said = worth.source.provenance
    parts = [
        f"{said['date']}, `{said['command']}`; k€ a tenant and week.",
        table(_modules(worth), markdown=True),
        LEGEND,
        _verdict(worth),
        table(_groups(worth), markdown=True),
        "Small, medium, large: at most 12, 13 to 19, from 20 services a tenant. *N in one world*: drawn graphs of 10\n"
        "services a tenant, where calls, CVEs and maintenance hours are shared.",
        "What a tenant is left with, all six modules subscribed by all, after pooled costs, support, moderation and\n"
        "failures of isolation (1e-4 a day for each tenant there; assumptions):",
        table(_sizes(worth), markdown=True),
        "What the game books with `modules_table`, all orders, k€ a service and week, by firms in one world:",
        table(_looked_up(), markdown=True),
    ]
    return "\n\n".join(parts)


def _modules(worth: ModuleTable) -> list[dict[str, object]]:
    rows = []
    for module in MODULES:
        name = module.name
        row: dict[str, object] = {"module": name, "alone": _said(worth.figure(name, "account_alone"))}
        for head, figure in (
            ("last", "account_last"),
            ("all orders", "account_shapley"),
            ("if nobody judges", "account_all_accept"),
            ("welfare, alone", "welfare_alone"),
        ):
            row[head] = _said(worth.figure(name, figure)) if module.in_play else "-"
        row["unit cost"], row["fixed cost"] = f"{module.unit_cost_keur:g}", f"{module.fixed_cost_keur:g}"
        first = worth.figure(name, "break_even_tenants")
        row["pays from"] = _tenants(first.value)
        if (first.low, first.high) != (first.value, first.value):
            row["pays from"] = f"{row['pays from']} ({_tenants(first.low)} to {_tenants(first.high)})"
        row["basis"] = worth.figure(name, "account_alone").basis
        rows.append(row)
    return rows


def _verdict(worth: ModuleTable) -> str:
    lines = []
    for figure, what in (
        ("account", "the tenant's own account"),
        ("welfare", "welfare"),
        ("account_all_accept", "the account if nobody judges"),
    ):
        bundle, synergy = worth.figure("bundle", figure), worth.figure("synergy", figure)
        word = "worth more than their sum" if synergy.low > 0 else "worth less than their sum"
        if synergy.low <= 0 <= synergy.high:
            word = "not told from their sum"
        lines.append(f"- {what}: together {_said(bundle)}, beyond the sum of each alone {_said(synergy)}: {word}.")
    head = f"Is the joint value more than the sum of its parts? The {len(IN_PLAY)} modules of the game:"
    return "\n".join([head, "", *lines])


def _groups(worth: ModuleTable) -> list[dict[str, object]]:
    return [
        {"tenants": group}
        | {module: _said(worth.figure(module, "account_alone", group)) for module in IN_PLAY}
        | {"together": _said(worth.figure("bundle", "account", group))}
        | {"beyond the sum": _said(worth.figure("synergy", "account", group))}
        for group in worth.groups()
        if group != "platform"
    ]


def _sizes(worth: ModuleTable) -> list[dict[str, object]]:
    outside = sum(module.assumed_worth_keur for module in MODULES)
    bundle = worth.figure("bundle", "account")
    rows: list[dict[str, object]] = []
    for tenants in SIZES:
        left = [
            f"{net_worth_keur(MODULES, value + outside, tenants):.2f}"
            for value in (bundle.value, bundle.low, bundle.high)
        ]
        rows.append(
            {
                "tenants": str(tenants),
                "left to each": f"{left[0]} ({left[1]} to {left[2]})",
                "isolation fails a week": f"{isolation_failure_probability(tenants):.2%}",
            }
        )
    return rows


def _looked_up() -> list[dict[str, object]]:
    return [
        {"firms": f"{firms} or more" if firms == FIRMS[-1] else str(firms)}
        | {module: f"{measured_worths(firms)[name]:.3f}" for name, module in WORTHS.items()}
        for firms in FIRMS
    ]


def _said(figure: Figure) -> str:
    if figure.low == figure.high:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _tenants(number: float) -> str:
    return "never" if number == 0 else f"{number:.0f}"


def main() -> None:
    """Rewrite the page."""
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8"), load_modules()), encoding="utf-8")
    print(f"{TARGET}: written")


if __name__ == "__main__":
    main()
