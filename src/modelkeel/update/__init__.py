"""Updates of a generated repository, and how both sides' changes are joined."""
