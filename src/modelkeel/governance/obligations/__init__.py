"""The dated catalogue of obligations, and the lock of those that apply to a project."""
