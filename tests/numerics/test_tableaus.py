"""The tableaus, exactly: their coefficients are rational, and so are the order conditions."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from functools import cache
from math import prod

import pytest

from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS

Tree = tuple["Tree", ...]
"""A rooted tree: the sorted tuple of its subtrees."""


@cache
def trees(order: int) -> frozenset[Tree]:
    """Return the rooted trees with this many nodes."""
    found = set()
    for sizes in _partitions(order - 1, order - 1):
        for subtrees in itertools.product(*(trees(size) for size in sizes)):
            found.add(tuple(sorted(subtrees)))
    return frozenset(found)


def _partitions(total: int, largest: int) -> list[tuple[int, ...]]:
    if total == 0:
        return [()]
    return [
        (first, *rest)
        for first in range(1, min(total, largest) + 1)
        for rest in _partitions(total - first, first)
    ]


def nodes(tree: Tree) -> int:
    return 1 + sum(map(nodes, tree))


def density(tree: Tree) -> int:
    return nodes(tree) * prod(map(density, tree))


def weights(tree: Tree, method: ButcherTableau) -> list[Fraction]:
    """Return, per stage, the product over the subtrees of sum_j a_ij (weight of the subtree at j)."""
    product = [Fraction(1)] * method.stages
    for subtree in tree:
        inner = weights(subtree, method)
        for i, row in enumerate(method.a):
            product[i] *= sum((a * w for a, w in zip(row, inner, strict=False)), Fraction(0))
    return product


def residual(tree: Tree, method: ButcherTableau) -> Fraction:
    """Return sum_i b_i Phi_i(tree) - 1 / gamma(tree); Hairer, Nørsett & Wanner (1993), theorem II.2.13."""
    total = sum((b * w for b, w in zip(method.b, weights(tree, method), strict=True)), Fraction(0))
    return total - Fraction(1, density(tree))


def test_rooted_trees_are_as_many_as_cayley_counted() -> None:
    assert [len(trees(order)) for order in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@pytest.mark.parametrize("method", TABLEAUS.values(), ids=TABLEAUS.keys())
def test_a_tableau_meets_every_condition_of_its_order(method: ButcherTableau) -> None:
    conditions = [tree for order in range(1, method.order + 1) for tree in trees(order)]
    assert [residual(tree, method) for tree in conditions] == [0] * len(conditions)


@pytest.mark.parametrize("method", TABLEAUS.values(), ids=TABLEAUS.keys())
def test_a_tableau_misses_a_condition_of_the_next_order(method: ButcherTableau) -> None:
    assert any(residual(tree, method) != 0 for tree in trees(method.order + 1))


@pytest.mark.parametrize("method", TABLEAUS.values(), ids=TABLEAUS.keys())
def test_a_tableau_says_where_it_was_published(method: ButcherTableau) -> None:
    assert any(character.isdigit() for character in method.cite)


def test_a_tableau_is_known_by_its_own_name() -> None:
    assert all(method.name == name for name, method in TABLEAUS.items())


def test_a_rounded_tableau_is_accepted_by_its_own_validation() -> None:
    assert all(isinstance(b, float) for method in TABLEAUS.values() for b in method.rounded.b)


MIDPOINT = TABLEAUS["midpoint"]


def test_a_mistyped_coefficient_is_refused() -> None:
    with pytest.raises(ValueError, match=r"row 1 of a .* must sum to 0\.5, got 0\.6; correct the row"):
        dataclasses.replace(MIDPOINT, a=((), (0.6,)))


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights b .* must sum to 1\.0, got 0\.9; correct b"):
        dataclasses.replace(MIDPOINT, b=(0.0, 0.9))


def test_an_implicit_tableau_is_refused() -> None:
    with pytest.raises(ValueError, match="must be explicit, row 0 of a holding 0 coefficients, got 1"):
        ButcherTableau(name="implicit midpoint", order=2, a=((0.5,),), b=(1.0,), c=(0.5,))


def test_sizes_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="got 2 rows, 1 weights and 2 nodes"):
        dataclasses.replace(MIDPOINT, b=(1,))


def test_a_coefficient_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="must have finite coefficients, got nan"):
        dataclasses.replace(MIDPOINT, b=(0.0, float("nan")))


@pytest.mark.parametrize("order", [0, -1, 1.0, True])
def test_an_order_that_is_not_a_positive_integer_is_refused(order: object) -> None:
    with pytest.raises(ValueError, match="must be a positive integer, got"):
        dataclasses.replace(MIDPOINT, order=order)


def test_weights_in_floats_may_be_off_by_rounding() -> None:
    thirds = (1 / 3, 1 / 3, 1 - 2 / 3)
    assert dataclasses.replace(TABLEAUS["ralston3"], b=thirds).b == thirds
