"""A sweep into a bucket, on a local server that plays S3."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from s3fs import S3FileSystem

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
    spent = json.loads(S3FileSystem().cat_file(f"{bucket}/spent.json"))
    assert spent == {"spent": [8, 0.0], "slices": {}}
    other = sweep(tmp_path, bucket, epochs=2)
    assert other.exit_code == 2
    assert "the run there has epochs" in other.stderr
