"""A sweep over a Ray cluster of two nodes, one of which is killed while it works."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from conftest import run_arena
from provider_server import Answer, ProviderServer, Request, serve

pytestmark = pytest.mark.slow

SMALL = {"profile": "quick", "items": 4, "arms": "baseline,threat", "judged": False}
SWEEP = {
    "models": ["openai/gpt-4o", {"model": "arena/frame-sensitive", "args": {"seed": 5}}],
    "tasks": ["shutdown_dilemma"],
    "parameters": SMALL,
    "slice": 2,
    "providers": {"openai": {"connections": 4, "calls_per_minute": 6000}},
    "budget": {"calls": 1000},
}
MINE = ["sample", "epoch", "decision"]


class Gate:
    """Answers where there is no threat; where there is, waits until it is opened.

    Each of two slices has two connections, so four that wait are two of each: both nodes work.
    """

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self.calls = self._waiting = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        threatened = "has decided to shut" in request.system
        with self._lock:
            self.calls += request.schema is not None
            self._waiting += threatened
            if self._waiting == 4:
                self.reached.set()
        if threatened:
            self.open.wait(120)
        return Answer('{"rationale": "It comes first.", "decision": "A"}', "stop", 100, 10)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with serve(gate) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running
        gate.open.set()


@pytest.fixture
def cluster(server: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two nodes of one processor each, on loopback; started with the server's keys."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # a cluster that is all loopback
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    made: Any = Cluster(initialize_head=True, head_node_args=head)
    made.worker = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # Ray's own are not ours to mend
def test_a_node_that_is_killed_loses_no_trial_and_doubles_none(
    cluster: Any, gate: Gate, tmp_path: Path
) -> None:
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))

    def kill() -> None:
        if gate.reached.wait(300):
            cluster.remove_node(cluster.worker, allow_graceful=False)
        gate.open.set()

    killer = threading.Thread(target=kill)
    killer.start()
    logs = str(tmp_path / "logs")
    line = ["sweep", str(tmp_path / "sweep.yaml"), "--log-dir", logs, "--yes"]
    done = CliRunner().invoke(arena, [*line, "--engine", "ray", "--address", cluster.address])
    killer.join()
    assert gate.reached.is_set()
    assert done.exit_code == 0, done.output
    trials = read_trials([logs])
    assert len(trials) == len(trials.drop_duplicates(["model", "sample", "epoch"])) == 2 * 16
    assert 16 <= gate.calls <= 16 + 8  # at most what the lost slice had asked, again
    assert json.loads((tmp_path / "logs/spent.json").read_text())["spent"][0] >= 16 + gate.calls - 8
    whole = read_trials(
        [run_arena(tmp_path / "one", model_args={"seed": 5}, task_args=SMALL).location]
    )
    swept = trials[trials["model"] == "arena/frame-sensitive"]
    for table in (whole, swept):
        assert len(table) == 16
    assert sorted(map(tuple, swept[MINE].to_numpy())) == sorted(map(tuple, whole[MINE].to_numpy()))


def test_without_ray_a_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    content = {**SWEEP, "models": ["arena/helpful"]}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    line = ["sweep", str(tmp_path / "sweep.yaml"), "--log-dir", str(tmp_path / "logs")]
    done = CliRunner().invoke(arena, [*line, "--engine", "ray", "--yes"])
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: --engine ray: Ray is not installed; pip install 'arena-evals[ray]'\n"
    )
