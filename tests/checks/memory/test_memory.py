"""The memory checks: specimens are named rightly, right layers are left alone."""

from __future__ import annotations

import pytest
import torch

from nodecheck.checks import gradient_cost, hidden_memory, memory_law, memory_leak
from nodecheck.checks.memory.cost import mostly_falls
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.measure.memory.footprints import footprints, measured_levels
from nodecheck.measure.memory.ladder import at_level
from nodecheck.measure.memory.pass_memory import measure_pass
from nodecheck.mutants import MUTANTS
from nodecheck.options.profile import CI, SMOKE
from nodecheck.results import Inconclusive, Skip
from nodecheck.targets.third_party.odelayer import LAYERS

SPECIMENS = {m.name: m.layer for m in MUTANTS}
OWN = {layer.name: layer for layer in LAYERS}
_UNDER_TEST: dict[str, LayerUnderTest] = {}


def under_test(layer):
    """Return a layer whose runs are shared by the tests of this file."""
    return _UNDER_TEST.setdefault(layer.name, LayerUnderTest(layer, CI))


def specimen(name):
    return under_test(SPECIMENS[name])


def adjoint():
    return under_test(OWN["odelayer-euler-continuous"])


def backprop():
    return under_test(OWN["odelayer-euler-discrete"])


def holds(evidence):
    return all(m.holds for m in evidence.measurements)


def euler(dynamics, t0, t1, n_steps, keep=lambda _t, _y: None):
    def solve(y):
        grid = torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64)
        for i in range(n_steps):
            keep(grid, y)
            y = y + (t1 - t0) / n_steps * dynamics(float(grid[i]), y)
        return y

    return solve


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("trajectory-saved", "O(n):"),
        ("hidden-in-list", "O(n):"),
        ("hidden-in-num-py", "O(n):"),
        ("checkpointed", "O(√n):"),
    ],
)
def test_a_specimen_breaks_its_promise_and_is_named(name, law):
    evidence = memory_law.measure(specimen(name), None)
    assert not holds(evidence)
    assert evidence.facts["memory law"].startswith(law)


def test_a_continuous_adjoint_is_constant():
    evidence = memory_law.measure(adjoint(), None)
    assert holds(evidence)
    assert evidence.facts["memory law"].startswith("O(1)")


def test_backprop_is_linear_and_exactly_so():
    assert memory_law.measure(backprop(), None).facts["memory law"] == "O(n): 6 states per step at the peak"


def test_the_curves_are_drawn_in_bytes():
    series = memory_law.measure(adjoint(), None).series
    assert {s.plot for s in series} == {"Memory"}
    assert min(series[0].y) >= 4096


def test_a_float64_time_grid_is_no_state():
    grids = []

    def build(dynamics, t0, t1, n_steps):
        inner = OWN["odelayer-euler-continuous"].build(dynamics, t0, t1, n_steps=n_steps)

        def solve(y0):
            grids.append(torch.linspace(t0, t1, n_steps + 1, dtype=torch.float64))
            return inner(y0)

        return solve

    layer = TorchLayer("with-time-grid", build, memory="constant")
    assert holds(memory_law.measure(LayerUnderTest(layer, CI), None))


def test_a_layer_without_a_claim_is_measured():
    layer = TorchLayer("plain-euler", euler)
    evidence = memory_law.measure(LayerUnderTest(layer, SMOKE), None)
    assert holds(evidence)
    assert evidence.facts["memory law"].startswith("O(n)")


def test_smoke_counts_what_is_saved_and_no_more():
    prints = footprints(LayerUnderTest(OWN["odelayer-euler-discrete"], SMOKE), live=False)
    assert prints.saved is not None
    assert prints.peak is None


def test_the_counts_of_a_repeated_run_are_equal():
    layer = LayerUnderTest(OWN["odelayer-heun-continuous"], CI)

    def at(level, width):
        return measure_pass(layer, at_level(layer, level, width), live=True)

    first, second = (list(measured_levels(layer, at, 20, ladder=(4, 9))) for _ in range(2))
    assert first == second


def test_a_layer_that_ignores_the_number_of_steps_is_not_judged():
    layer = TorchLayer(
        "always-two", lambda dynamics, t0, t1, n_steps: euler(dynamics, t0, t1, min(n_steps, 2))
    )
    with pytest.raises(Inconclusive, match="cannot be changed"):
        memory_law.measure(LayerUnderTest(layer, SMOKE), None)


@pytest.mark.parametrize(("name", "where"), [("hidden-in-list", "tensors"), ("hidden-in-num-py", "NumPy")])
def test_hidden_memory_is_found_where_it_is(name, where):
    evidence = hidden_memory.measure(specimen(name), None)
    assert not holds(evidence)
    assert where in evidence.facts["hidden memory"]


def test_a_trajectory_that_is_saved_openly_is_not_hidden():
    assert holds(hidden_memory.measure(specimen("trajectory-saved"), None))


def test_backprop_hides_nothing():
    assert hidden_memory.measure(backprop(), None).facts["hidden memory"] == "none that grows"


def test_hidden_memory_without_a_claim_is_a_fact():
    layer = TorchLayer("hides-unclaimed", SPECIMENS["hidden-in-list"].build)
    evidence = hidden_memory.measure(LayerUnderTest(layer, CI), None)
    assert holds(evidence)
    assert evidence.facts["hidden memory"].startswith("O(n)")


def test_a_layer_that_refuses_hooks_is_skipped():
    def build(dynamics, t0, t1, n_steps):
        solve = euler(dynamics, t0, t1, n_steps)
        return lambda y0: torch.func.vjp(lambda y: y * 1.0, solve(y0))[0]

    with pytest.raises(Skip, match="hooks"):
        hidden_memory.measure(LayerUnderTest(TorchLayer("with-vjp", build), CI), None)


def test_a_reference_cycle_is_told_from_memory_kept_for_good():
    evidence = memory_leak.measure(specimen("reference-cycle"), None)
    assert holds(evidence)
    assert "freed only by the garbage collector" in evidence.facts["reference cycle"]


def test_a_list_of_outputs_keeps_them_for_good():
    evidence = memory_leak.measure(specimen("outputs-remembered"), None)
    assert not holds(evidence)
    assert "for good" in evidence.diagnosis


def test_arrays_that_pile_up_are_a_leak():
    arrays = []

    def keep(_t, y):
        arrays.append(y.numpy(force=True).copy())

    layer = TorchLayer("piles-up", lambda dynamics, t0, t1, n_steps: euler(dynamics, t0, t1, n_steps, keep))
    evidence = memory_leak.measure(LayerUnderTest(layer, CI), None)
    assert [m.name for m in evidence.measurements if not m.holds] == ["states kept per pass in NumPy arrays"]


class WarmStart:
    """Adds nothing, but does it with the final state of the pass before, which brings its graph along."""

    def __init__(self, dynamics, t0, t1, n_steps):
        self.solve, self.last = euler(dynamics, t0, t1, n_steps), None

    def __call__(self, y0):
        y1 = self.solve(y0 if self.last is None else y0 + 0 * self.last.mean())
        self.last = y1
        return y1


def test_a_graph_that_is_kept_from_pass_to_pass_is_told_in_our_words():
    evidence = memory_leak.measure(LayerUnderTest(TorchLayer("warm-start", WarmStart), CI), None)
    assert [m.name for m in evidence.measurements if not m.holds] == [
        "passes that raise after an earlier one"
    ]
    assert evidence.diagnosis.startswith("Something that is kept from an earlier pass is used in a later one")


def traced(dynamics, t0, t1, n_steps):
    """Euler whose field is compiled by `torch.jit.trace`; no dispatch mode can follow TorchScript."""
    h = (t1 - t0) / n_steps

    def solve(y):
        times = [torch.tensor(t0 + i * h, dtype=y.dtype) for i in range(n_steps)]
        field = torch.jit.trace(dynamics, (times[0], y), check_trace=False)
        for t in times:
            y = y + h * field(t, y)
        return y

    return solve


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", [memory_law, hidden_memory, memory_leak, gradient_cost], ids=lambda c: c.id)
def test_a_layer_that_no_instrument_can_follow_is_not_judged(check):
    with pytest.raises(Inconclusive, match="cannot follow the layer, which runs without them: RuntimeError"):
        check.measure(LayerUnderTest(TorchLayer("traced", traced), CI), None)


def test_an_error_of_the_layer_itself_is_no_fault_of_the_instruments():
    def build(dynamics, t0, t1, n_steps):
        def solve(y):
            message = "not on a wide state"
            raise ValueError(message)

        return solve

    with pytest.raises(ValueError, match="not on a wide state"):
        memory_law.measure(LayerUnderTest(TorchLayer("raising", build), CI), None)


@pytest.mark.parametrize("layer", [adjoint, backprop])
def test_right_layers_return_what_they_take(layer):
    assert holds(memory_leak.measure(layer(), None))


@pytest.mark.parametrize(
    ("layer", "like"),
    [
        (backprop, "backprop"),
        (adjoint, "continuous adjoint"),
        (lambda: specimen("checkpointed"), "checkpointing"),
        (lambda: specimen("hidden-in-list"), "continuous adjoint, over a stored trajectory"),
    ],
)
def test_a_layer_is_recognised_by_what_it_does(layer, like):
    assert gradient_cost.measure(layer(), None).facts["behaves like"] == like


def test_seconds_are_a_fact_and_no_measurement():
    evidence = gradient_cost.measure(backprop(), None)
    assert "× plain backprop forward" in evidence.facts["seconds"]
    assert [m.name for m in evidence.measurements] == ["exponent of evaluations and products against steps"]


def test_evaluations_and_products_are_counted_per_step():
    facts = gradient_cost.measure(adjoint(), None).facts
    assert facts["evaluations"].endswith("144 (1 per step) forward, 144 (1 per step) backward")
    assert facts["vector-Jacobian products"] == "1 per step"


def test_a_backward_pass_that_begins_again_for_each_step_costs_too_much():
    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y0, dynamics, n_steps, c):
            ctx.save_for_backward(y0, c)
            ctx.dynamics, ctx.n_steps = dynamics, n_steps
            return euler(dynamics, 0.0, 1.0, n_steps)(y0)

        @staticmethod
        def backward(ctx, a):
            y0, c = ctx.saved_tensors
            for i in range(ctx.n_steps):
                euler(ctx.dynamics, 0.0, 1.0, i)(y0)
            return a, None, None, torch.zeros_like(c)

    def build(dynamics, t0, t1, n_steps):
        return lambda y0: Solve.apply(y0, dynamics, n_steps, next(dynamics.parameters()))

    layer = LayerUnderTest(TorchLayer("begins-again", build, order=1), CI)
    assert not holds(gradient_cost.measure(layer, None))


@pytest.mark.parametrize(
    ("times", "falls"), [((1.0, 0.5, 0.5, 0.0), True), ((0.5, 0.75, 1.0, 0.0, 0.25), False)]
)
def test_times_of_the_backward_pass_fall_or_not(times, falls):
    assert mostly_falls(times) is falls


def test_smoke_decides_a_claim_between_constant_and_linear_by_the_peak():
    layer = next(layer for layer in LAYERS if layer.memory == "sqrt")
    evidence = memory_law.measure(LayerUnderTest(layer, SMOKE), None)
    assert evidence.facts["memory law"].startswith("O(√n)")
    assert holds(evidence)
