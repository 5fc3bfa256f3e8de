"""Which roles a request needs, by its method and path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import Scope

from modelkeel.serving.keys import ROLES

ANY = frozenset(ROLES)
"""Any caller that is known and has a role."""
EVERYBODY: frozenset[str] = frozenset()
"""Also who says nothing of themselves."""
_DEFAULT = frozenset({"predict"})
_REMEMBERED = 1024


@dataclass(frozen=True)
class Rule:
    """What a path needs.

    Attributes:
        path: such as /decisions.
        roles: of which one suffices; none for everybody.
        method: that it is about; "" for all. GET is also about HEAD.
        below: whether it is also about all paths below.
    """

    path: str
    roles: frozenset[str]
    method: str = ""
    below: bool = True

    def fits(self, method: str, path: str) -> bool:
        """Whether it is about a request."""
        if self.method and self.method != method:
            return False
        return path == self.path or (self.below and path.startswith(f"{self.path}/"))


_ALWAYS = (
    Rule("/predict", frozenset({"predict"})),
    Rule("/live", EVERYBODY, "GET", below=False),
    Rule("/ready", EVERYBODY, "GET", below=False),
    Rule("/model", ANY, "GET"),
    Rule("/metrics", frozenset({"operate"})),
    # Whose own prediction it is, the route itself looks.
    Rule("/decisions", frozenset({"audit", "review", "predict"})),
    Rule("/reviews", frozenset({"review"})),
    Rule("/journal", frozenset({"audit"})),
    Rule("/audit", frozenset({"audit"})),
)


class Rules:
    """Rules in their order, the first that fits decides; what none fits needs `predict`.

    Args:
        own: rules that come before the usual ones.
        open_docs: whether everybody may read the documentation.
    """

    def __init__(self, own: Iterable[Rule] = (), *, open_docs: bool = False) -> None:
        docs = EVERYBODY if open_docs else ANY
        self._rules = (*own, *_ALWAYS, Rule("/docs", docs), Rule("/openapi.json", docs))
        self._found: dict[tuple[str, str, str], frozenset[str]] = {}

    def needed(self, scope: Scope) -> frozenset[str]:
        """The roles of which a request needs one; none for everybody."""
        asked = scope.get("method", "GET"), scope["path"], scope.get("root_path", "")
        found = self._found.get(asked)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[asked] = self._decide(asked[0], route_path(scope))
        return found

    def _decide(self, method: str, path: str) -> frozenset[str]:
        method = "GET" if method == "HEAD" else method
        return next((rule.roles for rule in self._rules if rule.fits(method, path)), _DEFAULT)


def route_path(scope: Scope) -> str:
    """The path that the router sees: without what a proxy puts before it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
