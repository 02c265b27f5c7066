"""Our own layer in the place of a layer: it must pass the script that the layer fails."""

from __future__ import annotations

from dataclasses import replace

from nodecheck.reproduce.source import LOG_DET, PAIR, LayerSource

# Solvers by order; with tolerances, embedded pairs.
_FIXED = {1: "euler", 2: "heun", 3: "ralston3", 4: "rk4", 5: "dopri5"}
_PAIRS = {1: "heun", 2: "heun", 3: "bosh3"}


def control(source: LayerSource, order: int, adjoint: str) -> LayerSource:
    """Return our own layer in the form of another one, of its order or the highest below it."""
    solver = _PAIRS.get(order, "dopri5") if source.adaptive else _FIXED[min(order, max(_FIXED))]
    steps = ", ".join(
        [f"rtol={source.names[0]}, atol={source.names[-1]}" if source.adaptive else "n_steps=n_steps"]
    )
    field = "adapt.first_order(f)" if source.second_order else "f"
    field = "adapt.with_divergence(f)" if source.output == LOG_DET else field
    ends = "ts[..., 0], ts[..., -1]" if source.output_times else "t0, t1"
    layer = f'ODELayer({field}, {ends}, {steps}, solver="{solver}", adjoint="{adjoint}")'
    times = "ts" if source.output_times else "t0, t1"
    start = "(y, torch.zeros_like(y[:, 0]))" if source.output == LOG_DET else "y"
    call = _solve(layer, start, source) if source.output_times else f"{layer}({start})"
    build = f"build = lambda f, {times}, {', '.join(source.names)}: lambda y: {call}"
    lines = ("from nodecheck import ODELayer, adapt", build)
    return replace(source, lines=lines, note="")


def _solve(layer: str, start: str, source: LayerSource) -> str:
    """Return the call for the states at output times; two times for each member are the ends alone."""
    if source.output in (LOG_DET, PAIR):
        return f"{layer}.solve({start}, ts)"
    return f"torch.stack([y, {layer}(y)]) if ts.dim() == 2 else {layer}.solve(y, ts)"
