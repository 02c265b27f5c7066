"""The output of a layer with a log-determinant, where it is not a pair of a state and one."""

from __future__ import annotations

from nodecheck.layers import Array, Part, Trial


def explain_pair(trial: Trial, y0: Array, *, output_times: bool) -> str:
    """Return what is wrong with the output of a layer with output="log-det"; "" if it may be right."""
    states, members = ((2, *y0.shape), (2, len(y0))) if output_times else (y0.shape, (len(y0),))
    first, second = (_at(trial, place) for place in (0, 1))
    if _has(first, states) and _has(second, members):
        return ""
    names = "(ys, l)" if output_times else "(y1, l)"
    seen = f"`build` returns {trial.described} for y0 of shape {tuple(y0.shape)}"
    wanted = f"{names}, tensors of shape {tuple(states)} and {members}"
    state = next((p for p in trial.parts if _has(p, states)), None)
    if state is None:
        return f"{seen}; it has to return {wanted}."
    log_det = next((p for p in trial.parts if p is not state and _has(p, members)), None)
    if log_det is not None:
        return f"{seen}. Return ({state.expression}, {log_det.expression}) for y."
    column = next((p for p in trial.parts if p is not state and _has(p, (*members, 1))), None)
    if column is not None:
        return f"{seen}. Return ({state.expression}, {column.expression}.squeeze(-1)) for y."
    return (
        f"{seen}, without a log-determinant of each member; it has to return {wanted}. A layer that returns "
        f'none has no output="log-det".'
    )


def _at(trial: Trial, place: int) -> Part | None:
    return next((part for part in trial.parts if part.path == (place,)), None)


def _has(part: Part | None, shape: tuple[int, ...]) -> bool:
    return part is not None and part.is_tensor and part.value.shape == shape
