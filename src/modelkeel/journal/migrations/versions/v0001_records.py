"""Records in chains, and the keys of people and days."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "segments",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("parents", sa.Text, nullable=False),
        sa.Column("genesis", sa.LargeBinary(32), nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("count", sa.Integer),
        sa.Column("head", sa.LargeBinary(32)),
        sa.Column("pruned_at", sa.BigInteger),
    )
    op.create_table(
        "records",
        sa.Column("segment", sa.String(36), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ref", sa.String(36)),
        sa.Column("subject", sa.String(64)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("payload_digest", sa.LargeBinary(32)),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("segment", "seq"),
    )
    op.create_index("records_kind_at", "records", ["kind", "at"])
    for name in ("ref", "subject"):  # most records have neither
        given = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"records_{name}", "records", [name], sqlite_where=given, postgresql_where=given
        )
    op.create_table(
        "subjects",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("index", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "day_keys",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
