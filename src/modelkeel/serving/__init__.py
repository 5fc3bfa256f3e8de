"""Serving: the app factory.

`create_app` is imported on first use, so that a light command may import the package for free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelkeel.serving.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from modelkeel.serving.app import create_app

        return create_app
    raise AttributeError(name)
