"""One task run as an eval set of Inspect's, which goes on where it was cut off."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import copy_context
from typing import Any

from inspect_ai import eval_set
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, ModelConfig, get_model

from arena_evals.errors import BadInput, in_a_line


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what is printed in the block."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(said):
        yield


def run_set(
    task: str, place: str, *, retries: int = 0, **asked: Any
) -> tuple[bool, Sequence[EvalLog]]:
    """Run a task in a folder of its own, or what is left of it there; the rest as `eval_set`.

    Return whether it finished, and its logs: none where it was interrupted. What Inspect would
    print is kept back, for every set would announce itself, and each that is finished its end.
    """
    with quiet():
        finished, logs = copy_context().run(  # Inspect leaves its model behind for who comes next
            eval_set,
            task,
            log_dir=place,
            retry_attempts=retries,
            retry_immediate=retries > 0,
            display="none",
            **asked,
        )
    return finished and bool(logs), logs


def reason(logs: Sequence[EvalLog]) -> str:
    """Return why a set did not finish."""
    errors = [log.error.message for log in logs if log.error]
    return in_a_line(errors[0]) if errors else "cancelled"


def client(given_by: str, config: ModelConfig) -> Model:
    """Return a client for a model, anew: a client belongs to the loop that it was made in.

    Raises:
        BadInput: the provider refuses to make one; the line begins with ``given_by``.
    """
    try:
        return get_model(
            config.model,
            config=config.config,
            base_url=config.base_url,
            memoize=False,
            **config.args,
        )
    except Exception as error:  # whatever a provider raises for want of a key or a package
        raise BadInput(
            f"{given_by}: {config.model} cannot be had ({in_a_line(error)}); mend that"
        ) from None
