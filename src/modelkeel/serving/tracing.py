"""OpenTelemetry by configuration: on where OTEL_EXPORTER_OTLP_ENDPOINT is set, else not imported.

The usual instrumentation writes path, query, address and user agent into its spans. This one writes
the route, and what the request log knows.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelkeel.errors import BadInput
from modelkeel.serving.requestlog import route_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ENDPOINTS = (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def tracer_provider(name: str) -> TracerProvider | None:
    """What makes and sends spans; None where the environment asks for none.

    Args:
        name: of the service, unless OTEL_SERVICE_NAME gives it.

    Raises:
        BadInput: it is asked for and not installed, or over another protocol than HTTP.
    """
    asked = next((each for each in _ENDPOINTS if os.environ.get(each)), None)
    if asked is None or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    for variable in _PROTOCOLS:
        protocol = os.environ.get(variable, "http/protobuf")
        if protocol != "http/protobuf":
            raise BadInput(
                f"{variable} is {protocol!r}, spans are sent by http/protobuf only",
                remedy="unset it, and name the collector's HTTP port, usually 4318",
            )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{asked} is set and {error.name} is not installed",
            remedy="install it: uv add 'modelkeel[otel]'; or unset the variable",
        ) from None
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: name}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracing:
    """Pure ASGI middleware, around `RequestLog`: a span a request.

    A span has method, route, status, version of the model, request id and the type of a fault;
    nothing else. It belongs to the caller's trace if there is a `traceparent`.

    Args:
        app: what answers.
        provider: what makes the spans.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.app = app
        self._provider = provider
        self._tracer = provider.get_tracer("modelkeel.serving")
        self._extract = TraceContextTextMapPropagator().extract
        self._kind = SpanKind.SERVER

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, self._flushing(send))
            return
        state = scope.setdefault("state", {})
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        parent = next((v for k, v in scope["headers"] if k == b"traceparent"), b"")
        # Only the ids: a caller may write anything into tracestate and baggage.
        context = self._extract({"traceparent": parent.decode("latin-1")}) if parent else None
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracer.start_as_current_span(
            method,
            context=context,
            kind=self._kind,
            attributes={"http.request.method": method},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            state["trace_id"] = f"{span.get_span_context().trace_id:032x}"
            try:
                await self.app(scope, receive, sending)
            finally:
                note = state.get("note", {})
                route = route_of(scope)
                fault = note.get("fault") or (str(status) if status >= 500 else None)
                span.update_name(f"{method} {route}" if route else method)
                found = {
                    "http.route": route or None,
                    "http.response.status_code": status or None,
                    "error.type": fault,
                    "modelkeel.model.version": note.get("version"),
                    "modelkeel.request_id": state.get("request_id"),
                }
                span.set_attributes({key: v for key, v in found.items() if v is not None})
                if fault:
                    from opentelemetry.trace import StatusCode

                    span.set_status(StatusCode.ERROR)

    def _flushing(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await asyncio.to_thread(self._provider.force_flush, 5000)
            await send(message)

        return sending
