"""Gates on people: who agrees to a release, what those concerned are told, who watches."""

from __future__ import annotations

from modelkeel.governance.approvals import approval_problem, read_approvals
from modelkeel.governance.authors import authors_of, commit_before
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.open_answers import open_answers
from modelkeel.records.answer import Todo, todos
from modelkeel.records.approvals import Approval
from modelkeel.records.reasons import Reasons

_LONGEST = 250  # characters of a reason that a person reads


def check_four(case: Case) -> Verdict:
    """Somebody agreed to the release of this very bundle; in the high tier, a second person."""
    digest = case.bundle.digest
    high = case.tier == "high"
    asked = f"a signed release approval of {digest[:12]}"
    if high:
        asked += " by the role risk, and not by an author"
    remedy = (
        f"uv run keel approve release {case.project.name} --as EMAIL "
        f"--role {'risk' if high else 'owner'} --key KEY"
    )
    given, problems = _releases(case, digest)
    for each in reversed(given):
        problem = _second_pair(case, each) if high else None
        if problem is None:
            who = f"{each.by.email}, as {each.by.role}, on {each.given} until {each.expires}"
            return Verdict(True, f"approved by {who}", asked)
        problems.append(problem)
    measured = "; ".join(problems) or f"no approval of the kind release names {digest[:12]}"
    return Verdict(False, measured, asked, remedy=remedy)


def _releases(case: Case, digest: str) -> tuple[list[Approval], list[str]]:
    """The release approvals that hold, the oldest first, and why the others do not."""
    found, problems = read_approvals(case.project)
    given = []
    for path, each in found.items():
        if each.kind != "release":
            continue
        problem = approval_problem(case.project, path, each, case.now.date(), digest=digest)
        if problem is None:
            given.append(each)
        else:
            problems.append(problem)
    return sorted(given, key=lambda each: each.given), problems


def _second_pair(case: Case, approval: Approval) -> str | None:
    """Why an approval is not that of a second person with the role for it; None if it is."""
    email, role = approval.by.email, approval.by.role
    if role != "risk":
        return f"{email} approved as {role}, not as risk"
    commit = case.bundle.manifest.code_commit
    if commit is None:
        raise NotMeasured(
            "the bundle was made outside git, so nobody knows who wrote it",
            "commit, then run `uv run dvc repro`",
        )
    authors = authors_of(case.project.root, commit, commit_before(case.project, case.bundle.digest))
    if email.lower() in authors:
        return f"{email} approved it and is an author of it (git, {commit[:12]})"
    return None


def check_reasons(case: Case) -> Verdict:
    """Every feature has a reason that people can read, and the bundle finds those of a decision."""
    from modelkeel.model.explain.bundled import TOLERANCE, explanation_error  # loads numpy

    path = case.project.governance_dir / "reasons.toml"
    reasons = case.project.reasons
    asked = (
        "a reason code for each feature, no forbidden feature, texts that people can read; "
        f"a bundle with these reasons, whose exact contributions are off by {TOLERANCE:g} at most"
    )
    if reasons is None:
        raise NotMeasured(f"{path}: no such file", f"write {path}")
    features = case.project.params.features.names
    measured = [f"{len(reasons.reason)} codes for {len(features)} features"]
    problems = _of_features(reasons, features) + _of_texts(reasons, features)
    if (off := explanation_error(case.bundle)) is None:
        problems.append("the bundle has no exact explainer")
    else:
        measured.append(f"contributions add up to the score of the golden rows within {off:.1g}")
    if case.bundle.reasons != reasons:
        problems.append("the bundle tells other reasons than governance/reasons.toml")
    return Verdict(not problems, "; ".join([*measured, *problems]), asked)


def _of_features(reasons: Reasons, features: list[str]) -> list[str]:
    used = [name for name in features if name in reasons.forbidden]
    bare = [
        name for name in features if name not in reasons.forbidden and reasons.code_of(name) is None
    ]
    problems = [f"the model uses {', '.join(used)}, which is forbidden"] if used else []
    return problems + ([f"without a reason: {', '.join(bare)}"] if bare else [])


def _of_texts(reasons: Reasons, features: list[str]) -> list[str]:
    """Texts that nobody wrote, that are too long, that are the same, or that name a column."""
    problems = [f"{key} is still to do" for key, _ in todos(reasons)]
    seen: dict[str, str] = {}
    for each in reasons.reason:
        if not isinstance(each.text, str):
            if not isinstance(each.text, Todo):
                problems.append(f"{each.code} has no text")
            continue
        text = " ".join(each.text.split())
        if len(text) > _LONGEST:
            problems.append(f"{each.code} has {len(text)} characters, at most {_LONGEST}")
        if other := seen.setdefault(text.lower(), each.code) != each.code:
            problems.append(f"{each.code} says the same as {seen[text.lower()]}")
        named = [name for name in features if "_" in name and name in text]
        if named and not other:
            problems.append(f"{each.code} names the column {named[0]}")
    return problems


def check_oversight(case: Case) -> Verdict:
    """The record says whom the output concerns, who may stop it, and how long logs are kept."""
    system = case.project.system
    problems = [
        f"no [{name}]" for name in ("people", "oversight", "logging") if not getattr(system, name)
    ]
    problems += [f"{key} is still to do" for key in _open(case)]
    for power in ("stop", "override") if system.oversight else ():
        if not any(power in each.may for each in system.oversight.overseers):  # type: ignore[union-attr]
            problems.append(f"no overseer may {power}")
    return Verdict(
        not problems,
        "; ".join(problems) or "people, oversight and logging are written down",
        "[people], [oversight] and [logging] of governance/system.toml without work left",
        remedy=f"fill in {case.project.governance_dir / 'system.toml'}",
    )


def _open(case: Case) -> list[str]:
    asked = ("people.", "oversight.", "logging.")
    found = open_answers(case.project.root, case.project.system)
    return [key for key, _ in found if key.startswith(asked)]


def not_about_people(case: Case) -> str | None:
    """Why nobody has to be told reasons; None if somebody has."""
    return None if case.project.system.use.about_people else "the output is not about people"


PEOPLE_GATES = (
    Gate(
        "G-FOUR",
        "Somebody else agreed to this release",
        ("release",),
        check_four,
        "have the release approved: `uv run keel approve release`",
        ("AIA 14", "AIA Annex IV 2(g)", "SR 26-2", "MTS M1"),
        tiers=("limited", "high"),
        trial=False,
        waivable=False,
    ),
    Gate(
        "G-EXPL",
        "Every decision has reasons that people can be told",
        ("release",),
        check_reasons,
        "write the reasons in governance/reasons.toml, take a model that the train stage can "
        "explain, then run `uv run dvc repro`",
        ("AIA 86", "GDPR 15(1)(h)", "ECOA 1002.9(b)(2)", "NIST MEASURE 2.9"),
        tiers=("limited", "high"),
        applies=not_about_people,
        trial=False,
    ),
    Gate(
        "G-OVERSIGHT",
        "People can understand, override and stop it",
        ("release",),
        check_oversight,
        "fill in people, oversight and logging in governance/system.toml",
        ("AIA 14", "AIA 26(2)", "AIA 12", "NIST MANAGE 2.4"),
        tiers=("high",),
        trial=False,
    ),
)
