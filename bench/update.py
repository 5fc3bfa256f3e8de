"""Updating: what becomes of a user's edits and of the template's changes, and how long it takes.

`copier update`, `cruft update` and `keel update` meet the same templates, written once for Copier
and once for cookiecutter, and the same edits. What came out is judged by the contents of the files,
of the index and of what was printed, never by the exit code alone.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from update_scenarios import ANSWERS, SCENARIOS, File, Files, Scenario, apply, rendered

TOOLS = ("copier", "cruft", "keel")
OUTCOMES = ("clean", "conflict", "lost", "dropped", "error")
CRUFT = "cruft==2.16.0"
SIZES, TAGS, ROUNDS = (100, 1000), (1, 50), 3
AIMS = {
    "keel_lost": 0,
    "keel_dropped": 0,
    "clean_vs_copier": 3,
    "clean_vs_cruft": 1.5,
    "cpu_vs_copier": 1,
}
OWN = {".copier-answers.yml", ".cruft.json"}
# Answers to what a tool's process is told: import once, then one child a job.
DRIVER = """
import json, os, sys, traceback
from pathlib import Path
{imports}
def main(job):
{call}
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(job["cwd"])
        said = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = 70
        try:
            code = main(job) or 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KEEL = """
    try:
        done = update(Path.cwd(), answers=job["answers"], verify=())
    except KeelError as error:
        print(json.dumps({"error": str(error)}))
        return error.exit_code
    print(done.to_json())
    return done.exit_code
"""
CALLS = {
    "copier": (
        "from copier._cli import CopierApp",
        "    return CopierApp.run(['copier', *job['argv']], exit=False)[1]",
    ),
    "cruft": ("from cruft._cli import app", "    app(job['argv'])"),
    "keel": (
        "from modelkeel.errors import KeelError\nfrom modelkeel.update.apply import update",
        KEEL,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 files, 1 tag, one round")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--cruft",
        metavar="PYTHON",
        help="interpreter that has cruft; else it is installed into a scratch folder",
    )
    parser.add_argument(
        "--only",
        metavar="TEXT",
        default="",
        help="only scenarios whose name holds it, and no times",
    )
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="leave all repositories there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="update-") as folder:
        scratch = options.keep or Path(folder)
        lab = Lab(scratch.resolve(), options.cruft)
        chosen = [s for s in SCENARIOS if options.only in s.name]
        found: dict[str, Any] = {"scenarios": run_scenarios(lab, chosen)}
        if not options.only:
            rounds = 1 if options.quick else ROUNDS
            cases = [(100, 1)] if options.quick else [(n, t) for n in SIZES for t in TAGS]
            found["times"] = [measure(lab, files, tags, rounds) for files, tags in cases]
    found["table"] = count(found["scenarios"])
    found["ratios"] = ratios(found)
    found["aims"] = {}
    for name, aim in AIMS.items():
        if name in found["ratios"]:
            measured = found["ratios"][name]
            met = measured >= aim if name.startswith("clean") else measured <= aim
            found["aims"][name] = {"aim": aim, "measured": measured, "met": met}
    print(json.dumps(found, indent=2, ensure_ascii=False)) if options.json else show(found)


class Lab:
    """A folder with nothing of who runs it, and the tools."""

    def __init__(self, root: Path, cruft: str | None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        config = root / "gitconfig"
        config.write_text(
            "[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n"
            "[protocol \"file\"]\nallow = always\n[advice]\ndetachedHead = false\n"
        )  # fmt: skip
        for name in ("home", "tmp", "logs"):
            (root / name).mkdir(exist_ok=True)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "COPIER_"))}
        self.env |= {
            "HOME": str(root / "home"),
            "XDG_CACHE_HOME": str(root / "home/cache"),
            "TMPDIR": str(root / "tmp"),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "COPIER_CACHE_DIR": str(root / "home/copier"),
            "PYTHONWARNINGS": "ignore",
        }
        self.python = {
            "copier": sys.executable,
            "keel": sys.executable,
            "cruft": cruft or self._cruft(),
        }
        self.drivers: dict[str, subprocess.Popen[str]] = {}

    def _cruft(self) -> str:
        target = self.root / "cruft"
        uv = shutil.which("uv") or sys.exit("cruft needs uv to be installed, or --cruft PYTHON")
        for command in (
            ["venv", "-q", str(target)],
            ["pip", "install", "-q", "-p", str(target), CRUFT],
        ):
            subprocess.run([uv, *command], check=True)
        return str(target / "bin/python")

    def git(self, folder: Path, *arguments: str) -> str:
        """Run git as the user does."""
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=self.env, check=True, capture_output=True
        )
        return done.stdout.decode("utf-8", "surrogateescape")

    def commit(self, folder: Path, message: str = "work") -> None:
        """Commit all that is there."""
        if not (folder / ".git").exists():
            self.git(folder, "init", "-q")
        self.git(folder, "add", "--all", "--force")
        self.git(folder, "commit", "-q", "--allow-empty", "-m", message)

    def drive(self, tool: str, log: Path, cwd: Path, argv: Sequence[str] = (), **more: Any) -> int:
        """Run a tool's command in a child of its process; its exit code."""
        if tool not in self.drivers:
            imports, call = CALLS[tool]
            env = {
                **self.env,
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p) if tool != "cruft" else "",
            }
            self.drivers[tool] = subprocess.Popen(
                [self.python[tool], "-c", DRIVER.format(imports=imports, call=call)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True,
            )  # fmt: skip
        driver = self.drivers[tool]
        if not driver.stdin or not driver.stdout:
            raise RuntimeError(tool)
        job = {"cwd": str(cwd), "argv": list(argv), "log": str(log), **more}
        driver.stdin.write(json.dumps(job) + "\n")
        driver.stdin.flush()
        return int(driver.stdout.readline())


def write(folder: Path, files: Files) -> None:
    """Write files, each as it is."""
    for path, file in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            target.unlink()
        if file.kind == "link":
            target.symlink_to(os.fsdecode(file.data))
        else:
            target.write_bytes(file.data)
            target.chmod(0o755 if file.kind == "exec" else 0o644)


def clear(folder: Path) -> None:
    """Remove all but .git."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            if each.name != ".git":
                shutil.rmtree(each)
        else:
            each.unlink()


def read(folder: Path, skip: Iterable[str] = ()) -> Files:
    """All files of a work tree."""
    found: Files = {}
    left = set(skip)
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git" and
                      Path(top, name).relative_to(folder).as_posix() not in left]  # fmt: skip
        for name in [*names, *(f for f in folders if Path(top, f).is_symlink())]:
            path = Path(top, name)
            key = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[key] = File(os.fsencode(path.readlink()), "link")
            elif name != ".git" and stat.S_ISREG(path.stat().st_mode):
                found[key] = File(path.read_bytes(), "exec" if os.access(path, os.X_OK) else "file")
    return found


def template_of(tool: str, files: Files, questions: Mapping[str, str]) -> Files:
    """A template's files as Copier or cookiecutter has them."""
    found: Files = {}
    cookie = tool == "cruft"
    variable = "cookiecutter." if cookie else ""
    for path, file in files.items():
        name = re.sub(
            r"@@\?(\w+):(.*?)@@", rf"{{% if {variable}\1 == 'yes' %}}\2{{% endif %}}", path
        )
        name = re.sub(r"@@(\w+)@@", rf"{{{{{variable}\1}}}}", name)
        data = re.sub(rb"@@(\w+)@@", rf"{{{{ {variable}\1 }}}}".encode(), file.data)
        if cookie:
            found[f"{{{{cookiecutter.slug}}}}/{name}"] = File(data, file.kind)
        else:
            found[f"template/{name}" + (".jinja" if data != file.data else "")] = File(
                data, file.kind
            )
    if cookie:
        context = {"slug": "repo", **questions}
        found["cookiecutter.json"] = File(json.dumps(context).encode())
        return found
    asked = {key: {"type": "str", "default": value} for key, value in questions.items()}
    config = {"_subdirectory": "template", "_preserve_symlinks": True, **asked}
    found["copier.yml"] = File(yaml.safe_dump(config, sort_keys=False).encode())
    found["template/{{ _copier_conf.answers_file }}.jinja"] = File(
        b"{{ _copier_answers | to_nice_yaml -}}\n"
    )
    return found


def make_template(
    lab: Lab, tool: str, folder: Path, versions: Sequence[tuple[Files, Mapping[str, str]]]
) -> None:
    """A repository with a tag for each version."""
    folder.mkdir(parents=True)
    for number, (files, questions) in enumerate(versions, 1):
        clear(folder)
        write(folder, template_of(tool, files, questions))
        lab.commit(folder, f"version {number}")
        lab.git(folder, "tag", f"v{number}.0.0")


def generate(lab: Lab, tool: str, template: Path, target: Path) -> None:
    """The first version, committed."""
    log = lab.root / "logs/generate"
    if tool == "cruft":
        out = target.parent / "out"
        argv = ["create", str(template), "-y", "--checkout", "v1.0.0", "--output-dir", str(out)]
        code = lab.drive("cruft", log, lab.root, argv)
        target.parent.mkdir(parents=True, exist_ok=True)
        (out / "repo").rename(target)
    else:
        argv = ["copy", "--defaults", "--quiet", "--vcs-ref", "v1.0.0", str(template), str(target)]
        code = lab.drive("copier", log, lab.root, argv)
    if code:
        raise RuntimeError(f"{tool} did not make {template}:\n{log.read_text()}")


def update_command(tool: str, newest: str, answers: Mapping[str, str]) -> list[str]:
    if tool == "copier":
        data = [part for key, value in answers.items() for part in ("--data", f"{key}={value}")]
        return ["update", "--defaults", *data]
    given = ["--variables-to-update", json.dumps(answers)] if answers else []
    return ["update", "-y", "--checkout", newest, *given]


@dataclass
class Result:
    """What a tool left behind.

    Attributes:
        code: exit code.
        said: all that it printed.
        told: what it says of files, without the lines that name each file that it writes.
        before: the work tree before.
        after: the work tree after, without reject files.
        beside: contents of reject files and of unmerged index entries.
        unmerged: has the index unmerged entries?
    """

    code: int
    said: str
    told: str
    before: Files
    after: Files
    beside: list[bytes] = field(default_factory=list)
    unmerged: bool = False


def run_scenarios(lab: Lab, chosen: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Every scenario with every tool."""
    found = []
    for number, scenario in enumerate(chosen):
        row: dict[str, Any] = {"name": scenario.name, "clean_answer": scenario.want is not None}
        for tool in TOOLS:
            result = run_scenario(lab, tool, scenario, lab.root / f"s{number}" / tool)
            row[tool], row[f"{tool}_why"] = judge(scenario, result, tool)
        found.append(row)
        if sys.stderr.isatty():
            print(f"{number + 1}/{len(chosen)} {scenario.name}", file=sys.stderr)
    return found


def run_scenario(lab: Lab, tool: str, scenario: Scenario, folder: Path) -> Result:
    """Make the template and the repository, edit, update, and look."""
    old = apply({}, {**scenario.old, "license.md": "all rights\n"})
    new = apply(old, scenario.new)
    first = {key: ANSWERS[key] for key in scenario.first}
    make_template(lab, tool, folder / "template", [(old, first), (new, ANSWERS | {
        key: value for key, value in scenario.answers.items() if key not in first})])  # fmt: skip
    top = folder / "repo"
    repo = top / scenario.below
    generate(lab, tool, folder / "template", repo)
    lab.commit(top, "generated")
    base = rendered(old, ANSWERS)
    ours = apply(base, scenario.user)
    if scenario.submodule:
        lib = folder / "lib"
        lib.mkdir()
        write(lib, {"lib.md": File(b"a library\n")})
        lab.commit(lib)
        lab.git(repo, "submodule", "--quiet", "add", str(lib), scenario.submodule)
        skip = (".gitmodules", scenario.submodule)
    else:
        skip = ()
    for path in read(repo, skip):
        if path not in ours and path not in OWN and path not in skip:
            (repo / path).unlink()
    write(repo, ours)
    lab.commit(top, "edited")
    write(repo, apply({}, scenario.untracked))
    before = read(repo, skip)
    log = folder / "log"
    answers = {key: value for key, value in scenario.answers.items() if key in scenario.first}
    argv = [] if tool == "keel" else update_command(tool, "v2.0.0", answers)
    code = lab.drive(tool, log, repo, argv, answers=answers)
    said = log.read_text("utf-8", "replace") if log.is_file() else ""
    return look(lab, tool, repo, code, said, before, skip)


def look(
    lab: Lab, tool: str, repo: Path, code: int, said: str, before: Files, skip: Sequence[str]
) -> Result:
    """What there is after an update."""
    after = read(repo, skip)
    beside = [
        file.data
        for path, file in after.items()
        if path.endswith((".rej", ".orig")) and path not in before
    ]
    after = {p: f for p, f in after.items() if p in before or not p.endswith((".rej", ".orig"))}
    unmerged = lab.git(repo, "ls-files", "-u", "-z").split("\0")[:-1]
    for line in unmerged:
        mode, oid, _ = line.split("\t")[0].split(" ")
        if mode != "160000":
            beside.append(
                subprocess.run(
                    ["git", "cat-file", "blob", oid], cwd=repo, check=True, capture_output=True
                ).stdout
            )
    told = said
    if tool == "keel":
        facts = (
            json.loads(said.splitlines()[-1]) if said.strip().startswith("{") else {"error": said}
        )
        told = "\n".join(
            [
                *facts.get("notes", []),
                *(c["path"] for c in facts.get("conflicts", [])),
                facts.get("error", ""),
            ]
        )
    else:
        # Lines on which a tool names each file that it handles tell nothing of what it left out.
        told = re.sub(
            r"(?m)^\s*(\x1b\[\d*m)?\s*(identical|create|overwrite|conflict|skip|force|unchanged)\b.*$",
            "",
            told,
        )
    return Result(code, said, told, before, after, beside, bool(unmerged))


def judge(scenario: Scenario, result: Result, tool: str) -> tuple[str, str]:
    """The outcome, and why it is one."""
    old = apply({}, {**scenario.old, "license.md": "all rights\n"})
    base = rendered(old, ANSWERS)
    theirs = rendered(apply(old, scenario.new), ANSWERS | dict(scenario.answers))
    ours = {path: file for path, file in result.before.items() if path not in OWN}
    after = {path: file for path, file in result.after.items() if path not in OWN}
    if tool == "cruft":  # cookiecutter has no links: the template ships what they lead to
        theirs = {p: theirs[f.data.decode()] if f.kind == "link" else f for p, f in theirs.items()}
    if result.code and after == ours and not result.unmerged:
        return "error", (result.told.strip().splitlines() or [""])[-1][:200]
    there = [*(file.data for file in after.values()), *result.beside]
    lines = {plain(line) for data in there for line in data.splitlines()}
    lines |= {plain(line[1:]) for data in result.beside for line in data.splitlines()}
    asked = conflicting(result, ours, theirs)
    want = expected(scenario, base, ours, theirs)
    if not asked and want is not None and not different(want, after, ours, theirs, base):
        silent = [
            p
            for p in ours_without(scenario, base, ours)
            if p in theirs and theirs[p] != base[p] and not tells(result, p)
        ]
        return ("dropped", f"not a word of {silent[0]}") if silent else ("clean", "")
    lost = missing(base, ours, after, there, lines, moves(scenario))
    lost += [
        f"{p} came back"
        for p in ours_without(scenario, base, ours)
        if p in after and not tells(result, p)
    ]
    if lost:
        return "lost", lost[0]
    came_from = moves(scenario, new=True)
    dropped = missing(base, theirs, after, there, lines, came_from)
    if not asked:
        dropped += [f"{p} is still there" for p in base.keys() - theirs.keys() if p in after]
    dropped = [
        why
        for why in dropped
        if not any(tells(result, p) for p in [why.split(" ")[0], *related(scenario, why)])
    ]
    if dropped:
        return "dropped", dropped[0]
    if asked:
        return "conflict", asked
    touched = [p for p in base.keys() | ours.keys() | theirs.keys() if base.get(p) != theirs.get(p)]
    if want is None and any(
        tells(result, p) for path in touched for p in [path, *related(scenario, path)]
    ):
        return "conflict", "told"
    # Neither asked nor told: whose side was left out?
    why = (
        different(want, after, ours, theirs, base) if want is not None else "settled without a word"
    )
    if why.endswith("should not be there"):
        return "lost", f"what the user removed is back: {why}"
    return ("dropped" if all(after.get(p) == ours[p] for p in ours) else "lost"), why


def ours_without(scenario: Scenario, base: Files, ours: Files) -> list[str]:
    """What the user removed and did not move."""
    return sorted(base.keys() - ours.keys() - set(moves(scenario).values()))


def related(scenario: Scenario, why: str) -> list[str]:
    """Other names of the file that a sentence begins with."""
    path = why.split(" ")[0]
    every = {**moves(scenario), **moves(scenario, new=True)}
    return [name for pair in every.items() if path in pair for name in pair]


def moves(scenario: Scenario, *, new: bool = False) -> dict[str, str]:
    """Old path by new path of what a side moved."""
    pairs = [key.split(" -> ") for key in (scenario.new if new else scenario.user) if " -> " in key]
    found = {now: old for old, now in pairs}
    if new:
        for path in apply({}, scenario.old):
            file = {path: File(b"")}
            found |= dict(
                zip(
                    rendered(file, ANSWERS | dict(scenario.answers)),
                    rendered(file, ANSWERS),
                    strict=False,
                )
            )
    return found


def missing(
    base: Files, side: Files, after: Files, there: list[bytes], lines: set[bytes],
    came_from: Mapping[str, str],
) -> list[str]:  # fmt: skip
    """What a side brought and is nowhere."""
    found = []
    for path, file in side.items():
        was = base.get(path) or base.get(came_from.get(path, ""))
        if was == file and path in base:
            continue
        if file.kind == "link" or b"\0" in file.data:
            ok = file.data in there
        else:
            known = {plain(line) for line in was.data.splitlines()} if was else set()
            gone = [
                line for line in map(plain, file.data.splitlines()) if line not in known | lines
            ]
            ok = not gone
            found += [f"{path} lacks {gone[0].decode('utf-8', 'replace')!r}"] if gone else []
        if not ok and not (found and found[-1].startswith(f"{path} ")):
            found.append(f"{path} is missing")
        if (
            ok
            and was
            and file.kind == "exec" != was.kind
            and path in after
            and after[path].kind != "exec"
        ):
            found.append(f"{path} is not executable")
    return found


def plain(line: bytes) -> bytes:
    return line.strip().rstrip(b",").strip()


def tells(result: Result, path: str) -> bool:
    """Does what the tool says name the file?"""
    return path in result.told


def conflicting(result: Result, ours: Files, theirs: Files) -> str:
    """Is something left to the user to settle, in markers, in the index or in a reject file?"""
    if result.unmerged:
        return "unmerged"
    if result.beside:
        return "reject file"
    for path, file in result.after.items():
        count = sum(1 for line in file.data.splitlines() if line.startswith(b"<<<<<<< "))
        known = max(
            (side[path].data.count(b"<<<<<<< ") for side in (ours, theirs) if path in side),
            default=0,
        )
        if count > known:
            return "markers"
    return ""


def expected(scenario: Scenario, base: Files, ours: Files, theirs: Files) -> Files | None:
    """The clean answer: of what one side changed that side's, else as the scenario says."""
    if scenario.want is None:
        return None
    found: Files = {}
    for path in base.keys() | ours.keys() | theirs.keys():
        old, mine, new = base.get(path), ours.get(path), theirs.get(path)
        file = new if mine == old else mine
        if file:
            found[path] = file
    return apply(found, scenario.want)


def different(want: Files, after: Files, ours: Files, theirs: Files, base: Files) -> str:
    """The first file that is not as it should be; a side's new files may be in any folder."""
    left = dict(after)
    for path in sorted(want):
        found = left.pop(path, None)
        if found is None and path not in base:
            path_there = next(
                (p for p, f in left.items() if f == want[path] and p not in want), None
            )
            found = left.pop(path_there) if path_there else None
        if found is None:
            return f"{path} is missing"
        if found.kind != want[path].kind:
            return f"{path} is {found.kind}"
        if found.data != want[path].data and not alike(
            path, found.data, want[path].data, ours.get(path), theirs.get(path)
        ):
            return f"{path} is not the clean answer"
    return f"{min(left)} should not be there" if left else ""


def alike(path: str, found: bytes, want: bytes, *sides: File | None) -> bool:
    """Are two contents the same but for the order of what both sides added?"""
    if b"\0" in want:
        return False
    one, two = found.decode().splitlines(), want.decode().splitlines()
    data = meaning(path, found.decode()), meaning(path, want.decode())
    if data[0] != data[1]:
        return False
    if data[0] is not None:
        one, two = (
            [" ".join(c) for x in some if (c := re.findall(r"(?:#|//) .*", x))]
            for some in (one, two)
        )
    clean = [[line.strip().rstrip(",") for line in some if line.strip()] for some in (one, two)]
    if Counter(clean[0]) != Counter(clean[1]):
        return False
    for side in sides:
        kept = (
            [line.strip().rstrip(",") for line in side.data.decode().splitlines()] if side else []
        )
        both = Counter(clean[0])
        kept = [line for line in kept if both[line] == 1 and kept.count(line) == 1]
        if kept != [line for line in clean[0] if line in set(kept)]:
            return False
    return True


def meaning(path: str, text: str) -> Any:
    """The data in a file, with lists in any order; None for formats without."""
    suffix = Path(path).suffix
    try:
        if suffix == ".toml":
            return unordered(tomllib.loads(text))
        if suffix in {".yaml", ".yml"}:
            return unordered(yaml.safe_load(text))
        if suffix == ".json":
            return unordered(json.loads(re.sub(r"(?m)^\s*//.*$", "", text)))
        if suffix == ".py":
            tree = ast.parse(text)
            for node in ast.walk(tree):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    node.names.sort(key=lambda alias: alias.name)
            return sorted(ast.dump(node) for node in tree.body)
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return f"does not parse: {error}"
    return None


def unordered(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): unordered(value) for key, value in data.items()}
    return sorted(repr(unordered(each)) for each in data) if isinstance(data, list) else data


def count(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How often each outcome came, and how often it is clean where it can be."""
    found = {}
    for tool in TOOLS:
        counted = Counter(row[tool] for row in rows)
        found[tool] = {outcome: counted[outcome] for outcome in OUTCOMES}
        found[tool]["clean_of_possible"] = sum(
            row[tool] == "clean" and row["clean_answer"] for row in rows
        )
    return found


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """What the aims are about; CPU time is of updates, in the geometric mean of the cases."""
    table = found["table"]
    clean = {tool: table[tool]["clean_of_possible"] for tool in TOOLS}
    result: dict[str, float] = {
        "keel_lost": table["keel"]["lost"],
        "keel_dropped": table["keel"]["dropped"],
        "clean_vs_copier": round(clean["keel"] / max(clean["copier"], 1), 3),
        "clean_vs_cruft": round(clean["keel"] / max(clean["cruft"], 1), 3),
    }
    times = found.get("times")
    if times:
        for tool in ("copier", "cruft"):
            pairs = [case["update"]["keel"]["cpu"] / case["update"][tool]["cpu"] for case in times]
            result[f"cpu_vs_{tool}"] = round(statistics.geometric_mean(pairs), 3)
    return result


STEPS = """
import json, os, sys, time
def cpu():
    return sum(os.times()[:4])
begun, spent, stack = cpu(), {"start": cpu()}, []
from pathlib import Path
import modelkeel.update.apply as apply, modelkeel.update.plan as plan
import modelkeel.update.render as render, modelkeel.update.scratch as scratch
import modelkeel.update.template as template
spent["start"] = cpu()
def timed(owner, name, step):
    plain = getattr(owner, name)
    def wrapped(*a, **k):
        stack.append(0.0)
        at = cpu()
        try:
            return plain(*a, **k)
        finally:
            all_of_it = cpu() - at
            spent[step] = spent.get(step, 0) + all_of_it - stack.pop()
            if stack:
                stack[-1] += all_of_it
    setattr(owner, name, wrapped)
timed(template.Remote, "objects", "fetch the template")
timed(render, "_run", "render twice, by Copier")
timed(scratch.Scratch, "write_tree", "record the renders")
timed(plan, "merge", "merge")
timed(apply, "install", "put in place")
apply.update(Path.cwd(), verify=())
spent["all the rest"] = cpu() - sum(spent.values())
print(json.dumps(spent))
"""
PLAIN = """
from pathlib import Path
from modelkeel.update.apply import update
print(update(Path.cwd(), verify=()).text)
"""


def measure(lab: Lab, size: int, tags: int, rounds: int) -> dict[str, Any]:
    """Seconds of copy and update for a template of so many files and releases."""
    folder = lab.root / f"time-{size}-{tags}"
    versions = [(grown(size, number, tags), {"pkg": "alpha"}) for number in range(tags + 1)]
    newest = f"v{len(versions)}.0.0"
    ours = apply(rendered(versions[0][0], ANSWERS), {})
    edited = {
        path: ours[path].data.decode() + "the user's last line\n" for path in sorted(ours)[::10]
    }
    start: dict[str, Path] = {}
    for kind in ("copier", "cruft"):
        make_template(lab, kind, folder / kind / "template", versions)
        start[kind] = folder / kind / "start"
        generate(lab, kind, folder / kind / "template", start[kind])
        write(start[kind], apply({}, edited))
        lab.commit(start[kind], "edited")
    start["keel"] = start["copier"]
    taken: dict[str, dict[str, list[dict[str, float]]]] = {
        "copy": {"copier": [], "cruft": []}, "update": {tool: [] for tool in TOOLS}
    }  # fmt: skip
    steps: dict[str, list[float]] = {}
    out, want = folder / "out", rendered(versions[-1][0], ANSWERS)
    for number in range(rounds):
        for tool in TOOLS[number % 3 :] + TOOLS[: number % 3]:
            shutil.rmtree(out, ignore_errors=True)
            if tool != "keel":
                template = str(folder / tool / "template")
                argv = ["create", template, "-y", "--output-dir", str(out)]
                if tool == "copier":
                    argv = ["copy", "--defaults", "--quiet", template, str(out)]
                taken["copy"][tool].append(timed(lab, tool, argv, lab.root))
                shutil.rmtree(out)
            shutil.copytree(start[tool], out, symlinks=True)
            argv = [] if tool == "keel" else update_command(tool, newest, {})
            taken["update"][tool].append(timed(lab, tool, argv, out))
            after = read(out)
            wrong = [p for p, f in want.items() if p not in edited and after.get(p) != f]
            wrong += [p for p in edited if b"the user's last line" not in after[p].data]
            if wrong:
                raise RuntimeError(f"{tool} did not update {wrong[0]} ({len(wrong)} files)")
        shutil.rmtree(out)
        shutil.copytree(start["keel"], out, symlinks=True)
        said = subprocess.run(
            [sys.executable, "-c", STEPS],
            cwd=out,
            env=environment(lab, "keel"),
            check=True,
            capture_output=True,
        )
        for step, seconds in json.loads(said.stdout.splitlines()[-1]).items():
            steps.setdefault(step, []).append(seconds)
    shutil.rmtree(folder)
    return {
        "files": size,
        "tags": tags,
        "rounds": rounds,
        **{
            verb: {tool: medians(runs) for tool, runs in each.items()}
            for verb, each in taken.items()
        },
        "keel_steps": {step: round(statistics.median(each), 2) for step, each in steps.items()},
    }


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of several runs."""
    return {
        what: round(statistics.median(run[what] for run in runs), 2) for what in ("cpu", "wall")
    }


def grown(size: int, version: int, tags: int) -> Files:
    """A template's files; on its way to the last version it changes a fifth of them."""
    files: Files = {}
    for number in range(size):
        lines = [f"file {number}, line {line}: some words to have a length\n" for line in range(40)]
        if number % 2:
            lines[20] = f"file {number} belongs to @@pkg@@\n"
        if number % 5 == 0 and version * size // 5 >= (number // 5 + 1) * tags:
            lines[3] = (
                f"file {number} as it is from version {version}\n"
                if tags == 1
                else f"file {number} is new\n"
            )
        files[f"part{number // 20}/file{number}.md"] = File("".join(lines).encode())
    files["version.md"] = File(f"version {version}\n".encode())
    return files


def environment(lab: Lab, tool: str) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return lab.env if tool == "cruft" else {**lab.env, "PYTHONPATH": paths}


def timed(lab: Lab, tool: str, argv: Sequence[str], cwd: Path) -> dict[str, float]:
    """CPU seconds of a command with all that it starts, and seconds on the clock."""
    if tool == "keel":
        command = [sys.executable, "-c", PLAIN]
    else:
        module = {"copier": "copier", "cruft": "cruft"}[tool]
        command = [lab.python[tool], "-m", module, *argv]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(lab, tool),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{text}")
    return {"cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - begun}


def show(found: Mapping[str, Any]) -> None:
    """Tables for a person."""
    console = Console()
    table = Table(
        "user's edit x template's change", *TOOLS, title=f"{len(found['scenarios'])} scenarios"
    )
    for row in found["scenarios"]:
        star = "" if row["clean_answer"] else " *"
        table.add_row(row["name"] + star, *(row[tool] for tool in TOOLS))
    console.print(table)
    console.print("* no clean answer: a person has to decide, or the tool has to refuse")
    possible = sum(row["clean_answer"] for row in found["scenarios"])
    table = Table("tool", *OUTCOMES, f"clean of {possible} possible")
    for tool in TOOLS:
        table.add_row(tool, *(str(each) for each in found["table"][tool].values()))
    console.print(table)
    if "times" in found:
        table = Table(
            "files x tags",
            "copy: copier",
            "cruft",
            "update: copier",
            "cruft",
            "keel",
            title="CPU seconds",
        )
        for case in found["times"]:
            cells = [case["copy"][tool]["cpu"] for tool in ("copier", "cruft")]
            cells += [case["update"][tool]["cpu"] for tool in TOOLS]
            table.add_row(f"{case['files']} x {case['tags']}", *(f"{cell:.2f}" for cell in cells))
        console.print(table)
        table = Table(
            "keel's step", *(f"{case['files']} x {case['tags']}" for case in found["times"])
        )
        for step in found["times"][0]["keel_steps"]:
            table.add_row(
                step, *(f"{case['keel_steps'].get(step, 0):.2f}" for case in found["times"])
            )
        console.print(table)
    for name, ratio in found["ratios"].items():
        aim = found["aims"].get(name)
        text = f", aim {aim['aim']:g} {'met' if aim['met'] else 'missed'}" if aim else ""
        console.print(f"{name} {ratio:g}{text}")


if __name__ == "__main__":
    main()
