"""Documents rendered from records and evidence: what auditors, officers and owners read."""

from modelkeel.governance.documents.printing import print_bundle
from modelkeel.governance.documents.rendering import render, stale

__all__ = ["print_bundle", "render", "stale"]
