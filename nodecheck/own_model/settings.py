"""Other settings beside the user's: the error of the gradient and its cost, for each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.audit_constants import COMPARED_STEPS, COMPARED_TOLERANCES
from nodecheck.own_model.audit import Solve, Task
from nodecheck.own_model.field import FieldOfMatrices
from nodecheck.own_model.passes import Pass, run_pass
from nodecheck.own_model.reference import Reference, norm
from nodecheck.own_model.split import Split
from nodecheck.results.audit import Setting

__all__ = ["compared_settings"]


def compared_settings(own: Task, reference: Reference, split: Split) -> tuple[Setting, ...]:
    """Return the user's setting first, its refinements, and our own layer at several settings.

    Our own layer runs in the user's dtype, with the user's loss, exactly as a replacement would.
    """
    found = [_setting("yours", "as trained", reference, split.as_trained)]
    for (level, _), done in zip(split.levels[1:], split.passes[1:], strict=True):
        found.append(
            _setting(
                "yours, refined in float64",
                f"tolerances / 1e{level}, or {2**level} times the steps",
                reference,
                done,
            )
        )
    for kind, name, solve in _ours(own, final=split.as_trained.final):
        try:
            found.append(_setting(kind, name, reference, run_pass(solve, own)))
        except RuntimeError:
            continue
    return tuple(found)


def _setting(kind: str, name: str, reference: Reference, done: Pass) -> Setting:
    gap = math.sqrt(sum(float((done.gradient[k] - g).square().sum()) for k, g in reference.gradient.items()))
    return Setting(
        kind,
        name,
        gap / norm(reference.gradient),
        done.forward_calls + done.backward_calls,
        done.seconds,
    )


def _ours(task: Task, *, final: bool) -> Iterator[tuple[str, str, Solve]]:
    """Yield our layer with tolerances and with equal steps, by backprop and by the adjoint method."""
    for adjoint, label in (("discrete", "backprop"), ("continuous", "adjoint")):
        for tol in COMPARED_TOLERANCES:
            options = {"solver": "dopri5", "rtol": tol, "atol": tol, "adjoint": adjoint}
            yield f"ODELayer, dopri5, {label}", f"rtol = atol = {tol:.0e}", _solve(options, final=final)
        for per_output in COMPARED_STEPS:
            n = per_output * (len(task.times) - 1)
            options = {"solver": "rk4", "n_steps": n, "adjoint": adjoint}
            yield f"ODELayer, RK4, {label}", f"{n} steps", _solve(options, final=final)


def _solve(options: dict[str, Any], *, final: bool) -> Solve:
    def solve(dynamics: Any, y0: Any, t: Tensor) -> Any:
        from nodecheck.own_model.states import layout_of

        layout = layout_of(y0)
        layer = ODELayer(FieldOfMatrices(dynamics, layout), float(t[0]), float(t[-1]), **options)
        states = layer.solve(layout.join(y0), t.tolist())
        return layout.split(states[-1] if final else states)

    return solve
