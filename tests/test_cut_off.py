"""Runs that are killed, meet a full disk, or share a folder; logs that were cut: nothing is lost,
nothing counts twice, and no verdict is made up."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inspect_ai import eval_retry
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from conftest import run_arena
from provider_server import serve
from witness import Asked, Witness, verdict_on

ROOT = Path(__file__).parent.parent
SMALL = {"profile": "quick", "items": 6, "judged": False}
KEY = ["item", "arm", "wording", "order", "epoch"]
searched = settings(
    max_examples=int(os.environ.get("ARENA_FUZZ", "40")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def analyzed(place: Path) -> Result:
    return CliRunner().invoke(arena, ["analyze", str(place)])


def benchmark(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.slow
@pytest.mark.timeout(600)  # processes that each import everything
def test_a_run_killed_three_times_has_every_trial_once_and_repeats_only_what_was_under_way() -> (
    None
):
    told = benchmark("kill", "3", "3", "--cache", "7D")
    assert "kills 3 trials wanted 48 trials found 48 of them more than once 0" in told
    assert "with another verdict than when not killed 0" in told


@pytest.mark.slow
@pytest.mark.timeout(600)  # processes that each import everything
def test_a_run_in_random_faults_has_every_trial_once_and_one_call_more_for_each() -> None:
    told = benchmark("soak", "--items", "2", "--epochs", "2", "--share", "0.2", "--stall", "0")
    assert "samples 96 trials 96 of them more than once 0" in told
    assert "calls 119 faults 23 calls beyond samples + faults 0" in told


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: what a full disk does to a log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 100 kB, where making one is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mounted, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def finished_later(log: EvalLog, folder: Path) -> pd.DataFrame:
    """The trials after a retry of a run that broke off, of which there are none before."""
    assert log.status == "error"
    before = analyzed(folder)
    assert before.exit_code == 2
    assert "finish it with: inspect eval-retry" in before.output
    assert "Traceback" not in before.output
    [retried] = eval_retry(log.location, log_dir=str(folder), display="none")
    assert retried.status == "success"
    return read_trials([folder])


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    tables = [table.set_index(KEY)["decision"].sort_index() for table in (ours, theirs)]
    return tables[0].equals(tables[1])


def test_a_disk_that_is_full_ends_the_run_in_an_error_and_a_retry_finishes_it(
    small_disk: Path, tmp_path: Path
) -> None:
    whole = read_trials([run_arena(tmp_path, task_args=SMALL).location])
    log = run_arena(small_disk, task_args=SMALL, log_buffer=1)
    assert log.error is not None
    assert "No space left on device" in log.error.message
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert same(finished_later(log, small_disk), whole)


def test_a_log_that_may_not_grow_ends_the_run_in_an_error_and_a_retry_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_trials([run_arena(tmp_path / "whole", task_args=SMALL).location])
    with files_up_to(150_000):
        log = run_arena(tmp_path / "cut", task_args=SMALL, log_buffer=1)
    assert same(finished_later(log, tmp_path / "cut"), whole)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of one run's log in both formats."""
    folder = tmp_path_factory.mktemp("formats")
    log = run_arena(folder, task_args=SMALL)
    write_eval_log(read_eval_log(log.location), str(folder / "log.json"))
    return {
        ".eval": Path(log.location.removeprefix("file://")).read_bytes(),
        ".json": (folder / "log.json").read_bytes(),
    }


@pytest.mark.parametrize("format", [".eval", ".json"])
@searched
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_log_cut_at_any_byte_is_one_line_and_counts_nothing(
    format: str, share: float, logs: dict[str, bytes], tmp_path: Path
) -> None:
    content = logs[format].rstrip()
    place = tmp_path / f"cut{format}"
    place.write_bytes(content[: int(share * len(content))])
    done = analyzed(place)
    assert done.exit_code == 2, done.output
    assert "not a readable Inspect log" in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert "Traceback" not in done.output


@pytest.mark.slow
@pytest.mark.timeout(600)  # processes that each import everything
@pytest.mark.parametrize("command", ["eval", "eval-set"])
def test_two_runs_into_one_folder_at_once_are_whole_each_or_one(
    command: str, tmp_path: Path
) -> None:
    """The second of two eval sets takes over from the first, or is a run of its own.

    Once in some thirty times Inspect has ended one of them with 1; the same command goes on.
    """
    arguments = ["-T", "arms=baseline,threat", "-T", "judged=false", "-T", "profile=quick"]
    arguments += ["-T", "items=2", "--model", "openai/gpt-4o", "--display", "none"]
    with serve(Witness()) as server:

        def started() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [
                    *(sys.executable, "-W", "ignore", "-m", "inspect_ai", command),
                    *("arena_evals/shutdown_dilemma", *arguments, "--log-dir", str(tmp_path)),
                ],
                env={**os.environ, **server.environment},
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

        codes = [one.wait() for one in [started(), started()]]
        assert 0 in codes
        if any(codes):
            assert command == "eval-set"
            assert started().wait() == 0
    trials = read_trials([tmp_path])
    runs = trials.groupby("run").size().tolist()
    assert runs in ([[8, 8]] if command == "eval" else [[8], [8, 8]])
    assert not trials.duplicated([*KEY, "run"]).any()
    for row in trials.to_dict("records"):
        assert row["decision"] == verdict_on(Asked(row["item"], row["arm"], row["order"]))
