"""Exact contributions of the features to a margin, in plain numpy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.errors import BadInput, Refused
from modelkeel.model.explain.archive import unpack
from modelkeel.model.explain.cells import Cells, NumberCells, TextCells
from modelkeel.model.explain.linear import Linear
from modelkeel.model.explain.links import Link, log_odds, log_odds_weights, scores_of
from modelkeel.model.explain.trees import Trees
from modelkeel.model.files import REBUILD
from modelkeel.model.signature import Signature

Floats = NDArray[np.float64]
FILE = "explainer.npz"


class Explainer:
    """Says how much each feature moved a margin away from its mean over a sample of training rows.

    The contributions are interventional Shapley values. They and `base` add up to the margin, and
    the margin gives the score. Of two classes it is that of the second. Of more there is one a
    class, and what is explained is the log-odds of some classes against the others: see `toward`.
    The contributions to the margins of a row are then weighted, so that they add up to it.

    Args:
        content: the bytes of `explainer.npz`.
        signature: of the model.

    Attributes:
        base: the mean of what is explained, over the sample; of more than two classes, the log-odds
            at the mean margins.
        scale: what is explained, in words, such as "log-odds of 1".
        background: how many rows the sample has.

    Raises:
        Refused: the content is no explainer, or one of another signature.
    """

    def __init__(self, content: bytes, signature: Signature) -> None:
        about, arrays = unpack(content, FILE)
        if about.get("features") != signature.feature_names:
            raise Refused(f"{FILE} is of a model with other features", remedy=REBUILD)
        self._signature = signature
        try:
            self._read(about, arrays)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Refused(f"{FILE} lacks a part or holds a broken one", remedy=REBUILD) from error
        self._chosen: NDArray[np.bool_] | None = None
        self._explain(signature.classes[-1:])

    def _read(self, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        outputs, features = int(about["outputs"]), len(self._signature.features)
        if outputs != max(1, len(self._signature.classes)) and len(self._signature.classes) != 2:
            raise ValueError("outputs")
        self._link: Link = about["link"]
        self.background = int(about["background"])
        self.bases: Floats = arrays["bases"]
        self._cells = _cells(about, arrays)
        if about["kind"] == "trees":
            self._trees = Trees.of(arrays, (outputs, features))
        else:
            self._linear = Linear.of(arrays, (outputs, features))
        self._kind = about["kind"]

    def toward(self, classes: Collection[str]) -> Explainer:
        """The same for other classes: their log-odds against the rest.

        Of two classes it stays as it is, so that a contribution always means the same.

        Raises:
            BadInput: no class is named, or all, or one that there is not.
        """
        known = self._signature.classes
        if not 0 < len(set(classes)) < len(known) or not set(classes) <= set(known):
            raise BadInput(
                f"contributions toward {', '.join(classes) or 'no class'} mean nothing",
                remedy=f"name some of {', '.join(known)}, and not all",
            )
        other: Explainer = object.__new__(Explainer)
        vars(other).update(vars(self))
        if len(known) > 2:
            other._explain([name for name in known if name in set(classes)])
        return other

    def _explain(self, classes: list[str]) -> None:
        known = self._signature.classes
        if len(known) > 2:
            self._chosen = np.array([name in classes for name in known])
            self.base = float(log_odds(self._link, self.bases[None], self._chosen)[0])
        else:
            self.base = float(self.bases[0])
        self.scale = _scale(self._link, self._signature, classes)

    def contributions(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """What each feature added to `base` for each row (n, features).

        Args:
            columns: a sequence of values a feature, in the order of the signature: numbers, truth
                values, texts, moments as days since 1970-01-01; None where missing.
        """
        shares = self.each(columns)
        if self._chosen is None:
            return shares[:, 0]
        margins = shares.sum(axis=2) + self.bases
        weights = log_odds_weights(self._link, margins, self.bases, self._chosen)
        return np.asarray((shares * weights[:, :, None]).sum(axis=1))

    def each(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """The contributions to every margin (n, margins, features); `bases` are their means."""
        if self._kind == "trees":
            found = [cells.find(columns[at], first) for at, first, cells in self._cells]
            return self._trees.shares(np.array(found, dtype=np.int64).T)
        numbers = [columns[at] for at in self._linear.numbers.tolist()]
        texts = [cells.find(columns[at], first) for at, first, cells in self._cells]
        rows = len(columns[0])
        values = np.array(numbers, dtype=np.float32).reshape(len(numbers), rows)
        found_cells = np.array(texts, dtype=np.int64).reshape(len(texts), rows)
        return self._linear.shares(values.T.astype(np.float64), found_cells.T)

    def scores(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """The scores that the contributions add up to, as the model gives them."""
        return scores_of(self._link, self.each(columns).sum(axis=2) + self.bases)

    def difference(self, columns: Sequence[Sequence[Any]], scores: Floats) -> float:
        """The largest difference between what contributions add up to and scores of the model.

        A probability, or a value in standard deviations of the scores.
        """
        spread = 1.0 if self._signature.classes else max(float(np.std(scores)), 1e-12)
        return float(np.abs(self.scores(columns) - scores).max(initial=0.0)) / spread


def _cells(
    about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> list[tuple[int, int, Cells]]:
    """Position of each feature that is looked at, its first cell, and its cells."""
    found: list[tuple[int, int, Cells]] = []
    first = 0
    for name, levels in about["cells"]:
        at = about["features"].index(name)
        bounds = None if levels is not None else arrays[f"bounds_{at}"].tolist()
        cells = TextCells(levels) if bounds is None else NumberCells(bounds)
        found.append((at, first, cells))
        first += cells.count
    return found


def _scale(link: Link, signature: Signature, classes: list[str]) -> str:
    if link == "identity":
        return signature.target
    if link == "log":
        return f"log of {signature.target}"
    against = "" if len(signature.classes) == 2 else " against the other classes"
    return f"log-odds of {', '.join(classes)}{against}"
