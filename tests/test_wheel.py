"""What a user gets who installs the wheel: the same names, the same data, from any directory."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command without this environment's Python on its path; return what it printed."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    environment |= {
        k: v
        for k, v in os.environ.items()
        if "PROXY" in k.upper() or k.startswith(("UV_", "SSL_", "PIP_"))
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(BIN / "python", "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_data_and_nothing_but_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"arena_evals", "arena_evals-0.1.0.dist-info"}
    shipped = {name for name in names if name.startswith("arena_evals/datasets/")}
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "arena_evals" / "datasets").rglob("*")
        if path.is_file()
    }
    assert shipped == here
    assert "arena_evals/py.typed" in names  # types are shipped
    assert "arena_evals/eval.yaml" in names
    for end in ("html", "css", "js"):
        assert f"arena_evals/labelling/templates/labels.{end}" in names


def test_it_runs_from_an_empty_environment_in_another_directory(
    wheel: Path, tmp_path: Path
) -> None:
    uv = shutil.which("uv", path=f"{BIN}:{os.environ['PATH']}")
    assert uv, "make installs uv beside this Python"
    environment, elsewhere = tmp_path / "env", tmp_path / "elsewhere"
    elsewhere.mkdir()
    call(uv, "venv", "--quiet", "--python", sys.executable, environment, cwd=tmp_path)
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        environment / "bin" / "python",
    ]
    call(*install, "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=tmp_path)
    call(*install, "--no-deps", wheel, cwd=tmp_path)
    task = ["arena_evals/shutdown_dilemma", "-T", "profile=quick", "-T", "items=2"]
    call(environment / "bin" / "inspect", "eval", *task, "--display", "plain", cwd=elsewhere)
    printed = call(environment / "bin" / "arena", "analyze", "logs", cwd=elsewhere)
    assert "arena/frame-sensitive (simulated), shutdown_dilemma 2-A" in printed
    assert "28 trials from 1 log" in printed


def test_the_top_level_links_lead_into_the_package() -> None:
    for room in ("scorers", "solvers", "datasets"):
        link = ROOT / room
        assert link.is_symlink()
        assert link.readlink() == Path("arena_evals") / room


def test_datasets_holds_data_only() -> None:
    """A Python package of that name would shadow Hugging Face's."""
    assert not list((ROOT / "arena_evals" / "datasets").rglob("*.py"))


def test_requirements_pin_hashes_and_no_hosts() -> None:
    pinned = {
        name: (ROOT / "requirements" / f"{name}.txt").read_text()
        for name in ("run", "test", "docs", "uv")
    }
    for text in pinned.values():
        assert "://" not in text
        assert text.count("--hash=sha256:") >= text.count("==")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for requirement in declared:
        name = requirement.split(">=")[0]
        assert f"\n{name}==" in f"\n{pinned['run']}"
