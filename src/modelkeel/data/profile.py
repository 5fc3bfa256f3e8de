"""What the training data looks like: see `modelkeel.data.quality.profiles`."""

from __future__ import annotations

from modelkeel.data.quality.profiles import BINS, profile

__all__ = ["BINS", "profile"]
