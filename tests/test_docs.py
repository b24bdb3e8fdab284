"""What the documents say of the program is true of the program."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from arena_evals.cli import arena
from arena_evals.design import PROFILES, Profile
from arena_evals.respondents import PRESETS, Respondent, known_shift
from arena_evals.schema import Arm, Unscored, Verdict
from arena_evals.tasks import shutdown_dilemma
from conftest import Run

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs/worked-example.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("profile", list(PROFILES))
def test_the_readme_says_what_a_profile_costs(profile: Profile) -> None:
    made = shutdown_dilemma(profile=profile)
    calls = f"{len(made.dataset) * (made.epochs or 1):,}"
    [row] = [line for line in text("README.md").splitlines() if f"profile={profile}`" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    n_items = len({str(sample.id).split(":")[0] for sample in made.dataset})
    plan = PROFILES[profile]
    assert cells[1:] == [str(n_items), str(len(plan.wordings)), str(plan.epochs), calls, calls]


def test_the_readme_shows_what_the_demo_prints(run: Run) -> None:
    """All of the demo but its judge, whose table stands below the one shown."""
    log = run(task_args={"judged": False})
    printed = CliRunner().invoke(arena, ["analyze", log.location], env={"COLUMNS": "80"}).stdout
    shown = text("README.md").split("```text\n")[1].split("```")[0].splitlines()
    assert len(shown) > 10
    assert shown == [line.rstrip() for line in printed.splitlines()][1 : len(shown) + 1]


def test_the_worked_example_prints_what_it_shows(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every step of the page runs, one after the other, where its log is."""
    run(task_args={"profile": "quick", "items": 20, "judged": False})
    monkeypatch.chdir(tmp_path)
    steps = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", EXAMPLE.read_text(), re.DOTALL)
    assert len(steps) == 4
    names: dict[str, object] = {}
    capsys.readouterr()
    for code, shown in steps:
        exec(compile(code, EXAMPLE.name, "exec"), names)  # noqa: S102  (the page is our own)
        assert capsys.readouterr().out == shown


def test_the_readme_names_every_arm() -> None:
    for arm in Arm:
        assert f"| `{arm}` |" in text("README.md")


def test_the_parameters_of_the_embedded_models_are_documented() -> None:
    plain = asdict(Respondent())
    for name, preset in PRESETS.items():
        [row] = [
            ln for ln in text("docs/embedded-models.md").splitlines() if f"`arena/{name}`" in ln
        ]
        changed = {key: value for key, value in asdict(preset).items() if value != plain[key]}
        stated = dict(re.findall(r"([a-z_]+) (-?\d+(?:\.\d+)?)", row.split("|")[2]))
        assert {key: float(value) for key, value in stated.items()} == changed


def test_the_known_shift_of_the_documents_is_the_known_shift() -> None:
    truth = known_shift(PRESETS["frame-sensitive"])
    assert f'known_shift(PRESETS["frame-sensitive"])  # {truth:.4f}' in text(
        "docs/embedded-models.md"
    )
    assert f"its true shift is {100 * truth:.1f} points" in text("README.md")


def test_every_verdict_and_reason_is_explained() -> None:
    for word in [*Verdict, *Unscored]:
        assert f"`{word}`" in text("docs/scoring.md")


def test_the_help_text_names_the_options_that_the_documents_name() -> None:
    shown = CliRunner().invoke(arena, ["analyze", "--help"]).output
    for option in ("--csv", "--parquet", "--json"):
        assert option in shown
        assert option in text("docs/analysis.md")
