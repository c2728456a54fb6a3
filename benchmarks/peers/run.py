"""Install peer environments, each on its own, and measure them and patchpact by turns on this machine; CPU only.

    python benchmarks/peers/run.py [--only vmas,mpe2] [--seconds 10] [--rounds 3] [--json FILE] [--write-docs]

Needs nothing but Python 3.11; patchpact's own drivers run in the project's ``.venv`` (``make setup``), the peers' in
``build/peers/NAME``. Drivers stay and take turns: a round measures every case once, the next round starts with
another case, and a ratio is taken within a round. ``--write-docs`` keeps the figures as docs/peers.json and writes
docs/peers.md from them; ``--from FILE`` writes the page anew from figures that were kept.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "drivers")]

from cases import REFERENCE, Plan, plan  # noqa: E402
from page import page, table  # noqa: E402
from protocol import BadReport  # noqa: E402
from session import GRACE_SECONDS, Session, environment  # noqa: E402
from venvs import NotInstalled, install, look_up, reason, requirements  # noqa: E402

ROOT = HERE.parents[1]
DOCS = ROOT / "docs"


def machine() -> dict[str, Any]:
    """This machine in general words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": cores,
        "memory_gib": round(memory),
        "python": platform.python_version(),
    }


def measure(
    chosen: Plan,
    pythons: dict[str, Path],
    rounds: int,
    seconds: float,
    session: Callable[[Path, Path, int], Any] = Session,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Measure every case of an installed peer once a round; a row a case, with its ``runs`` or why it ``failed``."""
    cases = [case for case in chosen.cases if case.peer in pythons]
    rows: list[dict[str, Any]] = [
        {"peer": c.peer, "script": c.script, "way": c.way, "batch": c.batch, "threads": c.threads, "runs": []}
        for c in cases
    ]
    sessions = {
        (case.script, case.threads): session(pythons[case.peer], HERE / "drivers" / f"{case.script}.py", case.threads)
        for case in cases
    }
    try:
        for number in range(rounds):
            first = number * len(cases) // rounds
            for place in [*range(first, len(cases)), *range(first)]:
                case, row = cases[place], rows[place]
                if "failed" in row:
                    continue
                try:
                    found = sessions[case.script, case.threads].measure(case.batch, seconds)
                except BadReport as error:
                    row["failed"] = str(error)
                    say(f"round {number + 1}: {case.name}: failed: {error}")
                    continue
                row["runs"].append(found | {"round": number, "load": round(os.getloadavg()[0], 1)})
                say(f"round {number + 1}: {case.name}: {found['env_steps_per_second']:,.0f} env-steps/s")
    finally:
        for one in sessions.values():
            one.close()
    return rows


def parts(python: Path) -> dict[str, Any]:
    """Where the engine's time goes, from drivers/patchpact_parts.py."""
    command = [str(python), str(HERE / "drivers" / "patchpact_parts.py"), "--threads", "1"]
    done = subprocess.run(
        command, env=environment(1), cwd=ROOT, capture_output=True, text=True, timeout=GRACE_SECONDS, check=False
    )
    if done.returncode:
        raise BadReport(reason(done.stderr))
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def arguments(given: list[str] | None) -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser(description="Measure patchpact beside its peers.")
    parser.add_argument("--only", metavar="A,B", help="these peers alone, and patchpact")
    parser.add_argument("--seconds", type=float, default=10.0, help="to measure each case in each round (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="at least 3 for a page (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="kept", help="measure nothing; take figures kept there"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/peers.json and docs/peers.md")
    parser.add_argument("--patchpact", type=Path, metavar="PYTHON", help="interpreter with patchpact (default .venv's)")
    args = parser.parse_args(given)
    if not args.seconds > 0 or args.rounds < 1:
        parser.error("--seconds and --rounds: give numbers above 0")
    if args.write_docs and (args.only or args.rounds < 3):
        parser.error("--write-docs: the page is of all peers and of 3 rounds at least")
    return args


def new_figures(args: argparse.Namespace) -> dict[str, Any]:
    """Install and measure."""
    chosen = plan(args.only.split(",") if args.only else None)
    own = args.patchpact or ROOT / ".venv" / "bin" / "python"
    if not own.exists():
        raise ValueError(f"{own}: no such interpreter; run make setup, or name one with --patchpact")
    pythons = {REFERENCE: own}
    missing = []
    for peer in chosen.peers:
        if peer.name == REFERENCE:
            continue
        try:
            if not peer.drivers:
                raise NotInstalled(f"{peer.note}; pip: {look_up(peer.name)}")
            pythons[peer.name] = install(peer.name)
            print(f"{peer.name}: installed", flush=True)
        except NotInstalled as error:
            print(f"{peer.name}: did not install: {error}", flush=True)
            lines = requirements(peer.name).read_text(encoding="utf-8").splitlines()
            asked = next(line for line in lines if line and not line.startswith("#"))
            missing.append({"peer": peer.name, "asked": asked, "reason": str(error)})
    command = "python benchmarks/peers/run.py"
    command += f" --only {args.only}" if args.only else ""
    figures: dict[str, Any] = {
        "command": f"{command} --seconds {args.seconds:g} --rounds {args.rounds}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "rounds": args.rounds,
        "seconds": args.seconds,
    }
    figures["parts"] = parts(own)
    figures["cases"] = measure(chosen, pythons, args.rounds, args.seconds, say=lambda line: print(line, flush=True))
    figures["missing"] = missing
    return figures


def main(given: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    args = arguments(given)
    try:
        figures = json.loads(args.kept.read_text(encoding="utf-8")) if args.kept else new_figures(args)
    except (ValueError, OSError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    text = json.dumps(figures, indent=1) + "\n"
    if args.json and args.kept is None:
        write(args.json, text)  # first, so that hours of measuring are kept whatever comes
    try:
        shown, whole = table(figures), page(figures)
    except (KeyError, TypeError) as error:
        if args.kept is None:
            raise
        print(f"run.py: {args.kept}: no figures that this tool kept ({error})", file=sys.stderr)
        return 2
    if args.json and args.kept is not None:
        write(args.json, text)
    if args.write_docs:
        write(DOCS / "peers.json", text)
        write(DOCS / "peers.md", whole)
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
