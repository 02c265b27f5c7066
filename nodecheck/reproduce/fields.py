"""The problem of a script as lines of Python: the field, the start, and the exact solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nodecheck.numerics.constants import SCRIPT_REFERENCE_STEPS
from nodecheck.reproduce.setting import Setting
from nodecheck.reproduce.source import PAIR, LayerSource

# Neither symmetric nor normal, so that a transposed matrix shows; a block of it serves for fewer components.
_A = ((-0.5, 1.0, 0.25, 0.5), (-0.25, -0.75, 1.0, -0.5), (0.5, -0.5, 0.25, 0.75), (0.25, 0.5, -1.0, -0.25))
_C = (1.0, -0.75, 0.5, 0.25)
_Y0 = ((0.5, -1.0, 0.25, 0.75), (1.0, 0.5, -0.75, 0.25), (-0.25, 1.25, 0.5, -1.0))
_TIME = "torch.as_tensor(t, dtype=y.dtype).reshape(-1, 1)"
_CLASS = ("class Field(torch.nn.Module):", "    def __init__(self):", "        super().__init__()")


def field(setting: Setting, source: LayerSource) -> list[str]:
    """Return the lines of the class of the field."""
    rows = setting.state // 2 if source.second_order else setting.state
    columns = rows if source.separable else setting.state
    matrix = [list(row[:columns]) for row in _A[:rows]]
    lines = [*_CLASS, f"        self.A = {_parameter(matrix, setting)}"]
    return lines + _forward(setting, source)


def _forward(setting: Setting, source: LayerSource) -> list[str]:
    argument, join = "y", ""
    if source.second_order:
        argument, join = "q, v=None", "" if source.separable else "y = torch.cat([q, v], -1); "
    elif source.output == PAIR:
        argument, join = "y", "y = torch.cat(y, -1); "
    value = "q @ self.A.T" if source.separable else "y @ self.A.T"
    if not setting.autonomous:
        time = _TIME.replace("y", "q") if source.separable else _TIME
        value = f"{time} * ({value})"
    value = value if setting.linear else f"torch.tanh({value})"
    if source.output == PAIR:
        value = f"({value}).split([1, {setting.state - 1}], -1)"
    return [f"    def forward(self, t, {argument}):", f"        {join}return {value}"]


def powers(setting: Setting, source: LayerSource) -> list[str]:
    """Return the lines of the class of y' = c t^k, which records the times that it is told."""
    rows = setting.state // 2 if source.second_order else setting.state
    y, extra = ("q", ", v=None") if source.second_order else ("y", "")
    zero = f"torch.cat({y}, -1)" if source.output == PAIR else y
    value = f"self.c + 0 * {zero}"
    if setting.power:
        value = f"self.c * {_TIME.replace('y', zero)} ** {setting.power} + 0 * {zero}"
    if source.output == PAIR:
        value = f"({value}).split([1, {setting.state - 1}], -1)"
    return [
        "times = []",
        *_CLASS,
        f"        self.c = {_parameter(list(_C[:rows]), setting)}",
        f"    def forward(self, t, {y}{extra}):",
        "        times.append(round(float(torch.as_tensor(t).max()), 4))",
        f"        return {value}",
    ]


def start(setting: Setting) -> list[str]:
    """Return the lines of the interval and of y0."""
    y0 = [list(row[: setting.state]) for row in _Y0[: setting.batch]]
    return [
        f"f, t0, t1 = Field(), {setting.t0}, {setting.t1}",
        f"y0 = torch.tensor({y0}, dtype=torch.{setting.dtype}, requires_grad=True)",
    ]


def exact(setting: Setting, source: LayerSource, *, until: str = "t1") -> list[str]:
    """Return the lines of `exact(y)`, the solution at a time, which autograd can differentiate."""
    if setting.linear and not source.second_order:
        part = f"({until} - t0)" if setting.autonomous else f"({until} ** 2 - t0 ** 2) / 2"
        value = f"y @ torch.linalg.matrix_exp({part} * f.A).T"
        return [f"def exact(y{_argument(until)}): return {value}"]
    slope = slope_of(setting, source)
    k2, k3 = (f"k{i + 1} = {slope('t + h / 2', f'y + h / 2 * k{i}')}" for i in (1, 2))
    return [
        f"def exact(y{_argument(until)}, n={SCRIPT_REFERENCE_STEPS}):  # the classical Runge-Kutta method",
        f"    h = ({until} - t0) / n",
        "    for t in (t0 + k * h for k in range(n)):",
        f"        k1 = {slope('t', 'y')}; {k2}; {k3}",
        f"        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + {slope('t + h', 'y + h * k3')})",
        "    return y",
    ]


def _argument(until: str) -> str:
    return "" if until == "t1" else f", {until}"


def slope_of(setting: Setting, source: LayerSource) -> Callable[[str, str], str]:
    """Return the function from the texts of t and y to the text of the slope."""
    half = setting.state // 2

    def motion(t: str, y: str) -> str:
        return f"torch.cat([(z := {y})[:, {half}:], f({t}, z[:, :{half}], z[:, {half}:])], -1)"

    if source.second_order:
        return motion
    if source.output == PAIR:
        return lambda t, y: f"torch.cat(f({t}, ({y}).split([1, {setting.state - 1}], -1)), -1)"
    return lambda t, y: f"f({t}, {y})"


def _parameter(values: Sequence[object], setting: Setting) -> str:
    return f"torch.nn.Parameter(torch.tensor({values}, dtype=torch.{setting.dtype}))"
