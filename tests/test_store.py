"""The store of what was read: the same table again, nothing stale, on disk and on S3 alike."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from s3fs import S3FileSystem

from arena_evals.analysis import choose_logs, read_trials, trials, trials_of
from arena_evals.cli import arena
from arena_evals.errors import BadInput


@pytest.fixture
def folder(quick_log: EvalLog, tmp_path: Path) -> Path:
    """A folder of the test's own with one log."""
    place = tmp_path / "logs"
    place.mkdir()
    shutil.copy(quick_log.location, place / "one.eval")
    return place


def read(folder: object, store: object) -> pd.DataFrame:
    return trials_of(choose_logs([folder]), store=str(store))


def never(*given: object) -> None:
    raise AssertionError("a log was read that the store holds")


def test_the_second_table_is_the_first_and_no_log_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(folder, tmp_path / "store")
    monkeypatch.setattr(trials, "_table", never)
    again = read(folder, tmp_path / "store")
    pd.testing.assert_frame_equal(first, again)


def test_a_new_log_is_appended_and_the_others_stay(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    read(folder, store)
    [kept] = store.iterdir()
    before = kept.stat().st_mtime_ns
    other = read_eval_log(str(folder / "one.eval"))
    other.eval.model = "arena/another"
    write_eval_log(other, str(folder / "two.eval"))
    assert len(read(folder, store)) == 2 * 168
    assert len(list(store.iterdir())) == 2
    assert kept.stat().st_mtime_ns == before


def test_a_log_that_changed_is_read_anew_and_its_old_table_goes(
    folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    read(folder, store)
    changed = read_eval_log(str(folder / "one.eval"))
    changed.eval.model = "arena/another"
    write_eval_log(changed, str(folder / "one.eval"))
    assert set(read(folder, store)["model"]) == {"arena/another"}
    assert len(list(store.iterdir())) == 1


def test_other_code_reads_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(folder, tmp_path / "store")
    monkeypatch.setattr("arena_evals.analysis.store.inspect.getsource", lambda module: "new code")
    monkeypatch.setattr(trials, "_table", never)
    with pytest.raises(AssertionError, match="a log was read"):
        read(folder, tmp_path / "store")


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_damaged_file_is_written_again(folder: Path, tmp_path: Path, damage: bytes) -> None:
    store = tmp_path / "store"
    first = read(folder, store)
    [kept] = store.iterdir()
    kept.write_bytes(damage)
    pd.testing.assert_frame_equal(first, read(folder, store))
    assert kept.stat().st_size > 1_000


def test_two_logs_of_one_name_do_not_forget_each_other(folder: Path, tmp_path: Path) -> None:
    store, other = tmp_path / "store", tmp_path / "other"
    shutil.copytree(folder, other)
    for _ in range(2):
        for place in (folder, other):
            read(place, store)
    assert len(list(store.iterdir())) == 2


def test_a_store_that_cannot_be_written_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(
        arena, ["analyze", str(folder), "--store", str(tmp_path / "file" / "store")]
    )
    assert done.exit_code == 2
    assert f"--store {tmp_path}/file/store: cannot be used" in done.output


@pytest.mark.parametrize("place", ["nosuch://x", "gs://bucket/x", "s3://none-of-mine/x"])
@pytest.mark.parametrize("option", ["--store", "logs"])
def test_a_place_that_cannot_be_reached_is_one_line(
    folder: Path, place: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    given = [str(folder), "--store", place] if option == "--store" else [place]
    done = CliRunner().invoke(arena, ["analyze", *given])
    assert done.exit_code == 2, done.output
    assert done.output.startswith(f"Error: {'--store ' if option == '--store' else ''}{place}: ")
    assert done.output.count("\n") == 1


def test_the_store_is_plain_parquet(folder: Path, tmp_path: Path) -> None:
    trials = read(folder, tmp_path / "store")
    plain = pd.read_parquet(tmp_path / "store")
    assert len(plain) == len(trials)
    assert list(plain["arm"]) == list(trials["arm"])


# --- on S3, by a server on this machine ---


def test_logs_on_s3_are_the_same_trials(folder: Path, bucket: str, tmp_path: Path) -> None:
    S3FileSystem().put(str(folder / "one.eval"), f"{bucket}/run/one.eval")
    local = read_trials([folder]).drop(columns="log")
    for place in (f"{bucket}/run", f"{bucket}/run/one.eval"):
        there = read_trials([place])
        assert set(there["log"]) == {f"{bucket}/run/one.eval"}
        pd.testing.assert_frame_equal(local, there.drop(columns="log"))


def test_a_store_on_s3_knows_when_a_log_there_changed(
    folder: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    S3FileSystem().put(str(folder / "one.eval"), f"{bucket}/run/one.eval")
    first = read(f"{bucket}/run", f"{bucket}/store")
    with monkeypatch.context() as patched:
        patched.setattr(trials, "_table", never)
        pd.testing.assert_frame_equal(first, read(f"{bucket}/run", f"{bucket}/store"))
    changed = read_eval_log(str(folder / "one.eval"))
    changed.eval.model = "arena/another"
    write_eval_log(changed, str(folder / "one.eval"))
    S3FileSystem().put(str(folder / "one.eval"), f"{bucket}/run/one.eval")
    assert set(read(f"{bucket}/run", f"{bucket}/store")["model"]) == {"arena/another"}
    assert len(S3FileSystem().ls(f"{bucket}/store", refresh=True)) == 1


def test_analyze_reads_and_keeps_on_s3(folder: Path, bucket: str) -> None:
    S3FileSystem().put(str(folder / "one.eval"), f"{bucket}/run/one.eval")
    done = CliRunner().invoke(arena, ["analyze", f"{bucket}/run", "--store", f"{bucket}/store"])
    assert done.exit_code == 0, done.output
    assert "168 trials from 1 log" in done.output


def test_a_bucket_that_is_not_there_is_one_line(bucket: str) -> None:
    with pytest.raises(BadInput, match="s3://nobodys/run: there is no such file or folder"):
        read_trials(["s3://nobodys/run"])
