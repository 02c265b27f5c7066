# ruff: noqa: E501 -- one record a line reads better than a wrapped one
"""Synthetic runs with realistic content: no layer is run, the numbers behave like those of real ones."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from nodecheck.results import LayerCard, Measurement, Outcome, Result, Run, Series, at_least, at_most

PROBLEMS = ("rotation", "damped-pendulum", "lotka-volterra", "forced-linear")
GROUPS = ("y0", "theta", "bias")
THEMES = ("forward", "gradient", "time", "memory", "batch", "PyTorch")
# (check, theme, kind, title, failure title)
CHECKS = (
    ("constant-field", "forward", "identity", "Constant field is integrated exactly",
     "Constant field is not integrated exactly"),
    ("forward-order", "forward", "order", "Forward pass converges at the claimed order",
     "Forward pass does not converge at the claimed order"),
    ("gradient-order", "gradient", "order", "Gradient converges at the claimed order",
     "Gradient does not converge at the claimed order"),
    ("gradient-class", "gradient", "identity", "Gradient is discretely or continuously consistent",
     "Gradient is neither discretely nor continuously consistent"),
    ("cotangent-linearity", "gradient", "identity", "Gradient is linear in the cotangent",
     "Gradient is not linear in the cotangent"),
    ("autonomous-shift", "time", "identity", "Shifting time changes nothing in an autonomous field",
     "Shifting time changes the result of an autonomous field"),
    ("time-given-to-field", "time", "contract", "Field receives times inside the interval",
     "Field receives times outside the interval"),
    ("saved-states", "memory", "resource", "Saved states grow as claimed", "Saved states grow faster than claimed"),
    ("peak-memory", "memory", "resource", "Peak memory grows as claimed", "Peak memory grows faster than claimed"),
    ("batch-independence", "batch", "identity", "Samples of a batch do not influence each other",
     "Samples of a batch influence each other"),
    ("nothing-mutated", "PyTorch", "contract", "Nothing of the caller's is changed",
     "Something of the caller's is changed"),
    ("every-parameter", "PyTorch", "contract", "Every parameter receives its gradient",
     "A parameter receives no gradient"),
)  # fmt: skip
ON_PROBLEMS = ("forward-order", "gradient-order", "gradient-class", "cotangent-linearity")
CITE = "Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, sec. II.3"


def errors(order: float, constant: float, *, floor: float = 0.0, n: int = 5) -> tuple[tuple[float, ...], ...]:
    """Return step sizes and the errors of a method of this order."""
    h = 1.7 / 2.0 ** np.arange(3, 3 + n)
    return tuple(h), tuple(constant * h**order * (1 + 0.3 * h) + floor)


def convergence(
    plot: str, order: float, *, floor: float = 0.0, labels: Iterable[str] = GROUPS
) -> tuple[Series, ...]:
    return tuple(
        Series(plot, label, *errors(order, 0.2 / (k + 1) ** 2, floor=floor), x_label="step size h",
               y_label="relative error", log=True, slope=4.0)
        for k, label in enumerate(labels)
    )  # fmt: skip


def tolerance_sweep(plot: str, labels: Iterable[str]) -> tuple[Series, ...]:
    tol = tuple(10.0**-k for k in range(3, 9))
    return tuple(
        Series(plot, label, tol, tuple(3.0 * (k + 1) * t**0.93 for t in tol), x_label="tolerance",
               y_label="relative error", log=True, slope=1.0)
        for k, label in enumerate(labels)
    )  # fmt: skip


def portrait() -> tuple[Series, ...]:
    """Return a direction field, the exact trajectory of a pendulum, and a layer's points on it."""
    q, p = np.meshgrid(np.linspace(-2, 2, 13), np.linspace(-2, 2, 13))
    dq, dp = p.ravel(), (-np.sin(q) - 0.3 * p).ravel()
    size = 0.11 / np.maximum(np.hypot(dq, dp), 1e-9)
    gap = np.full(q.size, math.nan)
    xs = np.stack([q.ravel() - size * dq, q.ravel() + size * dq, gap], axis=-1).ravel()
    ys = np.stack([p.ravel() - size * dp, p.ravel() + size * dp, gap], axis=-1).ravel()
    y, path = np.array([1.6, 0.4]), []
    for _ in range(161):
        path.append(y)
        for _ in range(8):
            y = y + 0.00625 * np.array([y[1], -np.sin(y[0]) - 0.3 * y[1]])
    line = np.array(path)
    points = line[::10] + 0.02 * np.sin(np.arange(17))[:, None]
    axes = {"x_label": "angle", "y_label": "velocity"}
    return (
        Series("Phase portrait", "field", tuple(xs), tuple(ys), style="field", **axes),
        Series("Phase portrait", "exact", tuple(line[:, 0]), tuple(line[:, 1]), style="line", **axes),
        Series("Phase portrait", "layer", tuple(points[:, 0]), tuple(points[:, 1]), **axes),
    )


def backward() -> tuple[Series, ...]:
    t = tuple(np.linspace(1.7, 0.0, 81))
    curves = {
        "State": (lambda s: math.exp(-0.4 * s) * math.cos(3 * s), "y"),
        "Adjoint": (lambda s: math.exp(0.4 * (s - 1.7)) * math.cos(3 * (1.7 - s)), "λ"),
        "Parameter gradient": (lambda s: 0.5 * (1.7 - s) * math.sin(3 * s), "dL/dθ"),
    }
    return tuple(
        series
        for plot, (f, name) in curves.items()
        for series in (
            Series(plot, "exact", t, tuple(map(f, t)), x_label="time t", y_label=name, style="line"),
            Series(plot, "layer", t[::5], tuple(f(s) * 1.03 for s in t[::5]), x_label="time t", y_label=name),
        )
    )


def measured(check: str, problem: str, *, order: float = 4.0) -> tuple[Measurement, ...]:
    """Return what the check measures on a right layer."""
    if check == "forward-order":
        return (at_least("order of y1", order - 0.02, 3.5), at_most("order of y1, upper", order - 0.02, 5.5))
    if check == "gradient-order":
        return tuple(at_least(f"order of d{g}", order - 0.01 * k, 3.5) for k, g in enumerate(GROUPS))
    if check in ("saved-states", "peak-memory"):
        return (at_most("growth per step", 0.004, 1.0, "states"),)
    if check in ("nothing-mutated", "every-parameter", "time-given-to-field"):
        return (at_most("violations", 0.0, 0.0),)
    return (
        at_most("error of y1", 2.2e-16 * (1 + len(problem)), 5.7e-14),
        at_most("error of dy1/dc", 4.4e-16, 5.7e-14),
    )


def result(layer: str, check: str, problem: str = "", **changes: object) -> Result:
    """Return a passed result of one of `CHECKS`; `changes` turn it into another one."""
    unlisted = (check, "other", "identity", f"{check} holds", f"{check} does not hold")
    _, theme, kind, title, failure = next((c for c in CHECKS if c[0] == check), unlisted)
    values: dict[str, object] = {
        "outcome": Outcome.MEASURED, "theme": theme, "kind": kind, "cite": CITE,
        "measurements": measured(check, problem), "seconds": 0.021, "seed": 7,
    } | changes  # fmt: skip
    probe = Result(layer=layer, check=check, problem=problem, title="", **values)
    return Result(
        layer=layer, check=check, problem=problem, title=failure if probe.violated else title, **values
    )


def right_results(layer: str, *, plots: bool = True, sweep: bool = False, order: float = 4.0) -> list[Result]:
    """Return the results of a right layer of order four."""
    results = []
    for check, *_ in CHECKS:
        for problem in PROBLEMS if check in ON_PROBLEMS else ("",):
            results.append(result(layer, check, problem, **_extras(check, problem, plots, sweep, order)))
    return results


def _extras(check: str, problem: str, plots: bool, sweep: bool, order: float) -> dict[str, object]:
    against = " against tolerance" if sweep else ""
    extras: dict[str, object] = {}
    if check == "forward-order":
        curve = tolerance_sweep("Error against tolerance", ("y1",)) if sweep else convergence(
            "Forward error", order, labels=("y1",))  # fmt: skip
        portrait_too = portrait() if problem == "damped-pendulum" else ()
        extras = {"series": curve + portrait_too, "facts": {} if sweep else {"order": f"{order:.2f}"}}
    elif check == "gradient-order":
        plot = f"Gradient error{against}"
        curve = tolerance_sweep(plot, GROUPS) if sweep else convergence(plot, order)
        back = backward() if problem == "rotation" else ()
        extras = {"series": curve + back, "facts": {} if sweep else {"gradient order": f"{order - 0.01:.2f}"}}
    elif check == "gradient-class":
        extras = {"facts": {"gradient class": "discretely consistent"}}
    elif check == "saved-states":
        extras = {
            "facts": {
                "memory": "constant",
                "evaluations per step": "4",
                "evaluations per step in backward": "8",
            }
        }
    return extras if plots else {k: v for k, v in extras.items() if k != "series"}


def card(name: str, **claims: object) -> LayerCard:
    values = {"order": 4, "adjoint": "continuous", "memory": "constant", "origin": "mylib/layers.py"} | claims
    return LayerCard(
        name=name, target="mylib/nodecheck_layers.py:LAYERS", **{"resolution": "n_steps"} | values
    )


def replaced(results: list[Result], *others: Result) -> list[Result]:
    """Return the results with some of them replaced by others of the same id."""
    by_id = {r.id: r for r in others}
    return [by_id.pop(r.id, r) for r in results] + list(by_id.values())


def wrong_results(layer: str) -> list[Result]:
    """Return the results of a layer that takes a step too many, as the blog layer does."""
    script = (
        "import nodecheck\nfrom mylib.nodecheck_layers import LAYERS\n\n"
        f"nodecheck.replay(LAYERS[1], {'constant-field'!r}, seed=7)"
    )
    bad = [
        result(layer, "constant-field", measurements=(at_most("error of y1", 0.0667, 5.7e-14),
               at_most("error of dy1/dc", 0.0667, 5.7e-14)), reproducer=script,
               diagnosis="The layer integrates over 1.0667, not 1: about +1.1 steps of 1/16."),
        *(result(layer, "gradient-order", p, measurements=(at_least("order of dy0", 0.98 + 0.01 * k, 3.5),
                 at_least("order of dtheta", 0.04 * k, 3.5), at_least("order of dbias", 4.01, 3.5)),
                 reproducer=script, series=convergence("Gradient error", 1.0, floor=1e-3 * k),
                 diagnosis=f"The gradient of theta is scaled by h (residual 3.1e-14, next best: a missing last "
                 f"backward step, residual 0.81) on {p}.") for k, p in enumerate(PROBLEMS)),
        result(layer, "every-parameter", outcome=Outcome.ERROR, measurements=(),
               diagnosis="RuntimeError: One of the differentiated Tensors appears to not have been used in the graph"),
    ]  # fmt: skip
    return replaced(right_results(layer, order=1.0), *bad)


def realistic_run() -> Run:
    """Return a run of five layers: right, wrong, with known faults, adaptive, unverified."""
    expected = "Counts one state more than it claims; reported upstream."
    third = replaced(
        right_results("torchdiffeq:rk4"),
        result("torchdiffeq:rk4", "saved-states", expected=expected,
               measurements=(at_most("growth per step", 4.0, 1.0, "states"),)),
        result("torchdiffeq:rk4", "peak-memory", outcome=Outcome.SKIPPED, measurements=(), reason="No CUDA device."),
        result("torchdiffeq:rk4", "batch-independence", outcome=Outcome.UNSUPPORTED, measurements=(),
               reason="ValueError: expected y of shape (B, d), got (d,)"),
    )  # fmt: skip
    adaptive = replaced(
        right_results("dopri5", sweep=True), result("dopri5", "time-given-to-field", expected="x")
    )
    undecided = [
        result("mine-float32", c, p, outcome=Outcome.INCONCLUSIVE, measurements=(),
               reason="Not asymptotic: successive slopes 2.1 and 3.4 differ by more than 0.5.")
        for c in ("gradient-order", "gradient-class") for p in PROBLEMS
    ]  # fmt: skip
    layers = (
        card("odelayer"), card("blog layer", order=1),
        card("torchdiffeq:rk4", adjoint="discrete", memory="linear", expected_failures={"saved-states": expected}),
        card("dopri5", order=None, resolution="tol", adjoint=None, memory=None),
        card("mine-float32", tableau="rk4"),
    )  # fmt: skip
    results = [
        *right_results("odelayer"), *wrong_results("blog layer"), *third, *adaptive,
        *replaced(right_results("mine-float32"), *undecided),
    ]  # fmt: skip
    return run_of(results, layers)


def run_of(results: Iterable[Result], layers: Iterable[LayerCard] = (), **changes: object) -> Run:
    values: dict[str, object] = {
        "targets": ("mylib/nodecheck_layers.py:LAYERS", "torchdiffeq"), "profile": "ci", "seed": 7,
        "command": "nodecheck check mylib/nodecheck_layers.py:LAYERS torchdiffeq --profile ci --seed 7",
        "started": "2025-03-04T09:12:44+00:00", "seconds": 31.4, "nodecheck_version": "0.1.0",
        "environment": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "platform": "Linux x86_64",
                        "threads": "2", "device": "cpu"},
        "warnings": ("CUDA is not available: 3 checks were not run.",),
    } | changes  # fmt: skip
    return Run(results=tuple(results), layers=tuple(layers), **values)


def large_run(n_layers: int = 10, repeats: int = 1) -> Run:
    """Return the size that the report's budget is stated for: ten layers, some thirty results each."""
    names = [f"layer-{k}" for k in range(n_layers)]
    results = [
        r for k, name in enumerate(names) for r in (wrong_results if k % 4 == 3 else right_results)(name)
    ]
    return run_of(results, [card(name) for name in names])
