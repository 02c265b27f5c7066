"""Scripts that use one layer in two ways, which must give the same answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nodecheck.numerics.constants import SCRIPT_EXACT, TOLERANCE_FACTOR
from nodecheck.reproduce.fields import field, start
from nodecheck.reproduce.kinds.accuracy import flat_gradient, leaves
from nodecheck.reproduce.kinds.identities import resolution
from nodecheck.reproduce.kinds.kind import Kind, says
from nodecheck.reproduce.setting import BATCH, ORDER, Setting
from nodecheck.reproduce.source import LayerSource


@dataclass(frozen=True)
class Pair:
    """Two uses of a layer: lines that leave the tensors `first` and `second`, and the words for them.

    In the lines, `solve(y)` is the solution of a layer that is built anew, and `gradient(loss)` a gradient.
    Capital words stand for expressions of the layer: see `_written`.
    """

    lines: tuple[str, ...]
    expected: str
    steps_may_differ: bool = False
    dtype: str = ""
    bitwise: bool = False

    def body(self, setting: Setting, source: LayerSource) -> list[str]:
        """Return the lines of a script."""
        exact = SCRIPT_EXACT[self.dtype or setting.dtype]
        exact = 0.0 if self.bitwise else exact
        bound = TOLERANCE_FACTOR * setting.tol if source.adaptive and self.steps_may_differ else exact
        return [
            *field(setting, source),
            *start(setting),
            *_written(self.lines, setting, source),
            *says(
                "(first - second).abs().nan_to_num(nan=torch.inf).max().item()",
                f"{bound:g}",
                f"{self.expected} {{first.tolist()}}",
                "{second.tolist()}",
            ),
        ]


def _written(lines: tuple[str, ...], setting: Setting, source: LayerSource) -> list[str]:
    """Return lines with expressions of the layer in place of the capital words."""
    here = resolution(setting, source)
    meant = {
        "LEAVES": leaves(setting),
        "LAYER": source.built(here),
        "Y1": source.y1_of("layer", "y0"),
        "OTHER": source.y1_of("layer", "(y0.detach() + 0.5)"),
        "MEMBERS": source.y1(here, t0="torch.full_like(ends, t0)", t1="ends", stacked=True),
        "MEMBER": source.y1(here, "row[None]", t1="end"),
    }
    text = re.sub(rf"\b({'|'.join(meant)})\b", lambda found: meant[found[0]], "\n".join(lines))
    before = [f"def solve(y): return {source.y1(here, 'y')}"] if "solve" in text else []
    if "gradient(" in text:
        before.append(f"def gradient(loss): return {flat_gradient(setting, 'loss')}")
    return [*before, *text.splitlines()]


def _bitwise(name: str, expected: str, *lines: str) -> Kind:
    return Kind(name, Pair(lines, expected, bitwise=True).body)


def _same(
    name: str, expected: str, *lines: str, reduces: tuple[str, ...] = ORDER, loose: bool = False
) -> Kind:
    return Kind(name, Pair(lines, expected, loose).body, reduces)


_NOT_BATCH = tuple(what for what in ORDER if what != BATCH)

AGAIN = _bitwise("two calls", "the same y1 twice,", "first, second = solve(y0), solve(y0)")
GRADIENT_AGAIN = _bitwise(
    "two gradients",
    "the same gradient twice,",
    "first, second = gradient(solve(y0).sum()), gradient(solve(y0).sum())",
)
INPUT = _same(
    "y0 is kept",
    "y0 as it was,",
    "first = y0.detach().clone()",
    "y1 = solve(y0)",
    "gradient(y1.sum())",
    "second = y0.detach()",
)
DATA = _same(
    "y0 as data is kept",
    "y0 as it was,",
    "y0 = y0.detach()",
    "first = y0.clone()",
    "y1 = solve(y0)",
    "second = y0",
)
PARAMETERS = _same(
    "parameters are kept",
    "A as it was,",
    "first = f.A.detach().clone()",
    "gradient(solve(y0).sum())",
    "second = f.A.detach()",
)
RANDOM = _same(
    "the random generator is kept",
    "the state of the random generator as it was,",
    "first = torch.get_rng_state().double()",
    "y1 = solve(y0)",
    "second = torch.get_rng_state().double()",
)
ALONE = _same(
    "a member alone",
    "y1 of each member as alone,",
    "first = torch.cat([solve(row[None]) for row in y0])",
    "second = solve(y0)",
    reduces=_NOT_BATCH,
    loose=True,
)
GRADIENT_ALONE = _same(
    "the gradient of a member alone",
    "the gradient as the sum of those of each member alone,",
    "first = sum(gradient(solve(row[None]).pow(2).sum()) for row in y0)",
    "second = gradient(solve(y0).pow(2).sum())",
    reduces=_NOT_BATCH,
    loose=True,
)
OVERLAPPING = _same(
    "overlapping passes",
    "the gradient of the first call as alone,",
    "first = gradient(solve(y0).sum())",
    "y1 = solve(y0)",
    "other = solve(y0.detach() + 0.5)",
    "second = gradient(y1.sum())",
)
OVERLAPPING_OF_ONE = _same(
    "overlapping passes of one layer",
    "the gradient of the first call as alone,",
    "layer = LAYER",
    "first = gradient(Y1.sum())",
    "y1 = Y1",
    "other = OTHER",
    "second = gradient(y1.sum())",
)
SECOND_BACKWARD = _same(
    "a second backward pass",
    "the same gradient from a second backward pass,",
    "loss = solve(y0).sum()",
    "first = torch.autograd.grad(loss, [LEAVES], retain_graph=True)[0]",
    "second = torch.autograd.grad(loss, [LEAVES])[0]",
)
LINEAR = _same(
    "linear in the cotangent",
    "twice the gradient for twice the loss,",
    "first = 2 * gradient(solve(y0).sum())",
    "second = gradient(2 * solve(y0).sum())",
    loose=True,
)
SMALL = _same(
    "a small cotangent",
    "the gradient over 1e6 for the loss over 1e6, times 1e6:",
    "first = gradient(solve(y0).sum())",
    "second = 1e6 * gradient(1e-6 * solve(y0).sum())",
    loose=True,
)
LARGE = _same(
    "a large cotangent",
    "the gradient times 1e6 for the loss times 1e6, over 1e6:",
    "first = gradient(solve(y0).sum())",
    "second = gradient(1e6 * solve(y0).sum()) / 1e6",
    loose=True,
)
COMPUTED_STATE = _same(
    "y0 is computed",
    "the gradient as where y0 is a leaf,",
    "first = gradient(solve(y0).sum())",
    "second = gradient(solve(1 * y0).sum())",
)
VMAP = _same(
    "vmap",
    "y1 under vmap as in a loop,",
    "two = torch.stack([y0.detach(), y0.detach() + 0.5])",
    "first = torch.stack([solve(y) for y in two])",
    "second = torch.func.vmap(solve)(two)",
)
FORWARD_MODE = _same(
    "forward mode",
    "the derivative along ones as backward mode has it,",
    "first = torch.autograd.functional.jacobian(solve, y0).sum((2, 3))",
    "second = torch.func.jvp(solve, (y0,), (torch.ones_like(y0),))[1]",
)
NO_GRAD = _same(
    "under no_grad",
    "y1 under no_grad as without it,",
    "first = solve(y0)",
    "with torch.no_grad(): second = solve(y0)",
)
IN_PLACE = _same(
    "y1 changed in place",
    "the gradient as before y1 is changed in place,",
    "first = gradient(solve(y0).sum())",
    "y1 = solve(y0)",
    "y1 *= 2",
    "second = gradient(y1.sum()) / 2",
)
KEPT = _same(
    "y1 kept over another call",
    "y1 as before the next call,",
    "layer = LAYER",
    "y1 = Y1",
    "first = y1.detach().clone()",
    "other = OTHER",
    "second = y1.detach()",
)
TRAINED = _same(
    "used again after a training step",
    "y1 of a layer built anew,",
    "layer = LAYER",
    "layer(y0)",
    "f.A.data.mul_(0.5)",
    "first = solve(y0)",
    "second = Y1",
)
TRAINED_NO_GRAD = _same(
    "used again under no_grad",
    "y1 of a layer built anew,",
    "layer = LAYER",
    "with torch.no_grad(): Y1",
    "f.A.data.mul_(0.5)",
    "first = solve(y0)",
    "with torch.no_grad(): second = Y1",
)
TRAINED_GRADIENT = _same(
    "gradient after a training step",
    "the gradient of a layer built anew,",
    "layer = LAYER",
    "gradient(Y1.sum())",
    "f.A.data.mul_(0.5)",
    "first = gradient(solve(y0).sum())",
    "second = gradient(Y1.sum())",
)
DATA_GRADIENT = _same(
    "y0 is data",
    "the gradient of A as where y0 requires one,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "second = torch.autograd.grad(solve(y0.detach()).sum(), f.A)[0]",
)
FROZEN = _same(
    "a frozen parameter",
    "the gradient of y0 as where A is not frozen,",
    "first = torch.autograd.grad(solve(y0).sum(), y0)[0]",
    "f.A.requires_grad_(False)",
    "second = torch.autograd.grad(solve(y0).sum(), y0)[0]",
)
FROZEN_WITHOUT = _same(
    "a frozen parameter gets no gradient",
    "no gradient (0) of A, which is frozen,",
    "f.A.requires_grad_(False)",
    "solve(y0).sum().backward()",
    "first, second = torch.tensor([0.0]), torch.tensor([float(f.A.grad is not None)])",
)
FROZEN_STAYS = _same(
    "a frozen parameter stays frozen",
    "requires_grad of A as it was,",
    "f.A.requires_grad_(False)",
    "torch.autograd.grad(solve(y0).sum(), y0)",
    "first, second = torch.tensor([0.0]), torch.tensor([float(f.A.requires_grad)])",
)
UNUSED = _same(
    "an unused parameter",
    "the gradient of A as without an unused parameter,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "f.unused = torch.nn.Parameter(torch.ones(7, dtype=y0.dtype))",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
UNUSED_BEFORE = _same(
    "an unused parameter before the others",
    "the gradient of A as without an unused parameter,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "A = f._parameters.pop('A')",
    "f.unused, f.A = torch.nn.Parameter(torch.ones(7, dtype=y0.dtype)), A",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
TIED = _same(
    "a parameter with two names",
    "the gradient of A as with one name,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "f.twin = f.A",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
COMPUTED = _same(
    "computed parameters",
    "the gradient of A as where A is the parameter,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "A, wrapped = f.A.detach().clone().requires_grad_(), torch.nn.Module()",
    "wrapped.f, wrapped.forward = f, solve",
    "y1 = torch.func.functional_call(wrapped, {'f.A': 1 * A}, (y0,))",
    "second = torch.autograd.grad(y1.sum(), A)[0]",
)
_FLOAT32 = (
    "first = solve(y0)",
    "f.float()",
    "y1 = solve(y0.detach().float())",
    "second = y1.double() if y1.dtype is torch.float32 else torch.full_like(first, torch.nan)",
)
FLOAT32 = Kind("float32", Pair(_FLOAT32, "y1 in the dtype of y0, float32,", dtype="float32").body)
UNITS = _same(
    "other units",
    "y1 scaled with y0 (a linear field),",
    "first = solve(y0)",
    "second = solve(1024 * y0) / 1024",
)
MEMBER_TIMES = _same(
    "an interval for each member",
    "y1 of each member as alone,",
    "ends = torch.linspace(t1, t1 + 0.4, len(y0), dtype=torch.float64)",
    "first = torch.cat([MEMBER for row, end in zip(y0, ends.tolist())])",
    "second = MEMBERS",
    reduces=_NOT_BATCH,
    loose=True,
)
