"""For which numbers of steps a layer is wrong: what depends on that number is no matter of coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nodecheck.layers import LayerUnderTest
from nodecheck.measure.convergence import exact_gradients, judged_groups
from nodecheck.numerics import group_errors, relative_error
from nodecheck.numerics.constants import (
    JUMP,
    MULTIPLES_OF_STEPS,
    NEAR_STEPS,
)
from nodecheck.problems import Problem
from nodecheck.reference import sensitivity
from nodecheck.results.phrases import plural


def forward_error(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return the relative error of y1."""
    return relative_error(layer.solve(problem, n_steps).y1, sensitivity(problem).y1)


def gradient_error(layer: LayerUnderTest, problem: Problem, n_steps: int) -> float:
    """Return the largest relative error of a group for the first cotangents."""
    count = 2
    runs = [run.gradients for run in layer.gradients(problem, n_steps, count)]
    errors = group_errors(runs, exact_gradients(layer, problem, count))
    return max(errors[group] for group in judged_groups(problem))


def explain_onset(error: Callable[[int], float], levels: Sequence[int]) -> str:
    """Return at which number of steps an error is large that was small before; "" if it never jumps.

    Between two levels of the ladder two successive such numbers are found by bisection.
    """
    errors = [error(n) for n in levels]
    for k in range(1, len(levels)):
        if errors[k] > JUMP * errors[k - 1]:
            right, wrong = _bisect(error, (levels[k - 1], levels[k]), (errors[k - 1] * errors[k]) ** 0.5)
            if not error(wrong) > JUMP * error(right):  # it grows, and begins nowhere
                return ""
            return (
                f"At {right} steps the error is {error(right):.2g}, at {wrong} steps {error(wrong):.2g}, "
                f"at {levels[k]} steps {errors[k]:.2g}: what is wrong depends on the number of steps."
            )
    return ""


def _bisect(error: Callable[[int], float], between: tuple[int, int], limit: float) -> tuple[int, int]:
    """Return two successive numbers of steps, the error of the second only being above the limit."""
    right, wrong = between
    while wrong - right > 1:
        middle = (right + wrong) // 2
        right, wrong = (right, middle) if error(middle) > limit else (middle, wrong)
    return right, wrong


def explain_which(is_wrong: Callable[[int], bool], n_steps: int) -> str:
    """Return which numbers of steps near a wrong one, or above it, are right; "" if none is."""
    near = range(max(1, n_steps - NEAR_STEPS), n_steps + NEAR_STEPS + 1)
    tried = {n: is_wrong(n) for n in (*near, *(k * n_steps for k in MULTIPLES_OF_STEPS))}
    wrong, right = ([n for n, each in tried.items() if each is kind] for kind in (True, False))
    if not right:
        return ""
    seen = f"Right with {plural(_list(right), 'step')}, wrong with {_list(wrong)}"
    if all(n % 2 for n in wrong) and not any(n % 2 for n in right):
        return f"{seen}: an odd number of steps is treated apart."
    if max(wrong) < min(right):
        return f"{seen}: what is wrong depends on the size of the step, so no coefficient is."
    return f"{seen}: what is wrong depends on the number of steps, so no coefficient is."


def _list(numbers: Sequence[int]) -> str:
    texts = [str(n) for n in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
