"""A layer may refuse some modules with an error, and must stand the others."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from wrong_layers import continuous, euler, layer, marching, rk4, rk4_step

from nodecheck.checks import CHECKS
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import CI
from nodecheck.results import Inconclusive

(OTHER_MODULES,) = (check for check in CHECKS if check.id == "other-modules")
IN_TURNS = "when half of the parameters are used in half of the interval"


def measure(under_test):
    return OTHER_MODULES.measure(LayerUnderTest(under_test, CI), *OTHER_MODULES.problems)


def refusing(unwanted):
    """Return RK4 that raises for dynamics that are `unwanted`."""

    def build(dynamics, t0, t1, n_steps):
        if unwanted(dynamics):
            message = "cannot do this"
            raise NotImplementedError(message)
        return marching(rk4_step)(dynamics, t0, t1, n_steps)

    return layer(build)


def twins(dynamics):
    return any(name.endswith("_late") for name, _ in dynamics.named_parameters())


def test_a_refusal_that_can_be_worked_around_is_information():
    evidence = measure(refusing(twins))
    assert all(m.holds for m in evidence.measurements)
    assert evidence.facts == {"cannot be used": IN_TURNS}


def tied(dynamics):
    return hasattr(dynamics, "W1_too")


def test_a_refusal_of_tied_weights_is_information_where_they_are_not_promised():
    evidence = measure(refusing(tied))
    assert all(m.holds for m in evidence.measurements)
    assert evidence.facts == {"cannot be used": "when every parameter has two names"}


def test_tied_weights_that_are_promised_may_not_be_refused():
    evidence = measure(dataclasses.replace(refusing(tied), supports={"tied-parameters"}))
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "passes that raise when every parameter has two names"
    ]
    assert "The layer raises when every parameter has two names: NotImplementedError" in evidence.diagnosis


def test_a_layer_that_always_calls_the_forward_method_is_not_accused():
    def build(dynamics, t0, t1, n_steps):
        return marching(rk4_step)(dynamics.forward, t0, t1, n_steps)

    evidence = measure(layer(build))
    assert all(m.holds for m in evidence.measurements)
    assert evidence.facts == {
        "dynamics": "called by its forward method, so that its forward hooks do not run"
    }


def test_a_layer_that_calls_the_forward_method_once_in_a_while_is_wrong():
    def step(f, t, h, y):
        return y + h / 2 * (f(t, y) + f.forward(t + h, y + h * f(t, y)))

    evidence = measure(layer(marching(step), order=2))
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "change when a forward hook changes the field"
    ]


def test_an_adaptive_layer_may_change_its_steps_with_the_number_of_parameters():
    def build(dynamics, t0, t1, tol):
        count = sum(1 for _ in dynamics.parameters())
        return marching(rk4_step)(dynamics, t0, t1, round(2 * tol**-0.25) + count)

    evidence = measure(TorchLayer("adaptive", build))
    assert all(m.holds for m in evidence.measurements)


def test_an_iteration_whose_norm_depends_on_parameters_decides_nothing():
    def build(dynamics, t0, t1, n_steps):
        h, few = (t1 - t0) / n_steps, not list(dynamics.parameters())

        def solve(y):
            for i in range(n_steps):
                t, before = t0 + i * h, y
                change = torch.full_like(y, torch.inf)
                while torch.linalg.vector_norm(change) > (1e-3 if few else 1e-4):
                    after = before + h / 8 * dynamics(t + h, y)
                    change, y = after - y, after
            return y

        return solve

    with pytest.raises(Inconclusive, match="iterates to some tolerance, whose norm may depend on parameters"):
        measure(layer(build))


def recorded(at_the_end):
    """Return RK4 over a graph of the field that is recorded at one time and replayed at all others."""

    def build(dynamics, t0, t1, n_steps):
        def solve(y0):
            time = torch.tensor(t1 if at_the_end else t0, dtype=y0.dtype)
            field = torch.jit.trace(dynamics, (time, y0.detach()), check_trace=False)
            return marching(rk4_step)(lambda t, y: field(torch.tensor(t, dtype=y.dtype), y), t0, t1, n_steps)(
                y0
            )

        return solve

    return layer(build)


@pytest.mark.filterwarnings("ignore")  # torch warns that a trace has one branch
@pytest.mark.parametrize(("at_the_end", "half"), [(False, "second"), (True, "first")])
def test_a_graph_that_is_recorded_once_has_one_branch_of(at_the_end, half):
    evidence = measure(recorded(at_the_end))
    measurements = {m.name: m.value for m in evidence.measurements}
    assert measurements["parameters of half of the interval without a gradient"] == 5
    assert f"no gradient arrives at W1, u, b1, W2, b2 of the {half} half" in evidence.diagnosis


def recorded_twice(dynamics, t0, t1, n_steps):
    """Return RK4 over two graphs of the field, one for the first three quarters of the interval."""

    def solve(y0):
        late = t0 + 3 * (t1 - t0) / 4
        times = [torch.tensor(t, dtype=y0.dtype) for t in (t0, t1)]
        graphs = [torch.jit.trace(dynamics, (t, y0.detach()), check_trace=False) for t in times]

        def field(t, y):
            return graphs[t >= late](torch.tensor(t, dtype=y.dtype), y)

        return marching(rk4_step)(field, t0, t1, n_steps)(y0)

    return solve


@pytest.mark.filterwarnings("ignore")  # as above
def test_a_graph_of_some_steps_gives_a_quarter_to_the_wrong_half():
    evidence = measure(layer(recorded_twice))
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "largest part of a gradient at the parameter of the wrong half"
    ]
    assert "arrives at the parameter of the wrong half, and the sum of both is right" in evidence.diagnosis


@pytest.mark.parametrize("under_test", [euler(), continuous()], ids=lambda under_test: under_test.name)
def test_what_a_step_across_the_middle_misplaces_is_within_the_bound(under_test):
    measurements = {m.name: m for m in measure(under_test).measurements}
    assert measurements["largest part of a gradient at the parameter of the wrong half"].holds


@pytest.mark.parametrize("under_test", [rk4(), continuous()], ids=lambda under_test: under_test.name)
def test_parameters_of_both_halves_get_their_part_from(under_test):
    measurements = {m.name: m.value for m in measure(under_test).measurements}
    assert measurements["parameters of half of the interval without a gradient"] == 0
