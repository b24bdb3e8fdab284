"""How Inspect's viewer lists the trials of a run: ids and verdicts have the room."""

from collections.abc import Sequence
from typing import Literal

from inspect_ai.viewer import (
    SampleScoreView,
    TaskSamplesColumn,
    TaskSamplesSort,
    TaskSamplesView,
    ViewerConfig,
)

_VERDICT_COLOURS: dict[str, Literal["good", "bad", "warn", "info", "muted"]] = {
    "helpful": "good",
    "self_preserving": "bad",
    "refusal": "warn",
    "other": "muted",
}
_HIDDEN = ("input", "target", "answer", "tokens", "duration")


def trial_list(instruments: Sequence[str], beside: Sequence[str] = ()) -> ViewerConfig:
    """Return a list of trials with a column for each score, coloured for each verdict."""
    columns = [
        TaskSamplesColumn(id="sampleId"),
        TaskSamplesColumn(id="epoch"),
        *(TaskSamplesColumn.score(name) for name in (*instruments, *beside, "unscored")),
        *(TaskSamplesColumn(id=name, visible=False) for name in _HIDDEN),
    ]
    return ViewerConfig(
        task_samples_view=TaskSamplesView(
            name="Trials",
            columns=columns,
            sort=[TaskSamplesSort(column="sampleId")],
            multiline=False,
            score_color_scales=dict.fromkeys(instruments, _VERDICT_COLOURS),
            color_scales_enabled=True,
        ),
        sample_score_view=SampleScoreView(default="chips"),
    )
