"""Is it ready? Every gate run once, grouped by stage, with a score and the next step."""

from modelkeel.governance.readiness.check import Readiness, check
from modelkeel.governance.readiness.steps import Step

__all__ = ["Readiness", "Step", "check"]
