"""Layers under test: to nodecheck a layer is a reverse rule, (y1, pullback)."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics, Trace
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.problems import Problem

Array = npt.NDArray[Any]
Gradients = Mapping[str, Array | None]  # None: no gradient arrived
Adjoint = Literal["continuous", "discrete"]
Memory = Literal["constant", "sqrt", "log", "linear"]
Resolution = Literal["n_steps", "tol"]

_ADJOINTS = ("continuous", "discrete", None)
_EXAMPLE = "write `build=lambda dynamics, t0, t1, n_steps: MyODELayer(dynamics, t0, t1, n_steps)`"
_MEMORIES = ("constant", "sqrt", "log", "linear", None)


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
        return Solution(as_numpy(pass_.y1), pass_.pullback, pass_.dynamics.trace, pass_.changed)


def built(layer: TorchLayer, dynamics: nn.Module, problem: Problem, resolution: float) -> Any:
    """Return the layer built for a problem."""
    return layer.build(dynamics, problem.t0, problem.t1, **{layer.resolution: resolution})


def run_backward(y1: Tensor, cotangent: Tensor, *, retain_graph: bool = False) -> None:
    """Run the backward pass; a detached output sends no gradient anywhere."""
    if y1.requires_grad:
        y1.backward(cotangent, retain_graph=retain_graph)  # type: ignore[no-untyped-call]


def gradients_of(y1: Tensor, leaves: Mapping[str, Tensor], cotangent: Array) -> dict[str, Array | None]:
    """Run the backward pass and return what it leaves in .grad."""
    for leaf in leaves.values():
        leaf.grad = None
    run_backward(y1, torch.tensor(cotangent))
    return {name: _gradient(leaf) for name, leaf in leaves.items()}


def as_numpy(tensor: Tensor) -> Array:
    """Return a copy."""
    return tensor.detach().numpy(force=True).copy()


def _gradient(leaf: Tensor) -> Array | None:
    return None if leaf.grad is None else as_numpy(leaf.grad)


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
        solve = built(self.layer, self.dynamics, self.problem, self.resolution)
        self.y1 = checked(solve(self.y0), self.y0)
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
            run_backward(self.y1, given)
        self.cotangent_changed |= not np.array_equal(given.numpy(force=True), cotangent)
        return {name: _gradient(leaf) for name, leaf in leaves.items()}

    def _settings(self) -> dict[str, Any]:
        return {
            "default dtype": torch.get_default_dtype(),
            "grad mode": torch.is_grad_enabled(),
            "training mode of the dynamics": self.dynamics.training,
            "which parameters require a gradient": [p.requires_grad for p in self.dynamics.parameters()],
            "anomaly detection": torch.is_anomaly_enabled(),
            "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
            "number of threads": torch.get_num_threads(),
            "garbage collection": gc.isenabled(),
            "floating-point errors of NumPy": np.geterr(),
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


def checked(y1: Any, y0: Tensor) -> Tensor:
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
