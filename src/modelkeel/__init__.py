"""modelkeel: the helpers that a generated repository imports, and the command `keel`."""

__version__ = "0.1.0"
