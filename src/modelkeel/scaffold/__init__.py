"""Makes repositories from the template: `keel new`."""

from modelkeel.scaffold.new import new_project
from modelkeel.scaffold.report import Reporter, Result, Step

__all__ = ["Reporter", "Result", "Step", "new_project"]
