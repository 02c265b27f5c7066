"""Scripts that give one layer the same problem in two forms: other tensors, parameters, modules and units."""

from __future__ import annotations

from nodecheck.reproduce.kinds.kind import Kind
from nodecheck.reproduce.kinds.pair import Pair, same
from nodecheck.reproduce.setting import BATCH, ORDER

_NOT_BATCH = tuple(what for what in ORDER if what != BATCH)

DATA_GRADIENT = same(
    "y0 is data",
    "the gradient of A as where y0 requires one,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "second = torch.autograd.grad(solve(y0.detach()).sum(), f.A)[0]",
)
FROZEN = same(
    "a frozen parameter",
    "the gradient of y0 as where A is not frozen,",
    "first = torch.autograd.grad(solve(y0).sum(), y0)[0]",
    "f.A.requires_grad_(False)",
    "second = torch.autograd.grad(solve(y0).sum(), y0)[0]",
)
FROZEN_WITHOUT = same(
    "a frozen parameter gets no gradient",
    "no gradient (0) of A, which is frozen,",
    "f.A.requires_grad_(False)",
    "solve(y0).sum().backward()",
    "first, second = torch.tensor([0.0]), torch.tensor([float(f.A.grad is not None)])",
)
FROZEN_STAYS = same(
    "a frozen parameter stays frozen",
    "requires_grad of A as it was,",
    "f.A.requires_grad_(False)",
    "torch.autograd.grad(solve(y0).sum(), y0)",
    "first, second = torch.tensor([0.0]), torch.tensor([float(f.A.requires_grad)])",
)
UNUSED = same(
    "an unused parameter",
    "the gradient of A as without an unused parameter,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "f.unused = torch.nn.Parameter(torch.ones(7, dtype=y0.dtype))",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
UNUSED_BEFORE = same(
    "an unused parameter before the others",
    "the gradient of A as without an unused parameter,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "A = f._parameters.pop('A')",
    "f.unused, f.A = torch.nn.Parameter(torch.ones(7, dtype=y0.dtype)), A",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
TIED = same(
    "a parameter with two names",
    "the gradient of A as with one name,",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "f.twin = f.A",
    "solve(y0).sum().backward()",
    "second = f.A.grad",
)
NESTED = same(
    "a nested module",
    "the gradient of A as where it is not nested (zeros for none),",
    "first = torch.autograd.grad(solve(y0).sum(), f.A)[0]",
    "inner, f = f, torch.nn.Module()",
    "f.inner, f.forward = inner, inner.forward",
    "solve(y0).sum().backward()",
    "second = torch.zeros_like(first) if inner.A.grad is None else inner.A.grad",
)
COMPUTED = same(
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
UNITS = same(
    "other units",
    "y1 scaled with y0 (a linear field),",
    "first = solve(y0)",
    "second = solve(1024 * y0) / 1024",
)
MEMBER_TIMES = same(
    "an interval for each member",
    "y1 of each member as alone,",
    "ends = torch.linspace(t1, t1 + 0.4, len(y0), dtype=torch.float64)",
    "first = torch.cat([MEMBER for row, end in zip(y0, ends.tolist())])",
    "second = MEMBERS",
    reduces=_NOT_BATCH,
    loose=True,
)
