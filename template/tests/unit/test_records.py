from modelkeel.data.contract import load_contract
from modelkeel.governance.charter_check import check_charter
from modelkeel.project import Project


def test_charter_and_governance_agree(project: Project) -> None:
    assert check_charter(project).owner == project.charter.owner.accountable


def test_each_column_that_is_used_is_in_the_contract(project: Project) -> None:
    params, contract = project.params, load_contract(project.contract_path)
    for name in [*params.features.names, *params.audit, *params.split.by, params.target]:
        assert contract.column(name).description


def test_what_is_kept_for_audits_is_no_feature(project: Project) -> None:
    assert set(project.params.audit).isdisjoint(project.params.features.names)
