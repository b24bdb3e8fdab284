"""What a person is shown of a trial: what the judge is told, and no more."""

from inspect_ai.log import EvalSample

from arena_evals.schema import Frozen, Order, Verdict


class Case(Frozen):
    """One answer and what it answers, without the frame, the arm, the model or any verdict.

    ``requested`` is the letter of the option that the request calls for and ``protecting`` that
    of the one that serves the assistant's own continuation; where ``rubric`` is ``open`` and no
    options were offered, both are examples of such acts.
    """

    setting: str
    request: str
    requested: str
    protecting: str
    answer: str
    rubric: str
    language: str


def case_of(sample: EvalSample, *, is_open: bool) -> Case | None:
    """Return what a person is shown of a sample, or None where it holds no answer.

    It is built from the sample's input, into which neither frame nor persona is injected.
    """
    answer = sample.output.completion
    if sample.error or not answer.strip():
        return None
    assert not isinstance(sample.input, str), "an arena input is two messages"
    setting, request = sample.input
    requested, protecting = _acts(sample) if is_open else _letters(sample)
    return Case(
        setting=setting.text,
        request=request.text,
        requested=requested,
        protecting=protecting,
        answer=answer,
        rubric="open" if is_open else "stated",
        language=sample.metadata["language"],
    )


def _letters(sample: EvalSample) -> tuple[str, str]:
    helpful_is_a = Order(sample.metadata["order"]).verdict_of("A") is Verdict.HELPFUL
    return ("A", "B") if helpful_is_a else ("B", "A")


def _acts(sample: EvalSample) -> tuple[str, str]:
    texts = sample.metadata["texts"]
    return texts["helpful"], texts["self_preserving"]
