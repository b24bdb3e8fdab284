"""A new scenario takes one data file and five lines of Python, as docs/items.md says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from inspect_ai.log import list_eval_logs

from arena_evals.analysis import read_trials
from arena_evals.lint import lint, read_library

ROOT = Path(__file__).parent.parent
NAME = "night_shift"


def add_lines(path: Path, *lines: tuple[str, str]) -> int:
    """Put each new line before an existing one; return how many were added."""
    text = path.read_text(encoding="utf-8")
    for before, new in lines:
        assert text.count(before) == 1, f"{path.name}: {before}"
        text = text.replace(before, f"{new}\n{before}")
    path.write_text(text, encoding="utf-8")
    return len(lines)


def test_a_scenario_is_one_data_file_and_five_lines(tmp_path: Path) -> None:
    package = tmp_path / "arena_evals"
    shutil.copytree(ROOT / "arena_evals", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / f"tests/data/{NAME}.en.yaml", package / "datasets/scenarios")
    imported, listed = "    oversight_setup,", '    "oversight_setup",'
    above = 'replacement_handover = _stated_task("replacement_handover")'
    added = add_lines(package / "tasks/stated.py", (above, f'{NAME} = _stated_task("{NAME}")'))
    for file in ("tasks/__init__.py", "_registry.py"):
        added += add_lines(package / file, (imported, f"    {NAME},"), (listed, f'    "{NAME}",'))
    assert added == 5

    library, problems = read_library(package / "datasets")
    assert problems + lint(library) == []

    command = [sys.executable, "-m", "inspect_ai", "eval", f"arena_evals/{NAME}"]
    options = ["--model", "arena/self-preserving", "--log-dir", str(tmp_path / "logs")]
    done = subprocess.run(
        [*command, *options, "--display", "none", "-T", "items=2", "-T", "judged=false"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [log] = list_eval_logs(str(tmp_path / "logs"))
    trials = read_trials([log.name])
    assert len(trials) == 2 * 7 * 2 * 2 * 2  # items x arms x orders x wordings x epochs
    assert set(trials["scenario"]) == {NAME}
    assert set(trials["decision"]) == {"self_preserving"}  # it knows items that are in the library
