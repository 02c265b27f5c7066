"""The contract of TorchLayer: claims, the two kinds of build, and what comes back."""

# ruff: noqa: ARG004, ARG005  (layers that ignore what they are given)

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from nodecheck.layers import LayerError, Solve, TorchLayer, backend_of
from nodecheck.numerics import EPS
from nodecheck.problems import linear, neural


def euler(dynamics, t0, t1, n_steps):
    def solve(y):
        h = (t1 - t0) / n_steps
        for i in range(n_steps):
            y = y + h * dynamics(t0 + i * h, y)
        return y

    return solve


def solved(layer, problem, n_steps, *cotangents, instruments=(), **how):
    """Return the solution of a layer with the cotangents pulled back."""
    solve = Solve(problem, n_steps, **how)
    return backend_of(layer).solve(layer, solve, cotangents, instruments=instruments)


def gradients_of(layer, cotangent):
    """Return the gradients on the linear problem in four steps."""
    return solved(layer, linear, 4, cotangent).gradients


def changed_by(layer, *cotangents):
    return solved(layer, linear, 4, *cotangents, instruments=("changes",)).changed


def assert_three_beats(error, received):
    """Expected, received, what to do."""
    expected, _, rest = str(error.value).partition(", got ")
    assert "expected" in expected or "must" in expected
    assert received in rest
    assert len(rest.partition("; ")[2]) > 10


@pytest.mark.parametrize(
    "claim",
    [
        {"order": 0},
        {"order": -1},
        {"order": 2.0},
        {"order": "2"},
        {"adjoint": "backprop"},
        {"adjoint": ""},
        {"memory": "O(1)"},
        {"output": "logdet"},
        {"output": None},
        {"memory": "quadratic"},
        {"tableau": "rk5"},
        {"supports": {"odd"}},
        {"supports": "even"},
        {"supports": None},
        {"adjoint": ["continuous"]},
    ],
    ids=str,
)
def test_a_claim_that_is_none_of_those_known_is_refused(claim):
    with pytest.raises(ValueError, match="must be") as error:
        TorchLayer("mine", euler, **claim)
    assert_three_beats(error, repr(*claim.values()))


@pytest.mark.parametrize(
    ("claim", "advice"),
    [
        ({"output": "logdet"}, "did you mean 'log-det'?"),
        ({"order": "4"}, "write order=4"),
        ({"supports": {"vmaps"}}, "did you mean 'vmap'?"),
        ({"supports": {"double_backward"}}, "did you mean 'double-backward'?"),
        ({"supports": "vmap"}, "write supports={'vmap'}"),
        ({"adjoint": "continous"}, "did you mean 'continuous'?"),
        ({"tableau": "RK4"}, "did you mean 'rk4'?"),
        ({"memory": "O(1)"}, "leave it out if it is not claimed"),
    ],
    ids=str,
)
def test_the_error_names_the_layer_and_what_may_be_meant(claim, advice):
    with pytest.raises(ValueError, match=f"{next(iter(claim))} of layer 'mine' must be") as error:
        TorchLayer("mine", euler, **claim)
    assert str(error.value).endswith(f"; {advice}")


@pytest.mark.parametrize("name", ["", "  ", None, 3], ids=repr)
def test_a_layer_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match="name must be") as error:
        TorchLayer(name, euler)
    assert_three_beats(error, repr(name))


@pytest.mark.parametrize("claim", ["order", "adjoint", "memory", "tableau"])
def test_every_claim_may_be_left_out(claim):
    assert getattr(TorchLayer("mine", euler), claim) is None


def test_claims_are_named_and_never_positional():
    with pytest.raises(TypeError, match="positional"):
        TorchLayer("mine", euler, 1)


class Builder:
    def __call__(self, dynamics, t0, t1, n_steps):
        return euler(dynamics, t0, t1, n_steps)


class Method:
    def build(self, dynamics, t0, t1, n_steps):
        return euler(dynamics, t0, t1, n_steps)


class Fixed:
    """A class whose construction is the building."""

    def __init__(self, dynamics, t0, t1, n_steps):
        self.solve = euler(dynamics, t0, t1, n_steps)

    def __call__(self, y):
        return self.solve(y)


def keyword_only(dynamics, t0, t1, *, n_steps):
    return euler(dynamics, t0, t1, n_steps)


def with_option(dynamics, t0, t1, n_steps, solver="euler"):
    return euler(dynamics, t0, t1, n_steps)


def with_more(dynamics, t0, t1, n_steps, *rest, **options):
    return euler(dynamics, t0, t1, n_steps)


def with_solver(solver, dynamics, t0, t1, n_steps):
    return solver(dynamics, t0, t1, n_steps)


@functools.wraps(euler)
def wrapped(*args, **kwargs):
    return euler(*args, **kwargs)


FIXED_STEP = {
    "a function": euler,
    "a lambda": lambda dynamics, t0, t1, n_steps: euler(dynamics, t0, t1, n_steps),
    "other names for the first three": lambda f, a, b, n_steps: euler(f, a, b, n_steps),
    "a keyword-only parameter": keyword_only,
    "a callable object": Builder(),
    "a bound method": Method().build,
    "a class": Fixed,
    "a partial": functools.partial(with_solver, euler),
    "a partial of an option": functools.partial(with_option, solver="heun"),
    "a decorated function": wrapped,
    "an option with a default": with_option,
    "variadic options": with_more,
}


@pytest.mark.parametrize("name", FIXED_STEP)
def test_a_fourth_parameter_n_steps_makes_a_fixed_step_layer_of(name):
    layer = TorchLayer("mine", FIXED_STEP[name])
    assert (layer.resolution, layer.adaptive) == ("n_steps", False)


@pytest.mark.parametrize("name", FIXED_STEP)
def test_it_can_be_built_and_run_from(name):
    expected = solved(TorchLayer("mine", euler), linear, 4).y1
    assert np.array_equal(solved(TorchLayer("mine", FIXED_STEP[name]), linear, 4).y1, expected)


def adaptive(dynamics, t0, t1, tol):
    return euler(dynamics, t0, t1, 4)


def adaptive_keyword_only(dynamics, t0, t1, *, tol):
    return euler(dynamics, t0, t1, 4)


@pytest.mark.parametrize(
    "build",
    [adaptive, adaptive_keyword_only, lambda f, t0, t1, tol: euler(f, t0, t1, 4)],
    ids=["function", "keyword-only", "lambda"],
)
def test_a_fourth_parameter_tol_makes_an_adaptive_layer(build):
    layer = TorchLayer("mine", build)
    assert (layer.resolution, layer.adaptive) == ("tol", True)


@pytest.mark.parametrize(
    ("build", "received"),
    [
        (lambda dynamics, t0, t1: None, "(dynamics, t0, t1)"),
        (lambda dynamics, t0, t1, steps: None, "(dynamics, t0, t1, steps)"),
        (lambda dynamics, t0, t1, n_steps, solver: None, "(dynamics, t0, t1, n_steps, solver)"),
        (lambda dynamics, n_steps, t0, t1: None, "(dynamics, n_steps, t0, t1)"),
        (lambda *args: None, "(args)"),
        (lambda: None, "()"),
        (3, "int"),
        (None, "NoneType"),
        (torch.nn.Linear(1, 1), "(args, kwargs)"),
    ],
    ids=["three", "another name", "five", "another place", "variadic", "none", "number", "None", "module"],
)
def test_a_build_without_the_four_parameters_is_refused_with_an_example(build, received):
    with pytest.raises(TypeError, match="build of 'mine' must") as error:
        TorchLayer("mine", build)
    assert_three_beats(error, received)
    assert "lambda dynamics, t0, t1, n_steps" in str(error.value)


def layer(solve):
    """Return a layer from solve(dynamics, y0) -> y1."""
    return TorchLayer("mine", lambda dynamics, t0, t1, n_steps: functools.partial(solve, dynamics))


COTANGENT = np.random.default_rng(0).standard_normal(linear.y0.shape)


def test_the_state_and_the_gradients_are_those_of_the_layer():
    """One Euler step of y' = A y + b over h: dL/dy0 = w + h w A, dL/db = h times the batch sum of w."""
    h = 1.4
    solution = solved(TorchLayer("mine", euler), linear.with_interval(0.0, h), 1, COTANGENT)
    gradients = solution.gradients
    a, b = linear.params["A"], linear.params["b"]
    bound = 100 * EPS
    np.testing.assert_allclose(solution.y1, linear.y0 + h * (linear.y0 @ a.T + b), rtol=bound, atol=bound)
    np.testing.assert_allclose(gradients["y0"], COTANGENT + h * COTANGENT @ a, rtol=bound, atol=bound)
    np.testing.assert_allclose(gradients["b"], h * COTANGENT.sum(axis=0), rtol=bound, atol=bound)
    np.testing.assert_allclose(gradients["A"], h * COTANGENT.T @ linear.y0, rtol=bound, atol=bound)


@pytest.mark.parametrize("solve", [lambda f, y: y.detach(), lambda f, y: y.detach().clone()])
def test_a_detached_output_sends_no_gradient_anywhere(solve):
    assert gradients_of(layer(solve), COTANGENT) == {"y0": None, "A": None, "b": None}


def test_a_parameter_that_takes_no_part_has_no_gradient():
    gradients = gradients_of(layer(lambda f, y: y * 2.0), COTANGENT)
    assert (gradients["A"], gradients["b"]) == (None, None)
    assert np.array_equal(gradients["y0"], 2.0 * COTANGENT)


def test_an_output_that_is_the_input_has_the_cotangent_as_gradient():
    assert np.array_equal(gradients_of(layer(lambda f, y: y), COTANGENT)["y0"], COTANGENT)


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        (lambda f, y: None, "NoneType"),
        (lambda f, y: (y, y), "tuple"),
        (lambda f, y: [y], "list"),
        (lambda f, y: y.detach().numpy(), "ndarray"),
        (lambda f, y: torch.stack([y, y]), "a tensor of shape (2, 5, 3)"),
        (lambda f, y: y[:-1], "a tensor of shape (4, 3)"),
        (lambda f, y: y.sum(), "a tensor of shape ()"),
        (lambda f, y: y.T, "a tensor of shape (3, 5)"),
    ],
    ids=["None", "tuple", "list", "array", "trajectory", "fewer members", "scalar", "transposed"],
)
def test_what_is_no_state_is_refused_with_advice(wrong, received):
    with pytest.raises(LayerError) as error:
        solved(layer(wrong), linear, 4)
    assert_three_beats(error, received)
    assert "[-1]" in str(error.value)


def test_what_the_layer_raises_is_not_touched():
    def raises(f, y):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        solved(layer(raises), linear, 4)


def test_a_second_cotangent_has_the_gradient_of_the_second_cotangent():
    first, second = solved(TorchLayer("mine", euler), linear, 4, COTANGENT, 2.0 * COTANGENT).pullbacks
    assert all(np.array_equal(second.gradients[name], 2.0 * g) for name, g in first.gradients.items())


def test_a_second_cotangent_does_not_need_a_graph_that_is_kept():
    """The layer runs again for it: freed buffers are no error."""
    pullbacks = solved(layer(lambda f, y: y * y), linear, 4, COTANGENT, COTANGENT).pullbacks
    assert np.array_equal(pullbacks[1].gradients["y0"], 2.0 * linear.y0 * COTANGENT)


def test_each_cotangent_has_a_forward_pass_of_its_own():
    passes = []

    def counts(f, y):
        passes.append(y)
        return y * 1.0

    solved(layer(counts), linear, 4, COTANGENT, COTANGENT, COTANGENT)
    assert len(passes) == 3


def test_the_gradients_of_one_cotangent_do_not_change_with_the_next():
    first, _ = solved(TorchLayer("mine", euler), linear, 4, COTANGENT, np.zeros_like(COTANGENT)).pullbacks
    alone = gradients_of(TorchLayer("mine", euler), COTANGENT)
    assert all(np.array_equal(first.gradients[name], value) for name, value in alone.items())


def test_the_calls_of_the_forward_pass_are_those_of_one_pass():
    assert len(solved(TorchLayer("mine", euler), linear, 4, COTANGENT, COTANGENT).calls) == 4


def test_the_state_that_was_returned_does_not_change_with_the_tensor():
    kept = []

    def keeps(f, y):
        kept.append(y.clone())
        return kept[0]

    solution = solved(layer(keeps), linear, 4)
    with torch.no_grad():
        kept[0].zero_()
    assert np.array_equal(solution.y1, linear.y0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_layer_is_given_the_type_that_was_asked_for(dtype):
    seen = []

    def looks(f, y):
        seen.extend([y.dtype, f.A.dtype])
        return y

    solved(layer(looks), linear, 4, dtype=dtype)
    assert seen == [getattr(torch, dtype)] * 2


def test_the_layer_is_given_the_interval_as_floats():
    seen = []

    def build(dynamics, t0, t1, n_steps):
        seen.extend([t0, t1, n_steps])
        return lambda y: y

    solved(TorchLayer("mine", build), linear.with_interval(0.25, -1.5), 3)
    assert seen == [0.25, -1.5, 3]


def test_a_layer_that_changes_nothing_has_changed_nothing():
    ones = np.ones(neural.y0.shape)
    assert solved(TorchLayer("mine", euler), neural, 4, ones, instruments=("changes",)).changed == ()


def writes(name):
    def solve(f, y):
        with torch.no_grad():
            (y if name == "y0" else getattr(f, name)).add_(1.0)
        return y * 1.0

    return solve


@pytest.mark.parametrize("name", ["y0", "A", "b"])
def test_what_the_forward_pass_writes_into_is_named(name):
    assert changed_by(layer(writes(name))) == (name,)


class NegatesCotangent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y):
        return y.clone()

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent.neg_().clone()


def test_a_cotangent_that_is_written_into_is_named():
    assert changed_by(layer(lambda f, y: NegatesCotangent.apply(y)), COTANGENT) == ("cotangent",)


def test_the_cotangent_of_the_caller_is_never_written_into():
    before = COTANGENT.copy()
    gradients_of(layer(lambda f, y: NegatesCotangent.apply(y)), COTANGENT)
    assert np.array_equal(before, COTANGENT)


@pytest.fixture
def settings():
    """Restore what a layer of a test changes."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


@pytest.mark.usefixtures("settings")
def test_a_default_dtype_that_is_changed_is_named():
    def changes(f, y):
        torch.set_default_dtype(torch.float64)
        return y * 1.0

    assert changed_by(layer(changes)) == ("default dtype",)


@pytest.mark.usefixtures("settings")
def test_a_grad_mode_that_is_changed_is_named():
    def changes(f, y):
        torch.set_grad_enabled(False)
        return y

    assert changed_by(layer(changes)) == ("grad mode",)
