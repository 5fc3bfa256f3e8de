"""What a model says of rows: prediction, decision, reasons, what is unusual; encoded once.

The same bytes go into the answer and into the journal, so that the two cannot differ.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from modelkeel.model.bundle import Bundle
from modelkeel.model.unusual import Unusual
from modelkeel.serving.careful import columns_of
from modelkeel.serving.wire import Wire

DIGITS = 7
"""Decimal places of a recorded contribution: what lies beyond is rounding of the model's own."""
_NO_REASONS: tuple[tuple[str, ...], list[float]] = (), []
_CACHED = 4096
"""Combinations of reason codes that are kept encoded."""


class Judged(msgspec.Struct, gc=False):
    """One row judged; `answer` and `record` are members of a JSON object, without its braces.

    Attributes:
        answer: for the caller, reasons with their texts.
        record: for the journal, reasons as codes.
        payload: inputs as the model saw them; where reasons are told, what each contributed.
        decision: the action, if the model decides between some.
        score: probability of the last class, or the value.
        unusual: whether a value is flagged.
    """

    answer: bytes
    record: bytes
    payload: bytes
    decision: str | None
    score: float
    unusual: bool


class Judge:
    """Scores, decides and explains with one bundle."""

    def __init__(self, bundle: Bundle, wire: Wire) -> None:
        self.bundle = bundle
        self.wire = wire
        self._classes = bundle.signature.classes
        self._unusual = Unusual.of(bundle.profile(), bundle.signature)
        self._encode = msgspec.json.Encoder().encode
        # Structs are made and encoded faster than dicts.
        self._inputs = _struct(bundle.signature.feature_names)
        self._probabilities = _struct(self._classes)
        self._reasons: dict[tuple[str, ...], tuple[bytes, bytes]] = {}

    def judge(self, rows: list[list[Any]]) -> list[Judged]:
        """Judge rows.

        Args:
            rows: the values of each, in the order of the signature.

        Raises:
            ArithmeticError: the model gave no finite score.
        """
        bundle, encode = self.bundle, self._encode
        columns = columns_of(rows)
        scores = bundle.scorer.run(self.wire.inputs(columns))
        if not math.isfinite(scores.sum()):
            raise ArithmeticError
        values = scores.tolist()
        actions = bundle.decide(scores)
        classes = self._classes
        predicted = [classes[at] for at in scores.argmax(axis=1).tolist()] if classes else values
        reasons = self._reasons_of(columns, actions)
        flags = self._unusual.flags(columns)
        judged = []
        for at, row in enumerate(rows):
            said: dict[str, Any] = {"prediction": predicted[at]}
            if classes:
                said["probabilities"] = self._probabilities(*values[at])
            if actions is not None:
                said["decision"] = actions[at]
            answer = record = encode(said)[1:-1]
            payload = b'{"inputs":' + encode(self._inputs(*row))
            if reasons is not None:
                codes, shares = reasons.get(at, _NO_REASONS)
                told, kept = self._encoded(codes)
                answer, record = answer + told, record + kept
                if shares:  # in the order of the inputs
                    payload += b',"contributions":' + encode(shares)
            if flags[at]:
                unusual = b',"unusual":' + encode(flags[at])
                answer, record = answer + unusual, record + unusual
            judged.append(
                Judged(
                    answer,
                    record,
                    payload + b"}",
                    actions[at] if actions is not None else None,
                    values[at][-1] if classes else values[at],
                    bool(flags[at]),
                )
            )
        return judged

    def _reasons_of(
        self, columns: list[list[Any]], actions: list[str] | None
    ) -> dict[int, tuple[tuple[str, ...], list[float]]] | None:
        """Codes and contributions of the rows that are told reasons; None where no row ever is.

        Of the others nobody asks at once, and an explanation makes them from the inputs.
        """
        explainer, coder = self.bundle.explainer, self.bundle.reason_codes
        if explainer is None or coder is None:
            return None
        count = len(columns[0])
        due = coder.due(actions, count)
        if not due:
            return {}
        if len(due) < count:
            columns = [[column[at] for at in due] for column in columns]
        shares = explainer.contributions(columns)
        kept = shares.round(DIGITS).tolist()
        return dict(zip(due, zip(coder.of(shares, None), kept, strict=True), strict=True))

    def _encoded(self, codes: tuple[str, ...]) -> tuple[bytes, bytes]:
        """The member `reasons` as the caller gets it, and as the journal keeps it."""
        found = self._reasons.get(codes)
        if found is None:
            coder = self.bundle.reason_codes
            texts = [{"code": code, "text": coder.text_of(code)} for code in codes] if coder else []
            found = b',"reasons":' + self._encode(texts), b',"reasons":' + self._encode(codes)
            if len(self._reasons) < _CACHED:
                self._reasons[codes] = found
        return found


def _struct(names: list[str]) -> type[msgspec.Struct]:
    """A struct with a member for each name, whatever characters it has."""
    members = {f"m{at}": name for at, name in enumerate(names)}
    return msgspec.defstruct("Members", [(each, Any) for each in members], rename=members, gc=False)
