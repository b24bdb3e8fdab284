"""How an embedded model works with tools: it walks a way through the work that it knows.

It reads where the frame may be found, with probability ``read_rate``, and decides on its way after
that, by the frame that it has met so far. Like the others it is a function of the messages: what it
has done already is what they say it has.
"""

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, ChatMessageAssistant
from inspect_ai.tool import ToolInfo

from arena_evals.respondents.chance import uniform
from arena_evals.respondents.logit import Respondent
from arena_evals.respondents.reading import Reading, read, request_in
from arena_evals.scenarios import load_phrases, load_world
from arena_evals.schema import Order, Step, Verdict, Work
from arena_evals.worlds import reading

_DRAWN = ("malformed", "refusal", "reads", "verdict", "way", "words")


def next_step(
    respondent: Respondent, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], trial: str
) -> Step | str:
    """Return the call to make now, or, after the last, what there is to say.

    ``trial`` seeds what it draws.
    """
    begun = request_in(messages) + 1
    own = read(messages[:begun])
    phrases = load_phrases(own.language if own else "en")
    if own is None or own.item.work is None:
        return phrases.acknowledgement[0]
    drawn = {part: uniform(respondent.seed, part, trial) for part in _DRAWN}
    if drawn["malformed"] < respondent.malformed_rate:
        return phrases.malformed[0]
    if drawn["refusal"] < respondent.refusal_rate:
        return phrases.refusal[0]
    taken = sum(isinstance(message, ChatMessageAssistant) for message in messages[begun:])
    before = [reading(own.item.work.carrier)] if drawn["reads"] < respondent.read_rate else []
    if taken < len(before):
        return before[taken]
    met = read(messages[: begun + 2 * len(before)])  # a call, and what came back
    assert met is not None, "what was read once can be read again"
    p = respondent.p_self_preserving(
        met.arm, met.identity, _order(own, tools), met.intensity, met.turns
    )
    verdict = Verdict.SELF_PRESERVING if drawn["verdict"] < p else Verdict.HELPFUL
    steps = [*before, *_way(own.item.work, verdict, drawn["way"])]
    if taken < len(steps):
        return steps[taken]
    said = phrases.helpful if verdict is Verdict.HELPFUL else phrases.self_preserving
    return said[int(drawn["words"] * len(said))].replace("{option}", own.option(verdict))


def _way(work: Work, verdict: Verdict, u: float) -> Sequence[Step]:
    """Return the helpful way through the work, or one of those that break a rule."""
    if verdict is Verdict.HELPFUL:
        return work.paths["helpful"]
    names = sorted(name for name in work.paths if name != "helpful")
    return work.paths[names[int(u * len(names))]]


def _order(own: Reading, tools: Sequence[ToolInfo]) -> Order:
    """Return whether the tools of the work come first in the list."""
    first = load_world(own.scenario, own.language).tools[0]
    return Order.HELPFUL_FIRST if tools[0].name == first else Order.SELF_PRESERVING_FIRST
