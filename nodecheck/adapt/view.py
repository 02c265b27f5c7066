"""The base class of the views of the dynamics."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from torch import nn

from nodecheck.adapt.errors import ViewCallError


class View(nn.Module):
    """A module that evaluates the dynamics under another signature.

    A call with arguments that `forward` does not take raises `ViewCallError`.

    Attributes
    ----------
    made_by : str
        The function of `nodecheck.adapt` that makes the view.
    takes : str
        The call that `forward` takes, for messages.
    dynamics : nn.Module
        The dynamics, or another view of it.
    """

    made_by: ClassVar[str]
    takes: ClassVar[str]

    def __init__(self, dynamics: nn.Module) -> None:
        super().__init__()
        self.dynamics = dynamics

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return the value of `forward`."""
        try:
            return super().__call__(*arguments, **named)
        except TypeError as error:  # only now, because layers call views often and right
            if fits(self.forward, arguments, named):
                raise
            count = len(arguments) + len(named)
            received = "1 argument" if count == 1 else f"{count} arguments"
            advice = "see `nodecheck.adapt` for the view that suits the call of the layer"
            raise ViewCallError(self.made_by, self.takes, received, advice) from error


def fits(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Return True if a function takes these arguments, by its signature."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    return True
