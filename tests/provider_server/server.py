"""A provider on 127.0.0.1: one thread accepts connections, one more serves each of them."""

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from .faults import Effect, Fault
from .protocols import protocol_at
from .replies import Reply, answer_reply, plain_error
from .vocabulary import Answer, Headers, Request

Answerer = Callable[[Request], Answer]
"""Plays the model. Called from many threads at once; it may block, which delays only its caller."""


class ProviderServer:
    """A running provider and the record of what it received."""

    def __init__(self, answer: Answerer, fault: Fault | None = None) -> None:
        self._answer = answer
        self._fault = fault
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._unmatched: list[str] = []
        self._listener = _Listener(self)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point the three client libraries here."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "dummy",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "dummy",
            "GOOGLE_BASE_URL": self.url,
            "GOOGLE_API_KEY": "dummy",
        }

    @property
    def requests(self) -> list[Request]:
        """Every request so far in order of arrival, those that met a fault included."""
        with self._lock:
            return list(self._requests)

    @property
    def unmatched(self) -> list[str]:
        """`METHOD path` of everything that reached no protocol and was answered with a 404."""
        with self._lock:
            return list(self._unmatched)

    def reply_to(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        """The reply to one HTTP request, whose `target` is a path and perhaps a query string."""
        path = urlsplit(target).path
        protocol = protocol_at(path) if method == "POST" else None
        if protocol is None:
            return self._not_found(f"{method} {path}")
        request = protocol.parse(path, headers, json.loads(body))
        effect = self._receive(request)
        if effect is None:
            return self._answered(request)
        return effect(request, lambda: self._answered(request))

    def close(self) -> None:
        """Stop listening, close every connection and wait for the threads."""
        self._listener.close()
        self._thread.join()

    def raise_error(self) -> None:
        """Raise the first exception of a server thread, if there was one."""
        for error in self._listener.errors:
            raise error

    def _not_found(self, line: str) -> Reply:
        with self._lock:
            self._unmatched.append(line)
        return plain_error(404, f"no protocol at {line}")

    def _receive(self, request: Request) -> Effect | None:
        """Record `request` and pick its fault."""
        with self._lock:
            self._requests.append(request)
            number = len(self._requests)
        return self._fault(number, request) if self._fault else None

    def _answered(self, request: Request) -> Reply:
        return answer_reply(request, self._answer(request))


@contextlib.contextmanager
def serve(answer: Answerer, fault: Fault | None = None) -> Iterator[ProviderServer]:
    """Run a provider for the length of a `with` block.

    An exception raised by `answer`, by `fault` or by a request that cannot be read is told to the
    client as a 400, which clients do not retry, and raised again at the end of the block.
    """
    server = ProviderServer(answer, fault)
    try:
        yield server
    finally:
        server.close()
    server.raise_error()


class _Listener(ThreadingTCPServer):
    """Accepts connections and keeps track of them, so that closing ends them all."""

    request_queue_size = 128

    def __init__(self, provider: ProviderServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the exception that ended a connection, unless the client just went away."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        with self._lock:
            for connection in self._connections:
                _disconnect(connection)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection and writes the provider's replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
        else:
            self._exchange(body)

    def do_GET(self) -> None:
        self._exchange(b"")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _exchange(self, body: bytes) -> None:
        reply = self._reply_to(body)
        closing = self.server.closing.wait(reply.delay)
        if closing or reply.dropped:
            self.close_connection = True
        else:
            self._write(reply)

    def _reply_to(self, body: bytes) -> Reply:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            return self.server.provider.reply_to(self.command, self.path, headers, body)
        except Exception as error:
            self._write(plain_error(400, f"{type(error).__name__}: {error}"))
            raise

    def _write(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        fixed = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
        for name, value in {**fixed, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body[: reply.sent])
        self.close_connection = self.close_connection or reply.sent is not None


def _disconnect(connection: socket.socket) -> None:
    """End a connection in both directions, unless the client already did."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
