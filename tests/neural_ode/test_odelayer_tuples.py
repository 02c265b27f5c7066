"""ODELayer of states that are tuples of tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer
from nodecheck.numerics.constants import EPS

FORMS: list[dict[str, Any]] = [
    *({"n_steps": 6, "solver": "heun", "adjoint": a} for a in ("continuous", "discrete", "checkpointed")),
    {"n_steps": 6, "solver": "heun", "adjoint": "reversible"},
    *({"rtol": 1e-6, "atol": 1e-6, "adjoint": a} for a in ("continuous", "discrete", "checkpointed")),
]
forms = pytest.mark.parametrize("form", FORMS, ids=lambda form: " ".join(map(str, form.values())))


class Pair(nn.Module):
    """A field of two parts of different width that act on each other."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(5, 5, dtype=torch.float64)

    def forward(self, t: Tensor, y: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        p, q = torch.tanh(self.net(torch.cat(y, -1)) + t).split([2, 3], -1)
        return p, q


class Joined(nn.Module):
    """The same field of one tensor."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair = pair

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return torch.cat(self.pair(t, y.split([2, 3], -1)), -1)


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def joined() -> Tensor:
    return torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@forms
def test_values_and_gradients_are_those_of_the_joined_state(
    form: dict[str, Any], pair: Pair, joined: Tensor
) -> None:
    one, other = joined.clone().requires_grad_(), joined.clone().requires_grad_()
    parts = ODELayer(pair, **form).solve((one[:, :2], one[:, 2:]), [0.4, 1.0])
    whole = ODELayer(Joined(pair), **form).solve(other, [0.4, 1.0])
    assert [tuple(part.shape) for part in parts] == [(2, 4, 2), (2, 4, 3)]
    assert torch.equal(torch.cat(parts, -1), whole)
    params = list(pair.parameters())
    found = torch.autograd.grad(torch.cat(parts, -1).square().sum(), (one, *params))
    wanted = torch.autograd.grad(whole.square().sum(), (other, *params))
    assert all((a - b).norm() <= 100 * EPS * b.norm() for a, b in zip(found, wanted, strict=True))


@forms
def test_a_loss_on_one_part_reaches_the_other(form: dict[str, Any], pair: Pair, joined: Tensor) -> None:
    p, q = (part.clone().requires_grad_() for part in joined.split([2, 3], -1))
    assert torch.autograd.grad(ODELayer(pair, **form)((p, q))[0].sum(), q)[0].all()


@forms
def test_parts_may_have_any_number_of_axes(form: dict[str, Any]) -> None:
    """A state (B, 2, 3) beside a number for each member, as a log-determinant is."""
    y0 = (torch.ones(4, 2, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64))
    y, l = ODELayer(lambda _t, y: (-y[0], y[0].flatten(1).sum(1)), **form)(y0)  # noqa: E741
    assert (y.shape, l.shape) == ((4, 2, 3), (4,))
    # y + l / 6 is conserved; a method keeps linear invariants, up to rounding
    assert torch.allclose(y.sum((1, 2)) + l, torch.full((4,), 6.0, dtype=torch.float64), rtol=100 * EPS)


@forms
def test_an_output_may_be_changed_in_place(form: dict[str, Any], pair: Pair, joined: Tensor) -> None:
    p, q = (part.clone().requires_grad_() for part in joined.split([2, 3], -1))
    y1 = ODELayer(pair, **form)((p, q))
    y1[0].mul_(2).sum().backward()
    assert q.grad is not None


def test_a_tuple_may_be_differentiated_twice_in_discrete_mode(pair: Pair, joined: Tensor) -> None:
    def final(p: Tensor, q: Tensor) -> Tensor:
        return ODELayer(pair, n_steps=3, solver="heun", adjoint="discrete")((p, q))[1]

    parts = tuple(part[:1].clone().requires_grad_() for part in joined.split([2, 3], -1))
    assert torch.autograd.gradgradcheck(final, parts)


def test_the_dynamics_are_told_the_shapes_they_were_given(joined: Tensor) -> None:
    seen = []

    def field(_t: Tensor, y: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append([tuple(part.shape) for part in y])
        return y

    ODELayer(field, n_steps=1)((joined, joined[:, 0], joined[:, :0]))
    assert seen == [[(4, 5), (4,), (4, 0)]]


@pytest.mark.parametrize(
    ("y0", "error", "message"),
    [
        ((), TypeError, "a tuple of nothing"),
        ((torch.ones(2, 1), 3), TypeError, "a tuple of Tensor, int"),
        ((torch.ones(2, 1), torch.ones(3, 1)), ValueError, r"the batch, got \(2, 1\) and \(3, 1\)"),
        ((torch.ones(2, 1), torch.ones(())), ValueError, r"the batch, got \(2, 1\) and \(\)"),
        (
            (torch.ones(2, 1), torch.ones(2).double()),
            TypeError,
            "one dtype, got torch.float32, torch.float64",
        ),
        ((torch.ones(2, 1).int(),), TypeError, "floating or complex dtype"),
    ],
)
def test_states_of_other_kinds_are_refused(y0: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ODELayer(lambda _t, y: y)(y0)


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        (lambda _t, y: y[0], TypeError, "must return a tuple of tensors where y is one, got Tensor"),
        (lambda _t, y: y[:1], ValueError, r"\(2, 1\) and \(2, 3\), got \(2, 1\); return"),
        (lambda _t, y: y[::-1], ValueError, r"got \(2, 3\) and \(2, 1\)"),
    ],
)
def test_dynamics_that_return_something_else_are_refused(
    field: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ODELayer(field)((torch.ones(2, 1), torch.ones(2, 3)))
