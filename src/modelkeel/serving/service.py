"""The parts of a server, put together from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.types import Scope

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.place import anchor_of, journal_url, master_key
from modelkeel.model.champion import read_champion
from modelkeel.model.decision import PayoffDecision
from modelkeel.model.manifest import MANIFEST
from modelkeel.project import Project
from modelkeel.serving.access import Access
from modelkeel.serving.baseline import Baseline
from modelkeel.serving.choice import FileLook, Look
from modelkeel.serving.follow import Follower
from modelkeel.serving.gauges import watch_service
from modelkeel.serving.judge import Judged
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.limits import Limits
from modelkeel.serving.loader import Fetch, Loader
from modelkeel.serving.metrics import Metrics, folder_of
from modelkeel.serving.pipeline import Pipeline
from modelkeel.serving.recorder import Recorder
from modelkeel.serving.row import RowLook
from modelkeel.serving.settings import Settings
from modelkeel.serving.state import Loaded, State

if TYPE_CHECKING:
    from modelkeel.journal.store import Journal
    from modelkeel.serving.tokens import Oidc


@dataclass
class Service:
    """What a server is made of.

    Attributes:
        state: the model that serves.
        models: folder with the promoted bundles, or of the one bundle.
        pipeline: judges and records.
        recorder: where predictions are recorded; None where nothing is.
        access: who calls, and what they may.
        limits: how much each caller may.
        metrics: what is counted.
        falls_back: whether the baseline policy is answered while the journal is away.
        follower: takes up another champion.
    """

    state: State
    models: Path
    pipeline: Pipeline
    recorder: Recorder | None
    access: Access
    limits: Limits
    metrics: Metrics
    falls_back: bool
    follower: Follower

    def baseline(self) -> Baseline | None:
        """What is answered while the journal is away; None refuses."""
        current = self.state.current
        if not self.falls_back or current is None:
            return None
        decision = current.bundle.decision
        policy = decision.baseline if isinstance(decision, PayoffDecision) else None
        return Baseline(policy) if policy is not None else None

    def charge(self, scope: Scope, rows: int) -> None:
        """Count the rows of a request against its caller's quota.

        Raises:
            ProblemError: 429, the caller may have no more today.
        """
        self.limits.take_rows(scope["state"]["caller"].id, rows)

    def start(self) -> None:
        """Open the journal and begin to follow the champion."""
        if self.recorder is not None:
            self.recorder.start()
        self.follower.start()

    async def stop(self) -> None:
        """Write what is queued, and end the threads."""
        await asyncio.to_thread(self.follower.stop)
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)


def build_service(
    source: Project | Path, settings: Settings, *, expected_digest: str | None, max_rows: int
) -> Service:
    """Put a server together, and load what it is to serve.

    Args:
        source: a project, a folder with champion.json, or the folder of a bundle.
        settings: how it is run.
        expected_digest: the only digest that may serve, if there is one.
        max_rows: rows allowed in one request.

    Raises:
        KeelError: it must not start: see `create_app`.
    """
    production = settings.mode.production
    state = State(None)
    models = source.models_dir if isinstance(source, Project) else source
    look, fetch, folders = _place(source, models, settings, expected_digest)
    follower = Follower(
        state,
        look,
        Loader(source, max_rows, settings.mode, folders, fetch, expected_digest),
        every=settings.follow_every,
        last_good=LastGood(settings.runtime / "models") if _remote(look, fetch) else None,
    )
    follower.begin()
    metrics = Metrics(folder_of(settings.runtime))
    access = Access(settings.keys, _oidc(settings), required=production)
    recorder = _recorder(source, production)
    watch_service(metrics, state, recorder)
    return Service(
        state=state,
        models=models,
        pipeline=Pipeline(
            recorder, settings.timeout, _counting(metrics), on_recorded=metrics.recorded
        ),
        recorder=recorder,
        access=access,
        limits=Limits(settings.runtime, settings.per_minute, settings.daily_rows),
        metrics=metrics,
        falls_back=_falls_back(source, settings),
        follower=follower,
    )


def _oidc(settings: Settings) -> Oidc | None:
    if settings.issuer is None:
        return None
    from modelkeel.serving.tokens import Oidc

    issuer = settings.issuer
    return Oidc(issuer.url, issuer.audience, issuer.roles_claim, issuer.keys_url)


def _place(
    source: Project | Path, models: Path, settings: Settings, expected_digest: str | None
) -> tuple[Look, Fetch | None, tuple[Path, ...]]:
    """Who says what is to serve, who brings its bundle, and where bundles are."""
    if settings.registry is not None:
        if not isinstance(source, Project):
            raise BadInput(
                "MODELKEEL_REGISTRY is set, and a mounted folder has no name in a registry",
                remedy="serve a project, or unset it",
            )
        from modelkeel.serving.remote import Registry

        cache = settings.runtime / "models"
        registry = Registry(settings.registry, source.name, cache)
        return _decided(registry.look, source, models), registry.fetch, (models, cache)
    bundle = (models / MANIFEST).is_file()
    known = isinstance(source, Project) or bundle or read_champion(models) is not None
    if not known and (expected_digest is not None or not models.is_dir()):
        raise Refused(
            f"{models} holds no bundle: neither {MANIFEST} nor champion.json is there",
            remedy="mount the folder of a bundle, or of promoted models",
        )
    return _decided(FileLook(models), source, models), None, (models,)


def _remote(look: Look, fetch: Fetch | None) -> bool:
    """Whether who decides, or who brings the bundle, may be away at the next start.

    What is on this machine is not: if it does not verify, somebody has to look at it.
    """
    if fetch is not None:
        return True
    return isinstance(look, RowLook) and not look.url.startswith("sqlite")


def _decided(look: Look, source: Project | Path, models: Path) -> Look:
    """The journal's row decides where there is one."""
    if isinstance(source, Project):
        url, name = journal_url(source.root), source.name
    else:
        record = None if (models / MANIFEST).is_file() else read_champion(models)
        url, name = journal_url(None), record.name if record else ""
    return RowLook(url, name, look) if url and name else look


def _recorder(source: Project | Path, production: bool) -> Recorder | None:
    root = source.root if isinstance(source, Project) else None
    url = journal_url(root)
    if url is None:
        if production:
            raise Refused(
                "there is no journal, so that predictions would not be recorded",
                remedy="set MODELKEEL_JOURNAL, as sqlite:///PATH or postgresql://USER@HOST/DATABASE",
            )
        return None
    # What a mounted bundle sees may describe people.
    personal = not isinstance(source, Project) or source.system.use.personal_data != "none"
    master = master_key(root, production=production, personal=personal)
    anchor = anchor_of(root)
    if master is not None:
        from modelkeel.journal.store import see_key

        see_key(url, master)

    def open_journal() -> Journal:
        from modelkeel.journal.store import Journal  # not at the top: it loads a good deal

        return Journal.open(url, master=master, anchor=anchor)

    return Recorder(open_journal)


def _falls_back(source: Project | Path, settings: Settings) -> bool:
    if settings.on_journal_failure is not None:
        return settings.on_journal_failure == "baseline"
    return isinstance(source, Project) and source.system.tier != "high"


def _counting(metrics: Metrics) -> Callable[[Loaded, list[Judged]], None]:
    def count(loaded: Loaded, judged: list[Judged]) -> None:
        metrics.predicted(
            loaded.bundle.version,
            [each.decision for each in judged],
            unusual=sum(each.unusual for each in judged),
            scores=[each.score for each in judged],
            probability=bool(loaded.bundle.signature.classes),
        )

    return count
