r"""Interventional Shapley values of the leaves of trees, as tables.

A leaf pays its value where all conditions on its path hold. Each feature on the path is a player.
Take a row that satisfies the players P, and a background row that satisfies Q. Only where P and Q
are all players together do they reach the leaf by some mixture of the two. Then, with a = |P \ Q|
and b = |Q \ P|, each player of P \ Q gets value (a-1)! b! / (a+b)!, and each of Q \ P gets minus
value a! (b-1)! / (a+b)!. The mean over background rows depends on P alone: a table with a row for
each P. Source: Lundberg et al. 2020, From local explanations to global understanding with
explainable AI for trees; Laberge and Pequignot 2022, Understanding interventional TreeSHAP.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.explain.fitted import NotExact

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

JOINED = 4096
"""Numbers that a table of several leaves may have: larger ones fill the processor's cache."""
LARGEST = 1 << 19
"""Numbers that the table of one leaf may have."""
_LEAVES = 60


@dataclass(frozen=True)
class Leaf:
    """A leaf, with the conditions on its path.

    Attributes:
        value: what it pays.
        holds: for each player on the path, in which of its cells the conditions hold.
    """

    value: float
    holds: dict[int, Bools]


@dataclass(frozen=True)
class Branch:
    """A part of a tree: its leaves, and the two parts that it is made of, if it is no leaf."""

    leaves: list[Leaf]
    parts: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Block:
    """Leaves that share a table.

    Attributes:
        leaves: the leaves.
        players: the features that any of them looks at.
        parts: for each player, into which part of its values each of its cells falls.
        counts: how many parts each player has.
    """

    leaves: list[Leaf]
    players: list[int]
    parts: list[Ints]
    counts: list[int]

    @property
    def size(self) -> int:
        """Numbers in the table: one a player for each combination of parts."""
        return prod(self.counts) * len(self.players)


def cut(branch: Branch) -> list[Block]:
    """Cut a tree into as few blocks as the size of tables allows.

    Raises:
        NotExact: a leaf looks at so many features that its table would be too large.
    """
    if not branch.parts:
        if not branch.leaves or not branch.leaves[0].holds:
            return []
        block = _block(branch.leaves)
        if block.size > LARGEST:
            raise NotExact(f"a path of the trees asks for {len(block.players)} features")
        return [block]
    below = [cut(part) for part in branch.parts]
    found = [block for blocks in below for block in blocks]
    if len(branch.leaves) <= _LEAVES and len(found) > 1 and all(len(each) <= 1 for each in below):
        joined = _block(branch.leaves)
        if joined.size <= max(JOINED, sum(block.size for block in found)):
            return [joined]
    return found


def _block(leaves: list[Leaf]) -> Block:
    players = sorted({player for leaf in leaves for player in leaf.holds})
    parts, counts = [], []
    for player in players:
        # two cells are one part where they agree in all conditions
        marks: Ints = np.zeros(1, dtype=np.intp)
        for leaf in leaves:
            marks = 2 * marks + leaf.holds[player] if player in leaf.holds else 2 * marks
        seen, part = np.unique(marks, return_inverse=True)
        parts.append(part.astype(np.intp))
        counts.append(len(seen))
    return Block(leaves, players, parts, counts)


def table_of(block: Block, background: Ints) -> tuple[Floats, float]:
    """The contributions of a block, and its mean over the background.

    Args:
        block: the leaves.
        background: the cell of each player (rows, players of all) in the background rows.

    Returns:
        (combinations of parts, players): the first player varies slowest.
    """
    table = np.zeros((*block.counts, len(block.players)))
    mean = 0.0
    for leaf in block.leaves:
        places = [block.players.index(player) for player in leaf.holds]
        counts = np.bincount(_patterns(leaf, background), minlength=1 << len(places))
        shares: Floats = counts / len(background)
        mean += leaf.value * float(shares[-1])
        own = leaf.value * _leaf_table(len(places), shares)
        pattern = np.zeros(block.counts, dtype=np.intp)
        for bit, (place, holds) in enumerate(zip(places, leaf.holds.values(), strict=True)):
            of_part = np.zeros(block.counts[place], dtype=np.intp)
            of_part[block.parts[place]] = holds
            shape = [1] * len(block.counts)
            shape[place] = -1
            pattern += of_part.reshape(shape) << bit
        table[..., places] += own[pattern]
    return table.reshape(-1, len(block.players)), mean


def _patterns(leaf: Leaf, background: Ints) -> Ints:
    """Which players each background row satisfies, a bit each."""
    found = np.zeros(len(background), dtype=np.intp)
    for bit, (player, holds) in enumerate(leaf.holds.items()):
        found |= holds[background[:, player]].astype(np.intp) << bit
    return found


def _leaf_table(count: int, shares: Floats) -> Floats:
    """Contributions (patterns P, players) of a leaf of value 1, averaged over patterns Q by shares.

    A Q with P makes up all players where it holds all that P lacks. So what is asked for are sums
    over such Q of one size each, and those that lack a player besides are a difference of two sums.
    """
    every = np.arange(1 << count)
    sizes = ((every[:, None] >> np.arange(count)) & 1).sum(axis=1)
    sums = np.zeros((count + 1, 1 << count))
    sums[count - sizes, every] = shares
    for bit in range(count):
        halves = sums.reshape(count + 1, -1, 2, 1 << bit)
        halves[:, :, 0] += halves[:, :, 1]  # now of all Q that hold at least the players given
    sums = sums[:, ::-1]  # by P, not by what it lacks
    gains, losses = _weights(count)
    lacking = count - sizes
    gained = gains[:, lacking]
    lost = -(losses[:, lacking] * sums).sum(axis=0)
    table = np.empty((1 << count, count))
    for bit in range(count):
        has = (every >> bit) & 1 == 1
        fewer = sums[:, every & ~(1 << bit)]
        table[:, bit] = np.where(has, (gained * (sums - fewer)).sum(axis=0), lost)
    return table


def _weights(count: int) -> tuple[Floats, Floats]:
    """(a-1)! b! / (a+b)! and a! (b-1)! / (a+b)! by a and b; 0 where there is nobody to get it."""
    gains = np.zeros((count + 1, count + 1))
    for a in range(1, count + 1):
        for b in range(count + 1 - a):
            gains[a, b] = factorial(a - 1) * factorial(b) / factorial(a + b)
    return gains, gains.T.copy()
