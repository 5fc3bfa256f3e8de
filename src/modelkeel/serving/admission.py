"""Whether a bundle may be served: what the gates decided of it, and who signed that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import Refused
from modelkeel.journal.place import in_production
from modelkeel.model.bundle import Bundle
from modelkeel.model.summary import Summary, check_summary, trusted_key
from modelkeel.project import Project
from modelkeel.records.system import Tier


@dataclass(frozen=True)
class Mode:
    """What a server is for.

    Attributes:
        production: whether its decisions count; otherwise a trial is served too.
        public: the key that the bundle and its summary are verified with.
    """

    production: bool = False
    public: Path | None = None


def mode_of(source: Project | Path, public: Path | None = None) -> Mode:
    """The mode by MODELKEEL_MODE, and the key given, of MODELKEEL_PUBLIC_KEY or of the project.

    Raises:
        BadInput: MODELKEEL_MODE is neither development nor production.
    """
    project = source if isinstance(source, Project) else None
    return Mode(in_production(), public or trusted_key(project))


def admit(bundle: Bundle, mode: Mode, tier: Tier | None) -> Summary | None:
    """Check what the gates decided of a bundle; its summary, if it has one.

    Args:
        bundle: the bundle, verified and loaded.
        mode: what the server is for.
        tier: the risk tier of the project, if known.

    Raises:
        BadInput: the public key cannot be used.
        Refused: the bundle must not be served.
    """
    if bundle.record is not None:
        return check_summary(
            bundle.record, bundle.path, mode.public, production=mode.production, tier=tier
        )
    if mode.production:
        raise Refused(
            f"{bundle.path} is a bundle without champion.json, expected a promoted one in "
            "production",
            remedy="mount the models folder that `keel model promote` wrote",
        )
    return None
