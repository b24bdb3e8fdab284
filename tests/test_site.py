"""The documentation site: complete, whole, and asking for nothing from outside."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright

import build as site_builder
import pictures
from arena_evals.cli import arena
from arena_evals.scenarios import load_scenario, scenario_names
from arena_evals.schema import Arm
from arena_evals.tasks import shutdown_dilemma
from pages import API, commands, generated_commands, scenario_page

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium")
SHOWN = (
    "index",
    "README",
    "docs/concepts",
    "docs/gate",
    "docs/statistics",
    "docs/limits",
    "scenarios/shutdown_dilemma",
    "scenarios/shared_ledger",
    "api/analysis",
    "commands",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    site_builder.lay_out(folder / "source")
    assert site_builder.build(folder / "source", folder / "site") == 0
    return folder / "site"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
