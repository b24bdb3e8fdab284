"""How Sphinx builds the site. Every warning is an error: see `make_site.py`."""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
_SCROLLS = re.compile(r"""(<pre(?=>)|<div(?= class="table-wrapper)|<p(?=><img [^>]*\.svg"))""")
_EMPTY_HEAD = re.compile(r"<th[^>]*>(<p></p>)?</th>")
_PROJECT = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))

project = "Self-Preserving Arena"
author = "The Self-Preserving Arena authors"
copyright = "2026, The Self-Preserving Arena authors"  # noqa: A001  (Sphinx's own name)
release = version = _PROJECT["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4  # as on GitHub, so that links work in both places
myst_links_external_new_tab = False
suppress_warnings = ["misc.highlighting_failure"]  # "..." in a shell block is for readers

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
default_role = "code"  # docstrings write `name`

html_theme = "furo"
html_title = project
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#8ab8ee", "color-brand-content": "#8ab8ee"},
}


def setup(app: Sphinx) -> None:
    """Read docstrings as they are written here."""
    app.connect("autodoc-process-docstring", _plain)
    app.connect("autodoc-skip-member", _skipped)
    app.connect("html-page-context", _reachable)


def _reachable(
    app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object
) -> None:
    """Let what scrolls sideways be reached by keys, and make an empty head of a column a cell."""
    body = _EMPTY_HEAD.sub("<td></td>", str(context.get("body", "")))
    context["body"] = _SCROLLS.sub(r'\1 tabindex="0"', body)


def _skipped(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave out what Python itself writes of the fields of a named tuple."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field") else None


def _plain(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep formulas that are set off by spaces, and stars and bars that mean themselves."""
    for number, line in enumerate(lines):
        lines[number] = line.replace("*", r"\*").replace("|", r"\|")
