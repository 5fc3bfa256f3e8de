"""`small` is imported by the tests of explanations by name."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from small import Fit, Small, made


@pytest.fixture(scope="session")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Fits a model of `MODELS`, once for each background."""

    @cache
    def fitted(name: str, background: int = 300) -> Small:
        return made(name, tmp_path_factory.mktemp("small"), background)

    return fitted
