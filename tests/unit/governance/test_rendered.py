"""All that follows from the records is written together, and drift of each is found."""

from __future__ import annotations

import pytest
from signing import edit, write

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.rendered import refuse_stale, render_all
from modelkeel.governance.roles import END, PLACES, START, Host, codeowners_block
from modelkeel.project import Project, load_project


def drift(project: Project) -> str:
    """What is said of files that are not current."""
    with pytest.raises(Refused) as refused:
        refuse_stale(load_project(project.root))
    return str(refused.value)


def test_what_was_rendered_is_current(project: Project) -> None:
    render_all(project)
    refuse_stale(load_project(project.root))


def test_schemas_that_somebody_changed(project: Project) -> None:
    render_all(project)
    (project.root / ".schemas/charter.json").write_text("{}")
    (project.root / ".schemas/system.json").unlink()
    said = drift(project)
    assert ".schemas/charter.json: is not that of this version of modelkeel" in said
    assert ".schemas/system.json: is not there" in said


@pytest.mark.parametrize(
    "content", [b"<<<<<<< HEAD\n", b"# \xff\n", b"duty = 3\n", b'duty = ["a"]\n']
)
def test_a_lock_that_cannot_be_read_is_written_anew(project: Project, content: bytes) -> None:
    render_all(project)
    lock = project.governance_dir / "obligations.lock"
    lock.write_bytes(content)
    assert "governance/obligations.lock" in drift(project)
    render_all(load_project(project.root))
    refuse_stale(load_project(project.root))


def test_a_broken_record_is_bad_input_all_the_same(project: Project) -> None:
    render_all(project)
    (project.root / "charter.toml").write_text("<<<<<<< HEAD\n")
    with pytest.raises(BadInput, match=r"charter\.toml"):
        refuse_stale(load_project(project.root))


class TestOwners:
    """CODEOWNERS."""

    def made(self, project: Project, host: Host = "github", below: str = "") -> Project:
        block = codeowners_block(project, host)
        changed = write(project, PLACES[host].as_posix(), f"# ours\n{block}{below}")
        render_all(changed)
        return changed

    def test_roles_that_changed(self, project: Project) -> None:
        self.made(project)
        write(project, ".github/CODEOWNERS", f"{START}\n* a@b.example\n{END}\n")
        assert ".github/CODEOWNERS: the roles are not those of governance" in drift(project)

    def test_a_file_kept_by_hand(self, project: Project) -> None:
        self.made(project)
        write(project, ".github/CODEOWNERS", "* @bank/team\n")
        refuse_stale(load_project(project.root))

    @pytest.mark.parametrize("mark", [START, END])
    def test_a_mark_that_is_gone(self, project: Project, mark: str) -> None:
        self.made(project)
        edit(project, ".github/CODEOWNERS", f"{mark}\n", "")
        assert f".github/CODEOWNERS: lacks the line {mark!r}" in drift(project)

    def test_marks_in_the_wrong_order(self, project: Project) -> None:
        self.made(project)
        write(project, ".github/CODEOWNERS", f"{END}\n* a@b.example\n{START}\n")
        assert f".github/CODEOWNERS: lacks the line {END!r} below" in drift(project)

    @pytest.mark.parametrize("ci", [".github/workflows/ci.yml", ".gitlab-ci.yml"])
    def test_a_file_that_is_gone(self, project: Project, ci: str) -> None:
        host: Host = "github" if "github" in ci else "gitlab"
        self.made(write(project, ci, "{}\n"), host)
        (project.root / PLACES[host]).unlink()
        assert f"{PLACES[host].as_posix()}: is not there" in drift(project)
        assert project.root / PLACES[host] in render_all(project)
        assert (project.root / PLACES[host]).read_text() == codeowners_block(project, host)
        refuse_stale(load_project(project.root))

    def test_a_file_elsewhere_is_left_alone(self, project: Project) -> None:
        write(project, ".github/workflows/ci.yml", "{}\n")
        write(project, "CODEOWNERS", "* @bank/team\n")
        render_all(project)
        assert not (project.root / ".github/CODEOWNERS").exists()
        refuse_stale(load_project(project.root))

    @pytest.mark.parametrize(
        "rule",
        [
            "* @attacker",
            "*.toml @attacker",
            "governance/ @attacker",
            "/governance/approvals/ @attacker",
            "/gov*/ @attacker",
            "/src/ @attacker",
            "/src/*/train.py @attacker",
            "/**/train.py @attacker",
            "/ @attacker",
            "/\\governance/ @attacker",
            "/params.yaml",
            "/.github/ @attacker",
        ],
    )
    def test_a_rule_below_that_takes_files_of_a_role(self, project: Project, rule: str) -> None:
        self.made(project, below=f"\n# more\n{rule}\n")
        said = drift(project)
        assert f".github/CODEOWNERS: {rule!r}, below the block, takes files from a role" in said
        assert "[roles]" in said

    @pytest.mark.parametrize(
        "rule", ["/deploy/ @ops", "/src/credit/serve.py @ops", "/docs/*.md @ops # texts", "# *"]
    )
    def test_a_rule_below_on_files_that_no_role_is_named_for(
        self, project: Project, rule: str
    ) -> None:
        self.made(project, below=f"\n{rule}\n")
        refuse_stale(load_project(project.root))

    def test_sections_of_gitlab_add_to_each_other(self, project: Project) -> None:
        self.made(project, "gitlab", "\n[Security][2] @sec\n* \n^[Docs]\n/governance/ @writers\n")
        refuse_stale(load_project(project.root))

    @pytest.mark.parametrize("section", ["", "[Docs]\n/docs/ @w\n[RISK]\n", "^[Domain][1]\n"])
    def test_the_section_of_a_role_goes_on_below(self, project: Project, section: str) -> None:
        self.made(project, "gitlab", f"{section}/governance/ @attacker\n")
        assert "'/governance/ @attacker', below the block, takes files" in drift(project)
