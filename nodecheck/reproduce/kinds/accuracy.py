"""Scripts that compare an answer with that of the exact solution: by its order, or within the tolerance."""

from __future__ import annotations

from collections.abc import Callable

from nodecheck.numerics.constants import (
    ORDER_MARGIN,
    SCRIPT_EXACT,
    SCRIPT_FEWEST_STEPS,
    SCRIPT_REFINED,
    TOLERANCE_FACTOR,
)
from nodecheck.reproduce.fields import exact, field, start
from nodecheck.reproduce.kinds.kind import Kind
from nodecheck.reproduce.setting import Setting
from nodecheck.reproduce.source import LOG_DET, LayerSource

Lines = Callable[[Setting, LayerSource], list[str]]


def leaves(setting: Setting) -> str:
    """Return the list of the tensors whose gradient is looked at."""
    return ", ".join(name if name == "y0" else f"f.{name}" for name in setting.wrt)


def flat_gradient(setting: Setting, loss: str) -> str:
    """Return the text of the gradient of a loss, as one vector."""
    if len(setting.wrt) == 1:
        return f"torch.autograd.grad({loss}, {leaves(setting)})[0]"
    return f"torch.cat([g.flatten() for g in torch.autograd.grad({loss}, [{leaves(setting)}])])"


def compared(
    setting: Setting, source: LayerSource, answer: str, found: str, right: str, of: str
) -> list[str]:
    """Return the lines that hold an answer to the exact one.

    Parameters
    ----------
    setting, source
        The problem and the layer.
    answer
        The text of the answer, of `y`.
    found, right
        Texts of `y`: of the layer at the resolution `n` or `tol`, and exactly.
    of
        The words for what is compared, with its tensors.
    """
    lines = [f"def answer(y): return {answer}", f"right = answer({right})"]
    few, many = setting.steps, SCRIPT_REFINED * setting.steps
    where = "at tolerance {tol:g}" if source.adaptive else f"with {many} steps (order {setting.order})"
    note = "" if source.adaptive else f" (with {few}: {{coarse:.2g}})"
    return [
        *lines,
        *(_by_tolerance(setting, found) if source.adaptive else _by_order(setting, found, few, many)),
        f'print(f"expected an error of {of} of at most {{bound:.2g}} {where}, received {{error:.2g}}{note}")',
    ]


def _by_tolerance(setting: Setting, found: str) -> list[str]:
    """Return the lines of the error and its bound: see `GROWTH_OF_LOWEST_ORDER`."""
    return [
        f"tol = {setting.tol:g}",
        f"error = (answer({found}) - right).abs().max().item()",
        f"bound = {TOLERANCE_FACTOR:g} * tol ** ({setting.order} / {setting.order + 1})",
    ]


def _by_order(setting: Setting, found: str, few: int, many: int) -> list[str]:
    floor = SCRIPT_EXACT[setting.dtype]
    return [
        f"coarse, error = [(answer({found}) - right).abs().max().item() for n in ({few}, {many})]",
        f"bound = coarse / {SCRIPT_REFINED} ** {setting.order - ORDER_MARGIN:g} + {floor:g}",
    ]


def _problem(setting: Setting, source: LayerSource, *, until: str = "t1") -> list[str]:
    return [*field(setting, source), *start(setting), *exact(setting, source, until=until)]


def _state(setting: Setting, source: LayerSource) -> list[str]:
    found = source.y1(source.variable)
    return [
        *_problem(setting, source),
        *compared(setting, source, "y.detach()", found, "exact(y0)", "y1"),
    ]


def _gradient(setting: Setting, source: LayerSource) -> list[str]:
    of = f"the gradient of {', '.join(setting.wrt)}"
    return [
        *_problem(setting, source),
        *compared(
            setting,
            source,
            flat_gradient(setting, "y.pow(2).sum()"),
            source.y1(source.variable),
            "exact(y0)",
            of,
        ),
    ]


def _states(setting: Setting, source: LayerSource) -> list[str]:
    return _at_outputs(setting, source, "y.detach()", "ys")


def _gradient_of_states(setting: Setting, source: LayerSource) -> list[str]:
    answer = flat_gradient(setting, "y.pow(2).sum()")
    return _at_outputs(setting, source, answer, f"the gradient of {', '.join(setting.wrt)}")


def _at_outputs(setting: Setting, source: LayerSource, answer: str, of: str) -> list[str]:
    found, right = source.ys(source.variable), "torch.stack([exact(y0, t) for t in ts])"
    return [
        *_problem(setting, source, until="t"),
        "ts = torch.tensor([t0, 0.9, t1], dtype=torch.float64)",
        *compared(setting, source, answer, found, right, of),
    ]


def _time_gradient(setting: Setting, source: LayerSource) -> list[str]:
    answer = "torch.stack(torch.autograd.grad(y.sum(), [t0, t1]))"
    found = source.y1_of_times(source.variable)
    ends = "t0, t1 = [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (t0, t1)]"
    return [
        *field(setting, source),
        *start(setting),
        ends,
        *exact(setting, source),
        *compared(setting, source, answer, found, "exact(y0)", "the gradient of t0 and t1"),
    ]


def _second_derivative(setting: Setting, source: LayerSource) -> list[str]:
    penalty = "torch.autograd.grad(y.pow(2).sum(), y0, create_graph=True)[0].pow(2).sum()"
    of = f"the gradient of |dL/dy0|^2 with respect to {', '.join(setting.wrt)}"
    return [
        *_problem(setting, source),
        *compared(
            setting, source, flat_gradient(setting, penalty), source.y1(source.variable), "exact(y0)", of
        ),
    ]


_LOG_DET = (
    "torch.stack([torch.linalg.slogdet(torch.func.jacrev(exact)(row[None])[0, :, 0])[1] for row in y0])"
)


def _log_det(setting: Setting, source: LayerSource) -> list[str]:
    found = source.log_det(source.variable)
    return [
        *_problem(setting, source),
        *compared(setting, source, "y.detach()", found, _LOG_DET, "the log-determinant"),
    ]


def _gradient_of_log_det(setting: Setting, source: LayerSource) -> list[str]:
    of = f"the gradient of the log-determinant with respect to {', '.join(setting.wrt)}"
    answer = flat_gradient(setting, "y.sum() + 0 * sum(x.sum() for x in (y0, *f.parameters()))")
    return [
        *_problem(setting, source),
        *compared(setting, source, answer, source.log_det(source.variable), _LOG_DET, of),
    ]


def _kind(name: str, body: Lines, adjoint: str = "") -> Kind:
    return Kind(name, body, fewest_steps=SCRIPT_FEWEST_STEPS, adjoint=adjoint)


STATE = _kind("final state", _state)
GRADIENT = _kind("gradient", _gradient)
STATES = _kind("states at output times", _states)
GRADIENT_OF_STATES = _kind("gradient of states at output times", _gradient_of_states)
TIME_GRADIENT = _kind("gradient of times", _time_gradient)
SECOND_DERIVATIVE = _kind("second derivative", _second_derivative, "discrete")
LOG_DETERMINANT = _kind(LOG_DET, _log_det)
GRADIENT_OF_LOG_DET = _kind("gradient of the log-determinant", _gradient_of_log_det)
