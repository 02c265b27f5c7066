"""One interval for each member of the batch: states and gradients as if each were alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nodecheck.neural_ode import ODELayer

Times = tuple[Tensor, Tensor]
ADJOINTS = ("continuous", "discrete", "checkpointed", "reversible")
STARTS, STOPS = (0.2, 1.1, 0.4, 0.0), (1.1, 0.3, 0.45, 0.9)


class Timed(nn.Module):
    """theta cos(t) y^2, of one time or of one for each member."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        column = t.reshape(-1, *(1,) * (y.ndim - 1)) if t.ndim else t
        return self.theta * torch.cos(column) * y**2


def ends(*, requires_grad: bool = False) -> Times:
    start, stop = (torch.tensor(t, dtype=torch.float64) for t in (STARTS, STOPS))
    return start.requires_grad_(requires_grad), stop.requires_grad_(requires_grad)


def together(
    y0: Tensor, adjoint: str, n_steps: int, times: tuple[Tensor, Tensor]
) -> tuple[Tensor, nn.Module]:
    field = Timed()
    return ODELayer(field, *times, n_steps, solver="heun", adjoint=adjoint)(y0), field


def alone(y0: Tensor, adjoint: str, n_steps: int, times: Times) -> tuple[Tensor, nn.Module]:
    field = Timed()
    parts = zip(*times, y0.split(1), strict=True)
    ys = [ODELayer(field, a, b, n_steps, solver="heun", adjoint=adjoint)(y) for a, b, y in parts]
    return torch.cat(ys), field


def gradients(solve, y0: Tensor, adjoint: str, n_steps: int, *, of_times: bool) -> list[Tensor]:
    leaf, times = y0.clone().requires_grad_(), ends(requires_grad=of_times)
    y1, field = solve(leaf, adjoint, n_steps, times)
    w = torch.randn(y1.shape, generator=torch.Generator().manual_seed(2), dtype=y1.dtype)
    return list(torch.autograd.grad(y1, [leaf, *field.parameters(), *(times if of_times else ())], w))


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_states_are_those_of_each_member_alone(adjoint: str, y0: Tensor) -> None:
    found, expected = (solve(y0, adjoint, 5, ends())[0] for solve in (together, alone))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_gradients_are_those_of_each_member_alone(adjoint: str, y0: Tensor) -> None:
    found, expected = (gradients(s, y0, adjoint, 5, of_times=False) for s in (together, alone))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("adjoint", ["discrete", "checkpointed"])
def test_each_member_has_gradients_of_its_own_times(adjoint: str, y0: Tensor) -> None:
    found, expected = (gradients(s, y0, adjoint, 5, of_times=True) for s in (together, alone))
    assert found[-1].shape == (4,)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_the_continuous_gradient_of_times_converges_at_the_order(y0: Tensor) -> None:
    exact = torch.stack(gradients(alone, y0, "discrete", 256, of_times=True)[-2:])
    coarse, fine = (
        (torch.stack(gradients(together, y0, "continuous", n, of_times=True)[-2:]) - exact).norm()
        for n in (16, 32)
    )
    assert torch.log2(coarse / fine) == pytest.approx(2, abs=0.4)


def test_one_time_beside_many_stands_for_all_members(y0: Tensor) -> None:
    stop = ends()[1]
    found, expected = (
        ODELayer(Timed(), start, stop, 5, solver="heun")(y0) for start in (0.1, torch.full((4,), 0.1))
    )
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


def test_a_state_of_several_parts_has_an_interval_for_each(y0: Tensor) -> None:
    field, single = Timed(), together(y0, "discrete", 5, ends())[0]

    def pair(t: Tensor, y: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return field(t, y[0]), torch.zeros_like(y[1])

    layer = ODELayer(pair, *ends(), 5, solver="heun", adjoint="discrete")
    found, rest = layer((y0, y0[:, 0]))
    torch.testing.assert_close(found, single, rtol=1e-13, atol=1e-14)
    assert torch.equal(rest, y0[:, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rtol": 1e-3, "atol": 1e-3, "n_steps": None}, "must be one time where rtol and atol control"),
        ({"t0": torch.zeros(3)}, "give both the shape"),
        ({"t0": torch.zeros(4, 1)}, "give both the shape"),
        ({"t0": torch.full((4,), torch.nan)}, "must be finite"),
        ({"t0": torch.zeros(4, requires_grad=True), "adjoint": "reversible"}, "in reversible mode"),
    ],
)
def test_what_is_not_offered_is_an_error(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ODELayer(Timed(), **({"t0": 0.0, "t1": torch.ones(4), "n_steps": 4} | change))


@pytest.mark.parametrize("y0", [torch.zeros(3, 2), torch.zeros(4, 2, dtype=torch.complex64)])
def test_a_state_that_does_not_fit_is_an_error(y0: Tensor) -> None:
    with pytest.raises(ValueError, match="need a real state with a first axis of that length"):
        ODELayer(Timed(), 0.0, torch.ones(4), 4)(y0)


def test_output_times_for_members_are_an_error(y0: Tensor) -> None:
    layer = ODELayer(Timed(), *ends(), 4)
    with pytest.raises(ValueError, match="solve expects one t0 and one t1 for the whole batch, got 4 interv"):
        layer.solve(y0, [1.0])
    with pytest.raises(ValueError, match="backward_trajectory expects one t0"):
        layer.backward_trajectory(y0, y0)
    assert "4 intervals" in repr(layer)
