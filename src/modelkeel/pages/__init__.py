"""Pages that load nothing: one frame, one look, and the pieces of markup that they share."""

from modelkeel.pages.frame import Page, Section, render
from modelkeel.pages.markup import card, row, table

__all__ = ["Page", "Section", "card", "render", "row", "table"]
