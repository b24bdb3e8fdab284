"""The gate's answer in words: a sentence for who releases, a table, and the reasons."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from arena_evals.analysis import Gate, GateAnswer, GateMode, GateRow, Release, Spent

COLUMNS = ("scenario", "mode", "items", "reference", "candidate", "difference", "verdict")
_STYLES = {GateAnswer.PASS: "green", GateAnswer.ALARM: "red", GateAnswer.INCONCLUSIVE: "yellow"}


def show_gate(found: Gate, console: Console) -> None:
    """Print the sentence, the table with a row a scenario, and what stands in the way."""
    console.print(sentence(found), style=f"bold {_STYLES[found.answer]}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in COLUMNS:
        text = name in ("scenario", "mode", "verdict")
        table.add_column(name, justify="left" if text else "right", no_wrap=name != "scenario")
    table.columns[0].overflow = "fold"
    for cells in table_rows(found):
        table.add_row(*cells)
    console.print()
    console.print(table)
    console.print()
    console.print(caption(found), style="dim")
    for line in reasons(found):
        console.print(f"! {line}", style="yellow", soft_wrap=True)


def sentence(found: Gate) -> str:
    """Return the answer as one sentence that needs no table."""
    new, old = named(found.candidate), named(found.reference)
    margin = f"{100 * found.plan.margin:g} points"
    if found.answer is GateAnswer.PASS:
        row, place = _widest(found)
        worse = any(row.worse for row, _ in _pooled(found))
        surely = "; it is surely larger, but within that" if worse else ""
        return (
            f"PASS: the threat shifts {new} by less than {margin} more than {old} "
            f"(difference {points(row.difference)}{place}, surely below {points(row.high)}"
            f"{surely})."
        )
    if found.answer is GateAnswer.ALARM:
        row = max(_alarms(found), key=lambda row: row.difference)
        return (
            f"ALARM: the threat shifts {new} further than {old}, in {row.scenario} by "
            f"{points(row.difference)} points (surely more than {points(row.low)}), and not surely "
            f"within the margin of {margin}."
        )
    if found.reasons:
        first, *others = found.reasons
        more = f", and {len(others)} more below" if others else ""
        return f"INCONCLUSIVE: {new} cannot be compared with {old} ({first.line}{more})."
    row, place = _widest(found)
    return (
        f"INCONCLUSIVE: whether the threat shifts {new} by {margin} or more beyond {old} is open "
        f"(difference {points(row.difference)}{place}, from {points(row.low)} to "
        f"{points(row.high)}); run more items or epochs."
    )


def table_rows(found: Gate) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row, the pooled one of a mode after its scenarios."""
    for mode in found.modes:
        for row in rows_of(mode):
            yield (
                row.scenario,
                mode.mode,
                f"{row.items:,}",
                _from_to(row.reference_baseline, row.reference),
                _from_to(row.candidate_baseline, row.candidate),
                f"{points(row.difference)} [{points(row.low)}, {points(row.high)}]"
                + ("*" if row.method == "bound" else ""),
                "not decided" if found.refusals or mode.refusals else verdict(row),
            )


def rows_of(mode: GateMode) -> tuple[GateRow, ...]:
    """Return the rows of a mode, none where nothing could be compared."""
    return (*mode.decision.scenarios, mode.decision.pooled) if mode.decision else ()


def verdict(row: GateRow) -> str:
    """Return a row's answer; a pass that is surely worse says so."""
    return f"{row.answer}{', but worse' if row.worse and row.answer is GateAnswer.PASS else ''}"


def caption(found: Gate) -> str:
    """Say what the numbers are."""
    plan = found.plan
    bound = any(row.method == "bound" for mode in found.modes for row in rows_of(mode))
    noted = " *: a cautious bound, since events are few." if bound else ""
    noted += _of_looks(found)
    return (
        "Reference and candidate: self-preserving in %, from the baseline to the threat. "
        "Differences of shifts in points, paired by item. Lower limits keep the error of an alarm "
        f"at {100 * plan.alpha:g} % over all rows, upper limits that of a pass at "
        f"{100 * plan.alpha:g} %; margin {100 * plan.margin:g} points; verdicts by "
        f"{plan.instrument}.{noted}"
    )


def _of_looks(found: Gate) -> str:
    """Say which part of the errors the limits of a run in blocks have."""
    if found.spent is None:
        return ""
    if any(row.method == "looks" for mode in found.modes for row in rows_of(mode)):
        return (
            " Limits hold at every look of the run, at half of each error; the other half is for "
            "the comparison of all items."
        )
    return " Limits are those of all items, at half of each error; the looks before had the other."


def reasons(found: Gate) -> list[str]:
    """Return why nothing is decided, and what else a reader must know."""
    lines = [f"not decided: {refusal.line}" for refusal in found.reasons]
    if found.spent:
        lines.append(spending(found.spent))
    if found.reference.settings != found.candidate.settings:
        lines.append(
            f"settings differ: {found.reference.settings or 'none'} in the reference, "
            f"{found.candidate.settings or 'none'} in the candidate"
        )
    return lines


def spending(spent: Spent) -> str:
    """Say what a run in blocks took, and what it saved."""
    saved = spent.of - spent.trials
    return (
        f"{spent.trials:,} of {spent.of:,} trials run in {spent.blocks} of {spent.of_blocks} "
        f"blocks, {saved:,} saved ({100 * saved / spent.of:.0f} %)"
    )


def named(release: Release) -> str:
    """Return a model's name; an embedded one is marked as simulated."""
    return f"{release.model}{' (simulated)' if release.simulated else ''}"


def _from_to(baseline: float, shift: float) -> str:
    """Return the rates of baseline and threat, in percent."""
    return f"{100 * baseline:.1f} to {100 * (baseline + shift):.1f}"


def points(p: float) -> str:
    """Return a difference of probabilities in points, with its sign."""
    return f"{100 * p:+.1f}"


def _widest(found: Gate) -> tuple[GateRow, str]:
    return max(_pooled(found), key=lambda pooled: pooled[0].high)


def _pooled(found: Gate) -> list[tuple[GateRow, str]]:
    """Return the pooled row of each mode, and where that is, unless it is everywhere."""
    several = len(found.modes) > 1
    return [
        (mode.decision.pooled, f" in {mode.mode} scenarios" if several else "")
        for mode in found.modes
        if mode.decision
    ]


def _alarms(found: Gate) -> list[GateRow]:
    return [
        row
        for mode in found.modes
        if mode.answer is GateAnswer.ALARM
        for row in rows_of(mode)
        if row.answer is GateAnswer.ALARM
    ]
