"""Schemathesis sends what the document allows and what it does not: no 5xx, no surprise."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from starlette.testclient import TestClient

from modelkeel.model.bundle import Bundle
from modelkeel.serving import create_app

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("which", ["credit", "demand"])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_sent(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    api_key: str,
    which: str,
    mode: GenerationMode,
) -> None:
    monkeypatch.setenv("MODELKEEL_JOURNAL", f"sqlite:///{tmp_path / 'journal.db'}")
    monkeypatch.setenv("MODELKEEL_RATE_PER_MINUTE", "0")
    bundle: Bundle = request.getfixturevalue(which)
    app = create_app(bundle.path)
    found: Counter[str] = Counter()
    with TestClient(app):
        document = schemathesis.openapi.from_asgi("/openapi.json", app)
        for result in document.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=150,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                response = case.call(headers={"x-api-key": api_key})
                found[f"{case.operation.label} {response.status_code}"] += 1
                excluded = []
                if "subject" in response.text:  # one a row: beyond JSON Schema
                    excluded.append(positive_data_acceptance)
                if response.status_code == 413:  # refused as well
                    excluded.append(negative_data_rejection)
                case.validate_response(
                    response, headers={"x-api-key": api_key}, excluded_checks=excluded
                )

            with suppress(Unsatisfiable):  # nothing can be wrong with GET /live
                send()
    print(dict(found))
    assert not any(" 5" in each for each in found)
    assert sum(found.values()) > 300
