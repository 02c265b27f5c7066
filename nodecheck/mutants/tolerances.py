"""Mutants that are right where rtol and atol are the same number, and wrong where they are not."""

# ruff: noqa: D102
# An override keeps the signature of its base, and the docstring of the class states the fault.

from __future__ import annotations

import torch
from torch import Tensor

from nodecheck.mutants.adaptive_families import AdjointRelativeAndAbsolute, RelativeAndAbsolute
from nodecheck.mutants.families import State
from nodecheck.mutants.mutant import Mutant, mutant


class TolerancesExchanged(RelativeAndAbsolute):
    """Each of the two tolerances is used as the other."""

    def allowed(self, x: Tensor) -> Tensor:
        return self.rtol + self.atol * x.abs()


class AbsoluteIgnored(RelativeAndAbsolute):
    """The relative tolerance is used for both."""

    def allowed(self, x: Tensor) -> Tensor:
        return self.rtol * (1 + x.abs())


class AbsoluteFixed(RelativeAndAbsolute):
    """The absolute tolerance is always 1e-9."""

    def allowed(self, x: Tensor) -> Tensor:
        return 1e-9 + self.rtol * x.abs()


class RelativeIgnored(RelativeAndAbsolute):
    """The error is compared with the absolute tolerance alone."""

    def allowed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.atol)


class TolerancesAdded(RelativeAndAbsolute):
    """The error is compared with atol + rtol, whatever the size of the state."""

    def allowed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.atol + self.rtol)


class BackwardTolerancesExchanged(AdjointRelativeAndAbsolute):
    """The backward pass uses each of the two tolerances as the other."""

    def backward(self, state: State) -> State:
        self.rtol, self.atol = self.atol, self.rtol
        try:
            return super().backward(state)
        finally:
            self.rtol, self.atol = self.atol, self.rtol


class BackwardAbsoluteIgnored(AdjointRelativeAndAbsolute):
    """The backward pass uses the relative tolerance for both."""

    def backward(self, state: State) -> State:
        kept, self.atol = self.atol, self.rtol
        try:
            return super().backward(state)
        finally:
            self.atol = kept


TOLERANCES: tuple[Mutant, ...] = (
    mutant(TolerancesExchanged, "option_silently_ignored", "both-tolerances"),
    mutant(AbsoluteIgnored, "option_silently_ignored", "both-tolerances"),
    mutant(AbsoluteFixed, "option_silently_ignored", "both-tolerances"),
    mutant(RelativeIgnored, "option_silently_ignored", "both-tolerances"),
    mutant(TolerancesAdded, "option_silently_ignored", "both-tolerances"),
    mutant(BackwardTolerancesExchanged, "backward_options_not_forwarded", "both-tolerances"),
    mutant(BackwardAbsoluteIgnored, "backward_options_not_forwarded", "both-tolerances"),
)
