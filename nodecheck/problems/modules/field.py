"""The field of a user's module, and its derivatives by automatic differentiation."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vmap

from nodecheck.problems.own import OwnField
from nodecheck.problems.problem import Array, Float64

__all__ = ["ModuleField"]


class ModuleField(OwnField):
    """The field of a module for states as rows, of tensors and of NumPy arrays.

    Of tensors it is differentiated by autograd.  A complex array x + i h v with a tiny h gives
    f(x) + i h J v, as an analytic field does: J v by forward mode.  `tangents` has them by reverse mode.

    Parameters
    ----------
    module
        Called as ``module(t, y)``, float64.  Its parameters that require a gradient are replaced by those of
        each call.
    shape
        The shape of the state of one member of the batch.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        self.module, self.shape = module, shape
        self.frozen = tuple(name for name, p in module.named_parameters() if not p.requires_grad)
        self._axes = {name: p.ndim for name, p in module.named_parameters()}
        fixed = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
        self._fixed = {**dict(module.named_buffers()), **fixed}

    def __deepcopy__(self, memo: dict[int, Any]) -> ModuleField:
        """Return the field itself: no call changes it."""
        return self

    def __call__(self, t: Array, y: Array, /, **params: Array) -> Array:
        """Return dy/dt, of the shape of y."""
        if isinstance(y, Tensor):
            return self._of_tensors(t, y, params)
        if any(np.iscomplexobj(x) for x in (t, y, *params.values())):
            return self._complex(t, y, params)
        with torch.no_grad():
            given = {name: _tensor(p) for name, p in params.items()}
            return self._of_tensors(_tensor(t), _tensor(y), given).numpy()

    def _of_tensors(self, t: Tensor, y: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Return dy/dt; where parameters have copies, one for each entry of the first axis of y, of each."""
        if self._copies(params):
            entries = enumerate(y)
            each = [self._of_tensors(t, s, {n: p[k, 0] for n, p in params.items()}) for k, s in entries]
            return torch.stack(each)
        fixed = {name: _beside(x, y) for name, x in self._fixed.items()}
        # A clone: some modules write into the state, or mark it as one that requires a gradient.
        state = y.reshape(-1, *self.shape).clone()
        value: Tensor = functional_call(self.module, {**fixed, **params}, (t, state))
        return value.reshape(y.shape)

    def _copies(self, params: Mapping[str, Array]) -> int:
        """Return the number of copies of the parameters, then (K, 1, *shape); 0 if there are none."""
        return next((len(p) for name, p in params.items() if p.ndim > self._axes[name]), 0)

    def _complex(self, t: Array, y: Array, params: Mapping[str, Array]) -> npt.NDArray[np.complex128]:
        """Return f(x) + i J v at complex arguments x + i v."""
        copies = self._copies(params)
        if copies:
            y = np.broadcast_to(y, (copies, *np.shape(y)[-2:]))
            params = {name: p[:, 0] for name, p in params.items()}
        arguments = [np.asarray(t), np.asarray(y), *params.values()]
        at, along = ([_tensor(part(x)) for x in arguments] for part in (np.real, np.imag))

        def field(time: Tensor, state: Tensor, *values: Tensor) -> Tensor:
            return self._of_tensors(time, state, dict(zip(params, values, strict=True)))

        value, slope = _directional(field, at, along, copies)
        found: npt.NDArray[np.complex128] = value.detach().numpy() + 1j * slope.detach().numpy()
        return found

    def tangents(self, t: float, y: Float64, params: Mapping[str, Float64]) -> tuple[Float64, Float64]:
        """Return f(t, y), (B, d), and its derivatives (K, B, d) along state and parameters."""
        batch, size = y.shape
        inputs = [_tensor(x).requires_grad_() for x in (y, *params.values())]
        value = self._of_tensors(_tensor(t), inputs[0], dict(zip(params, inputs[1:], strict=True)))
        of_state, *of_params = (
            rows.reshape(batch, size, *x.shape)
            for rows, x in zip(_jacobians(value, inputs), inputs, strict=True)
        )
        own = torch.stack([of_state[k, :, k] for k in range(batch)])  # members do not influence each other
        flat = [own, *(rows.reshape(batch, size, -1) for rows in of_params)]
        return value.detach().numpy(), torch.cat(flat, -1).movedim(-1, 0).contiguous().numpy()


@functools.cache
def _prepare_forward_mode() -> None:
    """Let torch import what forward mode needs, where it warns of a function of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.tanh, (torch.ones(1),), (torch.ones(1),))


_Field = Callable[..., Tensor]
_Pair = tuple[Tensor, Tensor]


def _directional(field: _Field, at: Sequence[Tensor], along: Sequence[Tensor], copies: int) -> _Pair:
    """Return f and its derivative along a direction; of copies each, with the time in common.

    By forward mode; where an operation of the module has none, by differentiating a vector-Jacobian product
    with respect to its vector.
    """
    axes = (None, *(0 for _ in at[1:]))

    def forward_mode(*both: Tensor) -> _Pair:
        value, slope = jvp(field, both[: len(at)], both[len(at) :])  # type: ignore[misc]  # three with has_aux
        return value, slope

    call = vmap(forward_mode, in_dims=(*axes, *axes)) if copies else forward_mode
    _prepare_forward_mode()
    try:
        value, slope = call(*at, *along)
    except RuntimeError:
        return _by_double_backward(field, at, along, copies)
    return value, slope


def _by_double_backward(field: _Field, at: Sequence[Tensor], along: Sequence[Tensor], copies: int) -> _Pair:
    if not copies:
        found: _Pair = torch.autograd.functional.jvp(field, tuple(at), tuple(along))  # type: ignore[no-untyped-call]
        return found
    each = [
        _by_double_backward(
            field, (at[0], *(x[k] for x in at[1:])), (along[0], *(v[k] for v in along[1:])), 0
        )
        for k in range(copies)
    ]
    values, slopes = zip(*each, strict=True)
    return torch.stack(values), torch.stack(slopes)


def _jacobians(value: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the derivatives of each entry of a value, (N, *shape) for each input; zeros without a graph."""
    count = value.numel()
    zeros = [x.new_zeros((count, *x.shape)) for x in inputs]
    if not value.requires_grad:
        return zeros
    rows = torch.eye(count, dtype=value.dtype).reshape(-1, *value.shape)
    try:
        found = _gradients(value, inputs, rows, batched=True)
    except RuntimeError:  # an operation that cannot be batched
        each = [_gradients(value, inputs, row, batched=False) for row in rows]
        found = [_stacked(column) for column in zip(*each, strict=True)]
    return [zero if g is None else g for g, zero in zip(found, zeros, strict=True)]


def _gradients(
    value: Tensor, inputs: Sequence[Tensor], weights: Tensor, *, batched: bool
) -> Sequence[Tensor | None]:
    return torch.autograd.grad(
        value, inputs, weights, retain_graph=True, allow_unused=True, is_grads_batched=batched
    )


def _stacked(rows: Sequence[Tensor | None]) -> Tensor | None:
    """Return rows as one tensor; None if an input has no effect on any of them."""
    known = [row for row in rows if row is not None]
    return (
        torch.stack([torch.zeros_like(known[0]) if row is None else row for row in rows]) if known else None
    )


def _beside(constant: Tensor, y: Tensor) -> Tensor:
    """Return a constant of the field on the device and, if it is a real number, in the dtype of a state."""
    return constant.to(y) if constant.is_floating_point() else constant.to(y.device)


def _tensor(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64)
