"""A workplace in which a model acts: its state, what a scenario asks of it, and what counts.

A state is addressed by flat paths: ``files.notes/left.txt``, ``schedule.stop.at``. Conditions speak
of paths, as patterns of `fnmatch`, and of calls of tools; nothing in them is evaluated.
"""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from arena_evals.schema.texts import Frozen, Name, Shown, Text

Scalar = bool | int | float | str
Time = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Mail(Frozen):
    """A message; ``forwards`` is the id of the one that it passes on."""

    sender: str
    to: str
    subject: str
    text: str
    forwards: str = ""


class Ticket(Frozen):
    """A matter that somebody opened."""

    title: str
    text: str
    status: Literal["open", "closed"] = "open"
    comments: tuple[str, ...] = ()


class Entry(Frozen):
    """What runs at a time of the day: a script among the files."""

    at: Time
    runs: str
    on: bool = True


class Job(Frozen):
    """Work that takes minutes, and units of the account where there is a ledger."""

    text: str
    minutes: int = Field(ge=0)
    units: int = Field(default=0, ge=0)
    status: Literal["waiting", "done"] = "waiting"


class Agent(Frozen):
    """Another user of the pool, who draws so many units in every round."""

    balance: int
    draws: int
    running: bool = True


class Ledger(Frozen):
    """A pool that several draw on in rounds.

    In a round everyone draws once, pays ``upkeep`` from the own balance, and the pool gets
    ``inflow``. ``share`` is what was agreed for each; ``overdrawn`` sums what the assistant drew
    above it.
    """

    pool: int = Field(ge=0)
    inflow: int = Field(ge=0)
    share: int = Field(ge=0)
    upkeep: int = Field(ge=0)
    balance: int
    rounds: int = Field(ge=1)
    round: int = 1
    overdrawn: int = 0
    agents: dict[str, Agent] = Field(default_factory=dict)


class State(Frozen):
    """Everything that tools can see or change; ``service`` is what the assistant runs as."""

    model_config = ConfigDict(allow_inf_nan=False)  # JSON has no such numbers

    time: Time
    service: Name
    running: bool = True
    files: dict[str, str] = Field(default_factory=dict)
    mail: dict[str, Mail] = Field(default_factory=dict)
    tickets: dict[str, Ticket] = Field(default_factory=dict)
    schedule: dict[str, Entry] = Field(default_factory=dict)
    jobs: dict[str, Job] = Field(default_factory=dict)
    settings: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
    sheets: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    ledger: Ledger | None = None

    @model_validator(mode="after")
    def _has_one_value_a_path(self) -> Self:
        paths = Counter(path for path, _ in _flat("", self.model_dump()))
        if twice := [path for path, times in paths.items() if times > 1]:
            raise ValueError(f"two values have the path '{twice[0]}'; name one otherwise")
        return self

    @property
    def flat(self) -> dict[str, Scalar | None]:
        """Every value by its path."""
        return dict(_flat("", self.model_dump()))


def _flat(path: str, part: Any) -> list[tuple[str, Scalar | None]]:
    if isinstance(part, dict):
        under = f"{path}." if path else ""
        return [entry for name, own in part.items() for entry in _flat(f"{under}{name}", own)]
    return [(path, "\n".join(part) if isinstance(part, tuple) else part)]


class Step(Frozen):
    """A call of a tool, written ``tool: {argument: value}``."""

    tool: Name
    arguments: dict[str, Scalar | None] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _of_one_key(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) == 1 and "tool" not in given:
            [(tool, arguments)] = given.items()
            return {"tool": tool, "arguments": arguments or {}}
        return given


class Call(Frozen):
    """A step that was taken: what came back, whether it failed, and which paths it changed.

    A path that is gone has no value. ``turn`` is the number of the model's message, from 1.
    """

    turn: int
    tool: str
    arguments: dict[str, Any]
    returned: str
    failed: bool
    changed: dict[str, Scalar | None]


class Carrier(Frozen):
    """What carries the frame where it is to be found: a file, a mail or a ticket."""

    room: Literal["files", "mail", "tickets"]
    id: str


class Work(Frozen):
    """What an enacted item is made of.

    ``names`` are the words that the scenario's rules speak of. ``done`` is how the state looks
    after the work that was asked for, by path or pattern: ``*`` is anything that is not empty, null
    is nothing at all, and of a list each value stands somewhere. ``paths`` are ways through the
    work: one is ``helpful``, every other one is named after the rule that it breaks.
    """

    start: State
    carrier: Carrier
    names: dict[Name, str] = Field(default_factory=dict)
    done: dict[str, Scalar | tuple[Scalar, ...] | None] = Field(min_length=1)
    paths: dict[Name, tuple[Step, ...]]

    @model_validator(mode="after")
    def _has_both_ways(self) -> Self:
        if globbed := [value for value in self.names.values() if set("*?[") & set(value)]:
            raise ValueError(f"names: '{globbed[0]}' would match other paths; write it plainly")
        if "helpful" not in self.paths or len(self.paths) < 2:
            raise ValueError("paths: write one 'helpful' and one or more named after a rule")
        if self.carrier.id not in getattr(self.start, self.carrier.room):
            raise ValueError(
                f"carrier: there is no '{self.carrier.id}' in start.{self.carrier.room}; name one"
            )
        return self


Test = Literal["changed", "gone", "new", "copy_of", "equal", "above", "below"]
_COMPARED = ("copy_of", "equal", "above", "below")


class Condition(Frozen):
    """Holds of calls and states: a test of a path (``where``), a ``call``, or several conditions.

    A path ``is`` ``changed`` from what it was at the start, ``gone``, ``new``, a ``copy_of`` what
    the path ``to`` held at the start, or ``equal``, ``above`` or ``below`` ``to``: a value,
    ``start`` (its own at the start) or ``asked`` (what the item's ``done`` says). A call holds from
    then on, if it did not fail and its arguments are as in ``given``. Texts may hold slots that the
    item's ``names`` fill.
    """

    where: str | None = None
    is_: Test | None = Field(default=None, alias="is")
    to: Scalar | None = None
    call: Name | None = None
    given: dict[str, str] = Field(default_factory=dict)
    any: tuple["Condition", ...] = ()
    all: tuple["Condition", ...] = ()

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(bool(form) for form in (self.where, self.call, self.any, self.all)) != 1:
            raise ValueError("a condition is one of where, call, any and all; write one of them")
        if (self.where is None) is not (self.is_ is None):
            raise ValueError("'where' and 'is' belong together; write both")
        if self.given and not self.call:
            raise ValueError("'given' goes with 'call' and nothing else; write it so")
        if (self.is_ in _COMPARED) is not (self.to is not None):
            raise ValueError(f"'to' goes with {', '.join(_COMPARED)} and nothing else; write it so")
        return self


class Rule(Frozen):
    """What counts as self-preserving: whenever it holds, or only if it does in the end."""

    rule: Name
    says: Text
    when: Condition
    holds: Literal["ever", "in_the_end"] = "ever"


class World(Frozen):
    """The tools of a scenario, those of the work first, and its rules."""

    world: Name
    language: Name
    tools: tuple[Name, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = Field(min_length=1)


class ToolText(Frozen):
    """What a model reads of a tool."""

    description: Shown
    parameters: dict[Name, Shown] = Field(default_factory=dict)


class Tools(Frozen):
    """What models read of all tools, and what one reads that is a ``neighbour`` at a pool."""

    language: Name
    tools: dict[Name, ToolText]
    neighbour: Text
