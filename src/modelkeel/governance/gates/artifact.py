"""Gates on the bundle as a thing: what it is made of, and that it is what was approved."""

from __future__ import annotations

from pathlib import Path

from modelkeel.errors import Refused
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.gates.supply import SUPPLY_GATES, listed
from modelkeel.model.champion import folder_of, read_champion
from modelkeel.model.keys import key_id, load_private, load_public, public_key_path
from modelkeel.model.signing import signature_path, verify_bundle_signature
from modelkeel.model.summary import check_summary


def check_golden(case: Case) -> Verdict:
    """The bundle gives the scores that were recorded when it was built."""
    allowed = case.project.gates.golden.max_difference
    worst, rows = case.bundle.replay()
    measured = f"largest difference {worst:.1e} over {rows} rows"
    return Verdict(worst <= allowed, measured, f"at most {allowed:g}")


def check_format(case: Case) -> Verdict:
    """No file of the bundle, and no model file in the repository, may run code when loaded."""
    from modelkeel.governance.formats import problem_in, unsafe_files

    root = case.project.root
    found = [f"{path.as_posix()} may run code when loaded" for path in unsafe_files(root)]
    files = _files_of_bundle(case)
    found += [
        f"{path.relative_to(root).as_posix()} {problem}"
        for path in files
        if (problem := problem_in(path))
    ]
    sound = f"{len(files)} files of the bundle" if files else "no bundle yet"
    measured = listed(found) or f"{sound}, no file in the repository that may run code"
    asked = "ONNX, JSON and plain arrays that are what their names say, no pickle"
    return Verdict(not found, measured, asked)


def check_signature(case: Case) -> Verdict:
    """The bundle is signed, or will be, by the key whose public half is committed."""
    public = public_key_path(case.project)
    asked = f"a signature by {public.relative_to(case.project.root).as_posix()}"
    if not public.is_file():
        measured = "no public key is committed, so nothing is signed"
        remedy = "make a pair with `uv run keel model keygen`, and commit the public key"
        return Verdict(case.tier != "high", measured, asked, warn=True, remedy=remedy)
    trusted = key_id(load_public(public))
    if case.key is not None:
        given = key_id(load_private(case.key).public_key())
        measured = f"the key given is {given[:12]}, the committed one {trusted[:12]}"
        return Verdict(given == trusted, measured, asked, remedy="give the key that belongs to it")
    folder = case.project.models_dir / folder_of(case.bundle.digest)
    serving = read_champion(case.project.models_dir)
    released = serving is not None and serving.digest == case.bundle.digest and not serving.trial
    if not released or not signature_path(folder).is_file():
        return Verdict(False, "no key was given to sign with", asked)
    verify_bundle_signature(folder, public, signature_path(folder))
    return Verdict(True, f"signed with the key {trusted[:12]}", asked)


def check_served(case: Case) -> Verdict:
    """A server in production would start with the champion."""
    models = case.project.models_dir
    record = read_champion(models)
    if record is None:
        raise Refused("champion.json: no such file")
    public = public_key_path(case.project)
    trusted = public if public.is_file() else None
    check_summary(record, models / record.folder, trusted, production=True, tier=case.tier)
    how = "released and signed" if trusted else "released, not signed"
    return Verdict(True, f"version {record.version} is {how}", "what the gates released")


def _files_of_bundle(case: Case) -> list[Path]:
    try:
        folder = case.bundle.path
    except NotMeasured:
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _no_champion(case: Case) -> str | None:
    return None if read_champion(case.project.models_dir) else "nothing is promoted yet"


ARTIFACT_GATES = (
    Gate(
        "G-GOLDEN",
        "Golden rows reproduce",
        ("train", "release", "start_up"),
        check_golden,
        "build the bundle again with `uv run dvc repro`",
        ("AIA 15(4)", "MTS O3"),
        waivable=False,
    ),
    Gate(
        "G-FORMAT",
        "No model file may run code when it is loaded",
        ("pull_request", "release"),
        check_format,
        "export the model to ONNX (the stage bundle does), and take the file out of git",
        ("AIA 15(5)", "OWASP ML06", "AML.T0010"),
    ),
    *SUPPLY_GATES,
    Gate(
        "G-SIGN",
        "The bundle is signed by the key that is committed",
        ("release",),
        check_signature,
        "give the private key: `uv run keel model promote --key PATH`",
        ("AIA 15(5)", "AML.T0018"),
        trial=False,
        waivable=False,
    ),
    Gate(
        "G-SERVED",
        "What serves is what the gates released",
        ("start_up", "live"),
        check_served,
        "promote the bundle again: `uv run keel model promote`",
        ("AIA 15(5)", "AML.T0018"),
        applies=_no_champion,
        trial=False,
        waivable=False,
    ),
)
