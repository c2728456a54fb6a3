"""Write the README's results anew from the policy that ``make demo`` trained.

.venv/bin/python tools/write_results.py [RUN]
"""

from __future__ import annotations

import sys
from pathlib import Path

import patchpact
from patchpact.agents.policies import policy_names
from patchpact.cli.evaluate import columns
from patchpact.cli.output import between_marks, table

ROOT = Path(__file__).resolve().parents[1]
EPISODES, SEED = 1024, 1000
"""As in the Makefile's demo."""
RIVAL = "net-gain-patient"
"""The rule that does best there."""


def main(run: str) -> None:
    """Evaluate as the demo does, and write."""
    rows = patchpact.evaluate("boutique-v1", [run, *policy_names()], EPISODES, SEED, versus=RIVAL)
    best = max((row for row in rows if row["policy"] != run), key=lambda row: row["welfare_keur"])
    if best["policy"] != RIVAL:
        sys.exit(f"{best['policy']} is above {RIVAL}: set policies against it, here and in the Makefile")
    file = ROOT / "README.md"
    block = table(rows, columns(rows), markdown=True)
    file.write_text(between_marks(file.read_text(encoding="utf-8"), "results", block), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
