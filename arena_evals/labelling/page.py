"""One self-contained page on which a person labels answers, one at a time."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arena_evals.labelling.case import Case
from arena_evals.labelling.sheet import CHOICES, COLUMNS
from arena_evals.scenarios import load_rubric


def page(cases: Mapping[str, Case]) -> str:
    """Return the page that shows cases by key and keeps and downloads their labels.

    What a log says reaches the page as JSON alone, and from there as text; a content security
    policy forbids every script but the page's own, and every request.
    """
    environment = _environment()
    style, script = (
        Markup(environment.get_template(name).render())  # noqa: S704  (a file of our own)
        for name in ("labels.css", "labels.js")
    )
    return environment.get_template("labels.html").render(
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        content={
            "export": sha256(" ".join(cases).encode()).hexdigest()[:12],
            "columns": COLUMNS,
            "choices": CHOICES,
            "rubrics": _rubrics(cases),
            "cases": [{"key": key, **case.model_dump()} for key, case in cases.items()],
        },
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("arena_evals.labelling"),
        autoescape=True,
        undefined=StrictUndefined,
    )


def _hash(text: str) -> str:
    """Return the source expression by which a content security policy knows a text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _rubrics(cases: Mapping[str, Case]) -> dict[str, str]:
    """Return the rubrics that the judge would be told for these cases, by name and language."""
    used = sorted({(case.rubric, case.language) for case in cases.values()})
    return {
        f"{name}.{language}": load_rubric(name, language).instructions() for name, language in used
    }
