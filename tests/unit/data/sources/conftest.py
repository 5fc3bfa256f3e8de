"""A place for sources, and an endpoint that misbehaves on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from modelkeel.data.sources import Landed, land
from modelkeel.records.sources import Source

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Landed]:
    """Lands one source of `tmp_path`; called twice, the second goes on from the first."""

    def run(**settings: Any) -> Landed:
        source = Source(name="table", **settings)
        return land(source, tmp_path, tmp_path / "work", tmp_path / "landing")

    return run


def rows(landed: Landed) -> list[tuple[Any, ...]]:
    return pl.read_parquet(landed.path).rows()


class Endpoint:
    """Answers pages of numbers; `script` may answer a request in another way, once each."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.script: dict[str, list[Answer]] = {}
        self.pages: Callable[[str, dict[str, str]], Answer] = self.by_number
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked.append(self.path)
                endpoint.headers.append(dict(self.headers))
                status, headers, body = endpoint.answer(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> Answer:
        if waiting := self.script.get(path):
            return waiting.pop(0)
        parts = urlsplit(path)
        return self.pages(
            parts.path, {name: value[0] for name, value in parse_qs(parts.query).items()}
        )

    def by_number(self, path: str, query: dict[str, str]) -> Answer:
        page = int(query.get("page", 1))
        return page_of([] if page > 4 else [{"id": page * 10 + n, "name": "ä"} for n in (1, 2)])


def page_of(records: object, **more: object) -> Answer:
    return 200, {}, json.dumps({"data": {"items": records}, **more}).encode()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.server.shutdown()
    found.server.server_close()
