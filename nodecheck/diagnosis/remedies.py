"""The remedies of faults: for a cause that a diagnosis names, else for the check that failed.

The sources are those of the checks; the causes are named by `nodecheck.diagnosis`.
"""

from __future__ import annotations

import re

from nodecheck.results.diagnosis_parts import without_evidence

_SAME_STEPS = "Let the backward pass take the steps of the forward pass, from t1 to t0, each once."
_SAME_STATE = "Take each product with the Jacobian at the state and the time of the stage it belongs to."
_ADJOINT = "Solve da/dt = -(∂f/∂y)ᵀ a from t1 to t0, with a(t1) = the cotangent."
_INTEGRAL = "Add up aᵀ ∂f/∂θ with the weights of the method, over every stage of every step once."
_CUT = (
    "Compare the order and the shapes, by which the vector of gradients is cut, with those of the parameters."
)
_COTANGENT = "Start the adjoint from the cotangent as it is given: every entry, member by member."
_DTYPE = (
    "Keep states, adjoint and times in the dtype that is given: no `.float()`, no tensor made "
    "without `dtype=`."
)
_TIMES = "Tell the field the time of each stage, t0 + i h + c h, in both passes."
_FACTOR = "Look for a factor that is applied twice, or is missing, where the backward pass adds up."

# A cause, as a regular expression on the diagnosis, and its remedy; the first that is found holds.
_BY_CAUSE = (
    (
        r"No gradient arrives",
        "Let every parameter reach the graph: no `.detach()`, no `no_grad`, and a gradient for "
        "each in `backward`.",
    ),
    (
        r"^Order \S+ where time runs backwards",
        "Let the signs of steps, times and comparisons follow t1 - t0.",
    ),
    (r"^Changed.*random state", "Leave the state of random generators as it was."),
    (r"^Changed.*(training|eval|mode)", "Leave the mode of the module, train or eval, as it was."),
    (r"^Changed.*require a gradient", "Leave `requires_grad` of the parameters as it was."),
    (r"J instead of Jᵀ", "Use the vector-Jacobian product: torch.autograd.grad(f, y, grad_outputs=a)."),
    (r"an adjoint equation with the wrong sign", _ADJOINT),
    (r"not propagated|propagated for the|the cotangent itself", _ADJOINT),
    (
        r"parameter integral with (a\(|the adjoint)",
        "Use the adjoint of the same time and the same batch member in aᵀ ∂f/∂θ.",
    ),
    (r"whose time is (frozen|reversed|counted)", _TIMES),
    (
        r"a state (frozen|that runs)",
        "Solve the state backwards beside the adjoint, or keep the states of the forward pass.",
    ),
    (r"along states that are|at the state", _SAME_STATE),
    (
        r"backward pass (without|that starts)|backward step too many|one step beyond t1|backward pass takes",
        _SAME_STEPS,
    ),
    (r"parameter integral (without|that counts|summed)", _INTEGRAL),
    (r"sign flipped", "Flip the sign of this gradient: from t1 to t0, dt is negative."),
    (
        r"wrong in \d+ of \d+ entries",
        "Look for what overwrites these entries, or leaves them out: an index, a slice, a mask.",
    ),
    (r"in another order|own transpose|match(es)? ∂L/∂", _CUT),
    (r"odd number of steps", "Treat odd and even numbers of steps alike: no step may be left out of a pair."),
    (r"times (the exact gradient|Jᵀ)", _FACTOR),
    (
        r"whatever the cotangent \(weight",
        "Add no decay of weights in the layer: it belongs to the optimiser.",
    ),
    (r"cotangent (of ones|averaged|whose|that is zero)|ignores? the cotangent", _COTANGENT),
    (r"rounded to (float|bfloat)|(float16|float32) numbers|through (b?float)", _DTYPE),
    (
        r"tolerance has no effect",
        "Pass rtol and atol on to the step size control.",
    ),
    (r"clipped|cut off", "Do not clip or cut off within the backward pass; clip after `loss.backward()`."),
    (r"detached", "Remove the `.detach()`, or differentiate the part that is detached yourself."),
    (r"mixes the members|members are mixed", "Keep the members of the batch apart in every sum and product."),
    (r"of the batch member|batch member alone", "Sum the parameter gradients over all members of the batch."),
    (r"one step too few", "Take one step more: the grid needs n + 1 points."),
    (r"one step too many", "Loop over `ts[:-1]`: n steps have n + 1 points."),
)

_COMPARE = "Compare the backward pass, step by step, with that of `nodecheck.ODELayer` at the same steps."
_REUSE = "Keep what a call needs in `ctx`, or in local variables: nothing of it in `self` or in a module."
# Checks whose diagnoses have words of other causes in them.
_ONE_REMEDY = frozenset({"second-derivatives"})
_BY_CHECK = {
    "adapter": "Correct `build`: the order of its arguments, and what it returns.",
    "forward-pass": "Call the layer by hand with the problem's state, and follow the error.",
    "backward-pass": "Call `y1.sum().backward()` by hand, and follow the error.",
    "determinism": "Remove random numbers and state that is kept from call to call.",
    "nothing-mutated": "Work on copies: no in-place operation on what the layer is given.",
    "interleaved-calls": _REUSE,
    "repeated-use": _REUSE,
    "float32-state": _DTYPE,
    "not-a-number": (
        "Let NaN and infinity through: no `nan_to_num`, and no loop that waits for a small error."
    ),
    "constant-field": "Take n steps of (t1 - t0)/n, and compute the times from t0, t1 and n.",
    "evaluation-times": _TIMES,
    "polynomial-field": "Compare weights and stage times with the tableau of the method.",
    "forward-order": (
        "Compare the tableau, the states of the stages and the last step with those of the method."
    ),
    "time-precision": "Compute times in float64, as t0 + i h, not as a running sum.",
    "solve-ivp-agreement": "Compare the field, its sign and the interval with what is asked for.",
    "forward-tolerance": (
        "Compare the error estimate, its norm and the step size formula with those of the method."
    ),
    "both-tolerances": "Scale the error estimate by atol + rtol · max(|y|, |y_new|).",
    "power-tolerance": "Compare the embedded weights and the error estimate with those of the method.",
    "sudden-change": "Reject a step whose error is too large, and repeat it with a smaller one.",
    "long-interval": (
        "End the loop at t1, not at a number of steps; raise an error where it cannot be reached."
    ),
    "output-times": "Return one state for each time of `ts`, in its order, with ys[0] = y0.",
    "output-states": "Let a step end at each output time, or interpolate with the order of the method.",
    "constant-divergence": "Integrate the trace of the Jacobian beside the state, with the sign of dt.",
    "log-determinant": "Integrate the trace of the Jacobian with the stages and weights of the state.",
    "batch-independence": "Keep the members of the batch apart in every sum, norm and product.",
    "gradient-completeness": "Return a gradient for every tensor that requires one.",
    "constant-field-gradient": _COMPARE,
    "gradient-order": _COMPARE,
    "gradient-tolerance": "Solve the backward pass to the tolerance of the forward pass.",
    "gradient-class": _COMPARE,
    "finite-differences": (
        'Differentiate the steps that the forward pass takes, or claim adjoint="continuous".'
    ),
    "backprop-agreement": (
        'Differentiate the steps that the forward pass takes, or claim adjoint="continuous".'
    ),
    "cotangent-linearity": _COTANGENT,
    "output-gradients": (
        "Add the cotangent of each output to the adjoint at its own time, on the way from t1 to t0."
    ),
    "time-gradients": (
        "∂L/∂t1 is aᵀf at t1, ∂L/∂t0 is -aᵀf at t0, and aᵀf with its own cotangent at each output."
    ),
    "member-times": (
        "Use the interval of each member in the step, in the times of the stages and in the adjoint."
    ),
    "second-derivatives": (
        "Let `backward` raise an error where torch.is_grad_enabled(), or make it differentiable."
    ),
    "log-det-gradient": "Let the cotangent of the log-determinant reach the adjoint, too.",
    "uninvolved-parameters": "Return zeros or None for parameters that are frozen, unused or given twice.",
    "other-uses": "Make the result an ordinary tensor: own memory, and no state left behind by the call.",
    "function-transforms": (
        "Use operations that PyTorch can transform, or refuse the transform with an error."
    ),
    "complex-state": "Use the conjugate transpose, aᴴ, and take no real part on the way.",
    "other-modules": "Take the parameters from `dynamics.parameters()` when the layer is called.",
    "computed-parameters": (
        "Differentiate the tensors that the module holds when it is called, not its leaves."
    ),
    "other-sizes": "Take shapes from the state at the time of the call.",
    "other-units": (
        "Let no constant with a unit stand in the layer: scales come from state, time and tolerance."
    ),
    "memory-law": "Keep no state of the steps: solve it backwards, or recompute it from checkpoints.",
    "hidden-memory": "Keep no state of the steps outside of autograd either, as in lists or NumPy arrays.",
    "memory-leak": "Let nothing that outlives a call refer to its graph.",
    "gradient-cost": "Evaluate each step a fixed number of times in the backward pass.",
    "device-placement": "Make tensors with `device=` of the state.",
    "device-waits": "Take no number from the device within a step: no `.item()`, no `if` on a tensor.",
    "device-autocast": "Use the autocast state of the forward pass in the backward pass.",
    "device-uses": "Use the current stream and device, and set nothing globally.",
}


def remedy_of(check: str, diagnosis: str = "") -> str:
    """Return the remedy of the cause that a diagnosis names, or else that of the check."""
    named = " ".join(without_evidence([diagnosis]))  # a runner-up is no cause
    for cause, remedy in () if check in _ONE_REMEDY else _BY_CAUSE:
        if re.search(cause, named):
            return remedy
    return _BY_CHECK.get(check, "")
