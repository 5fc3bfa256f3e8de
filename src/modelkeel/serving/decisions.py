"""What was decided, and why: the routes for whoever has to explain or check a decision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelkeel.errors import KeelError
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import folder_of
from modelkeel.model.explain.counterfactual import Counterfactual
from modelkeel.model.explain.counterfactual import counterfactual as smallest_change
from modelkeel.serving.callers import Caller
from modelkeel.serving.eventlog import log_event
from modelkeel.serving.judge import DIGITS
from modelkeel.serving.problems import ProblemError
from modelkeel.serving.service import Service

if TYPE_CHECKING:
    from modelkeel.journal.reader import Record
    from modelkeel.journal.store import Journal


class Decision(BaseModel):
    """What was recorded of a prediction."""

    prediction_id: str
    at: datetime = Field(description="when it was predicted, by the server's clock")
    said: dict[str, Any] = Field(description="model, prediction, decision, reasons, caller, …")
    inputs: dict[str, Any] | None = Field(
        description="what the model saw; null where it was erased, its time is over, or `sealed`"
    )
    sealed: bool = Field(description="whether the inputs are there and this server has no key")
    about: list[dict[str, Any]] = Field(description="outcomes, reviews and others that came later")
    hash: str = Field(description="of its record in the chain (SHA-256)")


class Contribution(BaseModel):
    """What a feature contributed."""

    feature: str
    value: bool | int | float | str | None
    contribution: float


class ReasonText(BaseModel):
    """A reason, as people are told it."""

    code: str
    text: str
    actionable: bool


class Change(BaseModel):
    """A feature that would have to be another."""

    feature: str
    value: bool | int | float | str | None
    instead: bool | int | float | str | None


class Otherwise(BaseModel):
    """The smallest change of what a person can change that turns the decision, as far as found."""

    decision: str | None = Field(description="the decision after it; null if none was found")
    changes: list[Change]
    said: str = Field(description="the same in words, also why there is none")


class Explanation(BaseModel):
    """Why a prediction is what it is."""

    prediction_id: str
    model: dict[str, Any]
    prediction: str | float
    decision: str | None
    scale: str = Field(description="in which contributions are measured")
    reference: str = Field(description="against what they are measured")
    base: float = Field(description="the prediction of the reference, in that scale")
    contributions: list[Contribution] = Field(description="the strongest first")
    errors: list[float] | None = Field(
        default=None, description="standard error of each contribution, where it was sampled"
    )
    reasons: list[ReasonText]
    counterfactual: Otherwise | None = None


def decision_routes(service: Service) -> APIRouter:
    """The routes below /decisions."""
    router = APIRouter(prefix="/decisions", tags=["decisions"])

    @router.get("/{prediction_id}", summary="What was recorded of a prediction")
    def decision(prediction_id: UUID, request: Request) -> Decision:
        with _reading():
            journal, record = _find(service, prediction_id, request)
            seen = _seen(journal, record)
            about = journal.reader().about(record.id)
        return Decision(
            prediction_id=record.id,
            at=datetime.fromtimestamp(record.at / 1e6, UTC),
            said=record.said,
            inputs=seen["inputs"] if seen else None,
            sealed=_sealed(journal, record),
            about=[
                {"id": each.id, "kind": each.kind, "at": each.at, **each.said} for each in about
            ],
            hash=record.hash.hex(),
        )

    @router.get(
        "/{prediction_id}/explanation",
        summary="What each feature contributed, and what would have turned the decision",
        response_model=Explanation,
        responses={
            202: {"description": "It is computed by another process; ask again."},
            404: {"description": "No such prediction of this caller."},
            410: {"description": "Its inputs were erased, their time is over, or they are sealed."},
        },
    )
    def explanation(
        prediction_id: UUID, request: Request, counterfactual: bool = False
    ) -> Explanation | Response:
        with _reading():
            journal, record = _find(service, prediction_id, request)
            seen = _seen(journal, record)
        if seen is None:
            raise _unreadable(journal, record)
        bundle = _bundle(service, record)
        shares = _exact(bundle, seen)
        if shares is None:
            with _reading():
                sampled = _sampled(journal, record)
            if sampled is None:
                return JSONResponse(
                    {"prediction_id": record.id, "status": "pending"},
                    status_code=202,
                    headers={"retry-after": "60"},
                )
            seen |= sampled
        else:
            seen["contributions"] = shares
        return _explain(bundle, record, seen, counterfactual=counterfactual)

    return router


def _exact(bundle: Bundle, seen: dict[str, Any]) -> dict[str, float] | None:
    """What each feature contributed, as recorded or from the inputs; None without an explainer."""
    if bundle.explainer is None:
        return None
    shares = seen.get("contributions")
    if shares is None:
        columns = [[seen["inputs"][name]] for name in bundle.signature.feature_names]
        shares = bundle.explainer.contributions(columns)[0].round(DIGITS).tolist()
    return dict(zip(bundle.signature.feature_names, shares, strict=True))


def _explain(
    bundle: Bundle, record: Record, seen: dict[str, Any], *, counterfactual: bool
) -> Explanation:
    said = record.said
    shares: dict[str, float] = seen["contributions"]
    order = sorted(shares, key=lambda name: -abs(shares[name]))
    errors = seen.get("errors")
    explainer, coder = bundle.explainer, bundle.reason_codes
    actionable = coder.actionable if coder else frozenset()
    found = _otherwise(smallest_change(bundle, seen["inputs"])) if counterfactual else None
    return Explanation(
        prediction_id=record.id,
        model={"name": said["model"], "version": said["version"], "digest": said["digest"]},
        prediction=said["prediction"],
        decision=said.get("decision"),
        scale=explainer.scale if explainer else seen["scale"],
        reference=coder.reference if coder else "the rows that the model was trained on",
        base=explainer.base if explainer else seen["base"],
        contributions=[
            Contribution(feature=name, value=seen["inputs"][name], contribution=shares[name])
            for name in order
        ],
        errors=[errors[name] for name in order] if errors else None,
        reasons=[
            ReasonText(
                code=code,
                text=coder.text_of(code) if coder else "",
                actionable=code in actionable,
            )
            for code in said.get("reasons", [])
        ],
        counterfactual=found,
    )


def _otherwise(found: Counterfactual) -> Otherwise:
    return Otherwise(
        decision=found.decision,
        changes=[
            Change(feature=each.feature, value=each.before, instead=each.after)
            for each in found.changes
        ],
        said=found.said,
    )


def _find(service: Service, prediction_id: UUID, request: Request) -> tuple[Journal, Record]:
    """A prediction that the caller may see.

    Raises:
        ProblemError: 404, there is none; 503, the journal is away.
    """
    if service.recorder is None:
        raise ProblemError(
            404, "no-such-decision", "No such decision", "This server records nothing."
        )
    journal = service.recorder.journal
    if journal is None:
        raise _unavailable()
    record = journal.reader().get(str(prediction_id))
    caller: Caller = request.scope["state"]["caller"]
    if (
        record is None
        or record.kind != "prediction"
        or not caller.may_read(str(record.said.get("caller")))
    ):
        raise ProblemError(
            404, "no-such-decision", "No such decision", "There is no such prediction of yours."
        )
    return journal, record


@contextmanager
def _reading() -> Iterator[None]:
    """Reads the journal.

    Raises:
        ProblemError: 503, its database does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError  # not at the top: it loads a good deal

    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        log_event("journal not read", level=logging.ERROR, fault=type(error).__name__)
        raise _unavailable() from None


def _unavailable() -> ProblemError:
    return ProblemError(
        503,
        "journal-unavailable",
        "The journal is unavailable",
        "This server cannot read what was recorded; try again later.",
        headers={"retry-after": "5"},
    )


def _unreadable(journal: Journal, record: Record) -> ProblemError:
    """410, with why what the model saw cannot be read."""
    decision = f"the decision itself is at /decisions/{record.id}."
    if _sealed(journal, record):
        return ProblemError(
            410,
            "sealed",
            "The inputs are sealed",
            "What the model saw is sealed and this server has no key to it (MODELKEEL_JOURNAL_KEY);"
            f" {decision}",
        )
    return ProblemError(
        410,
        "erased",
        "The inputs are gone",
        f"What the model saw was erased, or its time is over; {decision}",
    )


def _sealed(journal: Journal, record: Record) -> bool:
    """Whether there is a payload that only another server has the key to."""
    from modelkeel.journal.sealed import is_sealed

    payload = record.payload
    return journal.keystore is None and payload is not None and is_sealed(payload)


def _seen(journal: Journal, record: Record) -> dict[str, Any] | None:
    """What the model saw; None where it is gone or sealed."""
    from modelkeel.journal.export import payloads_of

    return payloads_of(journal, [record])[0]


def _sampled(journal: Journal, record: Record) -> dict[str, Any] | None:
    """The explanation that another process has made, if it has."""
    for each in journal.reader().about(record.id):
        if each.kind == "explanation":
            return _seen(journal, each)
    return None


def _bundle(service: Service, record: Record) -> Bundle:
    """The bundle that predicted, from memory or from where it was promoted to.

    Raises:
        ProblemError: 409, it is not here any more.
    """
    digest = str(record.said["digest"])
    for loaded in (service.state.current, service.state.previous):
        if loaded is not None and loaded.bundle.digest == digest:
            return loaded.bundle
    try:
        return load_bundle(service.models / folder_of(digest), digest)
    except KeelError:
        raise ProblemError(
            409,
            "model-gone",
            "The model is not here any more",
            f"The model that predicted, {digest[:12]}, is not on this server any more. What was "
            f"recorded is at /decisions/{record.id}; `keel journal replay` takes a folder.",
        ) from None
