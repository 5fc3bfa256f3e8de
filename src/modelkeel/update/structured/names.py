"""The names of a Python module: what it binds, what it uses without binding it."""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from modelkeel.update.structured.data import Unclear

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MODULE = {"__file__", "__name__", "__doc__", "__spec__", "__package__", "__path__", "__class__"}


def check_names(base: str, ours: str, theirs: str, result: str, *, in_place: bool = False) -> None:
    """Refuse a module in which one side's code misses or hides a name of the other's.

    Args:
        base: the text both sides began with.
        ours: the user's text.
        theirs: the template's text.
        result: the merged text.
        in_place: every statement is where its side has it, so variables may be bound again.

    Raises:
        Unclear: a name is used that nothing binds any more, or is bound twice.
    """
    mine, yours, merged = (ast.parse(text) for text in (ours, theirs, result))
    missing = _unbound(merged) - _unbound(mine) - _unbound(yours)
    if missing:
        raise Unclear(f"one side uses what the other removed: {', '.join(sorted(missing))}")
    before = [top_names(tree) for tree in (ast.parse(base), mine, yours)]
    defined = {node.name for node in merged.body if isinstance(node, _DEFINITIONS)}
    for name, count in top_names(merged).items():
        if in_place and before[0][name] and name.partition(".")[0] not in defined:
            continue
        if count > max(names[name] for names in before):
            raise Unclear(f"both sides bind {name}")


def top_names(tree: ast.Module | ast.ClassDef) -> Counter[str]:
    """Count how often a module's or class's own statements bind each name.

    Names in a class are told as `Class.name`; one import that stands twice counts once.
    """
    names: Counter[str] = Counter()
    imports: set[tuple[str, str]] = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[statement.name] += 1
            if isinstance(statement, ast.ClassDef):
                inner = top_names(statement).items()
                names.update({f"{statement.name}.{name}": count for name, count in inner})
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= {(name, ast.dump(statement)) for name in _bound_by_import(statement)}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            names.update(
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )
    names.update(alias for alias, _ in imports)
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
