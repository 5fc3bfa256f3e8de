"""The files of a repository that speak of its table, rewritten for another one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from modelkeel.project import Project, Task

EXAMPLES = (
    "tests/behaviour/test_credit.py",
    "tests/behaviour/test_bikes.py",
    "governance/data/credit_applications.odcs.yaml",
    "governance/data/bike_hires.odcs.yaml",
    "data/source/german_credit.csv",
    "data/source/bikeshare.csv",
)
"""What the template's worked examples brought, and no other table needs."""
REFERENCE = "governance/data/reference.json"
CHAMPION, RETIRED = "models/champion.json", "models/champion.retired.json"
MOST_SHOWN = 40

_PLOTS: dict[Task, str] = {
    "classification": """  - ROC curve:
      x: false_positive_rate
      y:
        reports/plots/roc.csv: [model, linear]
      x_label: false positive rate
      y_label: true positive rate
""",
    "regression": """  - Residuals:
      template: scatter
      x: prediction
      y:
        reports/plots/residuals.csv: residual
""",
}
_SAYS: dict[Task, str] = {
    "classification": ": a classification model whose probabilities become the action with the "
    "greatest expected payoff.",
    "regression": ": a regression model.",
}


def rewritten(
    project: Project,
    task: Task,
    *,
    example: Mapping[str, Any],
    about: str,
    first: str,
) -> tuple[dict[str, bytes], list[str]]:
    """The texts of a repository for another table, and what a person has to look at.

    Args:
        project: the repository.
        task: what its model will predict.
        example: a row of features, as a request.
        about: the text of data/README.md.
        first: the entry of the changelog.
    """
    files: dict[str, str] = {"data/README.md": about}
    left: list[str] = []
    root = project.root

    def edit(path: str, pattern: str, new: str, *, must: bool = True) -> None:
        if not (root / path).is_file():
            return
        text = files.get(path) or (root / path).read_text(encoding="utf-8")
        made, found = re.subn(pattern, lambda _: new, text, count=1, flags=re.DOTALL | re.MULTILINE)
        if found:
            files[path] = made
        elif must:
            left.append(
                f"{path} was changed by hand: look whether it still speaks of another table"
            )

    body = _request(example)
    edit("README.md", r"^curl -s http://127\.0\.0\.1:8000/predict .*?(?=^```)", body)
    edit("README.md", r"on the example data in \[data/\]", "on the data in [data/]", must=False)
    edit("CHANGELOG.md", r"^- The first model on [^\n]*$", first, must=False)
    if task != project.task:
        edit("pyproject.toml", r'(?m)^task = "\w+"$', f'task = "{task}"')
        edit("AGENTS.md", r": a (?:classification|regression) model[^\n]*", _SAYS[task])
        edit("dvc.yaml", r"(?<=^plots:\n).*?(?=^  - Calibration:)", _PLOTS[task])
        train = root / "src" / project.package / "train.py"
        text = train.read_text(encoding="utf-8") if train.is_file() else ""
        if not all(word in text for word in ("regression", "LogisticRegression")):
            left.append(
                f"src/{project.package}/train.py trains one task only: it has to train a {task} now"
            )
    return {path: text.encode() for path, text in files.items()}, left


def replaced_files(project: Project, kept: set[str]) -> list[str]:
    """What goes: the worked example, and the sources and contract of the table before."""
    params = project.params
    before = [source.location for source in params.sources if source.local]
    paths = [*EXAMPLES, *before, params.contract, REFERENCE]
    return [path for path in dict.fromkeys(paths) if path not in kept]


def _request(example: Mapping[str, Any]) -> str:
    if len(example) > MOST_SHOWN:
        return (
            "# the row is long: the example is in http://127.0.0.1:8000/docs\n"
            "curl -s http://127.0.0.1:8000/openapi.json\n"
        )
    text = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
    lines, line = [], ""
    for part in re.split(r"(?<=,) (?=\")", text):
        if line and len(line) + len(part) > 96:
            lines.append(line)
            line = " " + part
        else:
            line = f"{line} {part}" if line else part
    lines.append(line)
    head = "curl -s http://127.0.0.1:8000/predict -H 'content-type: application/json' -d '\n"
    return head + "\n".join(lines) + "'\n"


def data_readme(
    shown: str, place: str, rows: int, target: str, audit: list[str], personal: list[str]
) -> str:
    """The text of data/README.md."""
    about = f"`{place}` holds {rows:,} rows. The target is `{target}`."
    if audit:
        names = ", ".join(f"`{name}`" for name in audit)
        about += f" {names}: there to check fairness; the model does not see them."
    if personal:
        names = ", ".join(f"`{name}`" for name in personal)
        about += f" {names}: taken for personal data, and no features."
    return f"""# Data

{about}

Concluded by `keel contract infer` from {shown}. Write here where the table comes from, what a row
is, and under which terms it may be used. What each column means and may hold stands in
`governance/data/`.

The pipeline writes `raw.parquet` (as read), `valid.parquet` (typed, holds the contract),
`quarantine.parquet` (rows that break it, with the reason), `train.parquet` and `test.parquet`.
DVC keeps them in its cache; git holds their digests in `dvc.lock`.
"""


def params_text(params: Mapping[str, Any]) -> str:
    """`params.yaml`, with the comments that a reader needs."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Lists of plain values in one line, all else in lines of their own."""

    def written(dumper: Any, values: list[Any]) -> Any:
        nested = any(isinstance(each, dict | list) for each in values)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=not nested)

    Dumper.add_representer(list, written)
    text = "# Settings of the pipeline. A change here re-runs the stages that read it.\n"
    comments = {
        "audit": "# Kept beside the features to judge the model by group; never given to it.\n",
        "train": "# Scaled to the size of the table by `keel contract infer`.\n",
    }
    if params["split"]["by"]:
        comments["split"] = "# Rows that share a value of `by` are held out together.\n"
    for key, value in params.items():
        text += comments.get(key, "") + yaml.dump(
            {key: value}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=96
        )
    return text
