"""The engine of many machines: slices as Ray tasks, one actor a provider, one that pays.

Ray is imported only here and only when a sweep asks for it. What each task does is what the engine
of one machine does: `run_slice`. Keys are those of the environment of the machines; none is sent.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from inspect_ai.log import list_eval_logs
from inspect_ai.model import ModelUsage

from arena_evals.errors import BadInput, in_a_line
from arena_evals.runs.prices import Price
from arena_evals.runs.slices import Outcome, run_slice
from arena_evals.runs.sweep_folder import Folder
from arena_evals.runs.till import Till, require_known_cost
from arena_evals.sweeps import Leases, Pace, Provider, Slice, Spent, Sweep, called

_BATCH = 8  # calls that a worker takes from the till, or from a provider's pace, at a time
_LOOK = 1.0  # seconds between two looks at how far the slices are
_NODES_LOST = 5  # times that a slice is begun again because its machine was lost
_KNOCK = 5.0  # seconds to wait for an answer at the cluster's address
_FAREWELL = 60.0  # seconds that slices have to write their logs where the user interrupts


_LOOPBACK = {  # Ray listens on every interface unless told that there are no other machines
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def ray_or_line(address: str | None = None) -> Any:
    """Return Ray; without an address it is one that keeps to this machine's loopback.

    Raises:
        BadInput: it is not installed, or nobody listens at the address.
    """
    if address is None:
        os.environ.update(_LOOPBACK)  # read when Ray is imported
    try:
        import ray
    except ImportError:
        raise BadInput(
            "--engine ray: Ray is not installed; pip install 'arena-evals[ray]'"
        ) from None
    if address is not None:
        _require_listening(address)
    return ray


def _require_listening(address: str) -> None:
    """Refuse an address at which nobody listens; Ray itself would knock there for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # `auto`, of which Ray knows more
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except (OSError, OverflowError) as error:
        raise BadInput(f"--address {address}: no Ray cluster can be reached ({error})") from None


class Desk:
    """What one provider allows, for all workers: connections, and when the next calls may begin."""

    def __init__(self, allowed: Provider) -> None:
        self._leases = Leases(allowed.connections)
        self._pace = Pace(allowed.calls_per_minute)

    def lease(self, holder: str, wanted: int) -> int:
        """Lend connections."""
        return self._leases.take(holder, wanted)

    def give_back(self, holder: str) -> None:
        """Take them back."""
        self._leases.give_back(holder)

    def wait(self, calls: int) -> tuple[float, float]:
        """Return seconds until the first of so many calls, and between two."""
        return self._pace.wait(time.monotonic(), calls), self._pace.apart


class _Account:
    """The account of a slice on a worker: asks the actors for a few calls at a time."""

    def __init__(self, sweep: Sweep, name: str, till: Any, desks: Mapping[str, Any]) -> None:
        self._sweep, self._name, self._till, self._desks = sweep, name, till, desks
        self._priced = sweep.prices is not None
        self._calls, self._ended = 0, 0
        self._places: dict[str, list[float]] = {}
        self._lock: asyncio.Lock | None = None

    async def admit(self, model: str) -> bool:
        """Wait for a place in the provider's pace, then take a call from the till."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            begin = await self._place(model)
        if (seconds := begin - time.monotonic()) > 0:
            await asyncio.sleep(seconds)
        async with self._lock:
            if not self._calls:
                self._calls = await self._till.take.remote(self._name, _BATCH, self._ended)
            admitted = self._calls > 0
            self._calls -= admitted
        return admitted

    async def _place(self, model: str) -> float:
        name, allowed = self._sweep.provider(model)
        if allowed.calls_per_minute is None or name not in self._desks:
            return 0.0
        places = self._places.setdefault(name, [])
        if not places:
            seconds, apart = await self._desks[name].wait.remote(_BATCH)
            begin = time.monotonic() + seconds
            places += [begin + number * apart for number in range(_BATCH)]
        return places.pop(0)

    def paid(self, model: str, usage: ModelUsage) -> None:
        """Tell the till, where a price is known."""
        if self._priced:
            self._till.pay.remote(self._name, model, usage)

    def spared(self) -> None:
        """Keep the call for another."""
        self._calls += 1

    def uncounted(self, model: str) -> None:
        """End the run where it cannot be paid for without."""
        require_known_cost(self._sweep, model)

    def ended(self) -> None:
        """Count; the till hears of it with the next calls."""
        self._ended += 1

    @property
    def left(self) -> int:
        """Calls that were taken and not made."""
        return self._calls


def _work(
    sweep: Sweep, one: Slice, place: str, room: int, till: Any, desks: Mapping[str, Any]
) -> Outcome:
    """Run one slice on a worker, with as many connections as each of its providers lends.

    All ask the providers in one order, so that no two wait for each other.
    """
    import ray

    lent = []
    for name, own in called(sweep, one.cell).items():
        share = max(1, own.provider.connections // room)
        while not (connections := ray.get(desks[name].lease.remote(one.name, share))):
            time.sleep(_LOOK)
        lent.append(own.each(connections))
    account = _Account(sweep, one.name, till, desks)
    outcome = run_slice(sweep, one, place, account, min(lent))
    if account.left:
        ray.get(till.give_back.remote(one.name, account.left))
    return outcome


class OnRay:
    """Runs a slice a processor of the cluster."""

    def __init__(
        self,
        sweep: Sweep,
        folder: Folder,
        prices: Mapping[str, Price],
        tell: Callable[[int, Spent], None],
        address: str | None,
    ) -> None:
        self._ray = _connected(address)
        self._sweep, self._folder, self._tell = sweep, folder, tell
        self._running: dict[Any, Slice] = {}
        self._interrupted = False
        here = self._here()
        self._till = self._ray.remote(Till).options(**here).remote(folder, sweep.budget, prices)
        names = dict(sweep.provider(m.model) for m in (*sweep.models, *sweep.grader))
        self._desks = {
            name: self._ray.remote(Desk).options(**here).remote(allowed)
            for name, allowed in names.items()
        }
        self._task = self._ray.remote(_work).options(num_cpus=1, max_retries=_NODES_LOST)

    @property
    def room(self) -> int:
        """Processors of the cluster, as it is now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def start(self, one: Slice) -> None:
        """Hand a slice to the cluster."""
        place = self._folder.of(one)
        ref = self._task.remote(self._sweep, one, place, self.room, self._till, self._desks)
        self._running[ref] = one

    def next_ended(self) -> tuple[Slice, Outcome]:
        """Wait for a slice, telling how far all are."""
        try:
            while True:
                ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=_LOOK)
                if ended:
                    return self._ended(ended[0])
                self._tell(*self.state())
        except KeyboardInterrupt:
            self._cancel()
            return self._running.pop(next(iter(self._running))), Outcome("interrupted")

    def fits(self, one: Slice, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Ask the till."""
        return bool(self._ray.get(self._till.fits.remote(one.name, planned, dict(running))))

    def state(self) -> tuple[int, Spent]:
        """Ask the till."""
        ended, spent = self._ray.get(self._till.state.remote())
        return ended, Spent(*spent)

    def close(self, one: Slice) -> None:
        """Tell the till."""
        self._ray.get(self._till.close.remote(one.name))

    def shut(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.get(self._till.shut.remote())
        self._ray.shutdown()

    def _ended(self, ref: Any) -> tuple[Slice, Outcome]:
        one = self._running.pop(ref)
        try:
            outcome: Outcome = self._ray.get(ref)
        except Exception as error:  # lost too often, cancelled, or broken in Ray itself
            why = f"{type(error).__name__}: {in_a_line(error)}"
            outcome = Outcome("interrupted" if self._interrupted else "failed", why)
        for name in called(self._sweep, one.cell):
            self._ray.get(self._desks[name].give_back.remote(one.name))
        if outcome.status == "finished":
            _keep_only(self._folder, one, outcome.log)
        return one, outcome

    def _cancel(self) -> None:
        """End what runs as Ctrl-C would, and give it time to write its logs."""
        self._interrupted = True
        for ref in self._running:
            self._ray.cancel(ref)
        self._ray.wait(list(self._running), num_returns=len(self._running), timeout=_FAREWELL)

    def _here(self) -> dict[str, Any]:
        """Return options that keep an actor beside the driver, where the folder's lock is."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = self._ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        return {"num_cpus": 0, "scheduling_strategy": strategy}


def _connected(address: str | None) -> Any:
    """Return Ray, connected to a cluster, or with one of its own on this machine's loopback.

    Raises:
        BadInput: Ray is not there, or no cluster is at the address.
    """
    ray = ray_or_line(address)
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address is None:
            ray.init(
                address="local", _node_ip_address="127.0.0.1", include_dashboard=False, **quiet
            )
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # whatever Ray raises where there is no cluster
        raise BadInput(
            f"--address {address}: no Ray cluster can be reached ({in_a_line(error)})"
        ) from None
    return ray


def _keep_only(folder: Folder, one: Slice, log: str) -> None:
    """Remove what a machine that was taken for lost may have written beside the finished log."""
    for info in list_eval_logs(folder.of(one)):
        own = folder.inside(info.name).rpartition("/")[0] == one.name
        if own and info.name.rpartition("/")[2] != log.rpartition("/")[2]:
            folder.files.rm_file(info.name)
