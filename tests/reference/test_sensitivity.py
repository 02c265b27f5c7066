"""Reference gradients against closed forms, multiple precision and automatic differentiation."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.linalg import expm, expm_frechet

from nodecheck.numerics.constants import COMPLEX_STEP
from nodecheck.problems import PROBLEMS, cubic, linear, neural, time_linear, van_der_pol
from nodecheck.reference import ReferenceFailure, sensitivity
from nodecheck.reference.routes import is_affine, routes_for

WITH_FLOW = tuple(p for p in PROBLEMS if p.exact_flow is not None)
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
every_flow = pytest.mark.parametrize("problem", WITH_FLOW, ids=lambda p: p.name)


def relative_error(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


@every_problem
def test_two_routes_agree(problem):
    # Radau works at 1e-9; the others work at 5e-14 and may lose a digit over the interval.
    assert sensitivity(problem).rtol <= (1e-9 if problem.stiff else 1e-12)


@every_problem
def test_routes_are_two_different_ones(problem):
    first, second = routes_for(problem)
    assert first is not second


def test_the_affine_problems_are_known_from_their_jacobians():
    assert {p.name for p in PROBLEMS if is_affine(p)} == {
        "constant",
        "power_0",
        "linear",
        "rotation",
        "harmonic_oscillator",
    }


def test_wrong_closed_form_shows_in_rtol():
    wrong = time_linear.replace(
        exact_flow=lambda t0, t, y0, **p: time_linear.exact_flow(t0, t * 1.001, y0, **p)
    )
    assert sensitivity(wrong).rtol > 1e-4


def test_van_der_pol_agrees_with_multiple_precision():
    problem = van_der_pol(1.0)

    def with_tangent(t, u):  # y, y' and their derivatives by mu, differentiated by hand
        y, v, dy, dv = u
        return [v, (1 - y * y) * v - y, dv, (-2 * y * v - 1) * dy + (1 - y * y) * dv + (1 - y * y) * v]

    with mpmath.workdps(20):
        solve = mpmath.odefun(with_tangent, mpmath.mpf(problem.t0), [*map(mpmath.mpf, problem.y0[0]), 0, 0])
        exact = np.array([float(x) for x in solve(mpmath.mpf(problem.t1))])
    reference = sensitivity(problem)
    assert relative_error(reference.y1[0], exact[:2]) <= 1e-12
    assert relative_error(reference.jacobians["mu"][0], exact[2:]) <= 1e-12


def test_cubic_agrees_with_its_derivative_by_hand():
    problem = cubic(1.0)
    base = 1 + 2 * problem.duration * problem.y0**2
    jacobians = sensitivity(problem).jacobians
    assert relative_error(jacobians["k"], -problem.duration * problem.y0**3 / base**1.5) <= 1e-14
    assert relative_error(jacobians["y0"], (base**-1.5)[..., None] * np.eye(2)) <= 1e-14


def test_linear_agrees_with_the_adjoint_formula():
    """Without b, dL/dA = L(T Aᵀ, T sum_b v y0ᵀ) and dL/dy0 = exp(T A)ᵀ v, L the Fréchet derivative of exp."""
    problem = linear.replace(params={**linear.params, "b": np.zeros(3)})
    v, transposed = np.cos(np.arange(15.0)).reshape(5, 3), problem.params["A"].T * problem.duration
    gradient = sensitivity(problem).pullback(v)
    by_hand = expm_frechet(transposed, problem.duration * v.T @ problem.y0, compute_expm=False)
    assert relative_error(gradient["A"], by_hand) <= 1e-13
    assert relative_error(gradient["y0"], v @ expm(transposed).T) <= 1e-13


@every_flow
def test_pullback_agrees_with_automatic_differentiation_of_the_closed_form(problem):
    groups = {name: torch.tensor(value, requires_grad=True) for name, value in problem.groups.items()}
    t1 = torch.tensor(problem.t1, dtype=torch.float64)
    y1 = problem.flow(t1, groups["y0"], **{name: groups[name] for name in problem.params})
    cotangent = np.cos(np.arange(problem.y0.size, dtype=float)).reshape(problem.y0.shape)
    y1.backward(torch.tensor(cotangent))
    for name, gradient in sensitivity(problem).pullback(cotangent).items():
        assert relative_error(gradient, groups[name].grad.numpy()) <= 1e-13


@every_flow
def test_derivatives_by_the_ends_of_the_interval_agree_with_the_closed_form(problem):
    reference, h = sensitivity(problem), COMPLEX_STEP
    t0, t1 = np.asarray(problem.t0), np.asarray(problem.t1)
    later_start = problem.exact_flow(t0 + 1j * h, t1, problem.y0, **problem.params).imag / h
    later_end = problem.exact_flow(t0, t1 + 1j * h, problem.y0, **problem.params).imag / h
    assert relative_error(reference.dy1_dt0, later_start) <= 1e-13
    assert relative_error(reference.dy1_dt1, later_end) <= 1e-13


def test_going_back_undoes_the_solution_and_its_derivative():
    forward = sensitivity(neural)
    back = sensitivity(neural.replace(y0=forward.y1).reversed())
    assert relative_error(back.y1, neural.y0) <= 1e-12
    product = back.jacobians["y0"] @ forward.jacobians["y0"]
    assert relative_error(product, np.eye(3)) <= 1e-12


def test_shapes_put_the_output_first():
    shapes = {name: array.shape for name, array in sensitivity(neural).jacobians.items()}
    assert shapes == {"y0": (4, 3, 3)} | {name: (4, 3, *p.shape) for name, p in neural.params.items()}


def test_pullback_sums_parameters_over_the_batch():
    cotangent = np.cos(np.arange(12.0)).reshape(4, 3)
    whole = sensitivity(neural).pullback(cotangent)
    members = [
        sensitivity(neural.replace(y0=neural.y0[i : i + 1])).pullback(cotangent[i : i + 1])
        for i in (0, 1, 2, 3)
    ]
    assert relative_error(whole["W1"], sum(member["W1"] for member in members)) <= 1e-12
    assert relative_error(whole["y0"], np.concatenate([member["y0"] for member in members])) <= 1e-12


def test_pullback_refuses_a_cotangent_of_another_shape():
    with pytest.raises(ValueError, match=r"\(4, 3\), got \(3,\)"):
        sensitivity(neural).pullback(np.ones(3))


def test_reference_is_computed_once():
    assert sensitivity(linear) is sensitivity(linear)


def test_reference_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        sensitivity(linear).jacobians["A"][:] = 0.0


def test_solution_that_escapes_in_finite_time_is_refused():
    escaping = cubic(1.0).replace(params={"k": np.array(-20.0)}, exact_flow=None)
    with pytest.raises(ReferenceFailure, match="Shorten the interval"):
        sensitivity(escaping)


def test_closed_form_beyond_its_pole_is_refused():
    with pytest.raises(ReferenceFailure, match="Shorten the interval"):
        sensitivity(cubic(20.0).reversed())
