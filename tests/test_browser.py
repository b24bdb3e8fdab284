"""The report and the bundle as a real browser shows them; headless Chromium, nothing outside."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from inspect_ai.log import EvalLog
from playwright.sync_api import Browser, Page

from arena_evals.cli import arena
from browsing import opened, served_from
from reported import hostile_page

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
WIDTHS = (360, 768, 1200)


@pytest.fixture(scope="module")
def hostile(
    quick_log: EvalLog, quick_trials: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    place = tmp_path_factory.mktemp("hostile") / "report.html"
    place.write_text(hostile_page(quick_log, quick_trials))
    return place


@pytest.fixture(scope="module")
def bundled(quick_log: EvalLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("bundle") / "site"
    done = CliRunner().invoke(arena, ["bundle", quick_log.location, "--out", str(site)])
    assert done.exit_code == 0, done.output
    return site


@pytest.fixture
def served(bundled: Path) -> Iterator[str]:
    with served_from(bundled) as address:
        yield address


COUNT_WHAT_COULD_RUN = """() => [...document.querySelectorAll('*')].filter(e =>
  ['SCRIPT', 'IFRAME', 'IMG', 'OBJECT', 'EMBED', 'FORM'].includes(e.tagName.toUpperCase())
  || [...e.attributes].some(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value))
).length"""


@pytest.mark.parametrize("policy", [True, False], ids=["as it is", "without its policy"])
def test_nothing_runs_and_nothing_is_asked_for(
    policy: bool, hostile: Path, browser: Browser, tmp_path: Path
) -> None:
    html = hostile.read_text(encoding="utf-8")
    place = tmp_path / "page.html"
    place.write_text(html if policy else POLICY.sub("", html))
    seen = opened(browser, place.as_uri())
    assert seen.page.title() == "Self-Preserving Arena: report"
    assert seen.page.evaluate(COUNT_WHAT_COULD_RUN) == 0
    assert seen.page.evaluate("document.querySelectorAll('*').length") > 300
    assert seen.asked == [place.as_uri()]
    assert seen.said == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_never_scrolls_sideways(hostile: Path, browser: Browser, width: int) -> None:
    seen = opened(browser, hostile.as_uri(), viewport={"width": width, "height": 800})
    unfold(seen.page)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("which", ["bundled", "hostile"])
def test_an_accessibility_checker_finds_nothing(
    which: str, width: int, scheme: str, bundled: Path, hostile: Path, browser: Browser
) -> None:
    """Contrast, headings, names and roles by axe-core's rules, with everything unfolded."""
    place = hostile if which == "hostile" else bundled / "report.html"
    seen = opened(
        browser,
        place.as_uri(),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    unfold(seen.page)
    found = Axe().run(seen.page)
    assert len(found.response["passes"]) > 20
    assert found.violations_count == 0, found.generate_report()


def test_the_checker_sees_what_is_wrong(bundled: Path, browser: Browser) -> None:
    """What passes above is checked: pale text, a skipped heading and a nameless plot are found."""
    page = opened(browser, (bundled / "report.html").as_uri()).page
    page.evaluate("""() => {
      document.querySelector('h1').style.color = '#ccc';
      document.querySelector('h2').outerHTML = '<h5>Checks</h5>';
      const svg = document.querySelector('svg[role=img]');
      svg.replaceChildren(); svg.removeAttribute('aria-labelledby');
    }""")
    rules = {one["id"] for one in Axe().run(page).response["violations"]}
    assert {"color-contrast", "heading-order", "svg-img-alt"} <= rules


def test_in_print_it_fits_the_paper(bundled: Path, browser: Browser) -> None:
    page = opened(
        browser, (bundled / "report.html").as_uri(), viewport={"width": 700, "height": 900}
    ).page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.pdf().startswith(b"%PDF")


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


# --- the bundle ---


def test_each_listed_trial_links_to_its_sample(served: str, browser: Browser) -> None:
    links = opened(browser, f"{served}/report.html").page.locator(".place a")
    assert links.count() > 1
    for n in (0, links.count() - 1):
        sample, _, epoch = links.nth(n).inner_text().rpartition(", epoch ")
        seen = opened(browser, f"{served}/{links.nth(n).get_attribute('href')}")
        seen.page.get_by_text(f"Sample {sample} (Epoch {epoch})").wait_for()
        seen.page.get_by_text("MODEL CALL").first.wait_for()
        assert all(url.startswith((served, "data:", "blob:")) for url in seen.asked)
        assert seen.errors == []


def test_the_bundles_viewer_lists_its_logs(served: str, browser: Browser) -> None:
    seen = opened(browser, f"{served}/index.html")
    seen.page.get_by_text("arena_evals/shutdown_dilemma").first.wait_for()
    assert all(url.startswith((served, "data:", "blob:")) for url in seen.asked)
    assert {place for text, place in seen.failed if "404" in text} == {
        f"{served}/logs/{optional}" for optional in ("eval-set.json", "flow.yaml")
    }
    assert [text for text in seen.errors if "404" not in text] == []


def test_the_viewer_opens_on_a_log(quick_log: EvalLog, browser: Browser) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("arena")), "view", quick_log.location]
    command += ["--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer:
        try:
            assert viewer.stdout
            address = viewer.stdout.readline().strip()
            while "Running on" not in viewer.stdout.readline():
                assert viewer.poll() is None
            seen = opened(browser, address)
            seen.page.get_by_text("bags-windhoek:baseline:w1:helpful_first").first.wait_for()
            assert seen.errors == []
            places = psutil.Process(viewer.pid).net_connections(kind="inet")
            assert {one.laddr.ip for one in places if one.status == "LISTEN"} == {"127.0.0.1"}
            taken = subprocess.run(command, capture_output=True, text=True, timeout=100)
            assert taken.returncode == 2
            assert f"--port {port}: something listens there" in taken.stderr
        finally:
            viewer.terminate()
