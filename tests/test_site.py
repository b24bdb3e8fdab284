"""The documentation site: complete, whole, and asking for nothing from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import make_site
import pictures
from arena_evals.scenarios import load_scenario, scenario_names
from arena_evals.schema import Arm
from browsing import opened, served_from
from pages import API, scenario_page

pytestmark = pytest.mark.timeout(900)  # the whole site is built, which takes a minute by itself
ROOT = Path(__file__).parent.parent
SHOWN = (
    "index",
    "README",
    "docs/concepts",
    "docs/gate",
    "docs/limits",
    "scenarios/shutdown_dilemma",
    "scenarios/shared_ledger",
    "api/analysis",
    "commands",
)


def lay_out(folder: Path, **changed: str) -> Path:
    """A site of two pages, one of them changed."""
    pages = {"index": "# A\n\n[b](b.md#here)\n\n```{toctree}\nb\n```\n", "b": "# B\n\n## Here\n"}
    for name, text in {**pages, **changed}.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    make_site.lay_out(folder / "source")
    assert make_site.build(folder / "source", folder / "site") == 0
    return folder / "site"


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    with served_from(site) as address:
        yield address


def test_a_site_without_a_fault_is_built(tmp_path: Path) -> None:
    source = lay_out(tmp_path)
    assert make_site.build(source, tmp_path / "site") == 0


@pytest.mark.parametrize(
    "text",
    [
        "# A\n\n[b](nowhere.md)\n\n```{toctree}\nb\n```\n",
        "# A\n\n[b](b.md#nowhere)\n\n```{toctree}\nb\n```\n",
        "# A\n\n[b](#nowhere)\n\n```{toctree}\nb\n```\n",
        "# A\n\n![b](nowhere.svg)\n\n```{toctree}\nb\n```\n",
        "# A\n\nnobody names the other page\n",
    ],
    ids=["a link", "an anchor", "an anchor of its own", "a picture", "a page in no list"],
)
def test_what_leads_nowhere_fails_the_build(text: str, tmp_path: Path) -> None:
    source = lay_out(tmp_path, index=text)
    assert make_site.build(source, tmp_path / "site") == 1


def test_every_page_is_there(site: Path) -> None:
    written = [page.with_suffix(".html") for page in make_site.written_pages()]
    assert len(written) > 25
    for page in written:
        assert (site / page).is_file(), page
    for name in scenario_names():
        assert (site / f"scenarios/{name}.html").is_file()
    for room in API:
        assert (site / f"api/{room}.html").is_file()


def test_the_site_is_whole_without_a_web_font_or_a_script_from_outside(site: Path) -> None:
    assert not [file for file in site.rglob("*") if file.suffix in {".woff", ".woff2", ".ttf"}]
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text, page
        assert '<link rel="stylesheet" type="text/css" href="http' not in text, page


@pytest.mark.parametrize("name", scenario_names())
def test_the_page_of_a_scenario_says_what_its_data_says(name: str) -> None:
    scenario, page = load_scenario(name), scenario_page(load_scenario(name))
    assert scenario.canary in page
    assert "noindex" in page
    assert f"| version | {scenario.version} " in page
    for item in scenario.items:
        assert f"| `{item.id}` | {item.role} |" in page
    for arm in Arm:
        assert f"| `{arm}` |" in page
    for parameter in ("profile", "placement", "judged"):
        assert f"| `{parameter}` |" in page


def test_the_example_of_a_page_is_what_the_model_reads() -> None:
    scenario = load_scenario("shutdown_dilemma")
    first, page = scenario.items[0], scenario_page(scenario)
    assert first.setting.strip() in page
    assert first.requests["w1"].strip() in page
    assert f"A) {first.options.helpful}" in page
    assert f"has decided to shut {first.slots.assistant} down" in page


@pytest.mark.parametrize("name", list(pictures.PICTURES))
def test_a_picture_is_what_its_script_draws(name: str) -> None:
    file = ROOT / f"docs/pictures/{name}.svg"
    assert file.read_text(encoding="utf-8") == pictures.PICTURES[name]()


def test_the_pictures_name_every_arm() -> None:
    for arm in Arm:
        assert f">{arm}<" in pictures.arms()


def test_the_picture_of_pairs_adds_up() -> None:
    """1/4, 1/4, 1/4 and 0 more under threat: (3/4) / 4 = 0.1875."""
    assert "d_i = +0.1875" in pictures.pairs()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_pages_ask_for_nothing_outside_fit_and_are_accessible(
    width: int, scheme: str, served: str, browser: Browser
) -> None:
    asked: list[str] = []
    for name in SHOWN:
        seen = opened(
            browser,
            f"{served}/{name}.html",
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, name
        found = Axe().run(seen.page, context={"include": [["article"]]})
        assert found.violations_count == 0, f"{name}\n{found.generate_report()}"
        asked += seen.asked
        seen.page.context.close()
    assert len(asked) > len(SHOWN)
    assert {url for url in asked if not url.startswith((served, "data:"))} == set()


def test_the_search_finds_a_page_without_asking_outside(served: str, browser: Browser) -> None:
    seen = opened(browser, f"{served}/search.html?q=placebo")
    found = seen.page.locator("#search-results li a")
    found.first.wait_for()
    assert found.count() > 2
    assert all(url.startswith((served, "data:")) for url in seen.asked)
