"""What asks a sweep's till before each call, and stops a run whose till is empty.

It is one of Inspect's hooks, and the only thing there that sees every attempt of a call before it
is made. What it refuses waits, and what is in flight ends; then the run is interrupted as a user
would interrupt it, so that its log can be gone on with.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import ClassVar, Protocol

import anyio
from inspect_ai.event import ModelEvent
from inspect_ai.hooks import (
    BeforeModelGenerate,
    Hooks,
    ModelCacheUsageData,
    ModelRetry,
    ModelUsageData,
    SampleEnd,
    hooks,
)
from inspect_ai.model import ModelUsage

from arena_evals.errors import in_a_line

_LOOK = 0.2  # seconds between two looks whether anything is in flight
_PATIENCE = 300  # looks: a call that failed for good is not told, and would be waited for for ever


class Account(Protocol):
    """Who is asked before each call, and told what became of it."""

    async def admit(self, model: str) -> bool:
        """Wait until a call may be made; False where none may any more."""

    def paid(self, model: str, usage: ModelUsage) -> None:
        """Take note of what an answer used."""

    def spared(self) -> None:
        """Take note that a call was answered from a cache."""

    def uncounted(self, model: str) -> None:
        """Take note that an answer did not say what it used; an error ends the run."""

    def ended(self) -> None:
        """Take note that a sample has ended, and not in an error."""


class Watch:
    """What goes on in one run, and whether it was stopped because no call was admitted.

    ``broken`` says why where the account failed; it is empty where the account refused.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.stopped = False
        self.broken = ""
        self.in_flight = 0
        self.ends = 0

    async def begin(self, model: str) -> None:
        """Count a call, or wait for the end of the run."""
        if self.stopped or self.broken or not await self._admitted(model):
            await self._stop()
        self.in_flight += 1

    async def _admitted(self, model: str) -> bool:
        """Ask; an account that fails admits nothing, where Inspect would go on without it."""
        try:
            return await self.account.admit(model)
        except Exception as error:
            self.broken = in_a_line(error)
            return False

    def uncounted(self, model: str) -> None:
        """Tell of an answer that did not say what it used."""
        self.in_flight -= 1  # nothing else has told of it
        try:
            self.account.uncounted(model)
        except Exception as error:
            self.broken = in_a_line(error)

    async def _stop(self) -> None:
        """Wait for ever; who comes first interrupts the run once nothing moves any more."""
        first, self.stopped = not self.stopped, True
        if first:
            ended = -1
            for _ in range(_PATIENCE):
                if self.in_flight <= 0 and ended == self.ends:
                    break
                ended = self.ends
                await anyio.sleep(_LOOK)
            signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()


class _Watching(Hooks):
    """Passes on what Inspect does while somebody watches."""

    watch: ClassVar[Watch | None] = None

    def enabled(self) -> bool:
        return self.watch is not None

    async def on_before_model_generate(self, data: BeforeModelGenerate) -> None:
        if self.watch:
            await self.watch.begin(data.model_name)

    async def on_model_usage(self, data: ModelUsageData) -> None:
        if self.watch:
            self.watch.in_flight -= 1
            self.watch.account.paid(data.model_name, data.usage)

    async def on_model_cache_usage(self, data: ModelCacheUsageData) -> None:
        if self.watch:
            self.watch.in_flight -= 1
            self.watch.account.spared()

    async def on_model_retry(self, data: ModelRetry) -> None:
        if self.watch:
            self.watch.in_flight -= 1

    async def on_sample_end(self, data: SampleEnd) -> None:
        if self.watch:
            for event in data.sample.events:
                if isinstance(event, ModelEvent) and _says_nothing(event):
                    self.watch.uncounted(event.model)
            self.watch.ends += 1
            if data.sample.error is None:  # an error's sample may be begun again
                self.watch.account.ended()


def _says_nothing(event: ModelEvent) -> bool:
    """Whether a call was answered without a word of its tokens, of which no hook is told."""
    return not event.error and not event.pending and not event.cache and not event.output.usage


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let its account see all that Inspect does in the block, and an interrupt be heard."""
    _known()
    _Watching.watch = watch
    try:
        with _heard():
            yield
    finally:
        _Watching.watch = None


@contextmanager
def _heard() -> Iterator[None]:
    """Hear SIGINT, by which a run is stopped, even where it was born deaf to it.

    Shells start jobs in the background with it ignored, Ray its workers with it blocked.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, before)


@cache
def _known() -> None:
    """Make the hook known to Inspect, once in a process and only where a sweep runs."""
    hooks("arena_sweep", "budget, pace and progress of a sweep")(_Watching)
