"""The scripts by which Alembic makes and upgrades the tables."""
