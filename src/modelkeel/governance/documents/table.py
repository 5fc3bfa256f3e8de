"""What a template may ask about the table that the model was made from."""

from __future__ import annotations

from dataclasses import dataclass

from modelkeel.data.contract.model import Column
from modelkeel.governance.documents import ropa, words
from modelkeel.governance.documents.ledger import Ledger

_LEFT_OPEN = "to be described"  # as `keel contract infer` writes where only a person can know


@dataclass(frozen=True)
class Table:
    """The columns of the data contract, in Markdown.

    Attributes:
        ledger: where the contract is read, and what it lacks is marked.
    """

    ledger: Ledger

    def column(self, name: str) -> Column:
        """A column of the data contract."""
        return self.ledger.sources.contract.column(name)

    def label(self, name: str) -> str:
        """What to call a column in a text for people."""
        return words.text(described(self.column(name).description) or words.words(name))

    def meaning(self, column: Column) -> str:
        """What a column means."""
        key, what = f"column {column.name}", f"what `{words.cell(column.name)}` means"
        said = words.cell(described(column.description))
        return said or self.ledger.missing(key, what, f"describe it in {self._file}")

    def limits(self) -> str:
        """What the data contract says of its limits."""
        remedy = f"write description.limitations in {self._file}"
        said = words.text(described(self.ledger.sources.contract.limitations))
        return said or self.ledger.missing("contract", "the limits of the data", remedy)

    def allowed(self, column: Column) -> str:
        """The values that the contract allows, in words."""
        if column.categories:
            names = (
                f"{each} ({column.labels[each]})" if each in column.labels else each
                for each in column.categories
            )
            return words.cell(", ".join(names))
        low = column.minimum if column.minimum is not None else column.above
        high = column.maximum if column.maximum is not None else column.below
        unit = f" {words.cell(column.unit)}" if column.unit else ""
        first, last = (words.bound(each) for each in (low, high))
        if low is None:
            return f"up to {last}{unit}" if high is not None else f"any{unit}"
        return f"{first} to {last}{unit}" if high is not None else f"from {first}{unit}"

    def role(self, column: str) -> str:
        """What a column is used for."""
        params = self.ledger.sources.params
        roles = {
            "target": [params.target],
            "feature": params.features.names,
            "fairness checks": params.audit,
            "split": params.split.by,
        }
        return ", ".join(role for role, names in roles.items() if column in names) or "not used"

    def about_people(self) -> str:
        """The columns about people."""
        return words.cell(ropa.categories_of_data(self.ledger))

    @property
    def _file(self) -> str:
        return self.ledger.sources.params.contract


def described(said: str) -> str:
    """A description as plain text; nothing for one that a person has still to write."""
    return "" if _LEFT_OPEN in said.lower() else said.strip()
