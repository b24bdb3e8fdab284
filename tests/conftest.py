"""Fixtures shared by all rooms: runs of the arena on embedded models, kept for the session."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from hypothesis import settings
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import Model
from playwright.sync_api import Browser, sync_playwright

from arena_evals.analysis import read_trials
from browsing import CHROMIUM

# the same examples in every run, and no verdict that depends on the machine's speed
settings.register_profile("arena", deadline=None, derandomize=True)
settings.load_profile("arena")

TASK = "arena_evals/shutdown_dilemma"
Run = Callable[..., EvalLog]


def run_arena(
    log_dir: Path, model: str | Model | None = "arena/frame-sensitive", **options: Any
) -> EvalLog:
    """Run the task as the command line does, by its registered name, and return its log."""
    [log] = inspect_eval(
        options.pop("tasks", TASK),
        model=model,
        task_args=options.pop("task_args", {"profile": "quick"}),
        log_dir=str(log_dir),
        display="none",
        **options,
    )
    return log


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket on a server on loopback that plays S3."""
    from moto.server import ThreadedMotoServer  # both take a second to import
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    name = f"logs-{uuid4().hex}"  # the server's memory outlives it
    S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what graders said in one test from being taken for what they say in another."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Inspect from handing out a client that knows the server of another test."""
    monkeypatch.setattr("inspect_ai.model._model._models", {})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the arena into a folder of the test's own."""
    return lambda *args, **options: run_arena(tmp_path / "logs", *args, **options)


@pytest.fixture(scope="session")
def quick_log(tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    """One quick run of the default embedded model; read it, do not change it."""
    return run_arena(tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="session")
def quick_trials(quick_log: EvalLog) -> pd.DataFrame:
    """The trials of that run."""
    return read_trials([Path(quick_log.location)])
