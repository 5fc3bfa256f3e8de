"""Whether the server is alive and ready, which model serves, and its counters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from modelkeel.model.signature import Feature
from modelkeel.serving.callers import Caller
from modelkeel.serving.drain import PROCESS
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.service import Service


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class ModelReference(BaseModel):
    """Which model serves."""

    name: str
    version: str | None
    digest: str


class Ready(BaseModel):
    """The model is loaded and verified, and predictions can be recorded."""

    status: Literal["ready"] = "ready"
    model: ModelReference
    trial: bool = Field(description="whether the model is only tried out, and no release")
    journal: Literal["recording", "off", "away"] = Field(
        description="whether predictions are recorded; away: the baseline policy is answered"
    )


class DecisionInfo(BaseModel):
    """How a prediction becomes a decision."""

    kind: str = Field(description="payoff: greatest expected payoff; value: the prediction itself")
    actions: list[str]


class TrainedFrom(BaseModel):
    """What the model was made of."""

    code_commit: str | None
    code_dirty: bool = Field(description="whether tracked files differed from that commit")
    data: dict[str, str] = Field(description="digest of each data file")
    charter: str | None = Field(description="digest of the charter")
    contract: str | None = Field(description="digest of the data contract")
    params: str | None = Field(description="digest of the settings")


class ModelInfo(BaseModel):
    """The model that serves."""

    name: str
    version: str | None
    digest: str
    run_id: str | None
    promoted_at: str | None
    task: str
    target: str
    classes: list[str]
    decision: DecisionInfo
    features: list[Feature]
    owner: str | None
    tier: str | None
    trained_from: TrainedFrom
    since: datetime = Field(description="when it began to serve here")
    generation: int | None = Field(
        description="of the journal's row by which it serves; null where no row decides"
    )
    not_taken_up: str | None = Field(
        description="why a newer champion does not serve, if there is one; for operate and audit"
    )


@dataclass(frozen=True)
class About:
    """What the records of a project say of it; None for a mounted bundle."""

    owner: str | None = None
    tier: str | None = None
    purpose: str = ""


def routes(service: Service, about: About) -> APIRouter:
    """The routes of whoever runs the server.

    Args:
        service: what serves.
        about: the project.
    """
    router = APIRouter()
    state, recorder = service.state, service.recorder

    @router.get("/live", tags=["operate"], summary="Does the process answer?")
    async def live() -> Live:
        return Live()

    @router.get("/ready", tags=["operate"], summary="Can it predict? 503 until it can")
    async def ready() -> Ready:
        loaded = state.loaded()
        PROCESS.check()
        away = recorder is not None and recorder.problem is not None
        if away and service.baseline() is None:
            raise _unready(
                "journal-unavailable",
                "The journal is unavailable, so predictions are refused (fail closed); the log "
                "says why.",
            )
        return Ready(
            model=ModelReference.model_validate(loaded.reference),
            trial=loaded.trial,
            journal="off" if recorder is None else "away" if away else "recording",
        )

    @router.get("/model", tags=["predict"], summary="Which model serves, and what it was made of")
    async def model(request: Request) -> ModelInfo:
        caller: Caller = request.scope["state"]["caller"]
        return _model_info(service, about, caller)

    return router


def _unready(kind: str, detail: str) -> ProblemError:
    return ProblemError(503, kind, "Not ready", detail, headers={"retry-after": "5"})


def _model_info(service: Service, about: About, caller: Caller) -> ModelInfo:
    state = service.state
    bundle = state.loaded().bundle
    manifest = bundle.manifest
    told = caller.roles & {"operate", "audit"}  # it names paths and hosts
    return ModelInfo(
        name=manifest.name,
        version=bundle.version,
        digest=bundle.digest,
        run_id=bundle.run_id,
        promoted_at=bundle.record.promoted_at if bundle.record else None,
        task=bundle.signature.task,
        target=bundle.signature.target,
        classes=bundle.signature.classes,
        decision=DecisionInfo(kind=bundle.decision.kind, actions=bundle.actions),
        features=bundle.signature.features,
        owner=about.owner,
        tier=about.tier,
        since=state.since,
        generation=service.follower.generation,
        not_taken_up=state.problem if told else None,
        trained_from=TrainedFrom(
            code_commit=manifest.code_commit,
            code_dirty=manifest.code_dirty,
            data=manifest.data,
            charter=manifest.charter,
            contract=manifest.contract,
            params=manifest.params,
        ),
    )
