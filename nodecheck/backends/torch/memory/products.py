"""Vector-Jacobian products with the field, counted where the gradient passes its output."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Products:
    """The number of vector-Jacobian products that have passed through a field.

    To be made before anybody copies the field: a copy counts in the same place.
    """

    def __init__(self, field: nn.Module) -> None:
        self.count = 0
        field.register_forward_hook(self._watch)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Products:
        return self

    def _watch(self, _module: nn.Module, _args: Any, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(self._arrived)  # type: ignore[no-untyped-call]

    def _arrived(self, _gradient: Tensor) -> None:
        self.count += 1
