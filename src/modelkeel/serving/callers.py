"""Who calls, and how it is refused to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelkeel.serving.keys import ROLES
from modelkeel.serving.problems import ProblemError

_REALM = 'Bearer realm="modelkeel"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        id: of a key, or `oidc:` and a digest; never an e-mail address.
        roles: what it may do.
    """

    id: str
    roles: frozenset[str]

    def may_read(self, owner: str) -> bool:
        """Whether it may read what was recorded of a request by the caller `owner`."""
        return bool(self.roles & {"audit", "review"}) or self.id == owner


DEVELOPMENT = Caller("development", frozenset(ROLES))
"""Everybody, where nothing says who may call."""


class Unauthorized(ProblemError):
    """A request from nobody knows whom.

    The answer is the same for a key that is malformed, unknown, expired or revoked.

    Args:
        reason: what is wrong, for the log only: words of ours, nothing that was sent.
    """

    def __init__(self, reason: str) -> None:
        sent = reason != NOTHING_SENT
        detail = "The key or token is not valid." if sent else "This needs a key or a token."
        super().__init__(
            401,
            "unauthorized",
            "Unauthorized",
            f"{detail} Send it as `Authorization: Bearer …` or, a key, as `X-API-Key: …`.",
            headers={
                "www-authenticate": _REALM + (', error="invalid_token"' if sent else ""),
                "connection": "close",  # what may follow of the body is not read
            },
        )
        self.reason = reason


NOTHING_SENT = "nothing sent"


def forbidden(roles: Iterable[str]) -> ProblemError:
    """The answer to a caller who has none of the roles that suffice."""
    names = sorted(roles)
    return ProblemError(
        403,
        "forbidden",
        "Forbidden",
        f"This needs the role {' or '.join(names)}, which the caller does not have.",
        headers={
            "www-authenticate": f'{_REALM}, error="insufficient_scope", scope="{" ".join(names)}"'
        },
    )
