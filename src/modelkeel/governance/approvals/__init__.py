"""Approvals: written, signed and verified with `ssh-keygen -Y`, and judged by date and digest."""

from modelkeel.governance.approvals.valid import (
    approval_problem,
    named_approval,
    read_approvals,
    signature_problem,
    valid_approvals,
)
from modelkeel.governance.approvals.write import approval_text, approve, draft, sign

__all__ = [
    "approval_problem",
    "approval_text",
    "approve",
    "draft",
    "named_approval",
    "read_approvals",
    "sign",
    "signature_problem",
    "valid_approvals",
]
