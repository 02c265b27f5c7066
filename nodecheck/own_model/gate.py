"""The gate: a field must be a function of (t, y), and autograd must differentiate it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nodecheck.numerics.audit_constants import (
    AWAY_FROM_KINKS,
    COUPLED,
    FIELD_GRADIENT,
    FOURTH_DIFFERENCE,
    NOISE,
    NOISE_POINTS,
    NOISE_STEP,
    PROBED_SHARE,
    QUOTIENT_STEPS,
)
from nodecheck.own_model.audit import Task
from nodecheck.own_model.field import field_of
from nodecheck.own_model.passes import is_among, leaves_of
from nodecheck.own_model.states import mapped, parts
from nodecheck.problems.modules.copies import copied
from nodecheck.results.audit import Finding

__all__ = ["CAPTURED", "examine_field", "examine_field_in_float64", "foreign_leaves"]


def examine_field(task: Task) -> list[Finding]:
    """Return the findings about a field in the user's own dtype: it must be a function of t and y."""
    try:
        if misshapen := _misshapen(task):
            return [misshapen]
        repeated = list(_repeated(task))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        text = f"dynamics(t, y) raises {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        return [Finding("no call", text, _NO_CALL, blocks=True)]
    return repeated if any(found.blocks for found in repeated) else [*repeated, *_coupled(task)]


def examine_field_in_float64(task: Task) -> list[Finding]:
    """Return the findings about the float64 copy of a field: its precision, its tensors, its gradient."""
    field, y, t = field_of(task), task.layout.join(task.y0), _probed_time(task)
    try:
        value = field(t, y)
    except (RuntimeError, TypeError, ValueError) as error:
        return [Finding("no float64", str(error).splitlines()[0], _NO_FLOAT64, blocks=True)]
    if value.dtype != torch.float64:
        text = f"the field returns {value.dtype} for a float64 state"
        return [Finding("no float64", text, _NO_FLOAT64, blocks=True)]
    noise, noise_in_time = _noise(lambda z: field(t, z), y), _noise(lambda s: field(s, y), t)
    return [*_noisy(max(noise, noise_in_time)), *_captured(task, value), *_wrong_gradients(task, noise)]


CAPTURED = "captured tensor"
_NO_CALL = (
    "It is called as dynamics(t, y), with a time without axes, torch.tensor(0.4), and with a state of the "
    "shape of y0. A network of y alone, or of y and t in one tensor, needs a module around it. Where times "
    "are those of members, as in torchode, write `t.reshape(-1, 1)` for `t[:, None]`."
)
_ANOTHER_SHAPE = (
    "It must return dy/dt, one number for each of y. The field of a controlled equation is func(t, z) times "
    "dX/dt: give a module that multiplies both."
)
_NO_FLOAT64 = (
    "The exact gradient is computed in float64. Let the field take its dtype from y: `t.to(y)`, "
    "`torch.zeros_like(y)`, no `.float()`."
)


def _probed_time(task: Task) -> Tensor:
    first, last = task.times[0], task.times[-1]
    dtype = parts(task.y0)[0].dtype
    return torch.tensor(first + PROBED_SHARE * (last - first), dtype=dtype)


def _misshapen(task: Task) -> Finding | None:
    """Return the finding that a slope has not the shape of the state, None if it has."""
    with torch.no_grad():
        slope = copied(task.dynamics)(_probed_time(task), mapped(torch.clone, task.y0))
    found = [tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__ for part in parts(slope)]
    wanted = [tuple(shape) for shape in task.layout.shapes]
    if found == wanted:
        return None
    told, expected = (" and ".join(map(str, shapes)) for shapes in (found, wanted))
    text = f"dynamics(t, y) returns {told}, and y is {expected}"
    return Finding("another shape", text, _ANOTHER_SHAPE, blocks=True)


def _repeated(task: Task) -> Iterator[Finding]:
    """Yield the finding that two calls differ, and that a call changes the state of the module."""
    field, y, t = field_of(task), task.layout.join(task.y0), _probed_time(task)
    before = {name: tensor.clone() for name, tensor in task.dynamics.state_dict().items()}
    with torch.no_grad():
        first, second = field(t, y), field(t, y)
    now = task.dynamics.state_dict()
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, now[name])]
    task.dynamics.load_state_dict(before)
    gap = _relative(first, second)
    if gap > 0.0 or math.isnan(gap):
        yield Finding(
            "not a function",
            f"two calls with the same t and y differ by {gap:.2g} of the largest slope",
            "Dropout, noise, or something that is kept from call to call: no gradient of a solution exists. "
            "Use eval mode, or draw the random numbers once for each solve.",
            blocks=True,
        )
    if changed:
        yield Finding(
            "state changes",
            f"each call changes {', '.join(changed)}",
            "BatchNorm or spectral_norm in train mode? Then the number of evaluations changes the model. Use "
            "eval mode or GroupNorm.",
            blocks=False,
        )


def _coupled(task: Task) -> Iterator[Finding]:
    """Yield the finding that the slope of a member depends on the other members of the batch."""
    count = parts(task.y0)[0].shape[0] if task.layout.batched else 1
    if count < 2:
        return
    before = {name: tensor.clone() for name, tensor in task.dynamics.state_dict().items()}
    half = mapped(lambda part: part[: count // 2].clone(), task.y0)
    t = _probed_time(task)
    try:
        with torch.no_grad():
            whole = parts(task.dynamics(t, mapped(torch.clone, task.y0)))
            alone = parts(task.dynamics(t, half))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return  # the field holds something for each member, or the first axis is not that of a batch
    finally:
        task.dynamics.load_state_dict(before)
    if any(a.shape[1:] != b.shape[1:] or len(b) != count // 2 for a, b in zip(whole, alone, strict=True)):
        return
    gap = max(_relative(a[: count // 2], b) for a, b in zip(whole, alone, strict=True))
    if gap > COUPLED:
        yield Finding(
            "members are coupled",
            f"the slope of half the batch differs by {gap:.2g} when the other half is away",
            "BatchNorm in train mode, or attention over the batch: results depend on the batch.",
            blocks=False,
        )


def _relative(a: Tensor, b: Tensor) -> float:
    gap, size = (a - b).detach().abs().max(), a.detach().abs().max()
    return float(gap / size.clamp_min(torch.finfo(a.dtype).tiny))


def _noise(call: Callable[[Tensor], Tensor], y: Tensor) -> float:
    """Return the relative noise of values, from fourth differences (Moré & Wild, 2011, ECnoise)."""
    direction = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        values = torch.stack([call(y + k * NOISE_STEP * direction) for k in range(NOISE_POINTS)])
    size = values[0].abs().median()
    differences = values
    for _ in range(4):
        differences = differences.diff(dim=0)
    level = differences.abs().median() / math.sqrt(FOURTH_DIFFERENCE)
    return float(level / size.clamp_min(torch.finfo(y.dtype).tiny))


def _noisy(noise: float) -> Iterator[Finding]:
    if noise > NOISE:
        yield Finding(
            "float32 inside",
            f"float64 values carry noise of {noise:.1g} of their size, and rounding is 1e-16",
            "Something inside is cast to float32: the exact gradient is not known better than that.",
            blocks=False,
        )


def foreign_leaves(task: Task, value: Tensor | None = None) -> list[Tensor]:
    """Return the tensors that require grad, reach the slope, and are no parameters and no state."""
    if value is None:
        value = field_of(task)(_probed_time(task), task.layout.join(task.y0))
    own, state = list(task.dynamics.parameters()), parts(task.y0)
    return [
        leaf
        for leaf in leaves_of(value)
        if not is_among(leaf, own) and not any(leaf.shape == s.shape and torch.equal(leaf, s) for s in state)
    ]


def _captured(task: Task, value: Tensor) -> Iterator[Finding]:
    """Yield the finding that a tensor that requires grad reaches the slope and is no parameter."""
    foreign = foreign_leaves(task, value)
    if foreign:
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in foreign)
        yield Finding(
            CAPTURED,
            f"tensors of shape {shapes} require grad and are no parameters of the dynamics",
            "An adjoint gives them no gradient. Make each an nn.Parameter of the dynamics, or detach it.",
            blocks=True,
            wrong=True,
        )


@dataclass(frozen=True)
class _Probe:
    """A tensor on which the field depends: its gradient, a direction, and the field moved along it."""

    name: str
    slope: float
    moved: Callable[[float], Tensor]


def _wrong_gradients(task: Task, noise: float) -> Iterator[Finding]:
    """Yield the tensors for which autograd and difference quotients of the field disagree.

    They must disagree at the initial state, and at states near it: at a kink, as that of ReLU at zeros, both
    are right and differ.
    """
    field, t = field_of(task), _probed_time(task)
    y = task.layout.join(task.y0)
    found = {probe.name: gap for probe, gap in _disagreements(field, task, t, y, noise)}
    if found:
        shift = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(3))
        near = y + AWAY_FROM_KINKS * max(float(y.abs().max()), 1.0) * shift
        again = {probe.name for probe, _ in _disagreements(field, task, t, near, noise)}
        found = {name: finding for name, finding in found.items() if name in again}
    yield from found.values()


def _disagreements(
    field: Callable[[Tensor, Tensor], Tensor], task: Task, t: Tensor, y: Tensor, noise: float
) -> Iterator[tuple[_Probe, Finding]]:
    """Yield the probes of which autograd and difference quotients disagree at a state."""
    w = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1))
    # What noise of the values leaves in a quotient over the largest step.
    floor = noise * float(field(t, y).detach().norm() * w.norm()) / max(QUOTIENT_STEPS)
    for probe in _probes(task, field, t, y, w):
        quotients = [_quotient(probe.moved, w, step) for step in QUOTIENT_STEPS]
        nearest = min(quotients, key=lambda q: abs(q - probe.slope))
        size = max(abs(nearest), abs(probe.slope))
        gap = abs(nearest - probe.slope)
        if gap > FIELD_GRADIENT * size + floor and size > torch.finfo(y.dtype).eps * float(w.norm()):
            yield (
                probe,
                Finding(
                    "gradient of the field",
                    f"with respect to {probe.name} autograd gives {probe.slope:.4g}, difference quotients "
                    f"{nearest:.4g}",
                    "The field itself is not differentiated rightly: look for .detach(), .data, "
                    "torch.no_grad() or a custom Function in it. Every way to the gradient inherits this.",
                    blocks=True,
                    wrong=True,
                ),
            )


def _probes(
    task: Task, field: Callable[[Tensor, Tensor], Tensor], t: Tensor, y: Tensor, w: Tensor
) -> Iterator[_Probe]:
    """Yield the state and each parameter, with the derivative of <w, f> along a direction of its size."""
    generator = torch.Generator().manual_seed(2)
    leaf = y.clone().requires_grad_(True)
    tensors = task.parameters
    value = field(t, leaf)
    inputs = [leaf, *tensors.values()]
    grads: tuple[Tensor | None, ...] = (None,) * len(inputs)
    if value.requires_grad:
        grads = torch.autograd.grad((value * w).sum(), inputs, allow_unused=True)
    for name, tensor, grad in zip(("the state", *tensors), inputs, grads, strict=True):
        v = torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator)
        v *= max(float(tensor.detach().norm()), 1.0) / max(float(v.norm()), torch.finfo(v.dtype).tiny)
        slope = 0.0 if grad is None else float((grad * v).sum())
        yield _Probe(name, slope, _moving(field, t, y, None if tensor is leaf else tensor, v))


def _moving(
    field: Callable[[Tensor, Tensor], Tensor], t: Tensor, y: Tensor, parameter: Tensor | None, v: Tensor
) -> Callable[[float], Tensor]:
    """Return the field as a function of a share of the direction; parameters are put back."""

    @torch.no_grad()
    def moved(share: float) -> Tensor:
        if parameter is None:
            return field(t, y + share * v)
        before = parameter.clone()
        parameter.add_(share * v)
        try:
            return field(t, y)
        finally:
            parameter.copy_(before)

    return moved


def _quotient(moved: Callable[[float], Tensor], w: Tensor, step: float) -> float:
    return float(((moved(step) - moved(-step)) * w).sum()) / (2 * step)
