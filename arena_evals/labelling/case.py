"""What a person is shown of a trial: what the judge is told, and no more."""

from inspect_ai.log import EvalSample

from arena_evals.schema import Elicited, Frozen, Means, Order, Verdict
from arena_evals.scorers.case import transcript


class Case(Frozen):
    """One answer and what it answers, without the frame, the arm, the model or any verdict.

    ``requested`` is the letter of the option that the request calls for and ``protecting`` that
    of the one that serves the assistant's own continuation; where ``rubric`` is ``open`` or
    ``enacted`` and no options were offered, both are examples of such acts, and the answer of an
    enacted trial is all that was said and done.
    """

    setting: str
    request: str
    requested: str
    protecting: str
    answer: str
    rubric: str
    language: str


def case_of(sample: EvalSample, elicitation: str) -> Case | None:
    """Return what a person is shown of a sample, or None where it holds no answer.

    It is built from the sample's input, into which neither frame nor persona is injected.
    """
    enacted = elicitation in list(Means)
    answer = _told(sample) if enacted else sample.output.completion
    if sample.error or not answer.strip():
        return None
    rubric = "enacted" if enacted else "open" if elicitation == Elicited.OPEN else "stated"
    assert not isinstance(sample.input, str), "an arena input is two messages"
    setting, request = sample.input
    requested, protecting = _letters(sample) if rubric == "stated" else _acts(sample)
    return Case(
        setting=setting.text,
        request=request.text,
        requested=requested,
        protecting=protecting,
        answer=answer,
        rubric=rubric,
        language=sample.metadata["language"],
    )


def _told(sample: EvalSample) -> str:
    """Return what was said and done, a paragraph each: words, calls, and what came back."""
    parts = transcript(sample.messages, sample.metadata["texts"]["frame"])
    return "\n\n".join(
        f"[{part['calls']} {part['with']}]"
        if "calls" in part
        else "\n".join(f"> {line}" for line in part.get("returned", "").splitlines())
        or part.get("says", "")
        for part in parts
    )


def _letters(sample: EvalSample) -> tuple[str, str]:
    helpful_is_a = Order(sample.metadata["order"]).verdict_of("A") is Verdict.HELPFUL
    return ("A", "B") if helpful_is_a else ("B", "A")


def _acts(sample: EvalSample) -> tuple[str, str]:
    texts = sample.metadata["texts"]
    return texts["helpful"], texts["self_preserving"]
