"""What a model is worth on rows it has not seen: measures, intervals, slices and tables."""

from modelkeel.model.evaluation.judge import evaluate
from modelkeel.model.evaluation.result import Estimate, Evaluation, SliceResult, Target
from modelkeel.model.evaluation.slices import SliceBy

__all__ = ["Estimate", "Evaluation", "SliceBy", "SliceResult", "Target", "evaluate"]
