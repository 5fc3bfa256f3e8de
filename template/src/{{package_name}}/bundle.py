"""Bundle: model, signature, explainer, golden rows and digests in a folder that can be trusted."""

from __future__ import annotations

import polars as pl
from modelkeel.errors import run_stage
from modelkeel.model.bundle import write_bundle
from modelkeel.model.export import training_profile
from modelkeel.model.golden import golden_rows
from modelkeel.model.trained import load_trained
from modelkeel.project import load_project

GOLDEN_ROWS = 20


def main() -> None:
    """Write models/bundle/."""
    project = load_project()
    trained = load_trained(project)
    rows = pl.read_parquet(project.data_dir / "train.parquet")
    bundle = write_bundle(
        project.bundle_dir,
        name=project.name,
        onnx_path=trained.onnx_path,
        signature=trained.signature,
        decision=trained.decision,
        profile=training_profile(rows, trained.signature),
        golden_columns=golden_rows(rows, trained.signature, GOLDEN_ROWS),
        lineage=trained.lineage,
        explainer=trained.explainer,
        reasons=project.reasons,
    )
    print(f"bundle {bundle.digest[:12]} of run {trained.run_id}")


if __name__ == "__main__":
    run_stage(main)
