import json

import mlflow
from modelkeel.model.bundle import Bundle
from modelkeel.model.training_log import connect
from modelkeel.project import Project


def test_the_report_loads_nothing_from_elsewhere(project: Project) -> None:
    page = (project.reports_dir / "evaluation.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert 'src="http' not in page
    assert "@import" not in page


def test_metrics_have_intervals_and_slices(project: Project) -> None:
    found = json.loads((project.reports_dir / "evaluation.json").read_text(encoding="utf-8"))
    gain = found["uplift"]["value_per_decision"]
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert found["slices"]


def test_the_bundle_names_a_run_that_mlflow_has(project: Project, bundle: Bundle) -> None:
    connect(project)
    assert bundle.run_id
    run = mlflow.get_run(bundle.run_id)
    trained_on = {value for name, value in run.data.tags.items() if name.startswith("data.sha256.")}
    assert trained_on <= set(bundle.manifest.data.values())
    assert any(name.startswith("cv.") for name in run.data.metrics)


def test_golden_rows_reproduce(bundle: Bundle) -> None:
    worst, rows = bundle.replay()
    assert rows > 0
    assert worst <= 1e-6
