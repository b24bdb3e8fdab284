"""The same work on many logs, in several processes, with its answers in the order of the logs."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from threading import Thread
from types import ModuleType
from typing import TypeVar

Given = TypeVar("Given")
Answer = TypeVar("Answer")

FEW = 50_000  # samples; to read fewer, other processes load their code for longer than they save
MOST = 8  # processes; each holds 250 MB of code, and 200 MB while it reads 10,000 samples


def n_workers(n_logs: int, n_samples: int) -> int:
    """Return how many processes to read logs with: one per processor, one alone for little work."""
    return 1 if n_samples < FEW else min(n_logs, _n_processors(), MOST)


def for_each(
    given: Sequence[Given],
    work: Callable[[Given], Answer],
    workers: int,
    progress: Callable[[], object],
) -> list[Answer]:
    """Return the answer for each thing given; ``progress`` is called after each.

    With one worker the work is done in this process. ``work`` and what it takes and returns must
    be picklable. The error of the first that fails, in the order given, is raised, and nothing is
    left running. Where a process is killed, for want of memory say, this one goes on alone.
    """
    answers: list[Answer] = []

    def collect(some: Iterable[Answer]) -> None:
        for answer in some:
            answers.append(answer)
            progress()

    if min(workers, len(given)) > 1:
        with suppress(BrokenProcessPool), _pool(min(workers, len(given))) as pool:
            with _apart():
                coming = pool.map(work, given)
            collect(coming)
    collect(map(work, given[len(answers) :]))
    return answers


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start fresh processes (a fork would copy locks that threads hold) and end them after all."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _apart() -> Iterator[None]:
    """Start processes that neither run the user's script again nor hear an interrupt themselves.

    A spawned process imports the main module where it has a file, and inherits blocked signals.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    masked = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if masked else set()
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process when its parent is gone, however it went."""

    def watch() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _n_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
