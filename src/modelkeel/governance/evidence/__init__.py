"""Statements about a bundle that machines made, bound to its digest."""
