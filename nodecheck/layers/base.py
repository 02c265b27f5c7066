"""Layers under test: to nodecheck a layer is a reverse rule, (y1, pullback)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nodecheck.instruments import Dynamics, Trace
from nodecheck.neural_ode import ButcherTableau
from nodecheck.problems import Problem

Array = npt.NDArray[Any]
Gradients = Mapping[str, Array | None]  # None: no gradient arrived
Adjoint = Literal["continuous", "discrete"]
Memory = Literal["constant", "sqrt", "log", "linear"]
Resolution = Literal["n_steps", "tol"]

_ADJOINTS = ("continuous", "discrete", None)
_EXAMPLE = "write `build=lambda dynamics, t0, t1, n_steps: MyODELayer(dynamics, t0, t1, n_steps)`"
_MEMORIES = ("constant", "sqrt", "log", "linear", None)
_NOTHING: Mapping[str, Array] = MappingProxyType({})


class LayerError(Exception):
    """The layer did something that no layer may do; the message says what, and what to do."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What a layer returned for one problem at one resolution.

    Attributes
    ----------
    y1
        Final state, in the dtype the layer returned, shape of y0.
    pullback
        ``pullback(cotangent) -> {"y0": ..., "<param>": ...}``; it runs the layer's own backward pass.
    trace
        The calls of the dynamics, forward and, once `pullback` has been called, backward.
    changed
        ``changed()`` names the inputs and global settings that the layer has changed so far.
    """

    y1: Array
    pullback: Callable[[Array], Gradients]
    trace: Trace
    changed: Callable[[], list[str]]


@dataclass(frozen=True, eq=False)
class TorchLayer:
    """A PyTorch layer under test, and what it claims.

    Parameters
    ----------
    name
        Unique name in reports.
    build
        ``build(dynamics, t0, t1, n_steps)`` for a fixed-step layer, ``build(dynamics, t0, t1, tol)`` for an
        adaptive one (rtol = atol = tol); returns a callable y0 -> y1 on float64 tensors of shape (B, d).
        ``dynamics`` is an `nn.Module` called as ``dynamics(t, y)``; ``t0`` and ``t1`` are floats.  The name
        of the fourth parameter says which kind of layer it is.
    order
        Claimed order of the forward pass; None: measure it.
    adjoint
        "continuous" (optimise, then discretise), "discrete" (discretise, then optimise), or None.
    memory
        Claimed growth with the number of steps: "constant", "sqrt", "log", "linear", or None.
    tableau
        The explicit Runge-Kutta method the layer claims to implement, by name (`nodecheck.TABLEAUS`) or as a
        `ButcherTableau`, or None.
    expected_failures
        ``{check id: reason}``; strict: an expectation that no longer fails is reported.

    Raises
    ------
    ValueError, TypeError
        If a claim is none of those above, or `build` does not have four parameters.
    """

    name: str
    build: Callable[..., Callable[[Tensor], Tensor]]
    order: int | None = field(default=None, kw_only=True)
    adjoint: Adjoint | None = field(default=None, kw_only=True)
    memory: Memory | None = field(default=None, kw_only=True)
    tableau: ButcherTableau | str | None = field(default=None, kw_only=True)
    expected_failures: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    resolution: Resolution = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            message = f"name must be a non-empty string, got {self.name!r}; reports refer to the layer by it"
            raise ValueError(message)
        if self.order is not None and (not isinstance(self.order, int) or self.order < 1):
            message = f"order must be a positive integer, got {self.order!r}; use None if unclaimed"
            raise ValueError(message)
        if self.adjoint not in _ADJOINTS:
            message = f"adjoint must be one of {_ADJOINTS}, got {self.adjoint!r}; use None if unclaimed"
            raise ValueError(message)
        if self.memory not in _MEMORIES:
            message = f"memory must be one of {_MEMORIES}, got {self.memory!r}; use None if unclaimed"
            raise ValueError(message)
        object.__setattr__(self, "resolution", _resolution(self.name, self.build))

    @property
    def adaptive(self) -> bool:
        """Whether the resolution is a tolerance."""
        return self.resolution == "tol"

    def vjp(self, problem: Problem, resolution: float, *, dtype: torch.dtype = torch.float64) -> Solution:
        """Solve `problem` with this layer and return its final state and pullback.

        Parameters
        ----------
        problem
            Initial value problem with y0 of shape (B, d).
        resolution
            Number of steps, or tolerance.

        Raises
        ------
        LayerError
            If the layer returns anything but a tensor of the shape of y0.
        """
        pass_ = _Pass(self, problem, resolution, dtype)
        return Solution(_as_numpy(pass_.y1), pass_.pullback, pass_.dynamics.trace, pass_.changed)


def use_again(
    layer: TorchLayer, problems: Sequence[Problem], resolution: float, cotangent: Array
) -> list[tuple[Array, dict[str, Array | None]]]:
    """Build the layer once and use it on several problems that differ in their numbers only.

    As in training: the parameters are changed in place between the passes.  Returns y1 and the gradients of
    each pass.
    """
    dynamics = Dynamics(problems[0])
    solve = _build(layer, dynamics, problems[0], resolution)
    passes = []
    for problem in problems:
        with torch.no_grad():
            for name, parameter in dynamics.named_parameters():
                parameter.copy_(torch.tensor(problem.params[name]))
        y0 = torch.tensor(problem.y0, requires_grad=True)
        y1 = _checked(solve(y0), y0)
        leaves = {"y0": y0, **dict(dynamics.named_parameters())}
        passes.append((_as_numpy(y1), _gradients(y1, leaves, cotangent)))
    return passes


def overlap(
    layer: TorchLayer, problems: Sequence[Problem], resolution: float, cotangent: Array
) -> list[dict[str, Array | None]]:
    """Build the layer once, run forward on every problem, then backward in the same order.

    The problems differ in y0 only.  Returns the gradients of each pass.
    """
    dynamics = Dynamics(problems[0])
    solve = _build(layer, dynamics, problems[0], resolution)
    states = [torch.tensor(problem.y0, requires_grad=True) for problem in problems]
    outputs = [_checked(solve(y0), y0) for y0 in states]
    return [
        _gradients(y1, {"y0": y0, **dict(dynamics.named_parameters())}, cotangent)
        for y0, y1 in zip(states, outputs, strict=True)
    ]


def with_uninvolved(
    layer: TorchLayer,
    problem: Problem,
    resolution: float,
    cotangent: Array,
    *,
    frozen: Sequence[str] = (),
    before: Mapping[str, Array] = _NOTHING,
    after: Mapping[str, Array] = _NOTHING,
) -> dict[str, Array | None]:
    """Return the gradients of a layer whose dynamics has parameters that nothing depends on.

    Parameters
    ----------
    frozen
        Names of parameters of the problem that do not require a gradient.
    before, after
        Values of parameters that the field does not use, registered before and after those of the problem.
    """
    dynamics = Dynamics(problem)
    own = dict(dynamics.named_parameters())
    for name in own:
        own[name].requires_grad_(name not in frozen)
        delattr(dynamics, name)
    unused = [{name: nn.Parameter(torch.tensor(v)) for name, v in group.items()} for group in (before, after)]
    parameters = {**unused[0], **own, **unused[1]}
    for name, parameter in parameters.items():
        dynamics.register_parameter(name, parameter)
    y0 = torch.tensor(problem.y0, requires_grad=True)
    y1 = _checked(_build(layer, dynamics, problem, resolution)(y0), y0)
    return _gradients(y1, {"y0": y0, **parameters}, cotangent)


def _build(layer: TorchLayer, dynamics: Dynamics, problem: Problem, resolution: float) -> Any:
    return layer.build(dynamics, problem.t0, problem.t1, **{layer.resolution: resolution})


def _run_backward(y1: Tensor, cotangent: Tensor) -> None:
    """Run the backward pass; a detached output sends no gradient anywhere."""
    if y1.requires_grad:
        y1.backward(cotangent)  # type: ignore[no-untyped-call]


def _gradients(y1: Tensor, leaves: Mapping[str, Tensor], cotangent: Array) -> dict[str, Array | None]:
    """Run the backward pass and return what it leaves in .grad."""
    for leaf in leaves.values():
        leaf.grad = None
    _run_backward(y1, torch.tensor(cotangent))
    return {name: _gradient(leaf) for name, leaf in leaves.items()}


def _as_numpy(tensor: Tensor) -> Array:
    return tensor.detach().numpy(force=True).copy()


def _gradient(leaf: Tensor) -> Array | None:
    return None if leaf.grad is None else _as_numpy(leaf.grad)


class _Pass:
    """A forward pass whose graph serves one backward pass; further ones run the layer again.

    Second backward passes through one graph are a capability of their own and not presumed.
    """

    def __init__(self, layer: TorchLayer, problem: Problem, resolution: float, dtype: torch.dtype) -> None:
        self.layer, self.problem, self.resolution = layer, problem, resolution
        self.dynamics = Dynamics(problem, dtype)
        self.dtype = dtype
        self.cotangent_changed = False
        self.settings = self._settings()
        self.forward()

    def forward(self) -> None:
        self.y0 = torch.tensor(self.problem.y0, dtype=self.dtype, requires_grad=True)
        solve = _build(self.layer, self.dynamics, self.problem, self.resolution)
        self.y1 = _checked(solve(self.y0), self.y0)
        self.fresh = True

    def pullback(self, cotangent: Array) -> Gradients:
        if not self.fresh:
            self.dynamics.trace.calls.clear()
            self.forward()
        self.fresh = False
        leaves = {"y0": self.y0, **dict(self.dynamics.named_parameters())}
        for leaf in leaves.values():
            leaf.grad = None
        given = torch.tensor(cotangent, dtype=self.y1.dtype)
        with self.dynamics.trace.backward():
            _run_backward(self.y1, given)
        self.cotangent_changed |= not np.array_equal(given.numpy(force=True), cotangent)
        return {name: _gradient(leaf) for name, leaf in leaves.items()}

    def _settings(self) -> dict[str, Any]:
        return {
            "default dtype": torch.get_default_dtype(),
            "grad mode": torch.is_grad_enabled(),
            "training mode of the dynamics": self.dynamics.training,
        }

    def changed(self) -> list[str]:
        """Return the names of inputs and settings that are no longer what they were."""
        inputs = {"y0": self.y0, **dict(self.dynamics.named_parameters())}
        names = [
            name
            for name, value in self.problem.groups.items()
            if not torch.equal(inputs[name].detach(), torch.tensor(value, dtype=self.dtype))
        ]
        names += ["cotangent"] * self.cotangent_changed
        return names + [name for name, value in self._settings().items() if value != self.settings[name]]


def _checked(y1: Any, y0: Tensor) -> Tensor:
    """Return `y1` if it is a tensor like y0."""
    if isinstance(y1, Tensor) and y1.shape == y0.shape:
        return y1
    received = f"a tensor of shape {tuple(y1.shape)}" if isinstance(y1, Tensor) else f"{type(y1).__name__}"
    message = (
        f"expected y1 as a tensor of shape {tuple(y0.shape)}, like y0, got {received}; "
        f"return the final state only, for instance `lambda y0: odeint(...)[-1]`"
    )
    raise LayerError(message)


def _resolution(name: str, build: Callable[..., Any]) -> Resolution:
    """Read from the name of the fourth parameter of `build` whether the layer is adaptive."""
    if not callable(build):
        message = f"build of {name!r} must be a function, got {type(build).__name__}; {_EXAMPLE}"
        raise TypeError(message)
    try:
        parameters = list(inspect.signature(build).parameters.values())
    except (TypeError, ValueError) as error:
        message = f"build of {name!r} must have a readable signature, got {build!r}; {_EXAMPLE}"
        raise TypeError(message) from error
    required = [
        p for p in parameters[4:] if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    names = tuple(p.name for p in parameters[:4])
    if len(names) == 4 and names[3] in ("n_steps", "tol") and not required:
        return names[3]  # type: ignore[return-value]
    message = (
        f"build of {name!r} must take (dynamics, t0, t1, n_steps) or (dynamics, t0, t1, tol), "
        f"got ({', '.join(p.name for p in parameters)}); {_EXAMPLE}"
    )
    raise TypeError(message)
