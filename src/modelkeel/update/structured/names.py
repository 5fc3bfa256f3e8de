"""The names of a Python module: what it binds, what it uses without binding it."""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from modelkeel.update.structured.data import Unclear

_MODULE = {"__file__", "__name__", "__doc__", "__spec__", "__package__", "__path__", "__class__"}


def check_names(base: str, ours: str, theirs: str, result: str) -> None:
    """Refuse a module in which one side's code misses or hides a name of the other's.

    Raises:
        Unclear: a name is used that nothing binds any more, or is bound twice.
    """
    mine, yours, merged = (ast.parse(text) for text in (ours, theirs, result))
    missing = _unbound(merged) - _unbound(mine) - _unbound(yours)
    if missing:
        raise Unclear(f"one side uses what the other removed: {', '.join(sorted(missing))}")
    before = [top_names(tree) for tree in (ast.parse(base), mine, yours)]
    for name, count in top_names(merged).items():
        if count > max(names[name] for names in before):
            raise Unclear(f"both sides bind {name}")


def top_names(tree: ast.Module) -> Counter[str]:
    """Count how often a module's own statements bind each name."""
    names: Counter[str] = Counter()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[statement.name] += 1
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names.update(_bound_by_import(statement))
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            names.update(
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )
    return names


def _bound_by_import(statement: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.asname or alias.name for alias in statement.names]


def _unbound(tree: ast.Module) -> set[str]:
    bound: set[str] = set(dir(builtins)) | _MODULE
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            bound.add(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            bound.add(node.rest or "")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update(name.partition(".")[0] for name in _bound_by_import(node))
    return (used | _exported(tree)) - bound


def _exported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in statement.targets
        ):
            names |= {
                node.value
                for node in ast.walk(statement.value)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return names
