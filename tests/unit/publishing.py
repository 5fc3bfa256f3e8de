"""A champion without a project or gates, by the steps of a promotion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelkeel.model.bundle import load_bundle
from modelkeel.model.champion import (
    Champion,
    clear_out,
    folder_of,
    place_bundle,
    point_at,
    previous_of,
    read_champion,
)


def publish_bundle(src: Path, models: Path, record: Mapping[str, Any]) -> Champion:
    """Make the bundle in `src` the champion; `record` has its name, and other keys it may have."""
    bundle, before = load_bundle(src), read_champion(models)
    champion = Champion.model_validate(
        {
            "version": bundle.manifest.version,
            "run_id": bundle.manifest.run_id,
            "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "previous": previous_of(before, bundle.digest),
            "digest": bundle.digest,
            "folder": folder_of(bundle.digest),
            **record,
        }
    )
    place_bundle(bundle, models)
    point_at(models, champion)
    clear_out(models, [each.digest for each in (before, champion) if each])
    return champion
