"""Scripts on y' = c t^k, for which the answer of a right layer is exact."""

from __future__ import annotations

from nodecheck.numerics.constants import SCRIPT_EXACT, TOLERANCE_FACTOR
from nodecheck.reproduce.fields import powers, start
from nodecheck.reproduce.kinds.kind import Kind, says
from nodecheck.reproduce.setting import BATCH, STATE, STEPS, Setting
from nodecheck.reproduce.source import LayerSource

_REDUCES = (BATCH, STATE, STEPS)


def resolution(setting: Setting, source: LayerSource) -> str:
    """Return the number of steps or the tolerance, as a literal."""
    return f"{setting.tol:g}" if source.adaptive else str(setting.steps)


def exact_bound(setting: Setting, source: LayerSource) -> str:
    """Return the largest error that rounding, or the tolerance of an adaptive layer, allows."""
    if source.adaptive:
        return f"{TOLERANCE_FACTOR * setting.tol:g}"
    return f"{SCRIPT_EXACT[setting.dtype]:g}"


def flow(setting: Setting, source: LayerSource, t: str = "t1") -> str:
    """Return the text of the exact solution at a time."""
    k = setting.power + 1
    moved = f"f.c * ({t} - t0)" if k == 1 else f"f.c * ({t} ** {k} - t0 ** {k}) / {k}"
    if not source.second_order:
        return f"y0 + {moved}"
    half = setting.state // 2
    q, v = f"y0[:, :{half}]", f"y0[:, {half}:]"
    return f"torch.cat([{q} + {v} * ({t} - t0) + f.c * ({t} - t0) ** 2 / 2, {v} + {moved}], -1)"


def _final_state(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *powers(setting, source),
        *start(setting),
        f"y1, exact = {source.y1(resolution(setting, source))}, {flow(setting, source)}",
        *says(
            "(y1 - exact).abs().max().item()",
            exact_bound(setting, source),
            "y1 = {exact.tolist()}",
            "{y1.tolist()}; the field was called at the times {times}",
        ),
    ]


def _times(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *powers(setting, source),
        *start(setting),
        f"y1 = {source.y1(resolution(setting, source))}",
        "outside = [t for t in times if not min(t0, t1) <= t <= max(t0, t1)]",
        *says("len(outside)", "0", "calls between {t0} and {t1} only", "calls at {times}"),
    ]


def _gradient(setting: Setting, source: LayerSource) -> list[str]:
    sizes = "torch.cat([g.flatten() for g in torch.autograd.grad(y1.sum(), [y0, f.c])])"
    return [
        *powers(setting, source),
        *start(setting),
        f"def gradient(y1): return {sizes}",
        f"found = gradient({source.y1(resolution(setting, source))})",
        f"exact = gradient({flow(setting, source)})",
        *says(
            "(found - exact).abs().max().item()",
            exact_bound(setting, source),
            "the gradient {exact.tolist()} of y0 and c",
            "{found.tolist()}",
        ),
    ]


def _outputs(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *powers(setting, source),
        *start(setting),
        "ts = torch.tensor([t0, 0.9, t1], dtype=torch.float64)",
        f"ys = {source.ys(resolution(setting, source))}",
        f"exact = torch.stack([{flow(setting, source, 't')} for t in ts.tolist()])",
        *says(
            "(ys - exact).abs().max().item()",
            exact_bound(setting, source),
            "the states {exact.tolist()} at {ts.tolist()}",
            "{ys.tolist()}",
        ),
    ]


FINAL_STATE = Kind("final state of y' = c t^k", _final_state, _REDUCES)
TIMES = Kind("times of the calls", _times, _REDUCES)
GRADIENT = Kind("gradient of y' = c", _gradient, _REDUCES)
OUTPUTS = Kind("output times of y' = c", _outputs, _REDUCES)
