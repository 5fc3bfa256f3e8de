"""Lets a request pass once it is known who sent it, that they may, and that it is not too much."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from modelkeel.serving.access import Access
from modelkeel.serving.callers import Caller, Unauthorized, forbidden
from modelkeel.serving.limits import Limits
from modelkeel.serving.problems import ProblemError, send_problem
from modelkeel.serving.rules import Rules


class Guard:
    """Pure ASGI middleware, before anything reads a body.

    Who called is `scope["state"]["caller"]`, and their id `scope["state"]["caller_id"]`. On paths
    that are for everybody they are there too, if the request says who sent it.

    Args:
        app: what it guards.
        access: tells callers apart.
        limits: how much each may send.
        rules: which roles a request needs; the usual ones when left out.
    """

    def __init__(
        self, app: ASGIApp, access: Access, limits: Limits, rules: Rules | None = None
    ) -> None:
        self.app = app
        self.access = access
        self.limits = limits
        self.rules = rules or Rules(open_docs=not access.required)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            roles = self.rules.needed(scope)
            if not roles:
                caller = self._perhaps(scope)
            else:
                headers = scope["headers"]
                caller = self.access.known(headers) or await self.access.identify(headers)
                if roles.isdisjoint(caller.roles):
                    raise forbidden(roles)
                self.limits.take(caller.id)
            if caller is not None:
                state["caller"] = caller
                state["caller_id"] = caller.id
        except ProblemError as problem:
            if isinstance(problem, Unauthorized) and "note" in state:
                state["note"]["refused"] = problem.reason
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await send_problem(scope, send, problem)
            return
        await self.app(scope, receive, send)

    def _perhaps(self, scope: Scope) -> Caller | None:
        try:
            return self.access.known(scope["headers"])
        except Unauthorized:
            return None
