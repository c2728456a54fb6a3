"""Pieces of work spread over processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")


def in_processes(play: Callable[[T], None], pieces: Sequence[T], jobs: int) -> Iterator[T]:
    """Play all pieces, so many at a time, and say which is done.

    Args:
        play: does one piece; it and the pieces are pickled.
        pieces: in the order in which they begin.
        jobs: processes.

    An exception in a piece reaches the caller; it, Ctrl-C and a caller that stops asking end all processes at once.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
    try:
        running = {pool.submit(play, piece): piece for piece in pieces}
        for future in as_completed(running):
            future.result()
            yield running[future]
    except BaseException:
        for process in list(pool._processes.values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin(parent: int) -> None:
    """A job leaves Ctrl-C to its parent, and ends when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
