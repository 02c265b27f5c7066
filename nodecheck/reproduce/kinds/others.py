"""Scripts of faults that are no wrong number: errors, lost gradients, hidden NaNs, memory."""

from __future__ import annotations

from nodecheck.numerics.constants import (
    SCRIPT_DIFFERENCE,
    SCRIPT_MEMORY_STEPS,
    SCRIPT_OWN_DERIVATIVE,
)
from nodecheck.reproduce.fields import field, start
from nodecheck.reproduce.kinds.accuracy import leaves
from nodecheck.reproduce.kinds.identities import resolution
from nodecheck.reproduce.kinds.kind import Kind, says
from nodecheck.reproduce.setting import AUTONOMOUS, LINEAR, STATE, Setting
from nodecheck.reproduce.source import LayerSource


def _raises(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *field(setting, source),
        *start(setting),
        "error, raised = 0, None",
        "try:",
        f"    y1 = {source.y1(resolution(setting, source))}",
        f"    torch.autograd.grad(y1.sum(), [{leaves(setting)}], allow_unused=True)",
        "except Exception as exception:",
        "    error, raised = 1, repr(exception)",
        *says("error", "0", "a forward and a backward pass", "{raised}"),
    ]


def _missing(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *field(setting, source),
        *start(setting),
        f"y1 = {source.y1(resolution(setting, source))}",
        "y1.sum().backward() if y1.requires_grad else None",
        f"missing = [g is None for g in (x.grad for x in [{leaves(setting)}])]",
        *says(
            "sum(missing)",
            "0",
            f"a gradient of {', '.join(setting.wrt)}",
            "of {sum(missing)} of these no gradient (y1.requires_grad is {y1.requires_grad})",
        ),
    ]


def _not_finite(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *field(setting, source),
        *start(setting),
        f"y1 = {source.y1(resolution(setting, source))}",
        f"answers = [y1, *torch.autograd.grad(y1.sum(), [{leaves(setting)}])]",
        *says(
            "sum(int((~x.isfinite()).sum()) for x in answers)",
            "0",
            "finite numbers",
            "y1 and gradients {[x.tolist() for x in answers]}",
        ),
    ]


def _hides_nan(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *field(setting, source),
        *start(setting),
        "y0.data[0, 0] = torch.nan",
        f"y1 = {source.y1(resolution(setting, source))}",
        *says("int(y1.isfinite().all())", "0", "NaN in y1 for NaN in y0", "y1 = {y1.tolist()}"),
    ]


def _hides_nan_backwards(setting: Setting, source: LayerSource) -> list[str]:
    return [
        *field(setting, source),
        *start(setting),
        f"y1 = {source.y1(resolution(setting, source))}",
        "cotangent = torch.full_like(y1, torch.nan)",
        f"found = torch.autograd.grad(y1, [{leaves(setting)}], cotangent)",
        *says(
            "sum(int(g.isfinite().all()) for g in found)",
            "0",
            "gradients that are NaN, as the cotangent is",
            "{[g.tolist() for g in found]}",
        ),
    ]


def _own_derivative(setting: Setting, source: LayerSource) -> list[str]:
    name = setting.wrt[0]
    leaf = name if name == "y0" else f"f.{name}"
    call = f"{source.y1(resolution(setting, source))}.sin().sum()"
    return [
        *field(setting, source),
        *start(setting),
        f"def loss(): return {call}",
        f"found = torch.autograd.grad(loss(), {leaf})[0].sum().item()",
        f"{leaf}.data += {SCRIPT_DIFFERENCE:g}",
        "above = loss().item()",
        f"{leaf}.data -= {2 * SCRIPT_DIFFERENCE:g}",
        f"difference = (above - loss().item()) / {2 * SCRIPT_DIFFERENCE:g}",
        *says(
            "abs(found - difference)",
            f"{SCRIPT_OWN_DERIVATIVE:g}",
            f"a sum of dL/d{name} of {{difference}} by differences of the layer's own loss",
            "{found}",
        ),
    ]


def _saved(setting: Setting, source: LayerSource) -> list[str]:
    few, many = SCRIPT_MEMORY_STEPS
    return [
        "import gc",
        *field(setting, source),
        *start(setting),
        "y0 = y0.detach().repeat(64, 1).requires_grad_()",
        "def held(n):",
        "    gc.collect(); kept = []",
        "    keep = lambda x: kept.append(x.untyped_storage()) or x.detach()",
        "    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):",
        f"        y1 = {source.y1('n')}",
        "    kept += [x.untyped_storage() for x in gc.get_objects() if type(x) is torch.Tensor]",
        "    return sum({m.data_ptr(): m.nbytes() for m in kept}.values())",
        f"error, bound = (held({many}) - held({few})) / {many - few} / y0.nbytes, 0.5",
        'print(f"expected at most {bound} states held for a further step, received {error:.2g}")',
    ]


def _leaks(setting: Setting, source: LayerSource) -> list[str]:
    return [
        "import gc",
        *field(setting, source),
        *start(setting),
        f"layer, counts = {source.built(resolution(setting, source))}, []",
        "for _ in range(5):",
        f"    {source.y1_of('layer', 'y0')}.sum().backward()",
        "    gc.collect()",
        "    counts.append(sum(type(x) is torch.Tensor for x in gc.get_objects()))",
        *says(
            "counts[-1] - counts[2]",
            "0",
            "as many tensors after every training step",
            "{counts}",
        ),
    ]


RAISES = Kind("raises", _raises)
MISSING = Kind("a missing gradient", _missing)
NOT_FINITE = Kind("not finite", _not_finite)
HIDES_NAN = Kind("a hidden NaN", _hides_nan)
HIDES_NAN_BACKWARDS = Kind("a hidden NaN in the gradient", _hides_nan_backwards)
OWN_DERIVATIVE = Kind("the derivative of its own forward pass", _own_derivative, adjoint="")
MEMORY = Kind("memory", _saved, (STATE, AUTONOMOUS, LINEAR), adjoint="continuous")
LEAK = Kind("a leak", _leaks)
