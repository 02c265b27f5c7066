"""The field of a user's module, and its derivatives by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vmap

from nodecheck.problems.copies import copied
from nodecheck.problems.own import OwnField
from nodecheck.problems.problem import Array, Float64

__all__ = ["ModuleField", "field_of_module"]


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
        fixed = {name: x.to(y) if x.is_floating_point() else x.to(y.device) for name, x in self._fixed.items()}
        # A clone: some modules write into the state, or mark it as one that requires a gradient.
        state = y.reshape(-1, *self.shape).clone()
        value: Tensor = functional_call(self.module, {**fixed, **params}, (t, state))
        return value.reshape(y.shape)

    def _copies(self, params: Mapping[str, Array]) -> int:
        """Return the number of copies of the parameters, which are (K, 1, *shape) then; 0 if there are none."""
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
        """Return f(t, y) of shape (B, d), and its derivatives (K, B, d) along the state and each parameter."""
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


_Field = Callable[..., Tensor]


def _directional(
    field: _Field, at: Sequence[Tensor], along: Sequence[Tensor], copies: int
) -> tuple[Tensor, Tensor]:
    """Return f and its derivative along a direction; of copies each, with the time in common.

    By forward mode; where an operation of the module has none, by differentiating a vector-Jacobian product
    with respect to its vector.
    """
    axes = (None, *(0 for _ in at[1:]))

    def forward_mode(*both: Tensor) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = jvp(field, both[: len(at)], both[len(at) :])
        return found

    try:
        call = vmap(forward_mode, in_dims=(*axes, *axes)) if copies else forward_mode
        return call(*at, *along)
    except RuntimeError:
        return _by_double_backward(field, at, along, copies)


def _by_double_backward(
    field: _Field, at: Sequence[Tensor], along: Sequence[Tensor], copies: int
) -> tuple[Tensor, Tensor]:
    if not copies:
        found: tuple[Tensor, Tensor] = torch.autograd.functional.jvp(field, tuple(at), tuple(along))  # type: ignore[no-untyped-call]
        return found
    each = [
        _by_double_backward(field, *((x[0], *(v[k] for v in x[1:])) for x in (at, along)), copies=0)
        for k in range(copies)
    ]
    values, slopes = zip(*each, strict=True)
    return torch.stack(values), torch.stack(slopes)


def _jacobians(value: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the derivatives of each entry of a value, (N, *shape) for each input; zeros without a graph."""
    if not value.requires_grad:
        return [x.new_zeros((value.numel(), *x.shape)) for x in inputs]
    rows = torch.eye(value.numel(), dtype=value.dtype).reshape(-1, *value.shape)
    options = {"allow_unused": True, "retain_graph": True}
    try:
        found = torch.autograd.grad(value, inputs, rows, is_grads_batched=True, **options)
    except RuntimeError:  # an operation that cannot be batched
        each = [torch.autograd.grad(value, inputs, row, **options) for row in rows]
        columns = zip(*each, strict=True)
        found = tuple(None if column[0] is None else torch.stack(column) for column in columns)
    zeros = (x.new_zeros((len(rows), *x.shape)) for x in inputs)
    return [zero if g is None else g for g, zero in zip(found, zeros, strict=True)]


def _tensor(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def field_of_module(module: nn.Module, y0: Tensor, t0: float) -> ModuleField:
    """Return the field of the float64 copy of a module, after it has been called once.

    Raises
    ------
    TypeError, ValueError
        If it is no module, or cannot be called with y0 in float64.
    """
    if not isinstance(module, nn.Module) or isinstance(module, torch.jit.ScriptModule):
        message = (
            f"module must be an nn.Module, got {type(module).__name__}; give the module itself, "
            "before torch.jit.script, or make one of the function"
        )
        raise TypeError(message)
    if not isinstance(y0, Tensor) or not y0.is_floating_point() or y0.ndim < 2 or not y0.numel():
        told = f"{y0.dtype} of shape {tuple(y0.shape)}" if isinstance(y0, Tensor) else type(y0).__name__
        message = (
            f"y0 must be a real tensor of shape (B, ...), a batch of states, got {told}; "
            "add the axis of the batch with y0[None], and join the tensors of a tuple"
        )
        raise TypeError(message)
    own = copied(module).to("cpu", torch.float64)
    state = y0.detach().to("cpu", torch.float64)
    expected = f"module(t, y) must return a float64 tensor of the shape of y, {tuple(y0.shape)}"
    try:
        with torch.no_grad():
            value = own(torch.tensor(float(t0), dtype=torch.float64), state.clone())
    except Exception as error:
        line = (str(error).splitlines() or [""])[0]
        message = (
            f"{expected}, got {type(error).__name__}: {line}; it is called with a time without axes, in "
            "float64: let it take its dtype from y, `t.to(y)`, and write no `.float()`"
        )
        raise ValueError(message) from error
    if not isinstance(value, Tensor) or value.shape != y0.shape or value.dtype != torch.float64:
        told = (
            f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        )
        raise ValueError(f"{expected}, got {told}; let it take its dtype from y, and return dy/dt alone")
    return ModuleField(own, tuple(y0.shape[1:]))
