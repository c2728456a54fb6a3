"""Pieces of work spread over processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from patchpact.scenarios.machine import cores
from patchpact.training.folder import RunError

T = TypeVar("T")
MOST_DEATHS, PAUSE_S = 3, 2.0
"""How often processes may die with nothing done in between, and seconds before new ones are started."""


def in_processes(play: Callable[[T], None], pieces: Sequence[T], jobs: int) -> Iterator[T]:
    """Play all pieces, so many at a time, and say which is done.

    A process that dies (killed, out of memory, cut off from its ray) takes the others with it; what was not done begins
    anew in new processes, as long as something gets done in between.

    Args:
        play: does one piece; it and the pieces are pickled.
        pieces: in the order in which they begin.
        jobs: processes.

    Raises:
        RunError: processes died ``MOST_DEATHS`` times, and no piece was done in between.

    An exception in a piece reaches the caller; it, Ctrl-C and a caller that stops asking end all processes at once.
    """
    left = dict(enumerate(pieces))
    deaths = 0
    while left:
        try:
            for number in _in_one_pool(play, left, jobs):
                deaths = 0
                yield left.pop(number)
        except BrokenProcessPool:
            deaths += 1
            if deaths == MOST_DEATHS:
                raise RunError(
                    f"processes died {deaths} times before any piece was done; is there memory for {jobs} of them?"
                    " What is done is kept: ask for fewer, and the same command goes on"
                ) from None
            time.sleep(PAUSE_S)


def _in_one_pool(play: Callable[[T], None], pieces: Mapping[int, T], jobs: int) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(os.getpid(), jobs))
    try:
        running = {pool.submit(play, piece): number for number, piece in pieces.items()}
        for future in as_completed(running):
            future.result()
            yield running[future]
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin(parent: int, jobs: int) -> None:
    """A process leaves Ctrl-C to its parent, ends when the parent is gone, and takes no more than its share of cores.

    Left to itself torch takes every core in every process; threads that wait for each other's cores made networks act
    several times slower.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threads = max(cores() // jobs, 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # read when torch is imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
