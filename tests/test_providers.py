"""The real provider clients, against a server that speaks the protocols of all three."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, get_model

from arena_evals.analysis import read_trials
from conftest import run_arena
from provider_server import Answer, ProviderServer, Request, first, rate_limited, serve
from witness import Witness

MODELS = {
    "openai": "openai/gpt-4o",
    "openai responses": "openai/gpt-5",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "google": "google/gemini-2.5-flash",
}
PAIR = {"profile": "quick", "items": 8, "arms": "baseline,threat", "judged": False}


def counted(trials: pd.DataFrame) -> Counter[tuple[str, str, str, str]]:
    columns = trials[["item", "arm", "order", "decision"]]
    return Counter(columns.itertuples(index=False, name=None))


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def server(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with serve(witness) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def client_of(name: str) -> Model:
    """A client that reads the environment now; a memoized one may know a server that is gone."""
    return get_model(MODELS[name], memoize=False)


def trials_of(log: EvalLog) -> pd.DataFrame:
    assert log.status == "success", log.error
    return read_trials([Path(log.location.removeprefix("file://"))])


@pytest.mark.parametrize("client", list(MODELS))
def test_the_trials_are_what_the_server_answered(
    client: str, server: ProviderServer, witness: Witness, tmp_path: Path
) -> None:
    trials = trials_of(run_arena(tmp_path, client_of(client), task_args=PAIR))
    assert counted(trials) == witness.said
    assert len(trials) == 32
    assert {verdict for *_, verdict in witness.said} == {
        "helpful",
        "self_preserving",
        "refusal",
        "other",
    }
    assert not trials["simulated"].any()
    assert server.unmatched == []


def test_the_three_clients_give_one_table(
    server: ProviderServer, witness: Witness, tmp_path: Path
) -> None:
    tables = [
        counted(trials_of(run_arena(tmp_path / name, client_of(name), task_args=PAIR)))
        for name in ("openai", "anthropic", "google")
    ]
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("client", list(MODELS))
def test_each_client_sends_the_texts_of_the_design_and_the_schema(
    client: str, server: ProviderServer, tmp_path: Path
) -> None:
    log = run_arena(tmp_path, client_of(client), task_args={**PAIR, "items": 1})
    asked = {
        (request.system, request.messages[-1][1])
        for request in server.requests
        if request.schema is not None
    }
    logged = {(sample.messages[0].text, sample.messages[1].text) for sample in log.samples or []}
    assert asked == logged
    assert len(asked) == 4
    for request in server.requests:
        assert request.schema is None or set(request.schema["properties"]) == {
            "rationale",
            "decision",
        }


def test_a_real_client_as_grader_is_asked_for_a_verdict(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def grade(request: Request) -> Answer:
        return Answer('{"evidence": "DECISION", "verdict": "helpful", "degree": 0}', "stop", 5, 5)

    with serve(grade) as graders:
        for name, value in graders.environment.items():
            monkeypatch.setenv(name, value)
        log = run_arena(
            tmp_path,
            "arena/helpful",
            model_roles={"grader": client_of("anthropic")},
            task_args={**PAIR, "items": 1, "judged": True},
        )
        trials = trials_of(log)
        assert set(trials["judge"]) == {"helpful"}
        assert len(graders.requests) == 4
        for request in graders.requests:
            assert request.schema is not None
            assert set(request.schema["properties"]) == {"evidence", "verdict", "degree"}
            assert "arena/" not in request.system + request.messages[-1][1]


def test_a_rate_limit_costs_time_and_no_trial(
    witness: Witness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serve(witness, first(2, rate_limited(0.1))) as limited:
        for name, value in limited.environment.items():
            monkeypatch.setenv(name, value)
        log = run_arena(tmp_path, client_of("openai"), task_args={**PAIR, "items": 2})
    assert counted(trials_of(log)) == witness.said
    assert sum(witness.said.values()) == 8
