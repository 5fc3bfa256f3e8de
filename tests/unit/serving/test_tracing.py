from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from modelkeel.errors import BadInput
from modelkeel.model.bundle import Bundle
from modelkeel.serving import create_app
from modelkeel.serving.requestlog import RequestLog
from modelkeel.serving.tracing import ENDPOINT, Tracing, tracer_provider

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector:
    """An OTLP receiver over HTTP."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.raw.append(self.rfile.read(int(self.headers["content-length"])))
                outer.paths.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.paths: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> list[tuple[str, dict[str, Any]]]:
        """The service and the span, of all that came."""
        found = []
        for raw in self.raw:
            request = ExportTraceServiceRequest.FromString(raw)
            for each in request.resource_spans:
                resource = _attributes(MessageToDict(each.resource))
                for span in each.scope_spans[0].spans:
                    value = MessageToDict(span) | {
                        "trace": span.trace_id.hex(),
                        "parent": span.parent_span_id.hex(),
                    }
                    found.append((resource["service.name"], value))
        return found


def _attributes(message: dict[str, Any]) -> dict[str, Any]:
    return {
        each["key"]: next(iter(each["value"].values())) for each in message.get("attributes", [])
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    monkeypatch.setenv(ENDPOINT, made.url)
    yield made
    made.server.shutdown()
    made.server.server_close()


async def _answer(request: Request) -> JSONResponse:
    if request.path_params["name"] == "broken":
        raise ValueError("Ada Lovelace")
    request.state.note["version"] = "3"
    return JSONResponse({})


def _client() -> TestClient:
    provider = tracer_provider("credit-risk")
    assert provider is not None
    app = Starlette(routes=[Route("/people/{name}", _answer, methods=["GET", "POST"])])
    app.add_middleware(RequestLog)
    app.add_middleware(Tracing, provider=provider)
    return TestClient(app)


def test_spans_carry_the_route_and_nothing_that_was_sent(collector: Collector) -> None:
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "tracestate": "who=Lovelace",
        "baggage": "who=Lovelace",
        "user-agent": "Lovelace/1",
        "x-name": "Ada Lovelace",
    }
    with _client() as client:
        request_id = client.post(
            "/people/Lovelace?name=Lovelace", json={"name": "Lovelace"}, headers=headers
        ).headers["x-request-id"]
        client.get("/people/broken")
        client.request("LOVELACE", "/Lovelace")
    assert set(collector.paths) == {"/v1/traces"}
    assert not any(b"Lovelace" in raw or b"LOVELACE" in raw for raw in collector.raw)
    assert not any(b"127.0.0.1" in raw or b"testclient" in raw for raw in collector.raw)
    (service, good), (_, broken), (_, unmatched) = collector.spans()
    assert service == "credit-risk"
    assert (good["name"], good["kind"]) == ("POST /people/{name}", "SPAN_KIND_SERVER")
    assert (good["trace"], good["parent"]) == (TRACE, PARENT)
    assert _attributes(good) == {
        "http.request.method": "POST",
        "http.route": "/people/{name}",
        "http.response.status_code": "200",
        "modelkeel.model.version": "3",
        "modelkeel.request_id": request_id,
    }
    assert _attributes(broken)["error.type"] == "ValueError"
    assert broken["status"]["code"] == "STATUS_CODE_ERROR"
    assert broken["trace"] != TRACE
    assert unmatched["name"] == "_OTHER"
    assert _attributes(unmatched)["http.response.status_code"] == "404"


def test_the_environment_names_the_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")
    with _client() as client:
        client.get("/people/a")
    ((service, _),) = collector.spans()
    assert service == "desk"


def test_without_an_endpoint_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert tracer_provider("credit-risk") is None
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracer_provider("credit-risk") is None


def test_asked_for_and_not_installed_is_an_error(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadInput, match=f"{ENDPOINT} is set and opentelemetry.* is not installed"):
        tracer_provider("credit-risk")


def test_another_protocol_is_an_error(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(BadInput, match="'grpc', spans are sent by http/protobuf only"):
        tracer_provider("credit-risk")


def test_fastapi_writes_no_spans_of_its_own(
    demand: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write queries and addresses, as soon as anybody sets a provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    app = create_app(demand.path)
    with TestClient(app) as client:
        client.get("/model?name=Lovelace")
        assert exporter.get_finished_spans() == ()
        provider.get_tracer("own").start_span("own").end()
        assert len(exporter.get_finished_spans()) == 1
