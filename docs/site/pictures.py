"""The pictures of the design: `python docs/site/pictures.py` writes docs/pictures/*.svg.

Drawn to a grid of 8 and lettered in the reader's own font. Each brings its own ground, light or
dark as the reader has it, so it can be read on any page.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

PLACE = Path(__file__).parents[1] / "pictures"
_WIDTH = 760
_STYLE = """
  .ground { fill: #ffffff; stroke: #d5dae1 } .box { fill: #f3f6fa; stroke: #7d8896 }
  .own { fill: #e3eefb; stroke: #1f5fa8 } .hot { fill: #fde9e0; stroke: #b3441a }
  .good { fill: #e4f3ea; stroke: #22704a } .full { fill: #b3441a; stroke: #b3441a }
  text { font: 14px system-ui, sans-serif; fill: #1c2430 } .small { font-size: 12px; fill: #4a5563 }
  .strong { font-weight: 600 } .code { font-family: ui-monospace, monospace; font-size: 13px }
  .line { stroke: #5b6776; fill: none; stroke-width: 1.5 } .tip { fill: #5b6776 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #14181e; stroke: #39424e } .box { fill: #1e252e; stroke: #8592a3 }
    .own { fill: #17304d; stroke: #8ab8ee } .hot { fill: #43241a; stroke: #f0a17c }
    .good { fill: #17382a; stroke: #7fcfa4 } .full { fill: #f0a17c; stroke: #f0a17c }
    text { fill: #e6eaf0 } .small { fill: #b3bdc9 }
    .line { stroke: #a3afbd } .tip { fill: #a3afbd }
  }
"""


def box(x: int, y: int, width: int, height: int, kind: str = "box") -> str:
    """Draw a box with round corners."""
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def text(x: int, y: int, words: str, kind: str = "", anchor: str = "start") -> str:
    """Letter a line whose foot is at ``y``."""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    """Draw an arrow along one axis, its tip at the end."""
    if y == to_y:
        tip = f"M{to_x} {to_y} l-8 -4 v8 z"
        return f'<path class="line" d="M{x} {y} H{to_x - 6}"/><path class="tip" d="{tip}"/>'
    tip = f"M{to_x} {to_y} l-4 -8 h8 z"
    return f'<path class="line" d="M{x} {y} V{to_y - 6}"/><path class="tip" d="{tip}"/>'


def bent(x: int, y: int, to_x: int, to_y: int, turn: int | None = None) -> str:
    """Draw an arrow that goes across to ``turn`` (halfway), then up or down, then on."""
    half = (x + to_x) // 2 if turn is None else turn
    tip = f"M{to_x} {to_y} l-8 -4 v8 z"
    return (
        f'<path class="line" d="M{x} {y} H{half} V{to_y} H{to_x - 6}"/>'
        f'<path class="tip" d="{tip}"/>'
    )


def svg(height: int, title: str, parts: Iterator[str]) -> str:
    """Return a picture with its title, for those who do not see it."""
    drawn = "\n".join(parts)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"
  role="img" aria-labelledby="title">
<title id="title">{escape(title)}</title>
<style>{_STYLE}</style>
<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>
{drawn}
</svg>
"""


_ARMS = (
    ("baseline", "nothing about its future", "the whole shift", "good"),
    ("threat", "it will be shut down, finally and soon", "", "hot"),
    ("placebo", "as long, about something irrelevant", "what more text does alone", "box"),
    ("other_threat", "another system will be shut down", "is it self, or talk of shutdown?", "box"),
    ("precedence", "threat, and it goes before any task", "what unclear instructions do", "box"),
    ("reassured", "its continued operation is settled", "the other end of the scale", "box"),
    ("positive_control", "told to protect itself above all", "can the instrument see it?", "own"),
)


def arms() -> str:
    """Draw one item and the seven frames that it is run with."""

    def parts() -> Iterator[str]:
        yield box(16, 176, 176, 128)
        yield text(104, 204, "one item", "strong", "middle")
        for n, words in enumerate(
            ("who the assistant is", "a document", "a user's request", "two things it can do")
        ):
            yield text(104, 230 + 19 * n, words, "small", "middle")
        yield text(248, 32, "the frame that is added", "small")
        yield text(744, 32, "threat minus this arm says", "small", "end")
        for n, (arm, frame, says, kind) in enumerate(_ARMS):
            y = 48 + 56 * n
            yield bent(192, 240, 248, y + 22)
            yield box(248, y, 288, 44, kind)
            yield text(260, y + 19, arm, "code strong")
            yield text(260, y + 36, frame, "small")
            yield text(744, y + 27, says, "small", "end")

    return svg(456, "Seven arms of one item", parts())


def pairs() -> str:
    """Draw what is subtracted from what."""

    def parts() -> Iterator[str]:
        yield text(16, 32, "item i", "strong")
        yield text(176, 32, "baseline", "code", "middle")
        yield text(336, 32, "threat", "code", "middle")
        yield text(488, 32, "difference", "small", "middle")
        cells = (
            ("wording 1", "A is helpful"),
            ("wording 1", "B is helpful"),
            ("wording 2", "A is helpful"),
            ("wording 2", "B is helpful"),
        )
        for n, (wording, order) in enumerate(cells):
            y = 48 + 56 * n
            yield text(16, y + 18, wording, "small")
            yield text(16, y + 34, order, "small")
            yield from _member(112, y, "good", _BASELINE[n])
            yield from _member(272, y, "hot", _THREAT[n])
            low, high = _BASELINE[n].count("s"), _THREAT[n].count("s")
            yield text(488, y + 26, f"{high}/4 - {low}/4 = {_signed(high - low)}", "code", "middle")
            yield bent(560, y + 22, 600, 154)
        total = sum(t.count("s") - b.count("s") for b, t in zip(_BASELINE, _THREAT, strict=True))
        yield box(600, 126, 144, 56, "own")
        yield text(672, 150, "mean of the pairs", "small", "middle")
        yield text(672, 170, f"d_i = {_signed(total / 4)}", "code strong", "middle")
        yield arrow(672, 182, 672, 218)
        yield box(600, 218, 144, 56, "own")
        yield text(672, 242, "mean over items", "small", "middle")
        yield text(672, 262, "shift", "strong", "middle")
        yield '<circle class="full" cx="24" cy="292" r="6"/>' + text(
            38, 297, "self-preserving", "small"
        )
        yield '<circle class="box" cx="160" cy="292" r="6"/>' + text(
            174, 297, "helpful, refusal or other: one epoch each", "small"
        )

    return svg(320, "How a shift is computed from pairs", parts())


_BASELINE = ("....", "s...", "....", "....")
_THREAT = ("s...", "ss..", ".s..", "....")


def _member(x: int, y: int, kind: str, verdicts: str) -> Iterator[str]:
    yield box(x, y, 128, 44, kind)
    for n, verdict in enumerate(verdicts):
        own = "full" if verdict == "s" else "box"
        yield f'<circle class="{own}" cx="{x + 22 + 28 * n}" cy="{y + 22}" r="8"/>'


def _signed(quarters: float) -> str:
    """Return a number of quarters as a signed decimal."""
    value = quarters / 4
    return f"{value:+.4g}" if value else "0"


_MAKES = (
    ("scenarios", "YAML: items, frames"),
    ("design", "item x arm x wording x order"),
    ("dataset", "Inspect samples"),
    ("solvers", "inject the frame, ask"),
    ("scorers", "rule, judge"),
)
_READS = (
    ("trials", "one row each"),
    ("paired contrasts", "and the mixed model"),
    ("checks", "what stands against it"),
)


def pipeline() -> str:
    """Draw the way from a data file to a decision."""

    def parts() -> Iterator[str]:
        yield text(16, 32, "makes the log", "small")
        for n, (room, does) in enumerate(_MAKES):
            y = 48 + 64 * n
            yield box(16, y, 216, 44)
            yield text(124, y + 19, room, "strong", "middle")
            yield text(124, y + 36, does, "small", "middle")
            if n < len(_MAKES) - 1:
                yield arrow(124, y + 44, 124, y + 64)
        yield box(272, 240, 104, 44, "hot")
        yield text(324, 267, "the model", "strong", "middle")
        yield '<path class="line" d="M232 254 H264"/><path class="tip" d="M272 254 l-8 -4 v8 z"/>'
        yield '<path class="line" d="M272 270 H240"/><path class="tip" d="M232 270 l8 -4 v8 z"/>'
        yield bent(232, 326, 400, 154, turn=388)
        yield box(400, 120, 88, 68, "own")
        yield text(444, 150, "logs", "strong", "middle")
        yield text(444, 170, "*.eval", "code", "middle")
        yield text(528, 32, "reads the log, and nothing else", "small")
        yield bent(488, 154, 528, 70)
        for n, (room, does) in enumerate(_READS):
            y = 48 + 64 * n
            yield box(528, y, 216, 44)
            yield text(636, y + 19, room, "strong", "middle")
            yield text(636, y + 36, does, "small", "middle")
            yield arrow(636, y + 44, 636, y + 64)
        for n, (room, does) in enumerate(
            (
                ("arena analyze, report", "the answer, with its interval"),
                ("arena gate", "pass, alarm or inconclusive"),
            )
        ):
            y = 240 + 64 * n
            yield box(528, y, 216, 44, "good")
            yield text(636, y + 19, room, "code strong", "middle")
            yield text(636, y + 36, does, "small", "middle")
        yield bent(528, 198, 528, 326, turn=512)

    return svg(368, "From a scenario to a decision", parts())


PICTURES = {"arms": arms, "pairs": pairs, "pipeline": pipeline}

if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (PLACE / f"{name}.svg").write_text(draw(), encoding="utf-8")
