"""The embedded pairs: their orders and their estimates."""

from __future__ import annotations

from fractions import Fraction

import pytest

from nodecheck.numerics.pairs import PAIRS, find_pair

pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def quadrature_defect(pair, weights, k):
    """Return sum_i w_i c_i^(k-1) - 1/k, which vanishes for every k up to the order."""
    terms = zip(weights, pair.tableau.c, strict=True)
    return sum(Fraction(w) * Fraction(c) ** (k - 1) for w, c in terms) - Fraction(1, k)


@pairs
def test_the_embedded_weights_have_the_order_that_is_stated(pair):
    assert not any(quadrature_defect(pair, pair.lower, k) for k in range(1, pair.lower_order + 1))


@pairs
def test_the_embedded_weights_have_no_higher_order(pair):
    """Of linear equations: w (A^q 1) is not 1/(q + 1)!, so that the estimate does see an error."""
    powers = [Fraction(1)] * pair.tableau.stages
    factorial = 1
    for k in range(1, pair.lower_order + 1):
        factorial *= k + 1
        rows = [zip(row, powers[: len(row)], strict=True) for row in pair.tableau.a]
        powers = [sum((Fraction(x) * p for x, p in row), Fraction(0)) for row in rows]
    assert sum(Fraction(w) * p for w, p in zip(pair.lower, powers, strict=True)) != Fraction(1, factorial)


@pairs
def test_the_estimate_of_a_constant_slope_is_zero(pair):
    assert sum(pair.tableau.b) == sum(pair.lower) == 1


def test_dopri5_and_bosh3_end_with_the_first_stage_of_the_next_step():
    assert {name for name, pair in PAIRS.items() if pair.last_is_first} == {"dopri5", "bosh3"}


def test_a_method_without_an_estimate_is_refused():
    with pytest.raises(ValueError, match="solver must be one of heun, bosh3, dopri5 where rtol and atol"):
        find_pair("rk4")
