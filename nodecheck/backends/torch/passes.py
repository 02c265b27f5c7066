"""One use of a layer: built, called with y0, and pulled back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from nodecheck.adapt.dropped import recorded
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.backends.torch.generators import seeded
from nodecheck.backends.torch.mechanics import Acceleration
from nodecheck.backends.torch.pairs import JoinedPair, OfPairs
from nodecheck.backends.torch.settings import Watch
from nodecheck.backends.torch.tensors import dynamics_of, tensor_of
from nodecheck.backends.torch.times import Times, times_of, trained
from nodecheck.layers import Array, LayerError, Pullback, Solution, Solve, TorchLayer
from nodecheck.layers.layer import LOG_DET, PAIR, SECOND_ORDER, SEPARABLE
from nodecheck.problems import Problem, group_of

Leaves = Mapping[str, Tensor]
_SEED_OF_NOISE = 0


@dataclass(eq=False)
class Prepared:
    """A layer that is built, its inputs, and how what it returns is read."""

    dynamics: Dynamics
    y0: Tensor
    call: Callable[[Tensor], Any]
    read: Callable[[Any, Tensor], tuple[Tensor, Tensor | None]]
    times: Mapping[str, Tensor] = field(default_factory=dict)  # those that require a gradient

    @property
    def leaves(self) -> dict[str, Tensor]:
        """The tensors at which gradients arrive, by group."""
        return {"y0": self.y0, **parameters_of(self.dynamics), **self.times}

    def forward(self) -> Tensor:
        """Return y1; at output times all states."""
        return self.forward_with_log_det()[0]

    def forward_with_log_det(self) -> tuple[Tensor, Tensor | None]:
        """Return y1 and the log-determinant; None where the layer returns the state alone."""
        return self.read(self.call(self.y0), self.y0)

    def pull_back(self, y1: Tensor, cotangent: Tensor) -> Pullback:
        """Return the gradients, and the calls of the dynamics that they took."""
        with self.dynamics.trace.backward():
            gradients = gradients_of(y1, self.leaves, cotangent)
        return Pullback(gradients, self.dynamics.trace.of("backward"))


def prepare(layer: TorchLayer, solve: Solve) -> Prepared:
    """Return the layer built for a solve, with inputs of its own."""
    dynamics = dynamics_of(solve)
    dynamics.trace.limit = solve.limit
    wanted = solve.problem.groups if solve.wrt is None else solve.wrt
    for group, parameter in parameters_of(dynamics).items():
        parameter.requires_grad_(group in wanted)
    y0 = tensor_of(solve.problem.y0, solve).requires_grad_("y0" in wanted)
    return prepared(layer, dynamics, y0, solve)


def prepared(layer: TorchLayer, dynamics: Dynamics, y0: Tensor, solve: Solve) -> Prepared:
    """Return the layer built for a solve, with these inputs."""
    times = times_of(layer, solve)
    call = built(layer, dynamics, solve, times)
    return Prepared(dynamics, y0, call, reader_of_all(layer, solve.problem), trained(times))


def solve_plainly(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array] = ()) -> Solution:
    """Return the solution in plain use: for each cotangent one forward and one backward pass."""
    passes = [_one_pass(prepare(layer, solve), cotangent) for cotangent in cotangents or (None,)]
    first = passes[0]
    pullbacks = tuple(pullback for one in passes for pullback in one.pullbacks)
    return replace(first, pullbacks=pullbacks)


def _one_pass(one: Prepared, cotangent: Array | None) -> Solution:
    with recorded() as dropped:
        y1 = one.forward()
    calls = tuple(one.dynamics.trace.calls)
    if cotangent is None:
        return Solution(as_numpy(y1), calls, dropped=tuple(dropped), device=str(y1.device))
    given = tensor_of(cotangent, y1)
    pullbacks = (one.pull_back(y1, given),)
    return Solution(as_numpy(y1), calls, pullbacks, dropped=tuple(dropped), device=str(y1.device))


def watched_pass(one: Prepared, solve: Solve, cotangent: Array | None) -> Solution:
    """Return the solution of one pass; inputs and global settings are compared before and after."""
    watching = Watch(one.dynamics)
    y1, log_det = one.forward_with_log_det()
    calls = tuple(one.dynamics.trace.calls)
    changed = set(watching.changed(one.leaves, solve))
    pullbacks: tuple[Pullback, ...] = ()
    if cotangent is not None:
        given = tensor_of(cotangent, y1)
        before = given.clone()
        pullbacks = (one.pull_back(y1, given),)
        changed |= set(watching.changed(one.leaves, solve))
        changed |= set() if torch.equal(given, before) else {"cotangent"}
    l1 = None if log_det is None else as_numpy(log_det)
    return Solution(as_numpy(y1), calls, pullbacks, changed=tuple(sorted(changed)), log_det=l1)


def built(layer: TorchLayer, dynamics: nn.Module, solve: Solve, times: Times | None = None) -> Any:
    """Return the layer built for a solve, with these times if any are given.

    An adaptive layer that estimates a log-determinant may have the estimate in its error norm.  Its steps,
    and so y1, then depend on the noise: unless l is what is asked for, it has the same noise in all passes.
    """
    given = times_of(layer, solve) if times is None else times
    arguments = layer.form.arguments(solve.resolution, solve.atol)
    if SECOND_ORDER in layer.supports:
        dynamics = Acceleration(dynamics, separable=SEPARABLE in layer.supports)
    if layer.output == PAIR:
        outputs = len(_output_times(solve.problem)) if layer.output_times else None
        call = layer.build(OfPairs(dynamics), *given.values(), **arguments)
        return JoinedPair(call, outputs) if callable(call) else call
    if solve.log_det or layer.output != LOG_DET or not layer.adaptive:
        return layer.build(dynamics, *given.values(), **arguments)
    with seeded(_SEED_OF_NOISE):
        call = layer.build(dynamics, *given.values(), **arguments)
    return _with_same_noise(call) if callable(call) else call


def _with_same_noise(call: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def solve(y0: Tensor) -> Any:
        with seeded(_SEED_OF_NOISE):
            return call(y0)

    return solve


def _output_times(problem: Problem) -> tuple[float, ...]:
    return problem.ts or (problem.t0, problem.t1)


def reader(layer: TorchLayer, problem: Problem) -> Callable[[Any, Tensor], Tensor]:
    """Return a function (output, y0) -> y1, or -> ys where a problem asks for the states at output times.

    The output is that of the layer; `LayerError` is raised where it has another shape.
    """
    read = reader_of_all(layer, problem)
    return lambda output, y0: read(output, y0)[0]


def reader_of_all(
    layer: TorchLayer, problem: Problem
) -> Callable[[Any, Tensor], tuple[Tensor, Tensor | None]]:
    """Return a function (output, y0) -> (y1, l), where l is None if the layer returns the state alone."""
    count = len(_output_times(problem)) if layer.output_times else None

    def read(output: Any, y0: Tensor) -> tuple[Tensor, Tensor | None]:
        ys, ls = checked_pair(output, y0, count) if layer.output == LOG_DET else (output, None)
        if count is None:
            return checked(ys, y0), ls
        states = checked_states(ys, y0, count)
        if problem.ts:
            return states, ls
        return states[-1], None if ls is None else ls[-1]

    return read


def parameters_of(dynamics: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of a module by the names of their groups."""
    return {group_of(name): parameter for name, parameter in dynamics.named_parameters()}


def run_backward(y1: Tensor, cotangent: Tensor, *, retain_graph: bool = False) -> None:
    """Run the backward pass; a detached output sends no gradient anywhere."""
    if y1.requires_grad:
        y1.backward(cotangent, retain_graph=retain_graph)  # type: ignore[no-untyped-call]


def gradients_of(y1: Tensor, leaves: Leaves, cotangent: Tensor) -> dict[str, Array | None]:
    """Run the backward pass and return what it leaves in .grad."""
    return leaf_gradients(leaves, lambda: run_backward(y1, cotangent))


def leaf_gradients(leaves: Leaves, backward: Callable[[], None]) -> dict[str, Array | None]:
    """Return the gradient of each leaf after a backward pass, from its .grad; None where none arrived."""
    for leaf in leaves.values():
        leaf.grad = None
    backward()
    return {name: None if leaf.grad is None else as_numpy(leaf.grad) for name, leaf in leaves.items()}


def as_numpy(tensor: Tensor) -> Array:
    """Return a copy."""
    copy: Array = tensor.detach().numpy(force=True).copy()
    return copy


def checked(y1: Any, y0: Tensor) -> Tensor:
    """Return `y1` if it is a tensor of the shape of y0.

    Raises
    ------
    LayerError
        If it is anything else.
    """
    if isinstance(y1, Tensor) and y1.shape == y0.shape:
        return y1
    message = (
        f"expected y1 as a tensor of shape {tuple(y0.shape)}, like y0, got {_described(y1)}; "
        f"return the final state only, for instance `lambda y0: odeint(...)[-1]`, or let build take "
        f"(dynamics, ts, …) and return all states"
    )
    raise LayerError(message)


def checked_states(ys: Any, y0: Tensor, count: int) -> Tensor:
    """Return `ys` if it is a tensor of `count` states of the shape of y0, times first.

    Raises
    ------
    LayerError
        If it is anything else.
    """
    if isinstance(ys, Tensor) and ys.shape == (count, *y0.shape):
        return ys
    message = (
        f"expected ys as a tensor of shape {(count, *y0.shape)}, one state for each time in ts, the first of "
        f"them y0, got {_described(ys)}; stack the states along a first axis, `torch.stack(states)`"
    )
    raise LayerError(message)


def checked_pair(output: Any, y0: Tensor, count: int | None) -> tuple[Any, Tensor]:
    """Return a pair of something and a log-determinant, which has one entry for each member of the batch.

    Raises
    ------
    LayerError
        If it is anything else.
    """
    shape = (len(y0),) if count is None else (count, len(y0))
    seen = _described(output)
    if isinstance(output, tuple | list) and len(output) == len(("y1", "l")):
        y1, log_det = output
        if isinstance(log_det, Tensor) and log_det.shape == shape:
            return y1, log_det
        seen = f"({_described(y1)}, {_described(log_det)})"
    names = "(y1, l)" if count is None else "(ys, l)"
    message = (
        f"expected {names} of a layer with output={LOG_DET!r}, l a tensor of shape {shape}, got {seen}; "
        f"return the state and the log-determinant of each member, `return y1, l`"
    )
    raise LayerError(message)


def _described(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
