"""How often the model acts otherwise than is done today, and how much hangs on it."""

from __future__ import annotations

import numpy as np

from modelkeel.model.evaluation.case import Case
from modelkeel.model.evaluation.result import Disagreement
from modelkeel.model.evaluation.statistic import BoolArray, FloatArray


def disagreement(case: Case, policy: str) -> Disagreement | None:
    """What an experiment that draws lots only where the two differ would have to work with.

    The action of a regression is the number itself, so nearly every row differs; forecasts that
    only differ by rounding do not.

    Returns:
        None without rows.
    """
    if not len(case.truth):
        return None
    gain = case.values["model"] - case.values["baseline"]
    differs: BoolArray
    if case.choice is None:
        differs = ~np.isclose(case.predictions["model"], case.predictions["baseline"], rtol=1e-6)
    else:
        differs = case.choice.taken != case.choice.actions.index(policy)
    return Disagreement(float(differs.mean()), _sd(gain[differs]), _sd(gain))


def _sd(values: FloatArray) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
