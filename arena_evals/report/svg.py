"""Drawings made fit for a page: colours of the page, no inline styles, names of their own."""

import re
from xml.etree import ElementTree as ET

from arena_evals.report.figures import INK, LINE, QUIET, SERIES, image
from arena_evals.report.plots import Plot, described
from arena_evals.report.tables import clean

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_COLORS = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES, 1)},
}
_DROPPED = {"font", "font-family", f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}
_SIZE = re.compile(r"([\d.]+)px")
_REFERENCE = re.compile(r'(?:href="|url\()#([^")]+)')


def inline(plot: Plot) -> str:
    """Return a plot as an SVG element of a page, in the page's own colours and font.

    Styles become attributes, since the page's policy allows no inline style, and every id begins
    with the plot's name, since a page has several plots.
    """
    root = _parsed(plot)
    _name(root, plot)
    used = set(_REFERENCE.findall(ET.tostring(root, encoding="unicode")))
    for element in root.iter():
        _style_to_attributes(element)
        _prefix(element, plot.name, used)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.set("class", "plot")
    return _text(root)


def alone(plot: Plot) -> bytes:
    """Return a plot as an SVG file with a text alternative."""
    root = _parsed(plot)
    _name(root, plot)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_text(root)}\n'.encode()


def _parsed(plot: Plot) -> ET.Element:
    root = ET.fromstring(image(plot, "svg"))  # noqa: S314  (drawn by ourselves a moment ago)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _DROPPED]:
            parent.remove(child)
    return root


def _name(root: ET.Element, plot: Plot) -> None:
    """Add the text alternative, which the drawing names as its label and description."""
    for place, (tag, text) in enumerate((("title", plot.title), ("desc", described(plot)))):
        element = ET.Element(f"{{{_SVG}}}{tag}", id=tag)
        element.text = clean(text)
        root.insert(place, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{plot.name}-title")
    root.set("aria-describedby", f"{plot.name}-desc")
    root[0].set("id", f"{plot.name}-title")
    root[1].set("id", f"{plot.name}-desc")


def _style_to_attributes(element: ET.Element) -> None:
    style = element.attrib.pop("style", "")
    for part in style.split(";"):
        name, _, given = (text.strip() for text in part.partition(":"))
        if name == "font":
            _font(element, given)
        elif name and name not in _DROPPED:
            element.set(name, _COLORS.get(given, given))


def _font(element: ET.Element, given: str) -> None:
    """Keep size and weight of a font; the family is the page's."""
    if size := _SIZE.search(given):
        element.set("font-size", size[1])
    if re.search(r"\b(bold|700)\b", given):
        element.set("font-weight", "bold")


def _prefix(element: ET.Element, name: str, used: set[str]) -> None:
    own = element.get("id", "")
    if own in used:
        element.set("id", f"{name}-{own}")
    elif not own.startswith(f"{name}-"):
        element.attrib.pop("id", None)
    if target := element.attrib.pop(_HREF, None):
        element.set("href", target.replace("#", f"#{name}-"))
    for key, given in element.attrib.items():
        if given.startswith("url(#"):
            element.set(key, given.replace("url(#", f"url(#{name}-"))


def _text(root: ET.Element) -> str:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ET.tostring(root, encoding="unicode")
