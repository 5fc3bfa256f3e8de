"""Fixtures of the gates' tests; `cases` is imported by them by name."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from cases import case
from lawful import signed, whole

from modelkeel.model.keys import make_key, public_key_path
from modelkeel.project import Project

__all__ = ["case", "signed", "whole"]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without anything in it; to make one takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def ready(project: Project, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a registry of its own, for `promoting`."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy2(empty_store, project.root / "mlflow.db")
    return project


@pytest.fixture
def key(ready: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key, whose public one is committed."""
    path = tmp_path_factory.mktemp("keys") / "model.key"
    make_key(path, public_key_path(ready))
    return path
