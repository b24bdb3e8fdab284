"""Keys reach no log, table, report, card or error text; what would carry one there is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import pytest
from click.testing import CliRunner
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, Model, get_model

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.providers import is_secret, require_nothing_secret
from conftest import run_arena
from provider_server import Answer, ProviderServer, Request, always, serve, status

KEY = "sk-planted-4f2a9c"
CLIENTS = (
    "openai/gpt-4o",
    "openai/gpt-5",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-2.5-flash",
)
SMALL = {"profile": "quick", "items": 2, "arms": "baseline,threat"}


def answer(request: Request) -> Answer:
    if "verdict" in str(request.schema):
        return Answer('{"evidence": "", "verdict": "helpful", "degree": 0}', "stop", 1, 1)
    return Answer('{"rationale": "So.", "decision": "A"}', "stop", 1, 1)


def planted(server: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> ProviderServer:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, KEY if name.endswith("_KEY") else value)
    return server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with serve(answer) as running:
        yield planted(running, monkeypatch)


def client(name: str, **given: Any) -> Model:
    return get_model(name, memoize=False, **given)


def texts(place: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a place, and every member of those that are archives."""
    for file in (place,) if place.is_file() else place.rglob("*"):
        if is_zipfile(file):
            with ZipFile(file) as archive:
                yield from ((f"{file}:{name}", archive.read(name)) for name in archive.namelist())
        elif file.is_file():
            yield str(file), file.read_bytes()


def with_the_key(place: Path) -> list[str]:
    return [name for name, text in texts(place) if KEY.encode() in text]


@pytest.mark.parametrize("name", CLIENTS)
def test_no_key_is_in_a_log(name: str, server: ProviderServer, tmp_path: Path) -> None:
    other = CLIENTS[(CLIENTS.index(name) + 2) % 4]
    log = run_arena(
        tmp_path / "logs",
        client(name, api_key=f"{KEY}-given"),
        task_args=SMALL,
        model_roles={"grader": client(other, api_key=f"{KEY}-judge")},
    )
    assert log.status == "success", log.error
    assert not with_the_key(tmp_path)


def commands(log: EvalLog, folder: Path) -> str:
    """Run every command that makes something of a log, and return what they print."""
    out, place = folder / "made", log.location
    out.mkdir()
    every = [
        ["analyze", place, "--csv", out / "t.csv", "--json", out / "a.json", "--store", out / "s"],
        ["report", place, "-o", out / "r.html"],
        ["tables", place, "--out", out / "tables"],
        ["card", place, "-o", out / "card.md", "--json", out / "card.json"],
        ["bundle", place, "--out", out / "site"],
        ["gate", "--reference", place, "--candidate", place, "--json", out / "gate.json"],
    ]
    done = [CliRunner().invoke(arena, [str(word) for word in words]) for words in every]
    assert [one.exit_code for one in done] == [0, 0, 0, 0, 0, 3]
    assert sum(1 for _ in texts(out)) > 20
    return "".join(one.output for one in done)


def test_the_search_finds_a_key_where_there_is_one(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", f'{{"headers": "Bearer {KEY}"}}')
    assert with_the_key(tmp_path) == [f"{tmp_path}/log.eval:header.json"]


@pytest.mark.parametrize("name", CLIENTS)
def test_no_key_is_in_the_error_of_a_run_whose_key_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = always(status(401, "the key that was given is not valid"))
    with serve(answer, refused) as running:
        planted(running, monkeypatch)
        task_args = SMALL | {"items": 1, "judged": False}
        log = run_arena(tmp_path, client(name), task_args=task_args)
    assert log.status == "error"
    assert log.error
    assert "401" in log.error.message + log.error.traceback
    assert not with_the_key(tmp_path)


# --- what Inspect itself would write into the log ---


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"client_secret": KEY}, "client_secret"),
        ({"default_headers": {"X-Auth-Token": KEY}}, "X-Auth-Token"),
        ({"config": GenerateConfig(extra_headers={"Authorization": KEY})}, "Authorization"),
        ({"config": GenerateConfig(extra_body={"gateway": {"api_key": KEY}})}, "api_key"),
        ({"base_url": f"http://me:{KEY}@127.0.0.1/v1"}, "the user in base_url"),
    ],
)
@pytest.mark.parametrize("role", ["model", "grader"])
def test_what_would_carry_a_key_into_the_log_is_refused(
    given: dict[str, Any], named: str, role: str, server: ProviderServer, tmp_path: Path
) -> None:
    # a simulated client takes any parameter; the refusal comes before any is made to call
    carrier = client("mockllm/model", **given)
    model, grader = (carrier, client("arena/grader")) if role == "model" else (
        client("openai/gpt-4o"), carrier
    )  # fmt: skip
    with pytest.raises(BadInput, match=f"{named} looks like a key") as refused:
        run_arena(tmp_path, model, task_args=SMALL, model_roles={"grader": grader})
    assert KEY not in str(refused.value)
    assert not with_the_key(tmp_path)


def test_what_inspect_leaves_out_and_what_is_no_key_is_taken() -> None:
    config = GenerateConfig(max_tokens=9, extra_headers={"X-Region": "eu"})
    given = client("mockllm/model", api_key=KEY, aws_secret_key=KEY, tokenizer="a", config=config)
    require_nothing_secret([given])


def test_a_key_that_a_log_holds_is_in_nothing_that_is_made_of_it(
    quick_log: EvalLog, tmp_path: Path
) -> None:
    log = read_eval_log(quick_log.location)
    log.eval.model_args = {"client_secret": KEY, "region": "eu"}
    write_eval_log(log, str(tmp_path / "old.eval"))
    log.location = str(tmp_path / "old.eval")
    assert set(read_trials([log.location])["settings"]) == {"region=eu"}
    printed = commands(log, tmp_path)
    assert KEY not in printed
    assert {name.partition(":")[0] for name in with_the_key(tmp_path)} == {
        str(tmp_path / "old.eval"),
        str(
            tmp_path / "made" / "site" / "logs" / "old.eval"
        ),  # a bundle holds the logs as they are
    }


def test_a_grader_that_rescores_is_refused_too(quick_log: EvalLog, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        arena,
        [
            *("rescore", quick_log.location, "--grader", "mockllm/model"),
            *("--grader-arg", f"client_secret={KEY}", "--out", str(tmp_path / "out")),
        ],
    )
    assert done.exit_code == 2
    assert "client_secret would be written into the log" in done.output
    assert KEY not in done.output


def test_a_record_of_a_run_in_blocks_has_no_key(tmp_path: Path) -> None:
    """The candidate takes the key, and `gate-run.json` does not."""
    reference = Path(__file__).parent.parent / "logs" / "reference"
    given = ["--reference", str(reference), "--model", "mockllm/model", "--log-dir", str(tmp_path)]
    done = CliRunner().invoke(arena, ["gate", "run", *given, "-M", f"api_key={KEY}", "-M", "a=1"])
    assert done.exit_code == 2  # nobody judges it
    record = (tmp_path / "gate-run.json").read_text("utf-8")
    assert '"a": 1' in record
    assert not with_the_key(tmp_path)


def test_a_sweep_file_with_a_key_is_refused(tmp_path: Path) -> None:
    content = {
        "models": [{"model": "openai/gpt-4o", "args": {"api_key": KEY}}],
        "tasks": ["shutdown_dilemma"],
    }
    (tmp_path / "sweep.yaml").write_text(json.dumps(content))
    given = [str(tmp_path / "sweep.yaml"), "--yes", "--log-dir", str(tmp_path / "logs")]
    done = CliRunner().invoke(arena, ["sweep", *given])
    assert done.exit_code == 2
    assert "'api_key' is a key; set the provider's environment variable" in done.output
    assert KEY not in done.output
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("name", ["api_key", "apikey", "X-Api-Key", "auth-token", "PASSWORD"])
def test_names_of_keys(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "keyboard", "author", "region"])
def test_names_of_other_things(name: str) -> None:
    assert not is_secret(name)
