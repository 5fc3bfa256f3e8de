"""Serve: the promoted model behind an HTTP API. Start it with `uv run uvicorn`, see README.md."""

from __future__ import annotations

from modelkeel.project import load_project
from modelkeel.serving.app import create_app

app = create_app(load_project())
