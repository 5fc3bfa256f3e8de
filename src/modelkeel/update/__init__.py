"""Bringing a newer template into a generated repository without losing a line.

The verbs are `status.status`, `apply.update`, `resume.continue_update`, `resume.abort_update`,
`resume.undo` and `diff.diff`.
"""
