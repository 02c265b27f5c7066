"""Scripts that call one layer in two ways, which must give the same answer."""

from __future__ import annotations

from nodecheck.reproduce.kinds.pair import bitwise, same
from nodecheck.reproduce.setting import BATCH, ORDER

_NOT_BATCH = tuple(what for what in ORDER if what != BATCH)

AGAIN = bitwise("two calls", "the same y1 twice,", "first, second = solve(y0), solve(y0)")
GRADIENT_AGAIN = bitwise(
    "two gradients",
    "the same gradient twice,",
    "first, second = gradient(solve(y0).sum()), gradient(solve(y0).sum())",
)
INPUT = same(
    "y0 is kept",
    "y0 as it was,",
    "first = y0.detach().clone()",
    "y1 = solve(y0)",
    "gradient(y1.sum())",
    "second = y0.detach()",
)
DATA = same(
    "y0 as data is kept",
    "y0 as it was,",
    "y0 = y0.detach()",
    "first = y0.clone()",
    "y1 = solve(y0)",
    "second = y0",
)
PARAMETERS = same(
    "parameters are kept",
    "A as it was,",
    "first = f.A.detach().clone()",
    "gradient(solve(y0).sum())",
    "second = f.A.detach()",
)
RANDOM = same(
    "the random generator is kept",
    "the state of the random generator as it was,",
    "first = torch.get_rng_state().double()",
    "y1 = solve(y0)",
    "second = torch.get_rng_state().double()",
)
ALONE = same(
    "a member alone",
    "y1 of each member as alone,",
    "first = torch.cat([solve(row[None]) for row in y0])",
    "second = solve(y0)",
    reduces=_NOT_BATCH,
    loose=True,
)
GRADIENT_ALONE = same(
    "the gradient of a member alone",
    "the gradient as the sum of those of each member alone,",
    "first = sum(gradient(solve(row[None]).pow(2).sum()) for row in y0)",
    "second = gradient(solve(y0).pow(2).sum())",
    reduces=_NOT_BATCH,
    loose=True,
)
OVERLAPPING = same(
    "overlapping passes",
    "the gradient of the first call as alone,",
    "first = gradient(solve(y0).sum())",
    "y1 = solve(y0)",
    "other = solve(y0.detach() + 0.5)",
    "second = gradient(y1.sum())",
)
OVERLAPPING_OF_ONE = same(
    "overlapping passes of one layer",
    "the gradient of the first call as alone,",
    "layer = LAYER",
    "first = gradient(Y1.sum())",
    "y1 = Y1",
    "other = OTHER",
    "second = gradient(y1.sum())",
)
SECOND_BACKWARD = same(
    "a second backward pass",
    "the same gradient from a second backward pass,",
    "loss = solve(y0).sum()",
    "first = torch.autograd.grad(loss, [LEAVES], retain_graph=True)[0]",
    "second = torch.autograd.grad(loss, [LEAVES])[0]",
)
LINEAR = same(
    "linear in the cotangent",
    "twice the gradient for twice the loss,",
    "first = 2 * gradient(solve(y0).sum())",
    "second = gradient(2 * solve(y0).sum())",
    loose=True,
)
SMALL = same(
    "a small cotangent",
    "the gradient over 1e6 for the loss over 1e6, times 1e6:",
    "first = gradient(solve(y0).sum())",
    "second = 1e6 * gradient(1e-6 * solve(y0).sum())",
    loose=True,
)
LARGE = same(
    "a large cotangent",
    "the gradient times 1e6 for the loss times 1e6, over 1e6:",
    "first = gradient(solve(y0).sum())",
    "second = gradient(1e6 * solve(y0).sum()) / 1e6",
    loose=True,
)
COMPUTED_STATE = same(
    "y0 is computed",
    "the gradient as where y0 is a leaf,",
    "first = gradient(solve(y0).sum())",
    "second = gradient(solve(1 * y0).sum())",
)
VMAP = same(
    "vmap",
    "y1 under vmap as in a loop,",
    "two = torch.stack([y0.detach(), y0.detach() + 0.5])",
    "first = torch.stack([solve(y) for y in two])",
    "second = torch.func.vmap(solve)(two)",
)
FORWARD_MODE = same(
    "forward mode",
    "the derivative along ones as backward mode has it,",
    "first = torch.autograd.functional.jacobian(solve, y0).sum((2, 3))",
    "second = torch.func.jvp(solve, (y0,), (torch.ones_like(y0),))[1]",
)
NO_GRAD = same(
    "under no_grad",
    "y1 under no_grad as without it,",
    "first = solve(y0)",
    "with torch.no_grad(): second = solve(y0)",
)
IN_PLACE = same(
    "y1 changed in place",
    "the gradient as before y1 is changed in place,",
    "first = gradient(solve(y0).sum())",
    "y1 = solve(y0)",
    "y1 *= 2",
    "second = gradient(y1.sum()) / 2",
)
KEPT = same(
    "y1 kept over another call",
    "y1 as before the next call,",
    "layer = LAYER",
    "y1 = Y1",
    "first = y1.detach().clone()",
    "other = OTHER",
    "second = y1.detach()",
)
TRAINED = same(
    "used again after a training step",
    "y1 of a layer built anew,",
    "layer = LAYER",
    "layer(y0)",
    "f.A.data.mul_(0.5)",
    "first = solve(y0)",
    "second = Y1",
)
TRAINED_NO_GRAD = same(
    "used again under no_grad",
    "y1 of a layer built anew,",
    "layer = LAYER",
    "with torch.no_grad(): Y1",
    "f.A.data.mul_(0.5)",
    "first = solve(y0)",
    "with torch.no_grad(): second = Y1",
)
TRAINED_GRADIENT = same(
    "gradient after a training step",
    "the gradient of a layer built anew,",
    "layer = LAYER",
    "gradient(Y1.sum())",
    "f.A.data.mul_(0.5)",
    "first = gradient(solve(y0).sum())",
    "second = gradient(Y1.sum())",
)
