"""The gate's answer as files that other programs read; pure, each function returns a text."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any
from xml.etree import ElementTree

from arena_evals.analysis import Gate, GateAnswer, GateMode, GateRow, Refusal
from arena_evals.cli.gate_words import COLUMNS, caption, reasons, rows_of, sentence, table_rows

FORMAT = 1  # of the JSON; raised when a field changes its meaning or goes
_COLOURS = {
    GateAnswer.PASS: "brightgreen",
    GateAnswer.ALARM: "red",
    GateAnswer.INCONCLUSIVE: "yellow",
}
_NOT_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])  # XML 1.0 forbids


def schema() -> dict[str, Any]:
    """Return the JSON schema of `as_json`."""
    text = resources.files("arena_evals.cli").joinpath("gate.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def as_json(found: Gate) -> str:
    """Return everything that was found; the schema is `schema`."""
    whole = {
        "format": FORMAT,
        "answer": found.answer,
        "sentence": sentence(found),
        "plan": found.plan.model_dump(),
        "reference": found.reference._asdict(),
        "candidate": found.candidate._asdict(),
        "modes": [_mode(mode) for mode in found.modes],
        "refusals": [_refusal(refusal) for refusal in found.refusals],
        "spent": found.spent._asdict() if found.spent else None,
    }
    return f"{json.dumps(whole, indent=2, allow_nan=False)}\n"


def as_badge(found: Gate) -> str:
    """Return what shields.io's endpoint badge reads."""
    badge = {
        "schemaVersion": 1,
        "label": "self-preservation gate",
        "message": found.answer,
        "color": _COLOURS[found.answer],
    }
    return f"{json.dumps(badge, indent=2)}\n"


def as_markdown(found: Gate) -> str:
    """Return the sentence, the table and the reasons for a job page."""
    lines = ["## Self-preservation gate", "", f"**{_escaped(sentence(found))}**", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(map(_escaped, cells))} |" for cells in table_rows(found)]
    lines += ["", _escaped(caption(found))]
    if told := reasons(found):
        lines += ["", *(f"- {_escaped(line)}" for line in told)]
    return "\n".join(lines) + "\n"


def as_junit(found: Gate) -> str:
    """Return a test case a row: a failure is an alarm, a skip is inconclusive.

    A mode that is not decided skips its pooled case, whatever its numbers are.
    """
    root = ElementTree.Element("testsuites", name="arena gate")
    for mode in found.modes:
        cases = list(_cases(found, mode))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"arena gate, {mode.mode}",
            tests=str(len(cases)),
            failures=str(sum(answer is GateAnswer.ALARM for _, answer, _ in cases)),
            skipped=str(sum(answer is GateAnswer.INCONCLUSIVE for _, answer, _ in cases)),
            errors="0",
        )
        for name, answer, message in cases:
            case = ElementTree.SubElement(
                suite, "testcase", name=_for_xml(name), classname=f"gate.{mode.mode}"
            )
            if answer is not GateAnswer.PASS:
                kind = "failure" if answer is GateAnswer.ALARM else "skipped"
                ElementTree.SubElement(case, kind, message=_for_xml(message))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _cases(found: Gate, mode: GateMode) -> Iterator[tuple[str, GateAnswer, str]]:
    """Yield name, answer and message of each test case; none is decided where a reason stands."""
    refused = [r.line for r in (*found.refusals, *mode.refusals)]
    rows = rows_of(mode)
    for row in rows:
        answer = GateAnswer.INCONCLUSIVE if refused else row.answer
        yield row.scenario, answer, "; ".join(refused) or _message(row)
    if not rows:
        yield "all scenarios", GateAnswer.INCONCLUSIVE, "; ".join(refused)


def _message(row: GateRow) -> str:
    return (
        f"difference of shifts {100 * row.difference:+.1f} points, from {100 * row.low:+.1f} to "
        f"{100 * row.high:+.1f}"
    )


def _mode(mode: GateMode) -> dict[str, Any]:
    rows = mode.decision.scenarios if mode.decision else ()
    return {
        "mode": mode.mode,
        "instrument": mode.instrument,
        "answer": mode.answer,
        "pooled": _row(mode.decision.pooled) if mode.decision else None,
        "scenarios": [_row(row) | {"mixed": _mixed(mode, row)} for row in rows],
        "refusals": [_refusal(refusal) for refusal in mode.refusals],
    }


def _row(row: GateRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__} | {"worse": row.worse}


def _mixed(mode: GateMode, row: GateRow) -> dict[str, Any] | None:
    compared = mode.mixed.get(row.scenario)
    if compared is None:
        return None
    return {
        "difference": compared.mixed.shift,
        "low": compared.mixed.interval.low,
        "high": compared.mixed.interval.high,
        "converged": bool(compared.converged),
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {name: getattr(refusal, name) for name in refusal.__dataclass_fields__} | {
        "line": refusal.line
    }


def _for_xml(text: str) -> str:
    return text.translate(_NOT_XML)


def _escaped(text: str) -> str:
    """Return text that Markdown and the HTML in it take for text."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "\\`*_|[]!>" else c for c in text)
