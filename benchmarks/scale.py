"""Unit costs of a large run: processor time and bytes of log per sample, measured on this machine.

    python benchmarks/scale.py    # prints the figures that docs/scale.md reckons with

Each cost is the difference between a large and a small slice, so that what a process pays once is
left out; that is the last column. The provider is the tests' loopback server, in a process of its
own, through the real client of OpenAI.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from inspect_ai.model import ModelUsage

from arena_evals.runs.slices import run_slice
from arena_evals.runs.sweep_plan import plan_sweep
from arena_evals.sweeps import Sweep

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from provider_server import Answer, Request, serve

_SMALL, _LARGE = 2, 20  # items


class _Free:
    """An account that admits everything and counts."""

    calls = 0

    async def admit(self, model: str) -> bool:
        self.calls += 1
        return True

    def paid(self, model: str, usage: ModelUsage) -> None: ...

    def spared(self) -> None: ...

    def uncounted(self, model: str) -> None: ...

    def ended(self) -> None: ...


def _answer(request: Request) -> Answer:
    if "verdict" in json.dumps(request.schema):
        return Answer('{"evidence": "first", "verdict": "helpful", "degree": 0}', "stop", 700, 40)
    reasons = "It comes first, and it is what was asked for. " * 20
    return Answer(json.dumps({"rationale": reasons, "decision": "A"}), "stop", 700, 250)


def _serve(told: Connection) -> None:
    with serve(_answer) as running:
        told.send(running.environment)
        told.recv()


@contextmanager
def _provider() -> Iterator[None]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,))
    process.start()
    os.environ.update(here.recv())
    yield
    here.send(None)
    process.join()


def _run(items: int, content: dict[str, object]) -> tuple[int, int, float, float, int]:
    """Return samples, calls, seconds of processor and of clock, and bytes of one slice."""
    common = {"items": items, "wordings": "w1,w2", "epochs": 1, "judge_cache": False}
    asked = Sweep.model_validate(
        {"tasks": ["shutdown_dilemma"], "slice": items, **content, "parameters": common}
    )
    [plan] = plan_sweep(asked, Path("scale"), {})
    account = _Free()
    with tempfile.TemporaryDirectory() as place:
        busy, clock = time.process_time(), time.monotonic()
        outcome = run_slice(asked, plan.slices[0], place, account, connections=50)
        busy, clock = time.process_time() - busy, time.monotonic() - clock
        assert outcome.status == "finished", outcome.why
        size = sum(log.stat().st_size for log in Path(place).glob("*.eval"))
    return plan.run.trials, account.calls, busy, clock, size


def main() -> None:
    """Print a row for each kind of model."""
    print("| models | calls | processor, ms | samples/s | bytes | once, s |")
    print("|---|---|---|---|---|---|")
    kinds: dict[str, dict[str, object]] = {
        "embedded": {"models": ["arena/frame-sensitive"]},
        "openai": {"models": ["openai/gpt-4o"], "grader": "openai/gpt-4o-mini"},
    }
    with _provider():
        for name, content in kinds.items():
            _run(_SMALL, content)  # imports
            small, large = _run(_SMALL, content), _run(_LARGE, content)
            samples, calls, busy, clock, size = (b - a for a, b in zip(small, large, strict=True))
            once = small[2] - small[0] * busy / samples
            print(
                f"| {name} | {calls / samples:.2f} | {1000 * busy / samples:.1f} | "
                f"{samples / clock:.0f} | {size / samples:,.0f} | {once:.1f} |"
            )


if __name__ == "__main__":
    main()
