"""The instruments of memory count what they say, exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nodecheck.backends.torch.memory.arrays import numpy_bytes
from nodecheck.backends.torch.memory.live import live_bytes
from nodecheck.backends.torch.memory.products import Products
from nodecheck.backends.torch.memory.saved import SavedBytes, hooks_refused

CPU = torch.device("cpu")
N = 1000  # float64: 8000 bytes


@pytest.fixture
def x():
    return torch.zeros(N, dtype=torch.float64, requires_grad=True)


def test_what_autograd_saves_is_counted(x):
    with SavedBytes() as saved:
        y = x.exp()
    assert saved.held() == 8 * N
    del y


def test_a_storage_saved_twice_counts_once(x):
    with SavedBytes() as saved:
        y = x * x
    assert saved.held() == 8 * N
    del y


def test_a_graph_that_is_dropped_is_not_held(x):
    with SavedBytes() as saved:
        y = x.exp()
        del y
    assert saved.held() == 0


def test_the_gradient_is_right_under_the_hooks(x):
    with SavedBytes():
        y = (3 * x).exp().sum()
    y.backward()
    assert torch.equal(x.grad, torch.full_like(x, 3.0))


def test_a_tensor_in_a_list_is_alive():
    kept = []
    with live_bytes(CPU) as alive:
        kept.append(torch.ones(N, dtype=torch.float64))
        assert alive.live == 8 * N


def test_a_view_adds_nothing():
    with live_bytes(CPU) as alive:
        y = torch.ones(N, dtype=torch.float64)
        z = y.view(2, -1)
        assert alive.live == 8 * N
    del y, z


def test_the_peak_remembers_what_has_died():
    with live_bytes(CPU) as alive:
        y = torch.ones(N, dtype=torch.float64)
        del y
        assert (alive.live, alive.peak) == (0, 8 * N)


def test_a_restarted_peak_starts_from_what_is_alive():
    with live_bytes(CPU) as alive:
        y = torch.ones(N, dtype=torch.float64)
        del y
        alive.restart()
        assert alive.peak == 0


def test_the_course_tells_what_was_alive_at_each_tensor():
    with live_bytes(CPU) as alive:
        kept = torch.ones(4, dtype=torch.float64)
        torch.ones(2, dtype=torch.float64)
        kept = torch.ones(1, dtype=torch.float64), kept
    assert list(alive.course) == [0, 32, 48, 40]


def test_a_restarted_course_starts_from_what_is_alive():
    with live_bytes(CPU) as alive:
        kept = torch.ones(4, dtype=torch.float64)
        alive.restart()
    assert list(alive.course) == [kept.nbytes]


def test_what_the_backward_pass_makes_is_seen(x):
    with live_bytes(CPU) as alive:
        x.exp().backward(torch.ones(N, dtype=torch.float64))
        assert alive.peak >= 3 * 8 * N


def test_a_tensor_that_only_the_graph_knows_is_alive(x):
    with live_bytes(CPU) as alive:
        y = x.exp().sin().sum()
        assert alive.live == 8 * N + 8
    del y


def test_an_array_is_counted_exactly():
    kept, count = numpy_bytes(lambda: np.ones(N))
    assert count == kept.nbytes


def test_an_array_that_shares_the_memory_of_a_tensor_is_not_counted():
    tensor = torch.ones(N)
    _kept, count = numpy_bytes(tensor.numpy)
    assert count == 0


def test_python_numbers_are_not_arrays():
    assert numpy_bytes(lambda: [float(i) for i in range(N)])[1] == 0


def test_refused_hooks_are_recognised():
    with SavedBytes(), pytest.raises(RuntimeError) as caught:
        torch.func.vjp(torch.exp, torch.ones(3))
    assert hooks_refused(caught.value)


def test_other_errors_are_not_refused_hooks():
    assert not hooks_refused(RuntimeError("out of memory"))


def test_products_are_counted_one_for_each_evaluation():
    field = torch.nn.Linear(2, 2)
    products = Products(field)
    field(field(torch.ones(1, 2))).sum().backward()
    assert products.count == 2


def test_products_count_those_of_a_copy():
    import copy

    field = torch.nn.Linear(2, 2)
    products = Products(field)
    copy.deepcopy(field)(torch.ones(1, 2)).sum().backward()
    assert products.count == 1


def test_an_evaluation_without_gradient_is_no_product():
    field = torch.nn.Linear(2, 2)
    products = Products(field)
    with torch.no_grad():
        field(torch.ones(1, 2))
    assert products.count == 0


@pytest.mark.cuda
def test_the_allocator_of_the_device_is_asked():
    with live_bytes(torch.device("cuda")) as alive:
        y = torch.ones(1024, dtype=torch.float64, device="cuda")
        assert alive.live == 8 * 1024
    del y
