"""The record of a promotion, and its form as a SLSA Verification Summary Attestation v1."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

import modelkeel
from modelkeel.errors import Refused
from modelkeel.model.envelope import STATEMENT
from modelkeel.model.files import first_problem
from modelkeel.records.system import Tier

VSA = "https://slsa.dev/verification_summary/v1"
NAMESPACE = "https://github.com/modelkeel/modelkeel"
EXTENSION = f"{NAMESPACE}/promotion/v1"
POLICY = "governance/gates.toml"
PROMOTE = "promote the bundle again: keel model promote"
BLOCKING = ("fail", "not_assessed")

Digest = str


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # extension fields may come later


class GateLine(_Frozen):
    """What one gate said."""

    id: str
    outcome: str
    measured: str
    asked: str


class Summary(_Frozen):
    """A promotion in one record.

    Attributes:
        name: the model's name in the registry.
        version: its version there.
        digest: SHA-256 of the bundle's manifest.
        verdict: whether every gate that was due lets it through.
        verified_at: when the gates were run.
        policy: SHA-256 of governance/gates.toml.
        inputs: SHA-256 of each evidence file, by its path in the project.
        tier: the risk tier that the gates were chosen by.
        trial: whether only the gates of a trial were run.
        gates: what each gate said.
    """

    name: str = Field(min_length=1)
    version: str | None = None
    digest: Digest = Field(pattern=r"^[0-9a-f]{64}$")
    verdict: Literal["PASSED", "FAILED"]
    verified_at: AwareDatetime
    policy: Digest = Field(pattern=r"^[0-9a-f]{64}$")
    inputs: dict[str, Digest]
    tier: Tier
    trial: bool
    gates: tuple[GateLine, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        blocking = [each.id for each in self.gates if each.outcome in BLOCKING]
        if (self.verdict == "FAILED") != bool(blocking):
            raise ValueError(f"the verdict is {self.verdict}, gates that refuse: {blocking}")
        return self


def to_statement(summary: Summary) -> dict[str, Any]:
    """The summary as an in-toto statement."""
    kind = "TRIAL" if summary.trial else f"TIER_{summary.tier.upper()}"
    level = "FAILED" if summary.verdict == "FAILED" else f"MODELKEEL_{kind}"
    version = f"@{quote(summary.version, safe='')}" if summary.version else ""
    own = summary.model_dump(mode="json", include={"name", "version", "tier", "trial", "gates"})
    return {
        "_type": STATEMENT,
        "subject": [{"name": summary.name, "digest": {"sha256": summary.digest}}],
        "predicateType": VSA,
        "predicate": {
            "verifier": {"id": NAMESPACE, "version": {"modelkeel": modelkeel.__version__}},
            "timeVerified": summary.verified_at.isoformat().replace("+00:00", "Z"),
            "resourceUri": f"pkg:mlflow/{quote(summary.name, safe='')}{version}",
            "policy": {"uri": POLICY, "digest": {"sha256": summary.policy}},
            "inputAttestations": [
                {"uri": name, "digest": {"sha256": digest}}
                for name, digest in sorted(summary.inputs.items())
            ],
            "verificationResult": summary.verdict,
            "verifiedLevels": [level],
            EXTENSION: own,
        },
    }


def from_statement(value: Any, path: Path) -> Summary:
    """The summary in a statement that was read from `path`.

    Raises:
        Refused: it is none, or its verdict and its gates disagree.
    """
    try:
        if value["_type"] != STATEMENT or value["predicateType"] != VSA:
            raise ValueError
        (subject,) = value["subject"]
        predicate = value["predicate"]
        given = {
            **predicate[EXTENSION],
            "digest": subject["digest"]["sha256"],
            "verdict": predicate["verificationResult"],
            "verified_at": predicate["timeVerified"],
            "policy": predicate["policy"]["digest"]["sha256"],
            "inputs": {
                each["uri"]: each["digest"]["sha256"] for each in predicate["inputAttestations"]
            },
        }
        return Summary.model_validate(given)
    except ValidationError as error:
        raise Refused(f"{path}: {first_problem(error)}", remedy=PROMOTE) from None
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"{path} is no verification summary: expected an in-toto statement {VSA}",
            remedy=PROMOTE,
        ) from None
