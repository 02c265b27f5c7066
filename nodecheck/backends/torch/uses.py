"""Other uses of a layer than y0 -> y1 -> y1.backward(cotangent), in which its answer must be the same."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nodecheck.backends.torch.dynamics import Dynamics
from nodecheck.layers import Array, Gradients, TorchLayer
from nodecheck.layers.layer import as_numpy, built, checked, gradients_of, run_backward
from nodecheck.problems import Problem

_Leaves = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a layer says to one problem.

    Attributes
    ----------
    y1
        Final state.
    gradients
        Those that were asked for.
    evaluations
        How often the field was evaluated, in both passes.
    warnings
        What the layer warned of meanwhile.
    stray
        Names of tensors that require a gradient although nobody asked for one.
    mode_changed
        Whether the dynamics was left in another mode, of training and evaluation.
    """

    y1: Array
    gradients: Gradients
    evaluations: int
    warnings: frozenset[str] = frozenset()
    stray: tuple[str, ...] = ()
    mode_changed: bool = False


def _variable(y0: Array) -> tuple[Tensor, Tensor]:
    leaf = torch.tensor(y0, requires_grad=True)
    return leaf, leaf


def _data(y0: Array) -> tuple[Tensor, Tensor]:
    leaf = torch.tensor(y0)
    return leaf, leaf


def _computed(y0: Array) -> tuple[Tensor, Tensor]:
    leaf = torch.tensor(y0, requires_grad=True)
    return leaf, leaf * 1


def _transposed(y0: Array) -> tuple[Tensor, Tensor]:
    leaf = torch.tensor(y0.T.copy()).T.requires_grad_()
    return leaf, leaf


def _by_sum(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    """Sum over the batch first: all rows of the cotangent then are one row in memory."""
    loss = (y1.sum(0) * torch.tensor(cotangent[0])).sum()
    return gradients_of(loss, leaves, np.ones(()))


def _by_transposed_cotangent(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    loss = (y1.T * torch.tensor(cotangent.T.copy())).sum()
    return gradients_of(loss, leaves, np.ones(()))


def _by_grad(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    """Ask for every second gradient, that of y0 not among them."""
    names = list(leaves)[1::2]
    found = torch.autograd.grad(y1, [leaves[name] for name in names], torch.tensor(cotangent))
    return {name: as_numpy(g) for name, g in zip(names, found, strict=True)}


def _by_adding(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    """Return what is added to the gradients that were there before the forward pass, ones."""
    leaves["y0"].grad = torch.ones_like(leaves["y0"])
    run_backward(y1, torch.tensor(cotangent))
    return {name: None if leaf.grad is None else as_numpy(leaf.grad) - 1 for name, leaf in leaves.items()}


def _by_second_backward(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    run_backward(y1, torch.tensor(cotangent), retain_graph=True)
    return gradients_of(y1, leaves, cotangent)


def _by_keeping(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    """Return the gradients of one pass after another one, which may not write where they are."""
    given = torch.tensor(cotangent)
    found = torch.autograd.grad(y1, list(leaves.values()), given, retain_graph=True)
    torch.autograd.grad(y1, list(leaves.values()), -given)
    return {name: as_numpy(g) for name, g in zip(leaves, found, strict=True)}


def _by_doubling_hooks(y1: Tensor, leaves: _Leaves, cotangent: Array) -> Gradients:
    """Return half of what hooks that double every gradient of a parameter leave."""
    found = gradients_of(y1, leaves, cotangent)
    return {name: g if g is None or name == "y0" else g / 2 for name, g in found.items()}


def _doubled(dynamics: nn.Module, _layer: object) -> None:
    for parameter in dynamics.parameters():
        parameter.register_hook(lambda gradient: 2 * gradient)  # type: ignore[no-untyped-call]


def _evaluated(dynamics: nn.Module, layer: object) -> None:
    """Put the dynamics, and the layer where it is a module, in eval mode."""
    dynamics.eval()
    if isinstance(layer, nn.Module):
        layer.eval()


def _with_gradients(dynamics: nn.Module, _layer: object) -> None:
    for parameter in dynamics.parameters():
        parameter.grad = torch.ones_like(parameter)


@dataclass(frozen=True, eq=False)
class Use:
    """A way to use a layer.

    Attributes
    ----------
    words
        When it is: "when y0 is computed".
    state
        ``state(values) -> (leaf, y0)``: where the gradient arrives, and what the layer gets.
    backward
        ``backward(y1, leaves, cotangent) -> gradients``, where all rows of the cotangent are alike; None: y1
        alone is wanted.
    mode
        What the forward pass runs under.
    prepare
        ``prepare(dynamics, layer)``, before the forward pass.
    refusable
        Whether a layer may say that it cannot do this: what asks for it can be written otherwise.
    judged
        Whether another answer is a failure.  Not in inference mode: there torch records nothing, whoever asks
        for it, so a layer that takes derivatives of the field on its way gets none.  Nor with hooks, which
        torch runs whenever it computes a gradient, so in every product of an adjoint, too.
    """

    words: str
    state: Callable[[Array], tuple[Tensor, Tensor]] = _variable
    backward: Callable[[Tensor, _Leaves, Array], Gradients] | None = gradients_of
    mode: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    prepare: Callable[[nn.Module, object], None] | None = None
    refusable: bool = False
    judged: bool = True

    def answer(
        self,
        layer: TorchLayer,
        problem: Problem,
        resolution: float,
        cotangent: Array,
        limit: float = math.inf,
    ) -> Answer:
        """Build the layer anew and use it in this way, with up to `limit` evaluations of the field."""
        dynamics = Dynamics(problem)
        dynamics.trace.limit = limit
        solve = built(layer, dynamics, problem, resolution)
        if self.prepare is not None:
            self.prepare(dynamics, solve)
        training = dynamics.training
        leaf, y0 = self.state(problem.y0)
        leaves = {"y0": leaf} if leaf.requires_grad else {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with self.mode():
                y1 = checked(solve(y0), y0)
            stray = tuple(name for name, there in self._stray(leaves, y0, y1).items() if there)
            leaves.update(dynamics.named_parameters())
            gradients = {} if self.backward is None else self.backward(y1, leaves, cotangent)
        said = frozenset(str(warning.message) for warning in caught)
        turned = dynamics.training != training
        return Answer(as_numpy(y1), gradients, len(dynamics.trace.calls), said, stray, turned)

    def _stray(self, leaves: _Leaves, y0: Tensor, y1: Tensor) -> dict[str, bool]:
        return {
            "y0": y0.requires_grad and not leaves,
            "y1": y1.requires_grad and self.backward is None,
        }


PLAIN = Use("in plain use")
USES: tuple[Use, ...] = (
    Use("when y0 needs no gradient", state=_data),
    Use("when y0 is computed", state=_computed),
    Use("when y0 is not contiguous", state=_transposed, refusable=True),
    Use("when y1 is summed over the batch", backward=_by_sum),
    Use("when the cotangent is not contiguous", backward=_by_transposed_cotangent),
    Use("with torch.autograd.grad", backward=_by_grad, refusable=True),
    Use("when gradients accumulate", backward=_by_adding, prepare=_with_gradients),
    Use("in a second backward pass", backward=_by_second_backward, refusable=True),
    Use("when gradients are kept over another pass", backward=_by_keeping, refusable=True),
    Use(
        "when parameters have hooks",
        backward=_by_doubling_hooks,
        prepare=_doubled,
        refusable=True,
        judged=False,
    ),
    Use("in eval mode", prepare=_evaluated),
    Use("under torch.no_grad", backward=None, mode=torch.no_grad),
    Use(
        "under torch.inference_mode",
        backward=None,
        mode=torch.inference_mode,
        refusable=True,
        judged=False,
    ),
)
