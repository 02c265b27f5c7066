"""Layers under test: what a layer is called, how it is built, and what it claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from nodecheck.layers.claim_errors import capabilities, require_name, require_one_of, require_order
from nodecheck.layers.form import Form, Resolution, form_of
from nodecheck.numerics.tableau import ButcherTableau
from nodecheck.numerics.tableaus import TABLEAUS
from nodecheck.options.dtypes import DTYPES

if TYPE_CHECKING:
    from torch import Tensor

Adjoint = Literal["continuous", "discrete"]
Memory = Literal["constant", "sqrt", "log", "linear"]
Output = Literal["state", "log-det", "pair"]

_ADJOINTS = ("continuous", "discrete", None)
_MEMORIES = ("constant", "sqrt", "log", "linear", None)
# What the layer returns: the state, the state beside the log-determinant, or a state of two tensors.
LOG_DET: Output = "log-det"
PAIR: Output = "pair"
_OUTPUTS = ("state", LOG_DET, PAIR)
# What a layer may promise beyond plain use; without the promise it may refuse it with an error.
OF_PARAMETERS = ("frozen-parameters", "unused-parameters", "tied-parameters")
# Of the state: it needs an even number of components, such as pairs of positions and momenta.
EVEN = "even"
# It is (q, v) of an equation q'' = a(t, q, v), and the dynamics is the acceleration; or the layer is for
# forces without velocities alone, a(t, q).
SECOND_ORDER, SEPARABLE = "second-order", "separable"
# Gradients with respect to times: t0 and t1 may be tensors that require one.
TIME_GRADIENTS = "time-gradients"
# One interval for each member of the batch.
MEMBER_TIMES = "member-times"
# Of the gradient: it may be differentiated again.
DOUBLE_BACKWARD = "double-backward"
# Of the whole layer: function transforms of torch.func.
VMAP, FORWARD_MODE = "vmap", "forward-mode"
# Of the whole layer, too: torch.compile, and complex numbers as states and parameters.
COMPILE, COMPLEX = "compile", "complex"
# Of parameters: they need not be leaves, and may be replaced by `torch.func.functional_call`.
COMPUTED_PARAMETERS = "computed-parameters"
# Of the backward pass: it evaluates the field under the autocast state of the forward pass.
AUTOCAST = "autocast"
CAPABILITIES = (
    *OF_PARAMETERS,
    COMPUTED_PARAMETERS,
    DOUBLE_BACKWARD,
    TIME_GRADIENTS,
    MEMBER_TIMES,
    VMAP,
    FORWARD_MODE,
    COMPILE,
    COMPLEX,
    AUTOCAST,
    EVEN,
    SECOND_ORDER,
    SEPARABLE,
)


@dataclass(frozen=True, eq=False)
class TorchLayer:
    """A PyTorch layer under test, and what it claims.

    Parameters
    ----------
    name
        Unique name in reports.
    build
        ``build(dynamics, t0, t1, n_steps)`` for a fixed-step layer, ``build(dynamics, t0, t1, tol)`` for an
        adaptive one (rtol = atol = tol, or two parameters rtol and atol: an error may be as large as
        atol + rtol |y|); returns a callable y0 -> y1 on
        float64 tensors of shape (B, d).  ``dynamics`` is an `nn.Module` called as ``dynamics(t, y)``; ``t0``
        and ``t1`` are floats.  ``build(dynamics, ts, n_steps)`` and ``build(dynamics, ts, tol)`` are for
        layers with output times: ``ts`` is a float64 tensor of shape (T,), strictly monotone, and the
        callable is y0 -> ys of shape (T, B, d) with ys[0] = y0; n_steps counts the steps of the whole
        interval.  The names of the parameters say which form it is.  Where gradients with respect to times
        are asked for, ``ts`` requires one; t0 and t1 are float64 tensors of shape () that do, but only with
        "time-gradients" in `supports`.
    order
        Claimed order of the forward pass; None: measure it.
    adjoint
        "continuous" (optimise, then discretise), "discrete" (discretise, then optimise), or None.
    memory
        Claimed growth with the number of steps: "constant", "sqrt", "log", "linear", or None.
    tableau
        The explicit Runge-Kutta method the layer claims to implement, by name (`nodecheck.TABLEAUS`) or as a
        `ButcherTableau`, or None.
    output
        "state", or "log-det": the callable returns (y1, l) with l of shape (B,), the integral of tr ∂f/∂y
        over time, which is log |det ∂y1/∂y0| of each member.  With output times it is (ys, l) with l of shape
        (T, B).  An estimate of l that is random draws from the global generator of PyTorch.  "pair": y0, y1
        and the state that the dynamics takes and returns are tuples of two tensors of different width, shapes
        (B, d1) and (B, d2); ys is a tuple of tensors of shape (T, B, d1) and (T, B, d2).
    dtype
        "float32" for a layer that works in no other dtype: then y0 and the parameters have it.  Times stay as
        they are.  None: it works in float64, and is examined in it unless another dtype is asked for.
    supports
        Capabilities that the layer promises and is held to; one that is not promised may be refused with an
        error.  "frozen-parameters": some require no gradient; "unused-parameters": the field does not use
        some; "tied-parameters": one parameter has two names; "computed-parameters": parameters may be
        computed from other tensors, also by `torch.func.functional_call`; "double-backward": a gradient may
        be differentiated again; "time-gradients": times that require a gradient get one; "member-times":
        t0 and t1 may have shape (B,), or ts shape (B, T), one interval for each member, which gets the values
        and gradients that it would get alone; ys has shape (T, B, d) as always; "vmap" and "forward-mode": it
        works under `torch.func.vmap` and `torch.func.jvp`; "compile": it works under `torch.compile`;
        "complex": y0 and parameters may be complex; "autocast": the backward pass evaluates the field under
        the autocast state of the forward pass.  "even" is a need: the state has an even number of
        components, and problems with an odd number are given one more, which rests.  "second-order": it
        solves q'' = a(t, q, v); y0 is (q, v) joined on the last axis, and the dynamics is called as
        ``dynamics(t, q, v)`` and returns the acceleration.  With "separable" beside it the force depends on t
        and q alone, and v may be left out of the call.
    expected_failures
        ``{check id: reason}``; strict: an expectation that no longer fails is reported.  The id may be
        followed by ``:`` and a shell pattern for the names of problems.

    Raises
    ------
    ValueError, TypeError
        If a claim is none of those above, or `build` has none of these forms.
    """

    name: str
    build: Callable[..., Callable[[Tensor], Tensor]]
    order: int | None = field(default=None, kw_only=True)
    adjoint: Adjoint | None = field(default=None, kw_only=True)
    memory: Memory | None = field(default=None, kw_only=True)
    tableau: ButcherTableau | str | None = field(default=None, kw_only=True)
    output: Output = field(default="state", kw_only=True)
    dtype: str | None = field(default=None, kw_only=True)
    supports: Collection[str] = field(default=frozenset(), kw_only=True)
    expected_failures: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    form: Form = field(init=False, repr=False)

    backend: ClassVar[str] = "torch"

    def __post_init__(self) -> None:
        require_name(self.name)
        require_order(self.name, self.order)
        require_one_of(self.name, "adjoint", self.adjoint, _ADJOINTS)
        require_one_of(self.name, "memory", self.memory, _MEMORIES)
        require_one_of(self.name, "output", self.output, _OUTPUTS)
        if not isinstance(self.tableau, ButcherTableau):
            known = (*TABLEAUS, None)
            require_one_of(self.name, "tableau", self.tableau, known, or_else=", or a ButcherTableau")
        require_one_of(self.name, "dtype", self.dtype, (None, *DTYPES))
        object.__setattr__(self, "supports", capabilities(self.name, self.supports, CAPABILITIES))
        _require_possible(self.name, self.supports, self.output)
        object.__setattr__(self, "form", form_of(self.name, self.build))

    @property
    def resolution(self) -> Resolution:
        """The name of the resolution: "n_steps" or "tol"."""
        return self.form.resolution

    @property
    def output_times(self) -> bool:
        """True if the layer returns the states at given output times."""
        return self.form.output_times

    @property
    def both_tolerances(self) -> bool:
        """True if the layer takes rtol and atol apart."""
        return self.form.both_tolerances

    @property
    def adaptive(self) -> bool:
        """True if the resolution is a tolerance."""
        return self.resolution == "tol"


def _require_possible(name: str, supports: Collection[str], output: Output) -> None:
    """Raise `ValueError` if what is said about the state does not go together."""
    if SEPARABLE in supports and SECOND_ORDER not in supports:
        message = (
            f"supports of {name!r} with {SEPARABLE!r} must have {SECOND_ORDER!r}, got {sorted(supports)}; "
            f"{SEPARABLE!r} is for layers of second order whose force is a(t, q)"
        )
        raise ValueError(message)
    if SECOND_ORDER in supports and output != _OUTPUTS[0]:
        message = (
            f"output of {name!r} with {SECOND_ORDER!r} in supports must be {_OUTPUTS[0]!r}, got {output!r}; "
            f"return (q, v) joined on the last axis"
        )
        raise ValueError(message)
