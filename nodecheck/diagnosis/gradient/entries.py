"""A gradient of which only some entries are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nodecheck.diagnosis.gradient.comparison import BETTER
from nodecheck.diagnosis.gradient.match import Candidate, Case
from nodecheck.diagnosis.gradient.observation import Gradients
from nodecheck.problems import Float64

_FEWEST = 4  # entries: with fewer, one outlier among them is no pattern
_MOST_LISTED = 4


def wrong_entries(case: Case, name: str) -> list[Candidate]:
    """Return the candidate that a few entries of a group are wrong, if their errors stand out.

    They stand out if, sorted by size, the errors have a gap of a factor of `BETTER` above the median.
    """
    errors = _errors(case, name)
    wrong = _stand_out(case, name, errors)
    if not wrong.size:
        return []
    fine, coarse = case.observed
    exact_fine, exact_coarse = case.exact

    def replaced(observed: Gradients, exact: Gradients) -> Gradients:
        rows = exact[name].copy()
        rows[:, wrong] = observed[name][:, wrong]
        return {name: rows}

    second = None if coarse is None or exact_coarse is None else replaced(coarse, exact_coarse)
    return [
        Candidate(
            _phrase(case, name, wrong),
            (replaced(fine, exact_fine), second),
            freedom=errors[wrong].size * len(fine[name]),
        )
    ]


def _stand_out(case: Case, name: str, errors: Float64) -> npt.NDArray[np.intp]:
    """Return which entries are wrong: none if that is not plain, or if all are."""
    none = np.array([], dtype=np.intp)
    if case.exact_to is not None:  # each entry is right or it is not
        wrong = np.flatnonzero(errors > case.exact_to * case.scales[name])
        return wrong if wrong.size < errors.size else none
    if errors.size < _FEWEST:
        return none
    by_size = np.argsort(errors)
    ordered = errors[by_size]
    half = errors.size // 2
    floor = np.finfo(np.float64).eps * float(np.abs(case.exact[0][name]).max())
    gaps = ordered[half:] / np.maximum(ordered[half - 1 : -1], floor)
    widest = int(np.argmax(gaps))
    return none if gaps[widest] < BETTER else np.sort(by_size[half + widest :])


def _errors(case: Case, name: str) -> Float64:
    """Return the error of each entry, RMS over the cotangents, without its part of first order in h."""
    fine = case.observed[0][name] - case.exact[0][name]
    coarse, exact_coarse = case.observed[1], case.exact[1]
    if coarse is not None and exact_coarse is not None and case.ratio > 1.0:
        before = coarse[name] - exact_coarse[name]
        fine = (case.ratio * fine - before) / (case.ratio - 1.0)
    return np.asarray(np.sqrt(np.mean(fine**2, axis=0)))


def _phrase(case: Case, name: str, wrong: npt.NDArray[np.intp]) -> str:
    """Return "be wrong in 2 of 15 entries: (0, 1), (2, 2), there 2 times the exact value"."""
    shape = case.fine.problem.groups[name].shape
    places = [str(tuple(int(i) for i in np.unravel_index(int(k), shape))) for k in wrong]
    listed = ", ".join(places[:_MOST_LISTED]) + (", ..." if len(places) > _MOST_LISTED else "")
    ours, exact = case.observed[0][name][:, wrong], case.exact[0][name][:, wrong]
    below = float(np.vdot(exact, exact))
    factor = float(np.vdot(exact, ours)) / below if below > 0.0 else 0.0
    fits = np.linalg.norm(ours - factor * exact) * BETTER <= np.linalg.norm(ours - exact)
    there = ""
    if fits:
        there = ", zero there" if not ours.any() else f", {factor:.4g} times the exact value there"
    text = f"be wrong in {len(places)} of {case.exact[0][name].shape[1]} entries"
    return f"{text}, {listed}{there}, and right in the others"
