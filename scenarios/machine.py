"""The machine that something was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts() -> dict[str, str | int]:
    """What results say of the machine that they come from."""
    return {
        "cpus": cores(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def machine() -> str:
    """This machine in words: system, processor, cores that may be used, Python."""
    model = ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        pass
    words = [f"{platform.system()} {platform.machine()}", model, f"{cores()} cores"]
    return ", ".join(word for word in [*words, f"Python {platform.python_version()}"] if word)
