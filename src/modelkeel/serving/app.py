"""The app factory: FastAPI for what people touch, a lean ASGI endpoint for /predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from modelkeel.errors import KeelError
from modelkeel.model.bundle import Bundle
from modelkeel.model.signature import Feature
from modelkeel.project import Project
from modelkeel.serving.openapi import add_predict
from modelkeel.serving.problems import (
    ProblemError,
    install_problem_handlers,
    internal_error,
    send_problem,
)
from modelkeel.serving.requestlog import RequestLog, set_up_logging
from modelkeel.serving.state import Loaded, StartRefused, State, load_state

MAX_ROWS = 1000
MAX_BYTES = 1_000_000

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class ModelReference(BaseModel):
    """Which model serves."""

    name: str
    version: str | None
    digest: str


class Ready(BaseModel):
    """The model is loaded and verified."""

    status: str = "ready"
    model: ModelReference


class DecisionInfo(BaseModel):
    """How a prediction becomes a decision."""

    kind: str = Field(description="payoff: greatest expected payoff; value: the prediction itself")
    actions: list[str]


class TrainedFrom(BaseModel):
    """What the model was made of."""

    code_commit: str | None
    code_dirty: bool = Field(description="whether tracked files differed from that commit")
    data: dict[str, str] = Field(description="digest of each data file")
    charter: str | None = Field(description="digest of the charter")
    contract: str | None = Field(description="digest of the data contract")
    params: str | None = Field(description="digest of the settings")


class ModelInfo(BaseModel):
    """The model that serves."""

    name: str
    version: str | None
    digest: str
    run_id: str | None
    promoted_at: str | None
    task: str
    target: str
    classes: list[str]
    decision: DecisionInfo
    features: list[Feature]
    owner: str | None
    tier: str | None
    trained_from: TrainedFrom


class PredictEndpoint:
    """POST /predict as a plain ASGI app: read, decode, score, encode."""

    route = "/predict"

    def __init__(self, state: State, max_bytes: int) -> None:
        self.state = state
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            loaded = self.state.loaded()
            body = await _read_body(scope, receive, self.max_bytes)
            if body is None:  # the caller went away
                return
            answer = _predict(loaded, body, scope.get("state", {}).get("note", {}))
        except ProblemError as problem:
            await send_problem(scope, send, problem)
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(answer)).encode()),
                    (b"cache-control", b"no-store"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})


class PredictFirst:
    """Pure ASGI middleware: /predict does not pass through the router and what is around it."""

    def __init__(self, app: ASGIApp, endpoint: PredictEndpoint) -> None:
        self.app = app
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].removeprefix(scope.get("root_path", "")) == self.endpoint.route
        ):
            scope["endpoint"] = self.endpoint
            await self.endpoint(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def create_app(
    source: Project | Path | str,
    *,
    title: str | None = None,
    description: str | None = None,
    routers: Sequence[APIRouter] = (),
    lifespan: Lifespan | None = None,
    expected_digest: str | None = None,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
) -> FastAPI:
    """The prediction service of a project, or of a mounted bundle.

    Args:
        source: a project, whose champion is served; or a folder with champion.json; or the
            folder of a bundle.
        title: name shown in the documentation; the model's name when left out.
        description: text shown in the documentation (Markdown).
        routers: routes of your own.
        lifespan: what to do at start and stop, as in FastAPI.
        expected_digest: digest of the bundle that was approved, for a mounted bundle.
        max_rows: rows allowed in one request; more is answered 413.
        max_bytes: bytes allowed in a body; more is answered 413.

    Raises:
        StartRefused: the bundle is not sound, not the approved one, or a record is broken. Not
            caught, it ends the process with status 1 and one line. No champion yet is no reason:
            the app starts and answers 503.
    """
    where = source if isinstance(source, Project) else Path(source)
    state = load_state(where, expected_digest, max_rows)
    owner, tier, purpose = _records(where)
    name = where.name if isinstance(where, Project) else None
    if state.current is not None:
        name = state.current.bundle.manifest.name
    version = state.current.bundle.version if state.current is not None else None
    app = FastAPI(
        title=title or name or "modelkeel",
        description=description or purpose,
        version=version or "0",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.serving = state
    endpoint = PredictEndpoint(state, max_bytes)
    # The route is for what is not POST: 405 instead of 404.
    app.router.routes.append(Route(endpoint.route, endpoint, methods=["POST"], name="predict"))
    app.include_router(_routes(state, owner, tier))
    for router in routers:
        app.include_router(router)
    _add_docs(app)
    install_problem_handlers(app)
    app.add_middleware(PredictFirst, endpoint=endpoint)
    app.add_middleware(RequestLog)
    set_up_logging()

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description or None,
                routes=app.routes,
            )
            current = state.current
            app.openapi_schema = add_predict(
                document,
                signature=current.bundle.signature if current else None,
                actions=current.bundle.actions if current else [],
                model=current.reference if current else None,
                max_rows=max_rows,
                max_bytes=max_bytes,
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _predict(loaded: Loaded, body: bytes, note: dict[str, Any]) -> bytes:
    note["version"] = loaded.bundle.version
    rows = loaded.wire.decode(body)
    note["rows"] = rows.count
    try:
        answer, ids = loaded.answer(rows)
    except Exception as error:  # noqa: BLE001 a runtime's message may quote values of the row
        note["fault"] = type(error).__name__
        raise internal_error() from None
    note["prediction_id"] = ids[0]
    if rows.many:
        note["last_prediction_id"] = ids[-1]
    return answer


async def _read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body; None when the caller went away.

    Raises:
        ProblemError: 415 for another content type, 413 as soon as the body is too large, whether
            or not its length was declared.
    """
    length = 0
    content_type = encoding = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else 0
        elif name == b"content-encoding":
            encoding = value
    if content_type != b"application/json":
        _check_content_type(content_type)
    if encoding and encoding.lower() != b"identity":
        raise ProblemError(
            415,
            "unsupported-media-type",
            "Unsupported media type",
            "The body is compressed; send it as it is.",
            headers={"accept-encoding": "identity"},
        )
    if length > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    chunks = [body]
    size = len(body)
    while message.get("more_body") and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _check_content_type(value: bytes) -> None:
    media, *parameters = (part.strip().lower() for part in value.split(b";"))
    charsets = [p[8:].strip(b'"') for p in parameters if p.startswith(b"charset=")]
    if media == b"application/json" and all(c in (b"utf-8", b"utf8") for c in charsets):
        return
    if not value:
        detail = "The content type is missing; send application/json."
    elif media == b"application/json":
        detail = "The charset is not UTF-8; send JSON in UTF-8."
    else:
        detail = "The content type is not JSON; send application/json."
    raise ProblemError(
        415,
        "unsupported-media-type",
        "Unsupported media type",
        detail,
        headers={"accept": "application/json"},
    )


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413,
        "body-too-large",
        "Body too large",
        f"The body is longer than {limit} bytes; send fewer rows at a time.",
        headers={"connection": "close"},
    )


def _routes(state: State, owner: str | None, tier: str | None) -> APIRouter:
    router = APIRouter()

    @router.get("/live", tags=["operate"], summary="Does the process answer?")
    async def live() -> Live:
        return Live()

    @router.get("/ready", tags=["operate"], summary="Can it predict? 503 until it can")
    async def ready() -> Ready:
        return Ready(model=ModelReference.model_validate(state.loaded().reference))

    @router.get("/model", tags=["predict"], summary="Which model serves, and what it was made of")
    async def model() -> ModelInfo:
        return _model_info(state.loaded().bundle, owner, tier)

    return router


def _model_info(bundle: Bundle, owner: str | None, tier: str | None) -> ModelInfo:
    manifest = bundle.manifest
    return ModelInfo(
        name=manifest.name,
        version=bundle.version,
        digest=bundle.digest,
        run_id=bundle.run_id,
        promoted_at=bundle.record.promoted_at if bundle.record else None,
        task=bundle.signature.task,
        target=bundle.signature.target,
        classes=bundle.signature.classes,
        decision=DecisionInfo(kind=bundle.decision.kind, actions=bundle.actions),
        features=bundle.signature.features,
        owner=owner,
        tier=tier,
        trained_from=TrainedFrom(
            code_commit=manifest.code_commit,
            code_dirty=manifest.code_dirty,
            data=manifest.data,
            charter=manifest.charter,
            contract=manifest.contract,
            params=manifest.params,
        ),
    )


def _records(source: Project | Path) -> tuple[str | None, str | None, str]:
    """Accountable owner, tier and purpose; unknown for a mounted bundle."""
    if not isinstance(source, Project):
        return None, None, ""
    try:
        charter, system = source.charter, source.system
    except KeelError as error:
        raise StartRefused(str(error), remedy=error.remedy) from None
    return charter.owner.accountable, system.tier, charter.decision.statement


def _add_docs(app: FastAPI) -> None:
    """Swagger UI from an installed package: the page works without the internet."""
    assets = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/docs/assets", assets, name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title=app.title,
            swagger_js_url=f"{root}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{root}/docs/assets/favicon-32x32.png",
            swagger_ui_parameters={
                "tryItOutEnabled": True,
                "displayRequestDuration": True,
                "defaultModelsExpandDepth": 0,
                "validatorUrl": None,  # it would send the document to a server outside
            },
        )
