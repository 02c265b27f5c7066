"""A gradient of which only some entries are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nodecheck.diagnosis.gradient.match import Candidate
from nodecheck.diagnosis.gradient.matcher import Matcher
from nodecheck.diagnosis.gradient.observation import Gradients
from nodecheck.numerics.constants import BELIEVED_IF_NEARER_BY, FEWEST_ENTRIES, MOST_ENTRIES_LISTED
from nodecheck.numerics.formats import eps_of
from nodecheck.problems import Float64


def wrong_entries(matcher: Matcher, name: str) -> list[Candidate]:
    """Return the candidate that a few entries of a group are wrong, if their errors stand out."""
    errors = _errors(matcher, name)
    wrong = _standing_out(matcher, name, errors)
    if not wrong.size:
        return []
    fine, coarse = matcher.observed
    exact_fine, exact_coarse = matcher.exact

    def replaced(observed: Gradients, exact: Gradients) -> Gradients:
        rows = exact[name].copy()
        rows[:, wrong] = observed[name][:, wrong]
        return {name: rows}

    second = None if coarse is None or exact_coarse is None else replaced(coarse, exact_coarse)
    return [
        Candidate(
            _phrase(matcher, name, wrong),
            (replaced(fine, exact_fine), second),
            freedom=errors[wrong].size * len(fine[name]),
        )
    ]


def _standing_out(matcher: Matcher, name: str, errors: Float64) -> npt.NDArray[np.intp]:
    """Return the indices of the wrong entries: none if that is not plain, or if all are wrong.

    Entries stand out if, sorted by size, the errors have a wide gap above the median.
    """
    none = np.array([], dtype=np.intp)
    if matcher.exact_to is not None:  # each entry is right or it is not
        wrong = np.flatnonzero(errors > matcher.exact_to * matcher.scales[name])
        return wrong if wrong.size < errors.size else none
    if errors.size < FEWEST_ENTRIES:
        return none
    by_size = np.argsort(errors)
    ordered = errors[by_size]
    half = errors.size // 2
    floor = eps_of(matcher.fine.dtype) * float(np.abs(matcher.exact[0][name]).max())
    gaps = ordered[half:] / np.maximum(ordered[half - 1 : -1], floor)
    widest = int(np.argmax(gaps))
    return none if gaps[widest] < BELIEVED_IF_NEARER_BY else np.sort(by_size[half + widest :])


def _errors(matcher: Matcher, name: str) -> Float64:
    """Return the error of each entry, RMS over the cotangents, without its part of first order in h."""
    fine = matcher.observed[0][name] - matcher.exact[0][name]
    coarse, exact_coarse = matcher.observed[1], matcher.exact[1]
    if coarse is not None and exact_coarse is not None and matcher.ratio > 1.0:
        before = coarse[name] - exact_coarse[name]
        fine = (matcher.ratio * fine - before) / (matcher.ratio - 1.0)
    return np.asarray(np.sqrt(np.mean(fine**2, axis=0)))


def _phrase(matcher: Matcher, name: str, wrong: npt.NDArray[np.intp]) -> str:
    """Return "be wrong in 2 of 15 entries, (0, 1), (2, 2), 2 times the exact value there, ..."."""
    shape = matcher.fine.problem.groups[name].shape
    places = [str(tuple(int(i) for i in np.unravel_index(int(k), shape))) for k in wrong]
    listed = ", ".join(places[:MOST_ENTRIES_LISTED]) + (", ..." if len(places) > MOST_ENTRIES_LISTED else "")
    ours, exact = matcher.observed[0][name][:, wrong], matcher.exact[0][name][:, wrong]
    below = float(np.vdot(exact, exact))
    factor = float(np.vdot(exact, ours)) / below if below > 0.0 else 0.0
    fits = np.linalg.norm(ours - factor * exact) * BELIEVED_IF_NEARER_BY <= np.linalg.norm(ours - exact)
    there = ""
    if fits:
        there = ", zero there" if not ours.any() else f", {factor:.4g} times the exact value there"
    text = f"be wrong in {len(places)} of {matcher.exact[0][name].shape[1]} entries"
    return f"{text}, {listed}{there}, and right in the others"
