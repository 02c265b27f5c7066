"""The suite of problems: initial value problems whose gradients are known."""

from nodecheck.problems.linear import constant, linear, power
from nodecheck.problems.problem import Array, Problem

PROBLEMS: tuple[Problem, ...] = (constant, *(power(k) for k in range(6)), linear)

__all__ = ["PROBLEMS", "Array", "Problem", "constant", "linear", "power"]
