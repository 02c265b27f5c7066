"""The output of a layer, where it is not a state: the part that looks like one, and how to read it."""

from __future__ import annotations

import numpy as np

from nodecheck.layers import Array, Part, Trial


def explain_output(trial: Trial, y0: Array) -> str:
    """Return the line that makes a state of the output; "" if it has the shape of one."""
    whole = trial.parts[0] if trial.parts and trial.parts[0].expression == "y" else None
    if whole is not None and whole.is_tensor and whole.value.shape == y0.shape:
        return ""
    seen = f"`build` returns {trial.described} for y0 of shape {tuple(y0.shape)}"
    if trial.are_states:
        return f"{seen}: the states at all times. Return adapt.part(y, -1) for y."
    # The initial state comes back as well, sometimes: a part that is y0 is looked at last.
    for part in sorted(trial.parts, key=lambda part: part.is_tensor and _is(part.value, y0)):
        reading = _reading(part, y0)
        if reading:
            return f"{seen}. {reading}"
    if whole is not None and whole.is_tensor and whole.value.shape == y0.shape[::-1]:
        return f"{seen}: batch and components are swapped. Return y.mT for y."
    return f"{seen}; it has to return the state at t1, a tensor like y0."


def explain_outputs(trial: Trial, y0: Array) -> str:
    """Return what is wrong with the output of a layer with two output times; "" if it may be right."""
    wanted = (2, *y0.shape)
    whole = trial.parts[0] if trial.parts and trial.parts[0].expression == "y" else None
    if whole is not None and whole.is_tensor and whole.value.shape == wanted:
        return ""
    seen = f"`build` returns {trial.described} for y0 of shape {tuple(y0.shape)} and two times in ts"
    if trial.are_states:
        return f"{seen}: return torch.stack(y) for y."
    for part in trial.parts:
        shape = part.value.shape
        if part.is_tensor and shape == wanted:
            return f"{seen}. {part.expression} has the shape of the states: return {part.reading} for y."
        moved = next((k for k in range(1, len(shape)) if _moved(shape, k) == wanted), 0)
        if part.is_tensor and moved:
            return f"{seen}. Times come first: return {part.reading}.movedim({moved}, 0) for y."
    return f"{seen}; it has to return the states at these times, a tensor of shape {wanted}."


def _moved(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return a shape with one axis moved to the front."""
    return (shape[axis], *shape[:axis], *shape[axis + 1 :])


def _is(value: Array, y0: Array) -> bool:
    floating = value.dtype.kind == "f"
    return floating and value.shape == y0.shape and np.array_equal(value.astype(np.float64), y0)


def _reading(part: Part, y0: Array) -> str:
    """Return the line that reads the final state from a part of the output; "" if there is none in it."""
    if not part.is_tensor:
        return "A NumPy array carries no gradient: return the tensor."
    shape = part.value.shape
    if shape == y0.shape:
        return f"{part.expression} has the shape of the state: return {part.reading} for y."
    axes = [k for k in range(len(shape)) if shape[:k] + shape[k + 1 :] == y0.shape]
    for axis in axes:
        for index, where in ((0, "first"), (-1, "last")):
            if _is(np.take(part.value, index, axis=axis), y0):
                return _time_axis(part, axis, f"its {where} entry is y0", index)
    return _time_axis(part, axes[0], "the others are those of y0", 0) if axes else ""


def _time_axis(part: Part, axis: int, why: str, start: int) -> str:
    states = part.reading if start == 0 else f"{part.reading}.flip({axis})"
    seen = f"Axis {axis} of {part.expression}, of size {part.value.shape[axis]}, is time ({why})"
    return f"{seen}: return adapt.last({states}, time_axis={axis}) for y."
