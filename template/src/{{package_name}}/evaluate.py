"""Evaluate: judge the exported model on the held-out rows, in the charter's unit."""

from __future__ import annotations

from modelkeel.errors import run_stage
from modelkeel.model.data_checks import check_training_data
from modelkeel.model.held_out import evaluate_held_out, report_of
from modelkeel.project import load_project


def main() -> None:
    """Write reports/metrics.json, evaluation.json, evaluation.html, plots/, data_checks.json."""
    project = load_project()
    evaluation = evaluate_held_out(project)
    project.write_report("metrics.json", evaluation.headline())
    project.write_report("evaluation.json", evaluation.to_json())
    project.write_report("evaluation.html", report_of(project, evaluation))
    evaluation.write_tables(project.reports_dir / "plots")
    project.write_report("data_checks.json", check_training_data(project).to_json())
    gain = evaluation.uplift
    print(f"gain over today's policy {gain.value:+.3g} [{gain.low:+.3g}, {gain.high:+.3g}]")


if __name__ == "__main__":
    run_stage(main)
