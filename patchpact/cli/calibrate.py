"""Measure what the platform's parts cost and bring, and write the tables that the game looks up.

A table says in its first lines which command wrote it, when and on what machine. Without --out it replaces the one that
comes with the package.
"""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module

from patchpact.cli.arguments import Part, add_json
from patchpact.cli.outfile import out_file, write_file
from patchpact.cli.output import print_json, table
from patchpact.ecosystem.registry import CALIBRATIONS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a part for each calibration, with its own options and the common ones."""
    names = "|".join(one.name for one in CALIBRATIONS)
    parts = parser.add_subparsers(dest="what", required=True, metavar=names, parser_class=Part)
    for one in CALIBRATIONS:
        module = import_module(one.module)
        part = parts.add_parser(one.name, help=one.help, description=module.__doc__)
        module.configure(part)
        options = [action for action in part._actions if action.dest != "help"]
        part.add_argument("--out", metavar="FILE", help=f"where to write the table (default: the package's {one.name})")
        add_json(part)
        part.set_defaults(calibration=one, options=options)


def run(args: argparse.Namespace) -> int:
    """Measure, write the table and print it."""
    from patchpact.scenarios.tables import bundled, provenance, table_text

    one = args.calibration
    out = bundled(one.name) if args.out is None else out_file(args.out, (".csv",))
    out.parent.mkdir(exist_ok=True)
    measured = import_module(one.module).run(args)
    said = provenance(one.name, _command(one.name, args), measured.libraries)
    write_file(out, table_text(measured, said))
    if args.json:
        print_json({"out": str(out), "provenance": said, "notes": measured.notes, "rows": measured.rows})
    else:
        print(table(measured.summary or measured.rows))
        print(f"{out}: written")
    return 0


def _command(name: str, args: argparse.Namespace) -> str:
    """The command with the options that differ from their defaults, but for where the table goes."""
    words = ["patchpact", "calibrate", name]
    for action in args.options:
        value = getattr(args, action.dest)
        if value == action.default:
            continue
        words += action.option_strings[-1:]
        if action.nargs != 0:  # a switch stands alone
            words += [str(item) for item in (value if isinstance(value, list | tuple) else [value])]
    return shlex.join(words)
