"""Typed records that people write: charter, system, gates."""
