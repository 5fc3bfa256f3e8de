"""Headers that tell browsers to be careful, and which sites may call."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelkeel.serving.rules import route_path

_DATA = [(b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY")]
_PAGE = [
    *_DATA,
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_POLICY = b"content-security-policy"
# What loads nothing, and stands in no frame; a page that needs more says so itself.
_NOTHING = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
# Swagger UI has a script and styles in its page; all it loads comes from here.
_DOCS_POLICY = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'"
)
_DOCS = (_POLICY, _DOCS_POLICY)
_HTTPS = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Pure ASGI middleware. Adds the headers; a policy that the answer has of its own stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = headers = list(message.get("headers", ()))
                page = own = False
                for name, value in headers:
                    if name == _POLICY:
                        own = True
                    elif name == b"content-type":
                        page = value.startswith(b"text/html")
                headers += _PAGE if page else _DATA
                if not own:
                    headers.append(_DOCS if page and _is_docs(scope) else _NOTHING)
                if scope.get("scheme") == "https":
                    headers.append(_HTTPS)
            await send(message)

        await self.app(scope, receive, sending)


def _is_docs(scope: Scope) -> bool:
    return route_path(scope).startswith("/docs")
