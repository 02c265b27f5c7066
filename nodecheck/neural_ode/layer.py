"""The reference Neural ODE layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat, TypeVar

import torch
from torch import Tensor, nn

from nodecheck.neural_ode.grid import Segment, segments_through, with_ends
from nodecheck.neural_ode.members import MemberField, MemberTimes, member_times
from nodecheck.neural_ode.method import AdaptiveSteps, Adjoint, FixedSteps, method_of
from nodecheck.neural_ode.parts import JoinedField, parts_of
from nodecheck.neural_ode.trajectory import BackwardTrajectory, backward_trajectory
from nodecheck.numerics.constants import MOST_STEPS
from nodecheck.numerics.tableau import ButcherTableau

__all__ = ["ODELayer"]

State = TypeVar("State", Tensor, tuple[Tensor, ...])


class ODELayer(nn.Module):
    """The map y(t0) -> y(t1) along dy/dt = dynamics(t, y), in explicit steps.

    The steps are equal, and `n_steps` in number, or their size follows `rtol` and `atol`.

    Parameters
    ----------
    dynamics : nn.Module or function
        Called as ``dynamics(t, y)`` with t a 0-d tensor of y's (real) dtype and device, and y of the shape of
        `y0`; returns dy/dt in that shape.  Where `y0` is a tuple, y and dy/dt are tuples of these shapes.
    t0, t1 : float or Tensor of shape () or (B,)
        Start and end of the integration; t1 may be the smaller one, or equal to t0.  Tensors that require
        grad get a gradient, except in reversible mode.  With shape (B,) and equal steps, each member of the
        batch has an interval of its own, with `n_steps` steps, and the dynamics are told t of shape (B,).
    n_steps : int or None
        The number of equal steps, which is kept exactly; None for 25 of them, or where tolerances are given.
    solver : str, ButcherTableau or None
        The name of one of `TABLEAUS`, or any explicit tableau; None for "euler".  With tolerances: "dopri5"
        (the default), "bosh3" or "heun", each with its embedded method.
    adjoint : {"continuous", "discrete", "checkpointed", "reversible"}
        The method that computes the gradient; see the notes.  "reversible" takes no tolerances.
    rtol, atol : float or None
        Relative and absolute tolerance of the error of one step, in place of `n_steps`; both or none.
    max_steps : int
        With tolerances: the steps that a solve may try, in each pass, rejected ones included.  The continuous
        adjoint solves backwards once for each output.

    Raises
    ------
    ValueError, TypeError
        If an argument is not of the kind described here.
    RuntimeError
        With tolerances: if `max_steps` do not reach the end, or if no step is small enough, as where the
        dynamics return NaN.
    RuntimeError
        In continuous and reversible mode while gradients are recorded: if the dynamics draw random numbers,
        or depend on a tensor that requires grad and is neither y nor one of their parameters, or if a
        gradient is differentiated again.  Without the error, the gradient would be silently wrong.

    Notes
    -----
    ``"discrete"`` is backpropagation through the steps.  The gradient is that of the layer's own map, and may
    be differentiated again.  Memory grows with `n_steps`.

    ``"checkpointed"`` has the same map and the same gradient, which may be differentiated again.  Memory
    grows like sqrt(n_steps), because the backward pass repeats the forward pass, stretch by stretch (Chen,
    Xu, Zhang & Guestrin, 2016).  Dynamics that call `torch.autograd.grad` themselves make it slow: each call
    repeats the stretch up to that point.

    ``"continuous"`` solves the adjoint equation backwards from y(t1), and saves y(t1) alone (Chen, Rubanova,
    Bettencourt & Duvenaud, 2018).  The gradient is that of the exact flow up to O(h^order), and cannot be
    differentiated again.  y(t) is reconstructed, which is unstable where the dynamics contract strongly
    (Gholami et al., 2019).

    ``"reversible"`` takes the steps of another method, which is built on the tableau, has its order, and can
    be undone step by step (McCallum & Foster, 2024).  It saves two states.  The gradient is that of its own
    map, and cannot be differentiated again.  A step costs two of the tableau's.  Rounding in the
    reconstructed states may grow like 0.999^-n_steps, so the mode is meant for up to some 10 000 steps.  The
    second state moves away from the first where the dynamics contract: for dy/dt = -10 y from 0 to 1, 400
    steps on Heun's method end 1e-2 away from the solution, and Heun's method itself ends 5e-8 away.  Use
    ``"checkpointed"`` there.

    **Tolerances.**  A step is accepted if the estimated error of each component, over atol + rtol |y|, has a
    root mean square of at most one in every member of the batch (Hairer, Nørsett & Wanner, 1993, II.4, which
    also gives the first step and the control of the next ones).  Each member is held to
    it alone, whatever the batch.  Times and steps are float64, and a step ends at every output time: outputs
    have the order of the method, and each costs at least one step.  ``"discrete"`` and ``"checkpointed"``
    differentiate the accepted steps, each a constant share of its interval: the choice of the steps has no
    derivative, and none of second order.
    ``"continuous"`` chooses the steps of its backward pass anew, and holds three parts to the tolerance: the
    state, the adjoint and the gradient of each parameter.  For the last two, `atol` is relative to the
    largest entry of the adjoint, so that the gradient is linear in a factor of the loss.

    In every mode but the discrete one the backward pass evaluates the dynamics again.  It uses the
    parameters, frozen parameters, buffers, train or eval modes and autocast state of the forward pass; the
    checkpointed mode also uses its random numbers.  Buffers that the dynamics update (BatchNorm) are updated
    by the forward pass only.  Three changes between the two passes cannot be noticed: of a plain Python
    attribute, of a `torch.Generator` that the dynamics own, and of weights that a plain function uses.

    Examples
    --------
    >>> layer = ODELayer(lambda t, y: -y, t1=1.0, n_steps=20, solver="rk4")
    >>> layer(torch.ones(1, dtype=torch.float64))
    tensor([0.3679], dtype=torch.float64)
    >>> layer = ODELayer(lambda t, y: (y[1], -y[0]), t1=1.0, rtol=1e-6, atol=1e-6)
    >>> layer((torch.zeros(1, 1), torch.ones(1, 1)))
    (tensor([[0.8415]]), tensor([[0.5403]]))
    """

    def __init__(
        self,
        dynamics: Callable[..., Any],
        t0: SupportsFloat | Tensor = 0.0,
        t1: SupportsFloat | Tensor = 1.0,
        n_steps: int | None = None,
        *,
        solver: str | ButcherTableau | None = None,
        adjoint: Adjoint = "continuous",
        rtol: float | None = None,
        atol: float | None = None,
        max_steps: int = MOST_STEPS,
    ) -> None:
        super().__init__()
        if not callable(dynamics):
            raise TypeError(
                f"dynamics must be an nn.Module or a function of (t, y), got {type(dynamics).__name__}; "
                "pass the vector field itself"
            )
        self.method = method_of(n_steps, solver, adjoint, (rtol, atol), max_steps)
        self.dynamics = dynamics
        self.members = member_times(t0, t1)
        """The intervals of the members of the batch; None if all have one and the same."""
        if self.members is not None:
            _check_members(self.members, self.method, adjoint)
            t0, t1 = 0.0, 1.0
        self.t0, self.t1 = _as_time("t0", t0, adjoint), _as_time("t1", t1, adjoint)

    def forward(self, y0: State) -> State:
        """Return y(t1): new tensors of the shapes, dtype and device of `y0`.

        Parameters
        ----------
        y0 : Tensor of any shape, or tuple of tensors of shape (B, ...); floating or complex
            The state at t0.  The dynamics are called with the whole state: leading dimensions are a batch.
            Parts of a tuple have one dtype and the batch in common; they may differ in all other axes.
        """
        if self.members is None:
            return self._integrate(y0, (self._whole(),), lambda states: states[-1])
        return self._over_members(y0, self.members)

    def solve(self, y0: State, ts: Sequence[SupportsFloat] | Tensor) -> State:
        """Return the solution at the times `ts`, shape (len(ts), *y0.shape), or a tuple of these.

        Integration runs from t0 to the last time, and every time is the end of a step.  Between two times,
        steps of a layer with `n_steps` are equal and at most as long as those of the layer.  Times on the
        layer's own grid therefore change nothing, and ``solve(y0, [t1])[-1]`` is the layer's output.
        Continuous and reversible mode save the outputs, and their backward pass restarts from each of them.

        Parameters
        ----------
        y0 : Tensor or tuple of tensors
            The state at t0, as for a call.
        ts : sequence of floats, or Tensor of shape (m,)
            Times from t0 towards t1, in order; t0 and repetitions are allowed.  They get a gradient if they
            require one, except in reversible mode.

        Raises
        ------
        ValueError
            If `ts` is empty, leaves [t0, t1], changes direction, or requires grad in reversible mode.
        """
        _refuse_members(self.members, "solve")
        if isinstance(ts, Tensor) and ts.ndim != 1:
            raise ValueError(
                f"ts must have one dimension, got shape {tuple(ts.shape)}; "
                "pass one list of times for the whole batch"
            )
        times: list[float | Tensor] = [_as_time(f"ts[{i}]", t, self.method.adjoint) for i, t in enumerate(ts)]
        whole = self._whole()
        segments = segments_through(whole.start, whole.stop, whole.n_steps, [_number(t) for t in times])
        return self._integrate(y0, with_ends(segments, (self.t0, *times)), torch.stack)

    def backward_trajectory(self, y0: Tensor, cotangent: Tensor) -> BackwardTrajectory:
        """Return every state of the continuous adjoint for dL/dy(t1) = `cotangent`.

        It is meant for teaching and reports, because it keeps all the states that the adjoint method saves
        memory by not keeping.  The layer's own `adjoint` does not matter.

        Parameters
        ----------
        y0 : Tensor, any shape, floating or complex
            The state at t0.
        cotangent : Tensor, the shape of y0
            dL/dy(t1).

        Raises
        ------
        ValueError
            If the cotangent does not have the shape of y0, or if the layer has no fixed number of steps.
        """
        _refuse_members(self.members, "backward_trajectory")
        _check_state(y0)
        if not isinstance(self.method, FixedSteps):
            raise ValueError(
                f"backward_trajectory expects a layer with n_steps, got one with tolerances, {self.method}; "
                "build the layer with n_steps"
            )
        return backward_trajectory(
            self.dynamics, y0, cotangent, self._whole().detached(), self.method.tableau
        )

    def extra_repr(self) -> str:
        """Return the options, for repr()."""
        times = f"t0={_number(self.t0)}, t1={_number(self.t1)}" if self.members is None else self.members
        return f"{times}, {self.method}"

    def _whole(self) -> Segment:
        whole = Segment(_number(self.t0), _number(self.t1), self.method.n_steps)
        return with_ends([whole], (self.t0, self.t1))[0]

    def _over_members(self, y0: State, members: MemberTimes) -> State:
        """Return the final states of members that have an interval each."""
        given = y0 if isinstance(y0, tuple) else (y0,)
        for part in given:
            _check_state(part)
        state = members.join(given)
        parts = parts_of(state)
        field = JoinedField(MemberField(self.dynamics, single=not isinstance(y0, tuple)), parts)
        segment = Segment(0.0, 1.0, self.method.n_steps)
        found = self.method.integrate(field, parts.join(state), (segment,))[-1]
        *ends, _, _ = (part.clone() for part in parts.split(found))
        if isinstance(y0, tuple):
            return tuple(ends)
        return ends[0]

    def _integrate(
        self, y0: State, segments: Sequence[Segment], reading: Callable[[list[Tensor]], Tensor]
    ) -> State:
        """Return the reading, final state or output, of the states at the ends of the segments."""
        if isinstance(y0, tuple):
            parts = parts_of(y0)
            field, state = JoinedField(self.dynamics, parts), parts.join(y0)
            _check_state(state)
            found = reading(self.method.integrate(field, state, segments))
            # Cloned: autograd refuses a change in place of a tensor that shares its memory with another part.
            return tuple(part.clone() for part in parts.split(found))
        _check_state(y0)
        return reading(self.method.integrate(self.dynamics, y0, segments))


def _check_members(members: MemberTimes, method: FixedSteps | AdaptiveSteps, adjoint: Adjoint) -> None:
    """Raise `ValueError` where one interval for each member is not offered."""
    if not isinstance(method, FixedSteps):
        raise ValueError(
            f"t0 and t1 must be one time where rtol and atol control the steps, got {members}; give n_steps"
        )
    if adjoint == "reversible" and (members.start.requires_grad or members.stop.requires_grad):
        raise ValueError(
            f"t0 and t1 must be times without gradient in reversible mode, got {members} that require grad; "
            "detach them, or choose another adjoint, which differentiates with respect to time"
        )


def _refuse_members(members: MemberTimes | None, name: str) -> None:
    """Raise `ValueError` if members have intervals of their own."""
    if members is not None:
        raise ValueError(
            f"{name} expects one t0 and one t1 for the whole batch, got {members}; call the layer for the "
            "final states, or solve each member by itself"
        )


def _check_state(y0: Tensor) -> None:
    if not isinstance(y0, Tensor):
        raise TypeError(
            f"y0 must be a tensor, or a tuple of tensors, got {type(y0).__name__}; "
            "pass a tuple for a state of several parts"
        )
    if not (y0.is_floating_point() or y0.is_complex()):
        raise TypeError(
            f"y0 must have a floating or complex dtype, got {y0.dtype}; convert it, e.g. y0.float()"
        )


def _as_time(name: str, time: SupportsFloat, adjoint: Adjoint) -> float | Tensor:
    """Return a time as a number, or as it is if it requires a gradient."""
    value = _number(time)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}; choose a finite interval")
    if not (isinstance(time, Tensor) and time.requires_grad):
        return value
    if adjoint == "reversible":
        raise ValueError(
            f"{name} must be a time without gradient in reversible mode, got a tensor that requires grad; "
            f"pass float({name}), or choose another adjoint, which differentiates with respect to time"
        )
    return time


def _number(time: SupportsFloat) -> float:
    return float(time.detach() if isinstance(time, Tensor) else time)
