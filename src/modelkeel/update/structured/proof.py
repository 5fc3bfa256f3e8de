"""The proof that a merged file holds what both sides did, made without the merge's own means."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher

from modelkeel.update.structured import formats, ini, json, lines, makefile, toml, yaml
from modelkeel.update.structured.agree import Maybe, agrees, in_order
from modelkeel.update.structured.data import Data
from modelkeel.update.structured.names import top_names
from modelkeel.update.structured.text import Frame, merge_frames, unframe

_METHOD = ast.FunctionDef | ast.AsyncFunctionDef
_WORD = re.compile(r"[^\s,()\[\]{}]+")


def proven(path: str, base: str | None, ours: str, theirs: str, result: str) -> bool:
    """Tell whether result parses, has what either side added, and lacks what either removed.

    Args:
        path: of the file in its repository.
        base: the text both sides began with; None: both added the file.
        ours: the user's text.
        theirs: the template's text.
        result: the merged text.
    """
    if ours == theirs or theirs == base:
        return result == ours
    if ours == base:
        return result == theirs
    try:
        frames, texts = zip(
            *(unframe(text or "") for text in (base, ours, theirs, result)), strict=True
        )
        return _framed(base, *frames) and _holds(path, *texts)
    except formats.FAILURES:
        return False


def words_kept(base: str | None, ours: str, theirs: str, result: str) -> bool:
    """Tell whether of each word as many came and went as in both sides together."""
    return _counts_agree(*(Counter(_WORD.findall(t or "")) for t in (base, ours, theirs, result)))


def _framed(text: str | None, base: Frame, ours: Frame, theirs: Frame, result: Frame) -> bool:
    return result == merge_frames(None if text is None else base, ours, theirs)


def _holds(path: str, *texts: str) -> bool:
    kind = formats.format_of(path)
    if kind is None:
        return False
    if not _counts_agree(*(Counter(_WORD.findall(text)) for text in texts)):
        return False
    if kind == "toml":
        return _data_agree([toml.load(text) for text in texts])
    if kind == "yaml":
        return _data_agree([yaml.load(text) for text in texts])
    if kind == "json":
        if json.is_strict(texts[1]) and json.is_strict(texts[2]) and not json.is_strict(texts[3]):
            return False
        return _data_agree([json.load(text) if text.strip() else None for text in texts])
    if kind == "python":
        return _modules_agree(*texts)
    if kind == "ini":
        return _lines_agree(*texts) and _data_agree([ini.load(text) for text in texts])
    if kind == "makefile":
        return _lines_agree(*(makefile.lines_of(text) for text in texts))
    if kind == "markdown":
        return _lines_agree(*texts)
    entries = [lines.data(kind, text).items() for text in texts]
    return _lines_agree(*texts) and _data_agree(
        [{key: ("str", value) for key, value in some} for some in entries]
    )


def _data_agree(versions: Sequence[Maybe]) -> bool:
    base, ours, theirs, result = versions
    return agrees(base, ours, theirs, result)


def _counts_agree(
    base: Counter[str], ours: Counter[str], theirs: Counter[str], result: Counter[str]
) -> bool:
    """Tell whether of each word as many came and went as in both sides together.

    What both sides added, or both removed, may have come or gone once.
    """
    for word in base | ours | theirs | result:
        mine, yours = ours[word] - base[word], theirs[word] - base[word]
        both = mine + yours
        once = min(mine, yours) if both < 0 else max(mine, yours)
        allowed = {both, once} if mine * yours > 0 else {both}
        if not min(allowed) <= result[word] - base[word] <= max(allowed):
            return False
    return True


def _lines_agree(base: str, ours: str, theirs: str, result: str) -> bool:
    """Tell whether each line came or went with a side, and each side's lines are in order."""
    old, mine, yours, merged = (
        [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        for text in (base, ours, theirs, result)
    )
    counts = [Counter(some) for some in (old, mine, yours, merged)]
    once = {line for line in merged if all(count[line] < 2 for count in counts)}
    return (
        _counts_agree(*counts)
        and _in_turn(mine, once - _displaced(old, yours), merged)
        and _in_turn(yours, once - _displaced(old, mine), merged)
    )


def _displaced(base: list[str], side: list[str]) -> set[str]:
    """Return the lines of base that a side removed or moved."""
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    kept = {line for m in matcher.get_matching_blocks() for line in base[m.a : m.a + m.size]}
    return set(base) - kept


def _in_turn(side: Iterable[str], lines: Collection[str], result: Iterable[str]) -> bool:
    rest = iter(result)
    return all(line in rest for line in side if line in lines)


def _modules_agree(*texts: str) -> bool:
    trees = [ast.parse(text) for text in texts]
    imports = [_counted(_imported(tree)) for tree in trees]
    named = [_named(tree) for tree in trees]
    others = [[ast.dump(node) for node in tree.body if _is_other(node)] for tree in trees]
    orders = [
        list(dict.fromkeys([*table, *other])) for table, other in zip(named, others, strict=True)
    ]
    lists = [_lists(tree) for tree in trees]
    return (
        _data_agree([_opening(text) for text in texts])
        and _data_agree(imports)
        and _data_agree(named)
        and _members_in_order([_classes(tree) for tree in trees])
        and others[3] == (others[2] if others[1] == others[0] else others[1])
        and in_order(orders[0], orders[1], orders[2], orders[3])
        and _data_agree([{k: _counted(v) for k, v in table.items()} for table in lists])
        and all(
            in_order(*(table.get(name, []) for table in lists))
            for name in lists[3]
            if all(name in table for table in lists)
        )
        and set(top_names(trees[3])) <= set(top_names(trees[1])) | set(top_names(trees[2]))
    )


def _opening(text: str) -> Maybe:
    """Return the shebang and the coding that hold for a module."""
    coding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
    shebang = text.split("\n", 1)[0] if text.startswith("#!") else ""
    return {"coding": ("str", coding), "shebang": ("str", shebang)}


def _counted(keys: Iterable[str]) -> dict[str, Data]:
    return {key: ("count", str(count)) for key, count in Counter(keys).items()}


def _imported(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [f"{alias.name} as {alias.asname}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [f"{module}: {alias.name} as {alias.asname}" for alias in node.names]
    return found


def _target(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and _listed(node) is not None:
            return ast.unparse(target)
        return target.id if isinstance(target, ast.Name) else None
    if isinstance(node, ast.AnnAssign):
        return node.target.id if isinstance(node.target, ast.Name) else None
    return None


def _named(tree: ast.Module) -> dict[str, Data]:
    """Return the code of each definition, of those with one name together; of a class its parts."""
    code: dict[str, str] = {}
    for node in tree.body:
        name = _target(node)
        if name and _listed(node) is None:
            code[name] = code.get(name, "") + ast.dump(node)
    parts = {name: _members(node) for name, node in _classes(tree).items()}
    return {name: parts.get(name, ("code", text)) for name, text in code.items()}


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the classes whose name is given once."""
    count = Counter(_target(node) for node in tree.body)
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {node.name: node for node in classes if count[node.name] == 1}


def _members(node: ast.ClassDef) -> dict[str, Data]:
    """Return the code of each method, all other statements in turn, and the first line."""
    code: dict[str, str] = {}
    for inner in node.body:
        key = inner.name if isinstance(inner, _METHOD) else ". others"
        code[key] = code.get(key, "") + ast.dump(inner)
    bare = ast.ClassDef(node.name, node.bases, node.keywords, [], node.decorator_list)
    return {". first": ("code", ast.dump(bare)), **{k: ("code", v) for k, v in code.items()}}


def _members_in_order(versions: Sequence[dict[str, ast.ClassDef]]) -> bool:
    """Tell whether the members of each class stand as on the sides that have them."""
    for name in versions[3]:
        if all(name in table for table in versions):
            members = [[_member(inner) for inner in table[name].body] for table in versions]
            if not in_order(*(list(dict.fromkeys(some)) for some in members)):
                return False
    return True


def _member(node: ast.stmt) -> str:
    return f"def {node.name}" if isinstance(node, _METHOD) else ast.dump(node)


def _is_other(node: ast.stmt) -> bool:
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return not text and _target(node) is None and not isinstance(node, ast.Import | ast.ImportFrom)


def _lists(tree: ast.Module) -> dict[str, list[str]]:
    """Return the items of each list, tuple or set of constants and names that is assigned."""
    found: dict[str, list[str]] = {}
    for node in tree.body:
        name, items = _target(node), _listed(node)
        if name and items is not None:
            found.setdefault(name, []).extend(items)
    return found


def _listed(node: ast.stmt) -> list[str] | None:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if not isinstance(value, ast.List | ast.Tuple | ast.Set):
        return None
    if not all(isinstance(item, ast.Constant | ast.Name | ast.Attribute) for item in value.elts):
        return None
    return [ast.dump(item) for item in value.elts]
