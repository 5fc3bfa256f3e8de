"""The app factory: FastAPI for what people touch, a lean ASGI endpoint for /predict."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from modelkeel.errors import KeelError
from modelkeel.project import Project
from modelkeel.serving.body_limit import BodyLimit
from modelkeel.serving.decisions import decision_routes
from modelkeel.serving.docs_page import add_docs
from modelkeel.serving.gauges import watch_keys
from modelkeel.serving.guard import Guard
from modelkeel.serving.headers import SecurityHeaders
from modelkeel.serving.metrics import MetricsEndpoint
from modelkeel.serving.openapi import add_predict
from modelkeel.serving.predict import PredictEndpoint, PredictFirst
from modelkeel.serving.problems import install_problem_handlers
from modelkeel.serving.requestlog import RequestLog, set_up_logging
from modelkeel.serving.routes import About, routes
from modelkeel.serving.rules import Rule, Rules
from modelkeel.serving.service import Service, build_service
from modelkeel.serving.settings import Settings, settings_of
from modelkeel.serving.state import StartRefused
from modelkeel.serving.tracing import Tracing, tracer_provider

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace import TracerProvider

MAX_ROWS = 1000
MAX_BYTES = 1_000_000

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own writes queries and addresses into its spans; ours (`tracing`) does not."""

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def create_app(
    source: Project | Path | str,
    *,
    title: str | None = None,
    description: str | None = None,
    routers: Sequence[APIRouter] = (),
    rules: Sequence[Rule] = (),
    lifespan: Lifespan | None = None,
    expected_digest: str | None = None,
    public_key: Path | None = None,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
    settings: Settings | None = None,
) -> FastAPI:
    """The prediction service of a project, or of a mounted bundle.

    Args:
        source: a project, whose champion is served; or a folder with champion.json; or the
            folder of a bundle.
        title: name shown in the documentation; the model's name when left out.
        description: text shown in the documentation (Markdown).
        routers: routes of your own; they ask for the role `predict`.
        rules: which roles they ask for instead.
        lifespan: what to do at start and stop, as in FastAPI.
        expected_digest: digest of the bundle that was approved, for a mounted bundle.
        public_key: key that the bundle and its summary are verified with; MODELKEEL_PUBLIC_KEY
            when left out, then the project's governance/keys/model.pub.
        max_rows: rows allowed in one request; more is answered 413.
        max_bytes: bytes allowed in a body, also of routes of your own; more is answered 413.
        settings: how the server is run; from the environment when left out.

    Raises:
        StartRefused: the bundle is not sound, not the approved one, or a record or setting is
            broken; with MODELKEEL_MODE=production also when the gates have not released it, or
            there is no key that a caller could have. Not caught, it ends the process with status
            1 and one line. No champion yet is no reason: the app starts and answers 503.
    """
    where = source if isinstance(source, Project) else Path(source)
    try:
        settings = settings or settings_of(where, public_key)
        service = build_service(where, settings, expected_digest=expected_digest, max_rows=max_rows)
        about = _about(where)
        provider = tracer_provider(where.name if isinstance(where, Project) else "modelkeel")
    except KeelError as error:
        raise StartRefused(str(error), remedy=error.remedy) from None
    current = service.state.current
    name = where.name if isinstance(where, Project) else None
    if current is not None:
        name = current.bundle.manifest.name
    app = _App(
        title=title or name or "modelkeel",
        description=description or about.purpose,
        version=(current.bundle.version if current is not None else None) or "0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        lifespan=_lifespan(service, lifespan),
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.body_seconds = settings.timeout
    app.state.serving = service.state
    app.state.service = service
    endpoint = PredictEndpoint(
        service.state,
        service.pipeline,
        max_bytes=max_bytes,
        timeout=settings.timeout,
        charge=service.charge,
        baseline=service.baseline,
    )
    # The route is for what is not POST: 405 instead of 404.
    app.router.routes.append(Route(endpoint.route, endpoint, methods=["POST"], name="predict"))
    counters = MetricsEndpoint(service.metrics)
    app.router.routes.append(Route(counters.route, counters, methods=["GET"], name="metrics"))
    app.include_router(routes(service, about))
    app.include_router(decision_routes(service))
    for router in routers:
        app.include_router(router)
    if settings.docs:
        add_docs(app)
    install_problem_handlers(app)
    app.outside = _outside(service, settings, rules, provider, endpoint, max_bytes)
    watch_keys(service.metrics, service.access)
    set_up_logging()
    _document(app, service, max_rows, max_bytes)
    return app


class _App(FastAPI):
    """FastAPI with our middleware around all that it puts around the router.

    So /predict does not pay for what FastAPI does for its routes. Middleware that somebody adds
    goes around ours.
    """

    outside: Sequence[Middleware] = ()
    body_seconds: float | None = None
    """How long a body may take; `keel serve` looks here."""

    def build_middleware_stack(self) -> ASGIApp:
        """The app inside its middleware."""
        if self.user_middleware:
            self.user_middleware = [*self.user_middleware, *self.outside]
            return super().build_middleware_stack()
        app = super().build_middleware_stack()
        for each in reversed(self.outside):
            app = each.cls(app, *each.args, **each.kwargs)
        return app


def _outside(
    service: Service,
    settings: Settings,
    rules: Sequence[Rule],
    provider: TracerProvider | None,
    endpoint: PredictEndpoint,
    max_bytes: int,
) -> list[Middleware]:
    """Our middleware, in the order in which a request meets it."""
    asked = Rules(rules, open_docs=not service.access.required)
    met = [
        Middleware(RequestLog, metrics=service.metrics),
        Middleware(SecurityHeaders),
        Middleware(Guard, access=service.access, limits=service.limits, rules=asked),
        Middleware(PredictFirst, endpoint=endpoint),
        Middleware(BodyLimit, max_bytes=max_bytes),
    ]
    if provider is not None:
        met.insert(0, Middleware(Tracing, provider=provider))
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-subject-id"],
            expose_headers=["retry-after", "x-model-digest", "x-model-version", "x-request-id"],
        )
        met.insert(-3, cors)  # a browser asks what it may before it says who it is
    return met


def _document(app: FastAPI, service: Service, max_rows: int, max_bytes: int) -> None:
    """Write the OpenAPI document from the model that serves, anew when another one does."""
    written: dict[str | None, dict[str, Any]] = {}

    def openapi() -> dict[str, Any]:
        current = service.state.current
        digest = current.bundle.digest if current else None
        if digest not in written:
            document = get_openapi(
                title=app.title,
                version=(current.bundle.version if current else None) or "0",
                description=app.description or None,
                routes=app.routes,
            )
            coder = current.bundle.reason_codes if current else None
            written.clear()
            written[digest] = add_predict(
                document,
                signature=current.bundle.signature if current else None,
                actions=current.bundle.actions if current else [],
                reasons=coder.texts if coder else {},
                model=current.reference if current else None,
                max_rows=max_rows,
                max_bytes=max_bytes,
            )
        return written[digest]

    app.openapi = openapi  # type: ignore[method-assign]


def _lifespan(service: Service, own: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[Any]:
        service.start()
        try:
            if own is None:
                yield
            else:
                async with own(app) as state:
                    yield state
        finally:
            await service.stop()

    return running


def _about(source: Project | Path) -> About:
    """Accountable owner, tier and purpose; unknown for a mounted bundle."""
    if not isinstance(source, Project):
        return About()
    charter, system = source.charter, source.system
    return About(charter.owner.accountable, system.tier, charter.decision.statement)
