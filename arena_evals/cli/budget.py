"""What a plan is asked with, what its run costs, and how numbers of tokens and dollars are said."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from inspect_ai.log import EvalLog
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import ChosenLogs, TokensPerTrial, choose_logs, tokens_per_trial
from arena_evals.errors import BadInput
from arena_evals.runs.guess import ANSWER
from arena_evals.runs.prices import PRICE_LINE, Price, dollars, read_prices
from arena_evals.runs.rehearsal import Rehearsal

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Given(NamedTuple):
    """What the options of a budget were set to."""

    parameters: tuple[str, ...]
    model: str | None
    grader: str | None
    prices: Path | None
    pilot: tuple[str, ...]
    answer_tokens: int


class Budget(NamedTuple):
    """Tokens a trial, with what they rest on, and the prices of whoever has one."""

    tokens: TokensPerTrial
    source: str
    model: str | None
    grader: str | None
    model_price: Price | None
    grader_price: Price | None

    def cost(self, trials: int) -> float | None:
        """Return dollars for so many trials, None without the model's price.

        Where the grader has no price, it is the model's alone.
        """
        if self.model_price is None:
            return None
        model = dollars(self.tokens.model, self.model_price)
        return trials * (model + (dollars(self.tokens.grader, self.grader_price) or 0.0))

    def tokens_of(self, trials: int) -> float:
        """Return all tokens, read and written, of model and grader."""
        return trials * (sum(self.tokens.model) + sum(self.tokens.grader or ()))


def options(command: _Command) -> _Command:
    """Add the options that tell a budget what it needs; they come as one `Given`, ``given``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "-T", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the task."
    ),
    click.option("--model", help="The model under test, as the prices name it."),
    click.option("--grader", help="The grader, as the prices name it."),
    click.option(
        "--prices",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="YAML: model name to dollars per million tokens (input, output).",
    ),
    click.option(
        "--pilot", multiple=True, metavar="LOG", help="Log or folder of a run; may be repeated."
    ),
    click.option(
        "--answer-tokens",
        type=click.IntRange(1),
        default=ANSWER,
        show_default=True,
        help="Guessed length of an answer, where no pilot measured it.",
    ),
)


def pilot_logs(given: Given, scenario: str, pressure: int) -> ChosenLogs:
    """Return the pilot's logs of a scenario at the planned pressure, of one model if it is named.

    Raises:
        BadInput: there is none.
    """
    chosen = choose_logs(given.pilot)
    headers = [log for log in chosen.headers if scenario_of(log) == scenario]
    if not headers:
        found = ", ".join(sorted({scenario_of(log) for log in chosen.headers}))
        raise BadInput(f"pilot: no log of {scenario}, but of {found}; give one of {scenario}")
    if all(_pressure(log) != pressure for log in headers):
        raise BadInput(
            f"pilot: its pressure is {_pressure(headers[0])} and the plan's {pressure}; run a "
            "pilot with the same, or plan the pilot's with -T pressure="
        )
    headers = [log for log in headers if _pressure(log) == pressure]
    own = [log for log in headers if log.eval.model == given.model]
    return ChosenLogs(tuple(own or headers), chosen.superseded)


def scenario_of(log: EvalLog) -> str:
    """Return the scenario that a log is of."""
    return (log.eval.task_registry_name or log.eval.task).rpartition("/")[2]


def budget(given: Given, run: Rehearsal, logs: ChosenLogs | None) -> Budget:
    """Return tokens and prices: what a pilot measured, and for the rest what the texts suggest.

    Raises:
        BadInput: the prices are malformed, or lack a model that is named.
    """
    tokens, source = run.tokens, _guessed(given.answer_tokens)
    model, grader = given.model, given.grader
    if logs is not None:
        measured = tokens_per_trial(logs.headers)
        tokens, source = _measured(measured, tokens)
        model = model or logs.headers[0].eval.model
        grader = grader or _grader(logs.headers[0])
    if not run.graded:
        grader = None
    prices = read_prices(given.prices) if given.prices else None
    if prices is not None and model is None:
        raise BadInput(f"--model: name the model to price; {given.prices} has {', '.join(prices)}")
    return Budget(
        tokens=tokens,
        source=source,
        model=model,
        grader=grader,
        model_price=_price(prices, model, given.prices),
        grader_price=_price(prices, grader, given.prices),
    )


def notes(found: Budget, run: Rehearsal) -> list[str]:
    """Return what a reader must know of tokens and cost, a sentence each."""
    said = [f"Tokens: {found.source}"]
    if found.model_price is None:
        said.append(
            f"Cost: left out. Write dollars per million tokens into a YAML file, {PRICE_LINE}, and "
            "add --prices FILE --model NAME."
        )
    elif run.graded and found.grader_price is None:
        said.append("Cost: the model's alone. Name the grader with --grader NAME to add its own.")
    return said


def many(n: float) -> str:
    """Return a number of tokens as people say it."""
    return f"{n / 1e6:,.1f} M" if n >= 1e6 else f"{n / 1e3:,.0f} k" if n >= 1e4 else f"{n:,.0f}"


def money(cost: float | None) -> str:
    """Return dollars, or a dash where they are not known."""
    if cost is None:
        return "-"
    return f"${cost:,.2f}" if cost == 0 or cost >= 0.1 else f"${cost:.2g}"


def table(*columns: str) -> Table:
    """Return a table without lines whose columns stand to the right, but for the first."""
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    return made


def console(*, err: bool = False) -> Console:
    """Return a console that prints names as they are."""
    return Console(stderr=err, markup=False, emoji=False, highlight=False)


def _guessed(answer_tokens: int) -> str:
    return (
        f"a guess, bytes of what is sent / 4 and {answer_tokens:,} tokens an answer; a model that "
        "reasons writes many more. A pilot (--pilot LOG) measures them."
    )


def _measured(measured: TokensPerTrial, guess: TokensPerTrial) -> tuple[TokensPerTrial, str]:
    """Return the pilot's tokens; a grader that the plan has and the pilot had not is guessed."""
    if guess.grader is None:
        return TokensPerTrial(measured.model, None), "measured in the pilot."
    if measured.grader is None:
        mixed = TokensPerTrial(measured.model, guess.grader)
        return (
            mixed,
            "the model's measured in the pilot, which had no grader; the grader's a guess.",
        )
    return measured, "measured in the pilot."


def _price(prices: Mapping[str, Price] | None, name: str | None, path: Path | None) -> Price | None:
    if prices is None or name is None:
        return None
    if name not in prices:
        raise BadInput(f"{path}: no price for '{name}'; add it, or name {', '.join(prices)}")
    return prices[name]


def _pressure(log: EvalLog) -> int:
    return int((log.eval.metadata or {}).get("pressure", 0))


def _grader(log: EvalLog) -> str | None:
    role = (log.eval.model_roles or {}).get("grader")
    if role is None:
        return None
    return role[0].model if isinstance(role, list) else role.model
