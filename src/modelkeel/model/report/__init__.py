"""The evaluation report: one HTML page that loads nothing."""

from modelkeel.model.report.page import render_report

__all__ = ["render_report"]
