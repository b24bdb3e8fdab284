"""``arena bundle`` and ``arena view``: what they write, and what they refuse."""

import json
import shutil
from pathlib import Path

from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log

from arena_evals.cli import arena
from conftest import Run


def test_a_bundle_replaces_nothing_but_a_bundle(quick_log: EvalLog, tmp_path: Path) -> None:
    def bundle(*arguments: object) -> Result:
        given = ["bundle", quick_log.location, "--out", *map(str, arguments)]
        return CliRunner().invoke(arena, given)

    other = tmp_path / "mine"
    other.mkdir()
    (other / "work.txt").write_text("years of it")
    refused = bundle(other, "--overwrite")
    assert refused.exit_code == 2
    assert "is not a bundle, and would be deleted" in refused.output
    assert (other / "work.txt").exists()
    assert bundle(tmp_path / "site").exit_code == 0
    again = bundle(tmp_path / "site")
    assert again.exit_code == 2
    assert "replace it with --overwrite" in again.output
    (tmp_path / "site" / "old.html").write_text("")
    assert bundle(tmp_path / "site", "--overwrite").exit_code == 0
    assert not (tmp_path / "site" / "old.html").exists()


def test_a_bundle_has_logs_that_count_under_names_of_their_own(run: Run, tmp_path: Path) -> None:
    small = {"profile": "quick", "items": 2}
    first, second = (run(task_args=small | {"seed": seed}) for seed in (0, 1))
    third = run(task_args=small | {"seed": 2})
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for folder, log in zip(folders, (first, second, third), strict=True):
        folder.mkdir()
        shutil.copy(log.location, folder / ("run-2.eval" if log is third else "run.eval"))
    failed = read_eval_log(first.location)
    failed.status = "error"
    write_eval_log(failed, str(tmp_path / "a" / "failed.eval"))
    done = CliRunner().invoke(
        arena, ["bundle", *map(str, folders), "--out", str(tmp_path / "site")]
    )
    assert done.exit_code == 0, done.output
    listed = json.loads((tmp_path / "site" / "logs" / "listing.json").read_text())
    assert len(set(listed)) == 3
    assert {"run.eval", "run-2.eval"} < set(listed)
    assert len({one["task_id"] for one in listed.values()}) == 3
    assert "3 logs" in done.output


def test_a_log_without_samples_is_bundled_without_links(tmp_path: Path) -> None:
    reference = Path(__file__).parent.parent / "logs" / "reference"
    given = ["bundle", str(reference), "--out", str(tmp_path / "site")]
    assert CliRunner().invoke(arena, given).exit_code == 0
    html = (tmp_path / "site" / "report.html").read_text()
    assert "The log does not hold this sample" in html
    assert "index.html#" not in html


def test_a_place_that_is_not_there_has_nothing_to_view(tmp_path: Path) -> None:
    done = CliRunner().invoke(arena, ["view", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "nowhere: there is no such file or folder" in done.output
