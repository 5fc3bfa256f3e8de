"""The explainer of a bundle: checked against its golden rows, and turned to what it decides."""

from __future__ import annotations

import numpy as np

from modelkeel.errors import Refused
from modelkeel.model.bundle import Bundle
from modelkeel.model.decision import Decision, PayoffDecision
from modelkeel.model.explain.explainer import FILE, Explainer
from modelkeel.model.explain.reason_codes import adverse_classes
from modelkeel.model.files import REBUILD
from modelkeel.model.golden import Golden
from modelkeel.model.signature import Signature
from modelkeel.records.reasons import Reasons

TOLERANCE = 1e-4
"""Largest difference between what contributions add up to and a score, as the export allows."""


def bundled_explainer(
    content: bytes,
    signature: Signature,
    decision: Decision,
    reasons: Reasons | None,
    golden: Golden,
) -> Explainer:
    """The explainer in the bytes of `explainer.npz`.

    Of more than two classes it explains those that call for the adverse action, where reasons name
    one.

    Raises:
        Refused: it is none or a broken one, or its contributions do not add up to the scores of the
            golden rows.
    """
    explainer = Explainer(content, signature)
    columns = [golden.columns[name] for name in signature.feature_names]
    try:
        worst = explainer.difference(columns, np.asarray(golden.scores, dtype=np.float64))
    except (IndexError, TypeError, ValueError) as error:  # tables that do not fit each other
        raise Refused(f"{FILE} holds a broken part", remedy=REBUILD) from error
    if not worst <= TOLERANCE:
        raise Refused(
            f"{FILE} explains another model: on the golden rows it adds up to scores that are off "
            f"by {worst:.2g}, allowed {TOLERANCE:g}",
            remedy=REBUILD,
        )
    if reasons is None or not isinstance(decision, PayoffDecision):
        return explainer
    calling = adverse_classes(decision, reasons.adverse, signature.classes)
    return explainer.toward(calling) if calling else explainer


def explanation_error(bundle: Bundle) -> float | None:
    """How far the contributions of the golden rows add up to something else than their scores.

    A probability, or a value in standard deviations of the scores; None without an explainer.
    """
    if bundle.explainer is None:
        return None
    golden = bundle.golden_columns()
    columns = [golden[name] for name in bundle.signature.feature_names]
    return bundle.explainer.difference(columns, bundle.scorer.predict(golden))
