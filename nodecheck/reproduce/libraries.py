"""Layers of registered libraries as lines of a script, made of the names that nodecheck gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nodecheck.reproduce.source import LayerSource

_GRID = "torch.linspace(float(ts[0]), float(ts[-1]), n_steps + 1, dtype=ts.dtype)"
_TOLERANCES = ("rtol", "atol")


def registered(name: str) -> LayerSource | None:
    """Return the lines of a layer of a registered library; None if there are none for it."""
    library = name.partition("-")[0]
    return _LIBRARIES[library](name) if library in _LIBRARIES else None


def _torchdiffeq(name: str) -> LayerSource | None:
    _, function, method, *more = name.split("-")
    if more:
        return None
    imported = f"from torchdiffeq import {function}"
    if method in ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams"):
        grid = "grid = lambda f, y, t: torch.linspace(float(t[0]), float(t[-1]), n_steps + 1, dtype=t.dtype)"
        solve = f'{function}(f, y, ts, method="{method}", options={{"grid_constructor": grid}})'
        lines = ("def build(f, ts, n_steps):", f"    {grid}", f"    return lambda y: {solve}")
        return LayerSource((imported, *lines), output_times=True)
    solve = f'{function}(f, y, ts, method="{method}", rtol=rtol, atol=atol)'
    build = f"build = lambda f, ts, rtol, atol: lambda y: {solve}"
    return LayerSource((imported, build), output_times=True, names=_TOLERANCES)


def _torchdyn(name: str) -> LayerSource | None:
    _, sensitivity, solver, *more = name.split("-")
    if more:
        return None
    adaptive = solver in ("dopri5", "tsit5")
    ts = "ts" if adaptive else _GRID
    tolerances = ", atol=atol, rtol=rtol" if adaptive else ""
    field = (
        "class Args(torch.nn.Module):  # torchdyn calls f(t, x, args)",
        "    def __init__(self, f): super().__init__(); self.f = f",
        "    def forward(self, t, x, args=None): return self.f(t, x)",
    )
    if sensitivity == "odeint":
        imported = "from torchdyn.numerics import odeint"
        solve = f'odeint(Args(f), y, {ts}, "{solver}"{tolerances})[1]'
    else:
        imported = "from torchdyn.core import NeuralODE"
        both = f"{tolerances}, atol_adjoint=atol, rtol_adjoint=rtol" if adaptive else ""
        solve = f'NeuralODE(Args(f), solver="{solver}", sensitivity="{sensitivity}"{both})(y, {ts})[1]'
    names = _TOLERANCES if adaptive else ("n_steps",)
    build = f"build = lambda f, ts, {', '.join(names)}: lambda y: {solve}[[0, -1]]"
    return LayerSource((imported, *field, build), output_times=True, names=names)


def _torchode(name: str) -> LayerSource | None:
    _, adjoint, method, *more = name.split("-")
    stepper = method.capitalize()
    solver = {
        "autodiff": "AutoDiffAdjoint(method, control)",
        "backsolve": "BacksolveAdjoint(term, method, control)",
        "joint_backsolve": "JointBacksolveAdjoint(term, method, control)",
    }[adjoint]
    fixed = more == ["fixed"]
    if more and not fixed:
        return None
    control = "FixedStepController()" if fixed else "IntegralController(atol=atol, rtol=rtol, term=term)"
    step = "(ts[-1] - ts[0]).expand(len(y)) / n_steps" if fixed else "None"
    if adjoint == "joint_backsolve":
        step = step.replace("len(y)", "1")
    names = ("n_steps",) if fixed else _TOLERANCES
    lines = (
        "import torchode as to",
        f"def build(f, ts, {', '.join(names)}):",
        "    term = to.ODETerm(f)",
        f"    method, control = to.{stepper}(term=term), to.{control}",
        "    times = lambda y: ts.expand(len(y), -1)",
        "    problem = lambda y: to.InitialValueProblem(y, times(y)[:, 0], times(y)[:, -1], times(y))",
        f"    return lambda y: to.{solver}.solve(problem(y), term, dt0={step}).ys.transpose(0, 1)",
    )
    return LayerSource(lines, output_times=True, names=names)


def _odelayer(name: str) -> LayerSource | None:
    _, solver, *more = name.split("-")
    mode, adaptive, outputs = more[-1 - ("outputs" in more)], "adaptive" in more, "outputs" in more
    how = f'solver="{solver}", adjoint="{mode}"'
    note = "ODELayer is nodecheck's own"
    if adaptive or outputs:
        names = _TOLERANCES if adaptive else ("n_steps",)
        steps = "rtol=rtol, atol=atol" if adaptive else "n_steps"
        solve = f"ODELayer(f, ts[0], ts[-1], {steps}, {how}).solve(y, ts)"
        build = f"build = lambda f, ts, {', '.join(names)}: lambda y: {solve}"
        return LayerSource(
            ("from nodecheck import ODELayer", build), output_times=True, names=names, note=note
        )
    build = f"build = lambda f, t0, t1, n_steps: ODELayer(f, t0, t1, n_steps, {how})"
    return LayerSource(("from nodecheck import ODELayer", build), note=note)


_LIBRARIES: Mapping[str, Callable[[str], LayerSource | None]] = MappingProxyType(
    {"torchdiffeq": _torchdiffeq, "torchdyn": _torchdyn, "torchode": _torchode, "odelayer": _odelayer}
)
