"""A page as a real browser shows it: headless Chromium, and what it asked for and said."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

CHROMIUM = shutil.which("chromium")


class Seen:
    """A page that remembers what it asked for and what its console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.said: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str]] = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(("error", str(error))))

    def _console(self, message: ConsoleMessage) -> None:
        self.said.append((message.type, message.text))
        if message.type == "error":
            self.failed.append((message.text, message.location["url"]))

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def errors(self) -> list[str]:
        return [text for kind, text in self.said if kind == "error"]


def opened(browser: Browser, address: str, **options: Any) -> Seen:
    seen = Seen(browser.new_context(**options).new_page())
    seen.page.goto(address)
    return seen


@contextmanager
def served_from(folder: Path) -> Iterator[str]:
    """The address of a server on loopback that knows nothing but a folder's files."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *given: Any) -> None:
        """Say nothing."""
