"""Fixtures of the documents' tests; `rendered_projects` is imported by them by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from rendered_projects import complete, credit, make, minimal

__all__ = ["complete", "credit", "make", "minimal"]
