"""The mistakes that a field of the user's own cannot reveal, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from nodecheck.numerics.constants import SMALLEST_WEIGHT
from nodecheck.problems import OwnField, Problem
from nodecheck.reference.adequacy import Feature, features, group_weights

_ALONE = (
    "Its state has one component: an adjoint with a transposed Jacobian, or with products in another order, "
    "gives the same gradient."
)
# What stays unseen on a field that lacks the feature.
_UNSEEN = {
    Feature.TIME_DEPENDENT: (
        "It does not depend on time, or hardly: a layer that evaluates it at wrong times gives the same "
        "answers."
    ),
    Feature.STATE_DEPENDENT: (
        "It does not depend on the state, or hardly: a layer without an adjoint equation gives the same "
        "gradient."
    ),
    Feature.NONSYMMETRIC: (
        "Its Jacobian is symmetric, or nearly: a transposed Jacobian gives the same gradient."
    ),
    Feature.NONNORMAL: (
        "Its Jacobian commutes with its transpose, or nearly: products in another order give the same "
        "gradient."
    ),
    Feature.NONLINEAR: (
        "Its Jacobian hardly changes with the state: one at a wrong state gives nearly the same gradient."
    ),
    Feature.MOVING: (
        "∂y1/∂y0 is nearly the identity: an adjoint that is not propagated gives nearly the same gradient. A "
        "longer interval shows more."
    ),
}
_KINKS = (
    "Its Jacobian jumps along the solution, as that of ReLU does: no method has its order there, and checks "
    "that need one decide nothing. A copy with a smooth activation shows them."
)
_ANOTHER_AXIS = (
    "The batch has one member, or is as long as another axis: a sum over the wrong axis may go unseen. Give "
    "it a length that no other axis has."
)
_ONE_DIRECTION = "Time runs {} only."
_FROM_ZERO = "Time begins at 0: a layer that begins there whatever t0 is gives the same answers."
_LENGTH_ONE = "The interval has length 1: a factor of its length that is missing or too many is not seen."


def blindness(problem: Problem) -> tuple[str, ...]:
    """Return the mistakes that no check can see on a field of the user's own, as sentences.

    Raises
    ------
    ReferenceFailure
        If the problem cannot be solved exactly.
    """
    return tuple(_sentences(problem))


def _sentences(problem: Problem) -> Iterator[str]:
    present = features(problem)
    smooth = Feature.KINKED not in present
    if not smooth:
        yield _KINKS
    alone = problem.y0.shape[1] == 1
    if alone:
        yield _ALONE
    of_matrices = {Feature.NONSYMMETRIC, Feature.NONNORMAL}
    for feature, sentence in _UNSEEN.items():
        known = smooth or feature is not Feature.MOVING
        follows = feature in of_matrices and (alone or Feature.STATE_DEPENDENT not in present)
        implied = feature is Feature.NONNORMAL and Feature.NONSYMMETRIC not in present
        if feature not in present and known and not follows and not implied:
            yield sentence
    if _sizes_agree(problem):
        yield _ANOTHER_AXIS
    if smooth:
        yield from _small_groups(problem)
    field = problem.vector_field
    if isinstance(field, OwnField) and field.frozen:
        yield f"{_listed(field.frozen)} require no gradient: they are taken as constants of the field."
    if problem.t0 == 0.0 and Feature.TIME_DEPENDENT in present:
        yield _FROM_ZERO
    if abs(problem.duration) == 1.0:
        yield _LENGTH_ONE
    yield _ONE_DIRECTION.format("forwards" if problem.duration > 0 else "backwards")


def _sizes_agree(problem: Problem) -> bool:
    """Return True if the batch has one member, or the length of another axis."""
    batch, size = problem.y0.shape
    shape = problem.vector_field.shape if isinstance(problem.vector_field, OwnField) else ()
    lengths = {size, *shape}.union(*(value.shape for value in problem.params.values()))
    return batch == 1 or batch in lengths


def _small_groups(problem: Problem) -> Iterator[str]:
    weights = group_weights(problem)
    small = [f"∂L/∂{name}" for name, weight in weights.items() if weight < SMALLEST_WEIGHT]
    if small:
        yield f"{_listed(small)} are below {SMALLEST_WEIGHT:g} of the largest gradient, and not judged."


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)
