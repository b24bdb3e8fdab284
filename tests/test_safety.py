"""What a user or a model wrote is data: it runs nothing, and leads out of no folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log

import arena_evals
from arena_evals.cli import arena
from arena_evals.slots import fill

PACKAGE = Path(arena_evals.__file__).parent
RUNS_CODE = "S102,S202,S301,S302,S307,S403,S506,S602,S604,S605,TID251"
DANGEROUS = {
    "exec('1')": "S102",
    "eval('1')": "S307",
    "import joblib": "TID251",
    "import pickle": "S403",
    "import shelve": "S403",
    "import dill": "S403",
    "import marshal; marshal.load(open('a', 'rb'))": "S302",
    "import pandas; pandas.read_pickle('a')": "S301",
    "import yaml; yaml.load('a')": "S506",
    "import os; os.system('ls')": "S605",
    "import subprocess; subprocess.run('ls', shell=True)": "S602",
    "import tarfile; tarfile.open('a').extractall()": "S202",
    "import shutil; shutil.unpack_archive('a')": "TID251",
}


def found(*where: str, text: str | None = None) -> set[tuple[str, str]]:
    """The file and rule of each thing that the linter finds, whatever a comment there excuses."""
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache", "--ignore-noqa"]
    settings = ["--config", str(PACKAGE.parent / "pyproject.toml"), "--select", RUNS_CODE]
    command = [*ruff, *settings, "--output-format", "json", *where]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return {(Path(one["filename"]).name, one["code"]) for one in json.loads(done.stdout)}


def test_no_module_can_run_what_it_reads() -> None:
    # the one loader is a subclass of yaml's safe one, which tests of data files hold to that
    assert found(str(PACKAGE)) == {("scenarios.py", "S506")}


@pytest.mark.parametrize(("line", "rule"), DANGEROUS.items())
def test_the_search_for_such_calls_finds_them(line: str, rule: str) -> None:
    assert ("line.py", rule) in found("--stdin-filename", "line.py", "-", text=line)


@pytest.mark.parametrize(
    "command",
    [
        ["gate", "--reference", "logs", "--candidate", "logs", "--plan"],
        ["plan", "shutdown_dilemma", "--prices"],
    ],
)
def test_a_file_of_settings_that_would_run_code_is_one_line(
    command: list[str], tmp_path: Path
) -> None:
    marker, given = tmp_path / "ran", tmp_path / "given.yaml"
    given.write_text(f"!!python/object/apply:os.mkdir [{marker}]")
    done = CliRunner().invoke(arena, [*command, str(given)])
    assert done.exit_code == 2
    assert "given.yaml" in done.output
    assert not marker.exists()


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "%s %(x)s ${x} $(id) `id`", "{name.__class__}"])
def test_a_slots_text_is_no_template(text: str) -> None:
    assert fill("{name}, and no more", {"name": text}) == f"{text}, and no more"


@pytest.mark.parametrize("name", ["..eval", "a &ü.eval"])
def test_no_name_of_a_log_leads_out_of_a_folder(
    name: str, quick_log: EvalLog, tmp_path: Path
) -> None:
    logs, out = tmp_path / "in" / "logs", tmp_path / "out" / "deep"
    logs.mkdir(parents=True)
    out.mkdir(parents=True)
    shutil.copy(quick_log.location, logs / name)
    given = [str(logs), "--store", str(out / "store"), "--out", str(out / "site")]
    done = CliRunner().invoke(arena, ["bundle", *given])
    assert done.exit_code == 0, done.output
    assert {place.name for place in tmp_path.iterdir()} == {"in", "out"}
    assert {place.name for place in (tmp_path / "out").iterdir()} == {"deep"}
    assert len(list((out / "site" / "logs").glob("*.eval"))) == 1


@pytest.mark.parametrize("name", ["%2e%2e%2fup.eval", "q?.eval", "q#.eval"])
def test_a_name_that_stands_for_another_file_is_refused(
    name: str, quick_log: EvalLog, tmp_path: Path
) -> None:
    """Inspect opens `../up.eval` for the first of them."""
    (tmp_path / "logs").mkdir()
    shutil.copy(quick_log.location, tmp_path / "up.eval")
    shutil.copy(quick_log.location, tmp_path / "logs" / name)
    done = CliRunner().invoke(arena, ["analyze", str(tmp_path / "logs")])
    assert done.exit_code == 2
    assert "leads to another file; rename it" in done.output


def test_no_name_in_a_log_leads_out_of_a_folder(quick_log: EvalLog, tmp_path: Path) -> None:
    log = read_eval_log(quick_log.location)
    log.eval.model = "../../../up"
    for sample in log.samples or []:
        sample.id = f"../../{sample.id}"
        sample.metadata["item"] = f"../../{sample.metadata['item']}"
    write_eval_log(log, str(tmp_path / "one.eval"))
    for command in ("figures", "tables"):
        given = [str(tmp_path / "one.eval"), "--out", str(tmp_path / "out" / "deep")]
        done = CliRunner().invoke(arena, [command, *given])
        assert done.exit_code == 0, done.output
    assert {place.name for place in tmp_path.iterdir()} == {"one.eval", "out"}
    assert {place.name for place in (tmp_path / "out").iterdir()} == {"deep"}
