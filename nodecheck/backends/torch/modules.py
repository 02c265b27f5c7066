"""Modules that are the same field in another form: nested, hooked, tied, parametrised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nodecheck.backends.torch.dynamics import Dynamics, Trace
from nodecheck.backends.torch.passes import as_numpy, built, reader, run_backward
from nodecheck.backends.torch.tensors import leaf_of, place, tensor_of
from nodecheck.layers import Array, Pullback, Solution, Solve, TorchLayer
from nodecheck.problems import Problem, group_of


@dataclass(frozen=True, eq=False)
class _Arranged:
    """A module, where its calls are recorded, and what its parameters are to those of the problem.

    The gradient of a parameter of the problem is `sign` times the sum over its `leaves`.  The forward pass
    runs under `mode`.
    """

    module: nn.Module
    trace: Trace
    leaves: Mapping[str, Sequence[Tensor]]
    sign: int = 1
    mode: Callable[[], AbstractContextManager[object]] = nullcontext


class _Within(nn.Module):
    """A module that has no parameters but those of the module in it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, t: object, y: Tensor) -> Tensor:
        """Return f(t, y)."""
        value: Tensor = self.inner(t, y)
        return value


class _Negated(nn.Module):
    """The weight is the negative of what is stored; no other simple map is exact and not the identity."""

    def forward(self, stored: Tensor) -> Tensor:
        """Return the weight."""
        return -stored

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the value to store."""
        return -weight


class _Tied(Dynamics):
    """Every parameter has a second name, and is used under both."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        for name in problem.params:
            self.register_parameter(f"{name}_too", getattr(self, name))

    def parameter_at(self, name: str, _time: Tensor) -> Tensor:
        """Return the mean of a parameter and itself."""
        value: Tensor = (getattr(self, name) + getattr(self, f"{name}_too")) / 2
        return value


class _InTurns(Dynamics):
    """Every parameter has a twin of the same value that is used instead of it in the second half."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.middle = (problem.t0 + problem.t1) / 2
        for name in problem.params:
            self.register_parameter(f"{name}_late", nn.Parameter(getattr(self, name).detach().clone()))

    def parameter_at(self, name: str, time: Tensor) -> Tensor:
        """Return the parameter or its twin, whichever it is the turn of."""
        late = bool(time >= self.middle)
        value: Tensor = getattr(self, f"{name}_late" if late else name)
        return value


class _Without(Dynamics):
    """Buffers in place of the parameters: nothing of it is trained.

    They hold a tenth of each, which no float32 is.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        for name, parameter in dict(self.named_parameters()).items():
            delattr(self, name)
            self.register_buffer(name, parameter.detach() / 10)

    def parameter_at(self, name: str, time: Tensor) -> Tensor:
        """Return the stored value, times ten."""
        return 10 * super().parameter_at(name, time)


class _Hooked(Dynamics):
    """Half of the field, doubled by a forward hook.

    `hook_runs` has an entry for each run of the hook, that of a copied module too: functions are not copied.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.hook_runs: list[None] = []
        self.register_forward_hook(_doubling(self.hook_runs))

    def forward(self, t: Any, y: Tensor) -> Tensor:
        """Return half of f(t, y)."""
        return super().forward(t, y) / 2


def _doubling(runs: list[None]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Return a hook that doubles the output, and adds to `runs` when it is run."""

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        runs.append(None)
        return 2 * output

    return hook


class _Moded(Dynamics):
    """The field in the mode that the module is put into; in the other one twice the field."""

    def __init__(self, problem: Problem, *, training: bool) -> None:
        super().__init__(problem)
        self.wanted = training
        self.train(training)

    def forward(self, t: Any, y: Tensor) -> Tensor:
        """Return f(t, y), or twice that."""
        value = super().forward(t, y)
        return value if self.training is self.wanted else 2 * value


class _Autocast(Dynamics):
    """The field where autocast is on; where it is off, twice the field.

    Autocast changes a field by the rounding of its products, which no gradient is held to.  This one tells
    whether it is on, to the last bit; products are not rounded in it.
    """

    def forward(self, t: Any, y: Tensor) -> Tensor:
        """Return f(t, y), or twice that."""
        kind = y.device.type
        with torch.autocast(kind, enabled=False):
            value = super().forward(t, y)
        return value if torch.is_autocast_enabled(kind) else 2 * value


def _plainly(dynamics: Dynamics) -> _Arranged:
    leaves = {name: [parameter] for name, parameter in dynamics.named_parameters()}
    return _Arranged(dynamics, dynamics.trace, leaves)


def _without(problem: Problem) -> _Arranged:
    return _plainly(_Without(problem))


def _autocast(problem: Problem) -> _Arranged:
    dynamics = _Autocast(problem)

    def on() -> AbstractContextManager[object]:
        return torch.autocast(next(dynamics.parameters()).device.type, torch.bfloat16)

    return replace(_plainly(dynamics), mode=on)


def _nested(problem: Problem) -> _Arranged:
    flat = _plainly(Dynamics(problem))
    return replace(flat, module=_Within(_Within(flat.module)))


def _tied(problem: Problem) -> _Arranged:
    dynamics = _Tied(problem)
    return _Arranged(dynamics, dynamics.trace, {name: [getattr(dynamics, name)] for name in problem.params})


def _parametrised(problem: Problem) -> _Arranged:
    dynamics = Dynamics(problem)
    for name in problem.params:
        parametrize.register_parametrization(dynamics, name, _Negated())
    stored = dict(dynamics.named_parameters())
    leaves = {name: [stored[f"parametrizations.{name}.original"]] for name in problem.params}
    return _Arranged(dynamics, dynamics.trace, leaves, sign=-1)


def _in_turns(problem: Problem) -> _Arranged:
    dynamics = _InTurns(problem)
    pairs = {name: [getattr(dynamics, name), getattr(dynamics, f"{name}_late")] for name in problem.params}
    return _Arranged(dynamics, dynamics.trace, pairs)


def _late_turn(problem: Problem) -> _Arranged:
    """Return the dynamics in turns, of which the parameters of the second half are looked at alone."""
    dynamics = _InTurns(problem)
    late = {name: [getattr(dynamics, f"{name}_late")] for name in problem.params}
    return _Arranged(dynamics, dynamics.trace, late)


def use_module(layer: TorchLayer, solve: Solve, cotangents: Sequence[Array]) -> Solution:
    """Return the solution with the dynamics in another form; the gradients are those of the problem."""
    problem = solve.problem
    arranged = MODULES[solve.variation.name](problem)
    place(arranged.module, solve)
    arranged.trace.limit = solve.limit
    y0 = leaf_of(problem.y0, solve)
    with arranged.mode():
        y1 = reader(layer, problem)(built(layer, arranged.module, solve)(y0), y0)
    calls = tuple(arranged.trace.calls)
    pullbacks: tuple[Pullback, ...] = ()
    if cotangents:
        with arranged.trace.backward():
            run_backward(y1, tensor_of(cotangents[0], y1))
        gradients = {group_of(name): _sum(leaves, arranged.sign) for name, leaves in arranged.leaves.items()}
        pullbacks = (Pullback({"y0": _sum([y0]), **gradients}, arranged.trace.of("backward")),)
    return Solution(as_numpy(y1), calls, pullbacks, past_hooks=_past_hooks(arranged))


def _past_hooks(arranged: _Arranged) -> bool:
    """Return True if the field has a hook that no call has run."""
    field = arranged.module
    return isinstance(field, _Hooked) and bool(arranged.trace.calls) and not field.hook_runs


def _sum(leaves: Sequence[Tensor], sign: int = 1) -> Array | None:
    """Return the sum of the gradients that arrived; None if none did."""
    arrived = [as_numpy(leaf.grad) for leaf in leaves if leaf.grad is not None]
    return sign * sum(arrived[1:], start=arrived[0]) if arrived else None


MODULES: Mapping[str, Callable[[Problem], _Arranged]] = {
    "no-parameters": _without,
    "forward-hook": lambda problem: _plainly(_Hooked(problem)),
    "train-mode-field": lambda problem: _plainly(_Moded(problem, training=True)),
    "eval-mode-field": lambda problem: _plainly(_Moded(problem, training=False)),
    "autocast-field": _autocast,
    "nested": _nested,
    "tied": _tied,
    "parametrised": _parametrised,
    "in-turns": _in_turns,
    "late-turn": _late_turn,
}
