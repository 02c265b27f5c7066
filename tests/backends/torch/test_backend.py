"""The PyTorch backend carries out solves, and its instruments read what happens meanwhile."""

# ruff: noqa: ARG005  (layers that ignore what they are given)

from __future__ import annotations

import ast
import gc
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import nodecheck
from nodecheck.backends.torch.backend import BACKEND
from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import PLAIN, Refusal, RunawayError, Solve, TorchLayer, Variation, backend_of, times_of
from nodecheck.layers.layer import MEMBER_TIMES
from nodecheck.neural_ode import ODELayer
from nodecheck.numerics import EPS, EPS_FLOAT32
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.problems import neural, wide
from nodecheck.variations.autograd import USES
from nodecheck.variations.complex_state import COMPLEX_STATE
from nodecheck.variations.computed import COMPUTED, PLAIN_TENSORS
from nodecheck.variations.device import AUTOCAST, DEVICE_USES, FULL_PRODUCTS
from nodecheck.variations.modules import LATE_TURN, MODULES
from nodecheck.variations.outputs import USES_OF_OUTPUTS
from nodecheck.variations.parts import USES_OF_PARTS
from nodecheck.variations.penalties import PENALTIES
from nodecheck.variations.reuse import REUSES
from nodecheck.variations.transforms import COMPILED, TRANSFORMS

ON_DEVICE = (*DEVICE_USES, FULL_PRODUCTS, *(variation for variation, _ in AUTOCAST))
PACKAGE = Path(nodecheck.__file__).parent
COTANGENT = np.array([[0.5, -0.25, 1.0], [1.0, 0.5, 0.25], [-1.0, 0.75, 2.0], [0.25, 1.5, -0.5]])
INSTRUMENTS = ("saved", "live", "arrays", "seconds", "leaks", "products", "build", "waits", "changes")
WIDE = wide(64)
STATE = WIDE.y0.nbytes
ONES = (np.ones_like(WIDE.y0),)


def rk4(adjoint="discrete"):
    def build(dynamics, t0, t1, n_steps):
        return ODELayer(dynamics, t0, t1, n_steps, solver="rk4", adjoint=adjoint)

    return TorchLayer("rk4", build, order=4, adjoint=adjoint)


def layer(use):
    """Return a layer from use(dynamics, y0) -> y1."""
    return TorchLayer("mine", lambda dynamics, t0, t1, n_steps: partial(use, dynamics))


def euler(dynamics, y, n_steps=4, keep=lambda _y: None):
    for i in range(n_steps):
        keep(y)
        y = y + dynamics(i / n_steps, y) / n_steps
    return y


def solved(layer, problem=neural, n_steps=4, *, cotangents=(COTANGENT,), instruments=(), **how):
    return BACKEND.solve(layer, Solve(problem, n_steps, **how), cotangents, instruments=instruments)


def read(instrument, layer, cotangents=ONES, n_steps=4):
    """Return the readings of one instrument on a state of 64 components."""
    readings = solved(layer, WIDE, n_steps, cotangents=cotangents, instruments=(instrument,)).readings
    assert readings.state_bytes == STATE
    return readings


def test_a_torch_layer_belongs_to_this_backend():
    assert backend_of(rk4()) is BACKEND


def test_a_backend_can_be_a_key():
    assert {BACKEND: 1}[backend_of(rk4())] == 1


@pytest.mark.parametrize("adjoint", ["continuous", "discrete"])
def test_a_plain_solve_is_what_the_layer_gives_by_itself(adjoint):
    dynamics = Dynamics(neural)
    y0 = torch.tensor(neural.y0, requires_grad=True)
    y1 = ODELayer(dynamics, neural.t0, neural.t1, 4, solver="rk4", adjoint=adjoint)(y0)
    y1.backward(torch.tensor(COTANGENT))
    found = solved(rk4(adjoint))
    assert np.array_equal(found.y1, y1.detach().numpy())
    expected = {"y0": y0.grad, **{name: p.grad for name, p in dynamics.named_parameters()}}
    assert list(found.gradients) == list(expected)
    assert all(np.array_equal(found.gradients[name], g.numpy()) for name, g in expected.items())


def test_without_a_cotangent_there_is_no_backward_pass():
    found = solved(rk4(), cotangents=())
    assert (found.pullbacks, found.gradients) == ((), {})


def test_calls_of_the_forward_pass_have_the_times_of_the_stages():
    h = neural.duration / 2
    times = [neural.t0 + h * k / 2 for k in (0, 1, 1, 2, 2, 3, 3, 4)]
    assert times_of(solved(rk4(), n_steps=2).calls) == pytest.approx(times, rel=4 * EPS)


def test_calls_of_the_backward_pass_are_those_of_the_adjoint():
    (pullback,) = solved(rk4("continuous")).pullbacks
    assert {call.phase for call in pullback.calls} == {"backward"}
    assert len(pullback.calls) == 16


def test_each_cotangent_has_its_own_pullback():
    first, second = solved(rk4(), cotangents=(COTANGENT, 2 * COTANGENT)).pullbacks
    assert np.array_equal(2 * first.gradients["W1"], second.gradients["W1"])


@pytest.mark.parametrize("wanted", [("y0",), ("W1", "b2"), ("y0", "u"), tuple(neural.params)], ids=str)
def test_only_what_is_asked_for_gets_a_gradient(wanted):
    gradients = solved(rk4(), wrt=wanted).gradients
    assert {name for name, g in gradients.items() if g is not None} == set(wanted)


@pytest.mark.parametrize("wanted", [("y0",), ("W1", "b2")], ids=str)
def test_only_what_is_asked_for_requires_a_gradient(wanted):
    seen = {}

    def looks(dynamics, y0):
        seen.update({"y0": y0.requires_grad} | {n: p.requires_grad for n, p in dynamics.named_parameters()})
        return euler(dynamics, y0)

    solved(layer(looks), wrt=wanted)
    assert {name for name, required in seen.items() if required} == set(wanted)


def test_the_gradients_that_are_left_stay_as_they_are():
    every, some = solved(rk4()).gradients, solved(rk4(), wrt=("W1", "b2")).gradients
    assert all(np.array_equal(every[name], some[name]) for name in ("W1", "b2"))


def test_a_float32_solve_returns_float32_states_and_gradients():
    found = solved(rk4(), dtype="float32")
    assert {a.dtype for a in (found.y1, *found.gradients.values())} == {np.dtype(np.float32)}


def test_a_float32_solve_differs_by_the_rounding_of_float32():
    single, double = solved(rk4(), dtype="float32").y1, solved(rk4()).y1
    assert 0 < np.abs(single - double).max() < 64 * EPS_FLOAT32 * np.abs(double).max()


def test_calls_of_a_float32_solve_have_float32_states():
    assert {call.y_dtype for call in solved(rk4(), dtype="float32").calls} == {"float32"}


def test_a_layer_that_exceeds_the_limit_is_stopped():
    with pytest.raises(RunawayError, match="stopped after 15 evaluations of the field"):
        solved(rk4(), limit=15)


def test_a_layer_that_keeps_to_the_limit_is_not_stopped():
    assert solved(rk4(), limit=16).evaluations == 16


def test_the_limit_counts_the_backward_pass_too():
    with pytest.raises(RunawayError, match="stopped after 31 evaluations"):
        solved(rk4("continuous"), limit=31)


IN_MODELS = (PLAIN, *USES, *MODULES, LATE_TURN, *COMPUTED, PLAIN_TENSORS, *ON_DEVICE)


@pytest.mark.parametrize("variation", IN_MODELS, ids=lambda v: v.name)
def test_the_backend_knows_every_variation(variation):
    assert variation.name in BACKEND.capabilities


@pytest.mark.parametrize("name", [variation.name for variation in REUSES])
def test_the_backend_knows_every_way_of_repeated_use(name):
    assert name in BACKEND.capabilities


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_the_backend_knows_every_instrument(name):
    assert name in BACKEND.capabilities


def test_no_capability_is_left_out_here():
    penalties = [penalty.variation for penalty in PENALTIES]
    known = (*IN_MODELS, *USES_OF_PARTS, *USES_OF_OUTPUTS, *TRANSFORMS, *REUSES, *penalties)
    known = (*known, COMPILED, COMPLEX_STATE)
    variations = {variation.name for variation in known} | {MEMBER_TIMES}
    assert variations | {*INSTRUMENTS} == BACKEND.capabilities


def test_variations_are_made_in_one_folder_and_known_to_the_backend():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    calls = [
        (path.parent.name, call.args[0])
        for path, tree in trees.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and call.args and ast.unparse(call.func) == "Variation"
    ]
    # That of intervals of members has a problem for each, and is made where these are solved.
    assert {folder for folder, first in calls if ast.unparse(first) != "MEMBER_TIMES"} == {"variations"}
    made = [first for _, first in calls]
    names = {first.value for first in made if isinstance(first, ast.Constant)}
    assert {"eval-mode", "nested", "used-again", "unused-parameters"} < names
    assert names <= BACKEND.capabilities


def test_the_solutions_of_repeated_use_are_those_of_new_layers():
    others = tuple(neural.replace(y0=factor * neural.y0) for factor in (0.5, 0.25))
    found = solved(rk4(), variation=Variation("used-again", others=others))
    for problem, one in zip((*others, neural), (*found.others, found), strict=True):
        assert np.array_equal(one.y1, solved(rk4(), problem).y1)
        assert np.array_equal(one.gradients["W1"], solved(rk4(), problem).gradients["W1"])


def test_repeated_use_without_a_graph_gives_the_same_state():
    found = solved(rk4(), variation=Variation("used-again", others=(neural,)))
    assert np.array_equal(found.without_graph, found.y1)


def test_in_repeated_use_an_equal_state_is_the_same_tensor():
    seen = []

    def looks(dynamics, y0):
        seen.append(id(y0))
        return euler(dynamics, y0)

    trained = neural.replace(params={name: 2 * value for name, value in neural.params.items()})
    solved(layer(looks), variation=Variation("used-again", others=(trained, trained)))
    assert len(set(seen)) == 1


def test_overlapping_passes_give_the_gradients_of_each():
    other = neural.replace(y0=neural.y0 + 0.5)
    found = solved(rk4(), variation=Variation("overlapping-passes", others=(other,)))
    assert np.array_equal(found.gradients["y0"], solved(rk4()).gradients["y0"])
    assert np.array_equal(found.others[0].gradients["y0"], solved(rk4(), other).gradients["y0"])


def test_overlapping_layers_run_forward_before_either_runs_backward():
    order = []

    class Noted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y):
            order.append(f"forward {len(y)}")
            ctx.size = len(y)
            return y.clone()

        @staticmethod
        def backward(ctx, cotangent):
            order.append(f"backward {ctx.size}")
            return cotangent

    smaller = neural.replace(y0=neural.y0[:2])
    solved(layer(lambda f, y: Noted.apply(y)), variation=Variation("overlapping-layers", others=(smaller,)))
    assert order == ["forward 4", "forward 2", "backward 4"]


def test_unused_parameters_come_before_and_after_the_others():
    found = solved(rk4(), variation=Variation("unused-parameters")).gradients
    assert list(found) == ["y0", "unused_before", *neural.params, "unused_after"]


def test_a_change_of_the_forward_pass_is_named():
    def writes(dynamics, y0):
        with torch.no_grad():
            dynamics.u.add_(1.0)
        return euler(dynamics, y0)

    assert solved(layer(writes), instruments=("changes",)).changed == ("u",)


def test_a_change_of_the_backward_pass_is_named():
    def writes(dynamics, y0):
        def freeze(_cotangent):
            dynamics.W1.requires_grad_(False)

        y1 = euler(dynamics, y0)
        y1.register_hook(freeze)
        return y1

    changed = solved(layer(writes), instruments=("changes",)).changed
    assert changed == ("which parameters require a gradient",)


def test_changes_are_looked_for_only_when_they_are_asked_for():
    def writes(dynamics, y0):
        with torch.no_grad():
            y0.add_(1.0)
        return euler(dynamics, y0)

    assert solved(layer(writes), cotangents=()).changed == ()


def test_a_plain_solve_has_no_readings():
    assert solved(rk4()).readings is None


def test_saved_bytes_are_those_that_autograd_holds():
    assert read("saved", layer(lambda f, y: y.exp())).saved == STATE


def test_live_bytes_are_those_of_all_tensors():
    kept = []
    readings = read("live", layer(lambda f, y: kept.append(torch.ones_like(y)) or y * 3))
    assert (readings.saved, readings.held) == (None, 2 * STATE)


def test_the_most_live_bytes_of_each_pass_are_read():
    readings = read("live", layer(lambda f, y: (y * 2 + y * 3) * 1))
    assert readings.forward >= 3 * STATE
    assert readings.backward >= readings.held


def test_the_courses_end_with_what_is_alive():
    readings = read("live", layer(euler))
    assert [max(course) for course in readings.courses] == [readings.forward, readings.backward]


def test_live_bytes_after_no_operator_are_none():
    assert read("live", layer(lambda f, y: y)).held == 0


def test_where_hooks_are_refused_nothing_is_known_of_saved_bytes():
    def with_vjp(_dynamics, y0):
        return torch.func.vjp(lambda y: y * 1.0, y0)[0]

    solution = solved(layer(with_vjp), WIDE, cotangents=ONES, instruments=("saved", "live"))
    assert solution.readings.saved is None
    assert solution.readings.held >= 0


def test_an_error_of_the_layer_is_no_refusal_of_hooks():
    with pytest.raises(ZeroDivisionError):
        read("saved", layer(lambda f, y: 1 / 0))


def test_bytes_of_arrays_that_stay_are_read():
    kept = []
    found = read("arrays", layer(lambda f, y: euler(f, y, keep=lambda y: kept.append(np.array(y.tolist())))))
    assert found.arrays == 4 * STATE


def test_seconds_are_those_of_both_passes():
    found = read("seconds", layer(euler))
    assert all(seconds > 0 for seconds in found.seconds)
    assert found.wall_seconds >= 0


def test_seconds_are_read_in_one_thread_and_leave_their_number():
    seen, before = [], torch.get_num_threads()
    read("seconds", layer(lambda f, y: seen.append(torch.get_num_threads()) or euler(f, y)))
    assert (set(seen), torch.get_num_threads()) == ({1}, before)


@pytest.mark.parametrize("name", ["saved", "live", "arrays", "seconds", "leaks"])
def test_the_garbage_collector_is_as_before(name):
    read(name, layer(euler))
    assert gc.isenabled()


def test_products_are_counted_one_for_each_evaluation():
    assert read("products", layer(euler)).products == 4


def test_without_a_cotangent_there_are_no_products():
    assert read("products", layer(euler), cotangents=()).products == 0


def test_a_layer_that_is_only_built_is_not_called():
    found = solved(layer(lambda f, y: 1 / 0), WIDE, cotangents=(), instruments=("build",))
    assert (found.evaluations, found.readings.state_bytes) == (0, STATE)


def test_a_right_layer_gains_nothing_with_further_uses():
    found = read("leaks", layer(euler)).gains
    assert [gain.name for gain in found] == ["forward only", "forward and backward", "NumPy arrays"]
    assert [gain.kept for gain in found] == [0.0] * 3
    assert [gain.uncollected for gain in found] == pytest.approx([0.0] * 3, abs=64 * EPS)


def test_states_that_pile_up_are_gained_by_each_use():
    kept = []
    found = read("leaks", layer(lambda f, y: kept.append(y.detach() * 2) or euler(f, y))).gains
    assert [gain.kept for gain in found] == [pytest.approx(1.0), pytest.approx(1.0), 0.0]


def test_states_in_a_cycle_are_gained_until_they_are_collected():
    def in_a_cycle(dynamics, y0):
        cycle = [y0.detach() * 2]
        cycle.append(cycle)
        return euler(dynamics, y0)

    forward = read("leaks", layer(in_a_cycle)).gains[0]
    assert (forward.uncollected, forward.kept) == (pytest.approx(1.0), 0.0)


@pytest.mark.parametrize("name", ["saved", "live", "seconds", "products"])
def test_instruments_do_not_change_the_state(name):
    found = solved(layer(euler), WIDE, cotangents=ONES, instruments=(name,))
    assert np.array_equal(found.y1, solved(layer(euler), WIDE, cotangents=()).y1)


def test_a_trial_tells_what_comes_back():
    trial = BACKEND.trial(layer(lambda f, y: (y, {"ys": y})), Solve(neural, 4))
    assert (trial.error, trial.built, trial.described) == (None, True, "a tuple of 2")
    assert [part.expression for part in trial.parts] == ["y[0]", "y[1]['ys']"]


def test_a_trial_tells_what_is_raised():
    trial = BACKEND.trial(layer(lambda f, y: 1 / 0), Solve(neural, 4))
    assert isinstance(trial.error, ZeroDivisionError)


def test_a_trial_tells_that_build_itself_raises():
    trial = BACKEND.trial(TorchLayer("wrong", lambda dynamics, t0, t1, n_steps: 1 / 0), Solve(neural, 4))
    assert (trial.built, type(trial.error)) == (False, ZeroDivisionError)


@pytest.mark.parametrize("adjoint", ["continuous", "discrete"])
def test_our_own_layer_claims_what_it_is(adjoint):
    own = BACKEND.own_layer(TABLEAUS["heun"], adjoint)
    assert (own.order, own.adjoint, own.adaptive) == (2, adjoint, False)


def test_our_own_layer_is_made_once():
    assert BACKEND.own_layer(TABLEAUS["heun"], "discrete") is BACKEND.own_layer(TABLEAUS["heun"], "discrete")


def test_a_context_gives_the_same_random_numbers_for_a_seed():
    numbers = []
    for _ in range(2):
        with BACKEND.isolated(3):
            numbers.append(torch.rand(4))
    assert torch.equal(*numbers)


def test_a_context_restores_the_state_of_the_random_numbers():
    before = torch.get_rng_state()
    with BACKEND.isolated(3):
        torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
        (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
        (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
        (lambda: torch.use_deterministic_algorithms(True), torch.are_deterministic_algorithms_enabled),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), torch.get_num_threads),
        (gc.disable, gc.isenabled),
        (lambda: np.seterr(over="ignore", invalid="raise"), np.geterr),
    ],
    ids=["dtype", "grad mode", "anomaly", "deterministic", "threads", "garbage", "numpy"],
)
def test_a_context_restores_what_a_layer_may_change_globally(change, read):
    before = read()
    with BACKEND.isolated(3):
        change()
        assert read() != before
    assert read() == before


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")]
)
def test_an_error_that_memory_ran_out_is_known(error):
    assert BACKEND.out_of_memory(Refusal(error))


@pytest.mark.parametrize("error", [RuntimeError("sizes differ"), ValueError("not enough memory")])
def test_another_error_is_not_taken_for_it(error):
    assert not BACKEND.out_of_memory(Refusal(error))


def test_the_limit_of_a_solve_is_none_unless_it_is_given():
    assert Solve(neural, 4).limit == math.inf


@pytest.mark.cuda
def test_a_solve_on_a_device_returns_arrays():
    found, expected = solved(rk4(), device="cuda"), solved(rk4())
    np.testing.assert_allclose(found.y1, expected.y1, rtol=256 * EPS, atol=256 * EPS)
    assert all(isinstance(g, np.ndarray) for g in found.gradients.values())
