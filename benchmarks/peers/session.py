"""A driver that runs and waits for requests, from the side that asks."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from protocol import BadReport, read_report
from venvs import HERE, HOME, reason

GRACE_SECONDS = 1800  # for imports and compiling beside what is measured


def environment(threads: int) -> dict[str, str]:
    """Variables for a driver: as many threads in each library's pool as it has cores, and no accelerator."""
    pools = {f"{pool}_NUM_THREADS": str(threads) for pool in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
    others = {
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(HOME / "jax-cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "MPLBACKEND": "Agg",
        "PYTHONWARNINGS": "ignore",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=" + ("true" if threads > 1 else "false"),
    }
    return {**os.environ, **pools, **others}


class Session:
    """One driver on so many threads; it starts at the first request, and anew after it failed."""

    def __init__(self, python: Path, script: Path, threads: int) -> None:
        self.command = [str(python), str(script), "--threads", str(threads), "--serve"]
        self.threads = threads
        self.process: subprocess.Popen[str] | None = None
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the driver

    def measure(self, batch: int, seconds: float, grace: float = GRACE_SECONDS) -> dict[str, Any]:
        """What the driver measured.

        Raises:
            BadReport: it failed, took too long, or printed something else.
        """
        if self.process is None:
            self.process = subprocess.Popen(
                self.command,
                env=environment(self.threads),
                cwd=HERE.parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.complaints,
                text=True,
            )
        process = self.process
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds + grace, give_up)
        timer.start()
        try:
            line = self._ask(process, json.dumps({"batch": batch, "seconds": seconds}))
            if line is None:
                process.wait()
                self.complaints.seek(0)
                raise BadReport(
                    f"took longer than {seconds + grace:g} s" if late.is_set() else reason(self.complaints.read())
                )
            return read_report(line, batch, self.threads)
        except BadReport:
            self.close()
            raise
        finally:
            timer.cancel()

    @staticmethod
    def _ask(process: subprocess.Popen[str], request: str) -> str | None:
        """The first line of JSON that it prints; libraries may print lines of their own before. None: it ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
        return next((line for line in process.stdout if line.startswith("{")), None)

    def close(self) -> None:
        """End the driver."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                try:
                    if stream is not None:
                        stream.close()
                except BrokenPipeError:
                    continue
            self.process = None
            self.complaints.seek(0)
            self.complaints.truncate()
