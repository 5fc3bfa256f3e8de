"""The gates on people: four eyes, reasons, oversight."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cases import given
from signing import Person, add, allow, commit, edit, git, person, write
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modelkeel.governance.approvals import approve
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.model.bundle import write_bundle
from modelkeel.model.explain.compile import compile_explainer
from modelkeel.model.export import export_onnx
from modelkeel.model.files import sha256
from modelkeel.model.lineage import Lineage, lineage_of
from modelkeel.model.promotions import Entry, append
from modelkeel.model.scorer import Scorer
from modelkeel.project import Project, load_project

OWNER, RISK, AUTHOR = "owner@bank.example", "risk@bank.example", "author@bank.example"
ROLES = f'[roles]\nrisk = ["{RISK}", "{AUTHOR}"]\n'


@pytest.fixture
def project(project: Project) -> Project:
    """The project under git, written by AUTHOR, before its bundle is built."""
    git(project.root, "init", "-q", "-b", "main")
    (project.root / "src").mkdir()
    changed = add(project, "governance/system.toml", ROLES)
    write(changed, "src/train.py", "train()\n")
    commit(project.root, AUTHOR)
    return load_project(project.root)


@pytest.fixture
def people(tmp_path_factory: pytest.TempPathFactory, project: Project) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    found = {email: person(folder, email) for email in (OWNER, RISK, AUTHOR)}
    allow(project, *found.values())
    return found


def result(case: Case, gate: str) -> GateResult:
    """What a gate says of a case, with records read anew."""
    (one,) = [each for each in GATES if each.id == gate]
    return one.run(given(case, project=load_project(case.project.root)))


def reread(case: Case) -> Case:
    return Case(load_project(case.project.root))


def released(case: Case, by: Person, role: str = "risk") -> Path:
    return approve(case.project, "release", "credit", email=by.email, role=role, key=by.key)


def test_a_second_person_with_the_role_agrees(case: Case, people: dict[str, Person]) -> None:
    released(case, people[RISK])
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "pass"
    assert RISK in found.measured


@pytest.mark.turns_red("G-FOUR")
def test_nobody_agreed(case: Case) -> None:
    found = result(case, "G-FOUR")
    assert found.outcome == "fail"
    assert f"no approval of the kind release names {case.bundle.digest[:12]}" in found.measured
    assert "keel approve release credit --as EMAIL --role risk" in found.remedy


@pytest.mark.turns_red("G-FOUR")
def test_the_author_agrees_with_himself(case: Case, people: dict[str, Person]) -> None:
    released(case, people[AUTHOR])
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "fail"
    assert f"{AUTHOR} approved it and is an author of it" in found.measured


@pytest.mark.turns_red("G-FOUR")
def test_the_owner_is_not_the_second_line(case: Case, people: dict[str, Person]) -> None:
    released(case, people[OWNER], "owner")
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "fail"
    assert "approved as owner, not as risk" in found.measured


@pytest.mark.turns_red("G-FOUR")
def test_a_release_of_another_bundle(case: Case, people: dict[str, Person]) -> None:
    path = released(case, people[RISK])
    (case.bundle.path / "manifest.json").open("a").write("\n")
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "fail"
    assert f"{path}: subject.digest: is about {case.bundle.digest[:12]}, expected" in found.measured


@pytest.mark.turns_red("G-FOUR")
def test_thresholds_that_changed_after_the_approval(case: Case, people: dict[str, Person]) -> None:
    released(case, people[RISK])
    edit(case.project, "governance/gates.toml", "min_uplift = 0.0", "min_uplift = -1.0")
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "fail"
    assert "inputs: changed since it was given: governance/gates.toml is" in found.measured


def test_without_ssh_keygen_the_gate_is_red(
    case: Case, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    released(case, people[RISK])
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = result(reread(case), "G-FOUR")
    assert found.outcome == "fail"
    assert "ssh-keygen is not on this machine" in found.measured


class TestAuthors:
    """Who counts as an author of the release."""

    def rebuilt(self, case: Case, author: str, name: str, message: str = "change") -> Case:
        """The same model, from a newer commit of an author on a file."""
        root = case.project.root
        write(case.project, name, (root / name).read_text(encoding="utf-8") + "\n")
        commit(root, author, message)
        path = case.bundle.path / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        fresh = lineage_of(load_project(root), run_id="r1")
        for key in ("code_commit", "charter", "params"):
            manifest[key] = getattr(fresh, key)
        path.write_text(json.dumps(manifest), encoding="utf-8")
        return reread(case)

    @pytest.mark.parametrize("name", ["src/train.py", "params.yaml", "charter.toml"])
    def test_an_author_of_an_earlier_commit(
        self, case: Case, people: dict[str, Person], name: str
    ) -> None:
        first = self.rebuilt(case, RISK.upper(), name)
        last = self.rebuilt(first, AUTHOR, "src/train.py")
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "fail"

    def test_a_change_after_the_training_counts(
        self, case: Case, people: dict[str, Person]
    ) -> None:
        """The pipeline does not train again for a charter, and the bundle has the new one."""
        trained = self.rebuilt(case, AUTHOR, "src/train.py").bundle.manifest.code_commit
        last = self.rebuilt(case, RISK, "charter.toml")
        path = last.bundle.path / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8")) | {"code_commit": trained}
        path.write_text(json.dumps(manifest), encoding="utf-8")
        last = reread(last)
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "fail"

    def test_a_change_elsewhere_does_not_count(self, case: Case, people: dict[str, Person]) -> None:
        write(case.project, "README.md", "read me\n")
        first = self.rebuilt(case, RISK, "README.md")
        last = self.rebuilt(first, AUTHOR, "src/train.py")
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "pass"

    def test_a_co_author_counts(self, case: Case, people: dict[str, Person]) -> None:
        said = f"change\n\nCo-authored-by: Risk <{RISK}>"
        last = self.rebuilt(case, AUTHOR, "src/train.py", said)
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "fail"

    def test_a_mailmap_joins_the_addresses_of_a_person(
        self, case: Case, people: dict[str, Person]
    ) -> None:
        write(case.project, ".mailmap", f"Risk <{RISK}> <private@home.example>\n")
        last = self.rebuilt(case, "private@home.example", "src/train.py")
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "fail"

    def test_authors_before_the_last_release_do_not(
        self, case: Case, people: dict[str, Person]
    ) -> None:
        first = self.rebuilt(case, RISK, "src/train.py")
        self.promoted(first)
        last = self.rebuilt(first, AUTHOR, "src/train.py")
        released(last, people[RISK])
        assert result(last, "G-FOUR").outcome == "pass"

    def promoted(self, case: Case) -> None:
        """The line of the history that a release leaves, and its provenance."""
        digest = sha256((case.bundle.path / "manifest.json").read_bytes())
        entry = Entry(
            time="2026-11-24T00:00:00Z",
            kind="promote",
            name="credit",
            version="1",
            digest=digest,
            run_id="r1",
            trial=False,
            previous=None,
            by=OWNER,
            reason="gates",
            summary=None,
        )
        append(case.project, entry)
        evidence = case.project.evidence_dir
        (evidence / digest[:12]).mkdir()
        source = {"digest": {"gitCommit": case.bundle.manifest.code_commit}}
        stated = {"predicate": {"buildDefinition": {"resolvedDependencies": [source]}}}
        (evidence / digest[:12] / "provenance.json").write_text(json.dumps(stated))

    def test_a_cut_history_tells_nothing(self, case: Case, people: dict[str, Person]) -> None:
        last = self.rebuilt(case, AUTHOR, "src/train.py")
        released(last, people[RISK])
        head = git(case.project.root, "rev-parse", "HEAD")
        (case.project.root / ".git" / "shallow").write_text(head)
        found = result(last, "G-FOUR")
        assert found.outcome == "not_assessed"
        assert "fetch-depth: 0" in found.remedy

    def test_outside_git_nobody_knows(self, case: Case, people: dict[str, Person]) -> None:
        released(case, people[RISK])
        (case.project.root / ".git").rename(case.project.root / "elsewhere")
        assert result(reread(case), "G-FOUR").outcome == "not_assessed"


def lowered(case: Case, use: str) -> Case:
    edit(case.project, "governance/system.toml", "decides_about_people", use)
    return reread(case)


def test_the_limited_tier_takes_any_signed_release(case: Case, people: dict[str, Person]) -> None:
    limited = lowered(case, "interacts_with_people")
    assert result(limited, "G-FOUR").outcome == "fail"
    released(limited, people[OWNER], "owner")
    assert result(reread(limited), "G-FOUR").outcome == "pass"


def test_the_minimal_tier_asks_nobody(case: Case) -> None:
    assert result(lowered(case, "internal"), "G-FOUR").outcome == "not_applicable"


REASONS = """
schema = "reasons/1"
adverse = "decline"
reference = "the median of those who repaid"
forbidden = ["age"]
[[reason]]
code = "AMOUNT"
text = "The amount is high compared with credits that were repaid."
features = ["amount"]
[[reason]]
code = "HOUSING"
text = "The housing situation was less often followed by repayment."
features = ["housing"]
"""


def write_explained(case: Case, text: str, *, exact: bool = True) -> Case:
    """The reasons, and a bundle of a linear model that carries them."""
    write(case.project, "governance/reasons.toml", text)
    project = load_project(case.project.root)
    before = case.bundle
    signature = before.signature
    rows = pl.DataFrame({"amount": np.arange(0, 1000, 10, dtype=np.float32)})
    target = np.where(rows["amount"].to_numpy() % 300 > 120, "1", "0")
    scaled = ColumnTransformer([("amount", StandardScaler(), ["amount"])])
    model = Pipeline([("features", scaled), ("model", LogisticRegression())]).fit(rows, target)
    path = project.root / "linear.onnx"
    export_onnx(model, signature, path, rows)
    explainer = compile_explainer(model, signature, rows, Scorer(path, signature), seed=0)
    write_bundle(
        project.bundle_dir,
        name=project.name,
        onnx_path=path,
        signature=signature,
        decision=before.decision,
        profile=before.profile(),
        golden_columns=before.golden_columns(),
        lineage=before.manifest.model_dump(include=set(Lineage.model_fields)),
        explainer=explainer if exact else None,
        reasons=project.reasons,
    )
    return Case(project, case.now)


def explained(case: Case, old: str = "", new: str = "") -> GateResult:
    assert old in REASONS
    text = REASONS.replace(old, new, 1) if old else REASONS
    return result(write_explained(case, text), "G-EXPL")


def test_every_feature_has_a_reason(case: Case) -> None:
    found = explained(case)
    assert found.outcome == "pass"
    assert "contributions add up to the score of the golden rows within" in found.measured


@pytest.mark.turns_red("G-EXPL")
def test_a_bundle_without_an_exact_explainer(case: Case) -> None:
    found = result(write_explained(case, REASONS, exact=False), "G-EXPL")
    assert found.outcome == "fail"
    assert "the bundle has no exact explainer" in found.measured
    assert "a model that the train stage can explain" in found.remedy


@pytest.mark.turns_red("G-EXPL")
def test_reasons_that_changed_after_the_bundle_was_made(case: Case) -> None:
    changed = write_explained(case, REASONS)
    edit(changed.project, "governance/reasons.toml", "The housing situation", "How you live")
    found = result(changed, "G-EXPL")
    assert found.outcome == "fail"
    assert "the bundle tells other reasons than governance/reasons.toml" in found.measured


@pytest.mark.turns_red("G-EXPL")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('features = ["housing"]', 'features = ["other"]', "without a reason: housing"),
        ("The housing situation was", "x" * 250, "HOUSING has"),
        (
            "The housing situation was less often followed by repayment.",
            "The amount is high compared with credits that were repaid.",
            "HOUSING says the same as AMOUNT",
        ),
        (
            'text = "The housing situation was less often followed by repayment."',
            f'text = {{ todo = "write it", owner = "{OWNER}", due = 2999-01-01 }}',
            "reason.1.text is still to do",
        ),
    ],
)
def test_reasons_that_nobody_could_be_told(case: Case, old: str, new: str, said: str) -> None:
    found = explained(case, old, new)
    assert found.outcome == "fail"
    assert said in found.measured


@pytest.mark.turns_red("G-EXPL")
def test_a_forbidden_feature_that_is_used(case: Case) -> None:
    changed = REASONS.replace('["age"]', '["age", "housing"]').replace('["housing"]', '["other"]')
    write(case.project, "governance/reasons.toml", changed)
    found = result(case, "G-EXPL")
    assert found.outcome == "fail"
    assert "the model uses housing, which is forbidden" in found.measured


def test_without_reasons_nothing_is_known(case: Case) -> None:
    assert result(case, "G-EXPL").outcome == "not_assessed"


OVERSIGHT = """
[people]
affected = ["applicants"]
vulnerable = ["minors"]
not_for = ["pricing of the credit"]
misuse = ["reuse for marketing"]
[oversight]
automation_bias = "one in fifty is judged blind"
stop = "keel model rollback"
safe_state = "the policy of today"
max_stop_seconds = 60
drill_every_days = 90
contest = "by letter; an officer answers in 20 days"
[[oversight.overseers]]
role = "credit officer"
training = "course of 2026"
may = ["override", "stop"]
[logging]
retention_days = 1825
basis = "Art 19 of Regulation (EU) 2024/1689"
"""


def watched(case: Case, old: str = "", new: str = "") -> GateResult:
    assert old in OVERSIGHT
    add(
        case.project, "governance/system.toml", OVERSIGHT.replace(old, new, 1) if old else OVERSIGHT
    )
    return result(case, "G-OVERSIGHT")


def test_oversight_that_is_written_down(case: Case) -> None:
    assert watched(case).outcome == "pass"


@pytest.mark.turns_red("G-OVERSIGHT")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('may = ["override", "stop"]', 'may = ["override"]', "no overseer may stop"),
        (
            'stop = "keel model rollback"',
            f'stop = {{ todo = "how", owner = "{OWNER}", due = 2999-01-01 }}',
            "oversight.stop is still to do",
        ),
        (OVERSIGHT[OVERSIGHT.index("[logging]") :], "", "no [logging]"),
    ],
)
def test_oversight_that_lacks_something(case: Case, old: str, new: str, said: str) -> None:
    found = watched(case, old, new)
    assert found.outcome == "fail"
    assert said in found.measured
