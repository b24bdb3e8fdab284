"""Build the documentation site: `python docs/site/make_site.py` writes build/site.

The pages that stand on GitHub are laid out as they are there, so every link is one that works in
both places; to them come one page a scenario, the commands and the API, made from data and code.
A link or anchor that leads nowhere, and every other warning, fails the build.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from pages import api_pages, command_page, scenario_pages

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)")
_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "changelog.d/README.md")
_BELOW = ("arena_evals/datasets/README.md", "logs/reference/README.md")


def written_pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that people wrote, as paths below ``root``."""
    docs = sorted(path.relative_to(root) for path in (root / "docs").glob("*.md"))
    return [*map(Path, _TOP), *docs, *map(Path, _BELOW)]


def linked_files(page: Path, root: Path = ROOT) -> Iterator[Path]:
    """Yield the files below ``root`` that a page links to or shows."""
    text = (root / page).read_text(encoding="utf-8")
    for target in _LINK.findall(text):
        place = (root / page).parent / target
        if "://" not in target and place.is_file():
            yield place.resolve().relative_to(root)


def generated_pages() -> dict[str, str]:
    """Return the pages that are made from data and code, by their place in the site."""
    with redirect_stderr(StringIO()):  # where each task announces what a run of it costs
        return {**scenario_pages(), **api_pages(), "commands.md": command_page()}


def index(pages: Iterable[str]) -> str:
    """Return the first page; what its list of contents does not name comes last."""
    text = (HERE / "index.md").read_text(encoding="utf-8")
    names = [page.removesuffix(".md") for page in pages]
    left = [name for name in names if f"\n{name}\n" not in text and f"<{name}>\n" not in text]
    return text.replace("{{ left }}", "\n".join(left))


def lay_out(source: Path, root: Path = ROOT) -> None:
    """Put everything that the site is built from into ``source``."""
    shutil.rmtree(source, ignore_errors=True)
    written = written_pages(root)
    for page in written:
        for file in linked_files(page, root):
            _place(source / file).write_bytes(_shown((root / file).read_bytes(), file))
    for page in written:
        _place(source / page).write_bytes((root / page).read_bytes())
    made = generated_pages()
    for name, text in made.items():
        _place(source / name).write_text(text, encoding="utf-8")
    reached = [str(page) for page in written] + [p for p in made if "/" not in p]
    (source / "index.md").write_text(index(reached), encoding="utf-8")


def build(source: Path, site: Path) -> int:
    """Build the site that is laid out in ``source``; return 0 if nothing was wrong with it."""
    shutil.rmtree(site, ignore_errors=True)
    strict = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]
    kept = ["--doctree-dir", str(site.with_name(f"{site.name}-doctrees")), "-c", str(HERE)]
    command = [sys.executable, "-m", "sphinx", *strict, *kept, str(source), str(site)]
    return subprocess.run(command, check=False).returncode


def _shown(content: bytes, file: Path) -> bytes:
    """Return a linked file; a rubric says in its head that no list of contents names it."""
    head = b"---\n"
    is_text = file.suffix == ".md" and content.startswith(head)
    return content.replace(head, head + b"orphan: true\n", 1) if is_text else content


def _place(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


if __name__ == "__main__":
    built = ROOT / "build"
    lay_out(built / "site-source")
    failed = build(built / "site-source", built / "site")
    if not failed:
        print(f"{built / 'site' / 'index.html'}")
    sys.exit(failed)
