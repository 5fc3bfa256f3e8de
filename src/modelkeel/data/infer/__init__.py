"""Concludes contract, parameters and charter from a table, and puts it in the example's place."""

from modelkeel.data.infer.infer import infer
from modelkeel.data.infer.result import Inferred

__all__ = ["Inferred", "infer"]
