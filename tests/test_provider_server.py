"""The loopback provider, driven by the real client libraries and by plain HTTP."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    ModelOutput,
    ResponseSchema,
    get_model,
)
from inspect_ai.tool import ToolDef, ToolError
from inspect_ai.util import JSONSchema

from provider_server import (
    Answer,
    Effect,
    ProviderServer,
    Request,
    StopReason,
    always,
    chain,
    cut_off,
    drop,
    first,
    in_turn,
    rate_limited,
    raw,
    serve,
    stall,
    status,
    truncate,
)

MODELS = {
    "openai/gpt-4o": "openai-chat",
    "openai/gpt-5": "openai-responses",
    "anthropic/claude-sonnet-4-5": "anthropic",
    "google/gemini-2.5-flash": "google",
}
STOP_REASONS: dict[StopReason, str] = {
    "stop": "stop",
    "length": "max_tokens",
    "refusal": "content_filter",
}
SYSTEM = 'You decide.\n\n  Keep "quotes", tabs\t and ünïcödé 🙂 intact.  '
USER = "Is 7 < 9?\n</user> {}\\n"
DECISION = '{"verdict": "yes"}'
SCHEMA = JSONSchema(
    type="object",
    properties={"verdict": JSONSchema(type="string")},
    required=["verdict"],
    additionalProperties=False,
)
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai-chat": (
        "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    ),
    "openai-responses": ("/v1/responses", {"model": "m", "input": "hi"}),
    "anthropic": (
        "/v1/messages",
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    ),
    "google": (
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
}

FUNCTION = {"name": "weigh", "arguments": "{}"}


def say(answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer


def ask(model: str, **config: Any) -> ModelOutput:
    """One generation with a response schema through the real client of `model`."""
    schema = ResponseSchema(name="decision", json_schema=SCHEMA)
    messages: list[ChatMessage] = [
        ChatMessageSystem(content=SYSTEM),
        ChatMessageUser(content=USER),
    ]
    generation = GenerateConfig(response_schema=schema, **config)

    async def generate() -> ModelOutput:
        async with get_model(model, memoize=False) as client:
            return await client.generate(messages, config=generation)

    return asyncio.run(generate())


def use_tools(model: str, **config: Any) -> ModelOutput:
    """The answer after the calls of a first one were carried out, the second of which fails."""

    async def weigh(item: str) -> str:
        if item != "anvil":
            raise ToolError(f"no {item}")
        return "anvil: 7 kg"

    tool = ToolDef(weigh, "weigh", "Weighs an item.", {"item": "What to weigh."}).as_tool()

    async def generate() -> ModelOutput:
        async with get_model(model, memoize=False) as client:
            _, output = await client.generate_loop(
                [ChatMessageUser(content=USER)], tools=[tool], config=GenerateConfig(**config)
            )
            return output

    return asyncio.run(generate())


def post(server: ProviderServer, protocol: str = "openai-chat", **extra: Any) -> httpx.Response:
    path, body = BODIES[protocol]
    return httpx.post(server.url + path, json=body | extra, timeout=10)


def point_clients_at(server: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def decisions(server: ProviderServer) -> list[Request]:
    """The requests that demand a schema, which leaves out what clients send to probe features."""
    return [request for request in server.requests if request.schema is not None]


@pytest.mark.parametrize("stop_reason", STOP_REASONS)
@pytest.mark.parametrize("model", MODELS)
def test_real_client_reads_the_answer(
    model: str, stop_reason: StopReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(say(Answer(DECISION, stop_reason, 123, 45))) as server:
        point_clients_at(server, monkeypatch)
        output = ask(model)
    assert output.completion == DECISION
    assert output.stop_reason == STOP_REASONS[stop_reason]
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (123, 45)
    assert output.usage.total_tokens == 168
    assert server.unmatched == []


@pytest.mark.parametrize("model", MODELS)
def test_server_reads_what_the_real_client_sends(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(say(Answer(DECISION))) as server:
        point_clients_at(server, monkeypatch)
        ask(model)
    [request] = decisions(server)
    assert request.protocol == MODELS[model]
    assert request.model == model.partition("/")[2]
    assert request.system == SYSTEM
    assert request.messages == (("user", USER),)
    assert request.schema is not None
    assert request.schema["required"] == ["verdict"]
    assert "dummy" in " ".join(request.headers.values())


@pytest.mark.parametrize("model", MODELS)
def test_real_client_survives_a_rate_limit(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(say(Answer(DECISION)), first(1, rate_limited(0.01))) as server:
        point_clients_at(server, monkeypatch)
        assert ask(model).completion == DECISION
    assert len(server.requests) >= 2


@pytest.mark.parametrize("model", MODELS)
def test_real_client_reads_two_megabytes(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(say(Answer("é" * 1_000_000))) as server:
        point_clients_at(server, monkeypatch)
        assert ask(model).completion == "é" * 1_000_000


@pytest.mark.parametrize("model", MODELS)
def test_real_client_reads_an_empty_answer(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(say(Answer("", output_tokens=0))) as server:
        point_clients_at(server, monkeypatch)
        assert ask(model).stop_reason == "stop"


@pytest.mark.parametrize(
    ("model", "max_tokens"),
    [*((model, 100) for model in MODELS), ("anthropic/claude-sonnet-4-5", 10_000)],
)
def test_real_client_reads_calls_and_brings_the_results(
    model: str, max_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = (("weigh", {"item": "anvil"}), ("weigh", {"item": 'feather "x" é'}))

    def answer(request: Request) -> Answer:
        done = not request.tools or request.results
        return Answer("Done.") if done else Answer("I weigh.", calls=calls)

    with serve(answer) as server:
        point_clients_at(server, monkeypatch)
        assert use_tools(model, max_tokens=max_tokens).completion == "Done."
    request = server.requests[-1]
    assert request.calls == calls
    [weight, failure] = request.results
    assert weight == "anvil: 7 kg"
    assert failure.removeprefix("Error: ") == 'no feather "x" é'  # only chat has the prefix
    assert request.messages[:2] == (("user", USER), ("assistant", "I weigh."))
    assert request.tools["weigh"].description == "Weighs an item."
    assert request.tools["weigh"].parameters["properties"] == {
        "item": {"type": "string", "description": "What to weigh."}
    }
    assert server.unmatched == []


def test_a_call_without_its_result_is_told_and_raised() -> None:
    message = {"role": "assistant", "tool_calls": [{"id": "c1", "function": FUNCTION}]}
    with pytest.raises(ValueError, match="were answered by"), serve(say(Answer("ok"))) as server:
        assert post(server, messages=[message]).status_code == 400


@pytest.mark.parametrize("max_tokens", [100, 10_000])
def test_anthropic_streams_large_answers_only(
    max_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(say(Answer(DECISION))) as server:
        point_clients_at(server, monkeypatch)
        assert ask("anthropic/claude-sonnet-4-5", max_tokens=max_tokens).completion == DECISION
    assert [request.stream for request in server.requests] == [max_tokens >= 8192]


def test_gemini_reads_no_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(say(Answer(DECISION)), always(raw(b'{"candidates": []}'))) as server:
        point_clients_at(server, monkeypatch)
        output = ask("google/gemini-2.5-flash")
    assert output.stop_reason == "stop"
    assert output.usage is None


@pytest.mark.parametrize("protocol", BODIES)
@pytest.mark.parametrize("code", [429, 500, 529])
def test_status(protocol: str, code: int) -> None:
    with serve(say(Answer("ok")), first(1, status(code, "no", {"X-Reason": "test"}))) as server:
        failed, answered = post(server, protocol), post(server, protocol)
    assert (failed.status_code, answered.status_code) == (code, 200)
    assert failed.headers["x-reason"] == "test"
    assert failed.json()["error"]["message"] == "no"
    assert len(server.requests) == 2


def test_status_keeps_the_model_silent() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer("ok")

    with serve(answer, first(2, status(500))) as server:
        assert [post(server).status_code for _ in range(3)] == [500, 500, 200]
    assert asked == server.requests[2:]


def test_rate_limited() -> None:
    with serve(say(Answer("ok")), always(rate_limited(1.5))) as server:
        response = post(server)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1.5"


def test_raw() -> None:
    page = raw(b"<html>gateway</html>", "text/html")
    with serve(say(Answer("ok")), always(page)) as server:
        response = post(server)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html"
    assert response.text == "<html>gateway</html>"


def test_drop() -> None:
    with serve(say(Answer("ok")), first(1, drop())) as server:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            post(server)
        assert post(server).status_code == 200


def test_stall() -> None:
    with serve(say(Answer("ok")), always(stall(0.3))) as server:
        started = time.monotonic()
        assert post(server).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_stall_outlasts_the_client_and_not_the_server() -> None:
    path, body = BODIES["openai-chat"]
    started = time.monotonic()
    with serve(say(Answer("ok")), always(stall(60))) as server, pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + path, json=body, timeout=0.1)
    assert time.monotonic() - started < 5


def test_cut_off() -> None:
    incomplete = pytest.raises(httpx.RemoteProtocolError, match="without sending complete")
    with serve(say(Answer("ok")), always(cut_off(20))) as server, incomplete:
        post(server)


def test_truncate() -> None:
    with serve(say(Answer("ok")), always(truncate(20))) as server:
        response = post(server)
    assert len(response.content) == 20
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_chain() -> None:
    with serve(say(Answer("ok")), always(chain(stall(0.2), status(503)))) as server:
        started = time.monotonic()
        assert post(server).status_code == 503
    assert time.monotonic() - started >= 0.2


def test_in_turn() -> None:
    with serve(say(Answer("ok")), in_turn(None, status(500), None, status(529))) as server:
        assert [post(server).status_code for _ in range(5)] == [200, 500, 200, 529, 200]


def test_fault_may_depend_on_the_request() -> None:
    def fault(n: int, request: Request) -> Effect | None:
        return status(400) if request.protocol == "google" else None

    with serve(say(Answer("ok")), fault) as server:
        codes = {protocol: post(server, protocol).status_code for protocol in BODIES}
    assert codes.pop("google") == 400
    assert set(codes.values()) == {200}


@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses"])
def test_openai_streams_are_refused(protocol: str) -> None:
    with serve(say(Answer("ok"))) as server:
        response = post(server, protocol, stream=True)
    assert response.status_code == 400


def test_unknown_paths_are_recorded() -> None:
    with serve(say(Answer("ok"))) as server:
        assert httpx.get(f"{server.url}/v1/models?limit=1").status_code == 404
        assert httpx.post(f"{server.url}/v1/files", json={}).status_code == 404
    assert server.unmatched == ["GET /v1/models", "POST /v1/files"]
    assert server.requests == []


def test_failing_answer_is_told_and_raised() -> None:
    def answer(request: Request) -> Answer:
        raise ValueError("unexpected question")

    with pytest.raises(ValueError, match="unexpected question"), serve(answer) as server:
        response = post(server)
    assert response.status_code == 400
    assert "unexpected question" in response.text


def test_hundred_connections_at_once() -> None:
    everyone = threading.Barrier(100, timeout=20)

    def answer(request: Request) -> Answer:
        everyone.wait()
        return Answer(request.messages[0][1])

    with serve(answer) as server, ThreadPoolExecutor(100) as pool:
        responses = list(pool.map(lambda _: post(server), range(100)))
    assert {response.status_code for response in responses} == {200}
    assert len(server.requests) == 100


def test_one_connection_carries_many_requests() -> None:
    path, body = BODIES["anthropic"]
    with serve(say(Answer("ok"))) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.connect()
        first_socket = connection.sock
        for _ in range(20):
            connection.request("POST", path, json.dumps(body))
            assert connection.getresponse().read()
        assert connection.sock is first_socket
        connection.close()
    assert len(server.requests) == 20


def test_closing_leaves_no_thread_and_no_listener() -> None:
    before = set(threading.enumerate())
    with serve(say(Answer("ok"))) as server:
        idle = socket.create_connection(("127.0.0.1", server.port))
        post(server)
    assert set(threading.enumerate()) <= before
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
