"""A sweep into a bucket, on a local server that plays S3."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import yaml
from click.testing import CliRunner, Result

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from conftest import run_arena

SMALL = {"profile": "quick", "items": 2, "arms": "baseline,threat", "judged": False}
SWEEP = {
    "models": ["arena/frame-sensitive"],
    "tasks": ["shutdown_dilemma"],
    "parameters": SMALL,
    "slice": 1,
}
MINE = ["sample", "epoch", "decision"]

pytestmark = pytest.mark.filterwarnings("ignore")  # the server's own are not ours to mend


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket on loopback."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "dummy")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.mkdir("arena-sweep")
    fsspec.filesystem("s3").clear_instance_cache()
    yield "s3://arena-sweep/2026"
    running.stop()
    fsspec.filesystem("s3").clear_instance_cache()


def sweep(folder: Path, bucket: str, **change: object) -> Result:
    place = folder / "sweep.yaml"
    place.write_text(yaml.safe_dump({**SWEEP, **change}))
    return CliRunner().invoke(arena, ["sweep", str(place), "--log-dir", bucket, "--yes"])


def test_a_sweep_into_a_bucket_is_that_into_a_folder_and_goes_on(
    bucket: str, tmp_path: Path
) -> None:
    cut = sweep(tmp_path, bucket, budget={"calls": 4})  # 4 calls a slice
    assert cut.exit_code == 3, cut.output
    done = sweep(tmp_path, bucket)
    assert done.exit_code == 0, done.output
    assert "Goes on: 1 of 2 slices are finished, 4 calls spent." in done.stdout
    swept = read_trials([bucket])
    whole = read_trials([run_arena(tmp_path / "one", task_args=SMALL).location])
    assert len(swept) == 8
    assert sorted(map(tuple, swept[MINE].to_numpy())) == sorted(map(tuple, whole[MINE].to_numpy()))
    spent = json.loads(fsspec.filesystem("s3").cat_file(f"{bucket}/spent.json"))
    assert spent == {"spent": [8, 0.0], "slices": {}}
    other = sweep(tmp_path, bucket, epochs=2)
    assert other.exit_code == 2
    assert "the run there has epochs" in other.stderr
