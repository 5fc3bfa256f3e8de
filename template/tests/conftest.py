"""What the tests share: the project, and the bundle that `uv run dvc repro` built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.project import Project, load_project
from modelkeel.serving.app import create_app
from starlette.testclient import TestClient


@pytest.fixture(scope="session")
def project() -> Project:
    return load_project()


@pytest.fixture(scope="session")
def bundle(project: Project) -> Bundle:
    return load_bundle(project.bundle_dir)


@pytest.fixture(scope="session")
def client(bundle: Bundle) -> Iterator[TestClient]:
    """The API over the newest bundle, promoted or not."""
    with TestClient(create_app(bundle.path)) as client:
        yield client


@pytest.fixture
def row(bundle: Bundle) -> dict[str, object]:
    """One row that the model takes."""
    return {feature.name: feature.example for feature in bundle.signature.features}
