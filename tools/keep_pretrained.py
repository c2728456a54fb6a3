"""Keep the policy of a training run as the one that comes with the package.

    .venv/bin/python tools/keep_pretrained.py RUN

Copies the weights of RUN's best checkpoint and the settings it was trained with to agents/policies/pretrained.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[1] / "agents" / "policies" / "pretrained"
LARGEST = 2_000_000


def keep(run: Path) -> None:
    """Replace the policy."""
    size = sum(file.stat().st_size for file in (run / "policy").iterdir())
    if size > LARGEST:
        sys.exit(f"{run}: {size} bytes, more than {LARGEST}")
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(run / "policy", HOME)
    settings = json.loads((run / "config.json").read_text(encoding="utf-8"))
    settings.pop("out")
    (HOME / "trained_with.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "policy" / "policy.json").is_file():
        sys.exit("give one run folder")
    keep(Path(sys.argv[1]))
