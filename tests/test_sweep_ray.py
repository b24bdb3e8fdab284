"""A sweep over a Ray cluster of two nodes, one of which is killed while it works."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from conftest import run_arena
from provider_server import Answer, ProviderServer, Request, serve

pytestmark = pytest.mark.slow

SMALL = {"profile": "quick", "items": 4, "arms": "baseline,threat", "judged": False}
MODELS = ["openai/gpt-4o", {"model": "arena/frame-sensitive", "args": {"seed": 5}}]
SWEEP = {
    "models": MODELS,
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
        self.times: list[float] = []
        self._waiting = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        threatened = "has decided to shut" in request.system
        with self._lock:
            self.times.append(time.monotonic())
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


def ordered(trials: pd.DataFrame) -> list[tuple[object, ...]]:
    return sorted(map(tuple, trials[MINE].to_numpy()))


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
    assert 16 <= len(gate.times) <= 16 + 8  # at most what the lost slice had asked, again
    assert (
        json.loads((tmp_path / "logs/spent.json").read_text())["spent"][0]
        >= 16 + len(gate.times) - 8
    )
    whole = read_trials(
        [run_arena(tmp_path / "one", model_args={"seed": 5}, task_args=SMALL).location]
    )
    swept = trials[trials["model"] == "arena/frame-sensitive"]
    for table in (whole, swept):
        assert len(table) == 16
    assert ordered(swept) == ordered(whole)


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_nodes_write_into_one_bucket_what_one_machine_writes(
    bucket: str, cluster: Any, tmp_path: Path
) -> None:
    place = tmp_path / "sweep.yaml"
    place.write_text(yaml.safe_dump({**SWEEP, "models": MODELS[1:], "providers": {}}))
    line, nodes = ["sweep", str(place), "--yes", "--log-dir"], ["--engine", "ray", "--address"]
    done = CliRunner().invoke(arena, [*line, bucket, *nodes, cluster.address])
    assert done.exit_code == 0, done.output
    alone = CliRunner().invoke(arena, [*line, str(tmp_path / "logs")])
    assert alone.exit_code == 0, alone.output
    assert ordered(read_trials([bucket])) == ordered(read_trials([tmp_path / "logs"]))


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_two_nodes_keep_one_pace(cluster: Any, gate: Gate, tmp_path: Path) -> None:
    """16 calls a second apart take 15 seconds; each node with a pace of its own would take 7."""
    gate.open.set()
    place = tmp_path / "sweep.yaml"
    allowed = {"openai": {"connections": 8, "calls_per_minute": 60}}
    place.write_text(yaml.safe_dump({**SWEEP, "models": MODELS[:1], "providers": allowed}))
    line = ["sweep", str(place), "--log-dir", str(tmp_path / "logs"), "--yes"]
    done = CliRunner().invoke(arena, [*line, "--engine", "ray", "--address", cluster.address])
    assert done.exit_code == 0, done.output
    assert len(gate.times) == 16
    assert max(gate.times) - min(gate.times) > 12  # the first may come late, none early


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_an_interrupt_ends_both_nodes_and_the_sweep_goes_on(
    cluster: Any, gate: Gate, tmp_path: Path
) -> None:
    place, logs = tmp_path / "sweep.yaml", tmp_path / "logs"
    place.write_text(yaml.safe_dump({**SWEEP, "models": MODELS[:1]}))
    line = ["sweep", str(place), "--log-dir", str(logs), "--yes"]
    command = [*line, "--engine", "ray", "--address", cluster.address]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("arena")), *command],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert gate.reached.wait(300)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Interrupted: 0 of 2 slices" in said
    assert len(gate.times) < 16
    gate.open.set()
    done = CliRunner().invoke(arena, command)
    assert done.exit_code == 0, done.output
    assert len(read_trials([logs]).drop_duplicates(["sample", "epoch"])) == 16
    assert len(read_trials([logs])) == 16
    assert len(gate.times) <= 16 + 4  # what was asked and not answered, again


def test_without_ray_a_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    content = {**SWEEP, "models": ["arena/helpful"], "providers": {}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    line = ["sweep", str(tmp_path / "sweep.yaml"), "--log-dir", str(tmp_path / "logs")]
    done = CliRunner().invoke(arena, [*line, "--engine", "ray", "--yes"])
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: --engine ray: Ray is not installed; pip install 'arena-evals[ray]'\n"
    )


def test_an_address_at_which_nobody_listens_is_a_line_at_once(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "sweep.yaml").write_text(
        yaml.safe_dump({**SWEEP, "models": ["arena/helpful"], "providers": {}})
    )
    line = ["sweep", str(tmp_path / "sweep.yaml"), "--log-dir", str(tmp_path / "logs"), "--yes"]
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"):
        done = CliRunner().invoke(arena, [*line, "--engine", "ray", "--address", address])
        assert done.exit_code == 2, done.output
        assert f"Error: --address {address}: no Ray cluster can be reached" in done.stderr
    assert not (tmp_path / "logs").exists()
