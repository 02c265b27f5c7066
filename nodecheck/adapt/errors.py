"""Errors of the views of the dynamics; this module imports no torch."""

from __future__ import annotations

__all__ = ["ViewCallError"]


class ViewCallError(TypeError):
    """A view of the dynamics was called with arguments that it does not take.

    Attributes
    ----------
    view : str
        The function of `nodecheck.adapt` that made the view: "autonomous".
    call : str
        The call that the view takes: "f(z)".
    received : str
        The arguments that it was called with, in words: "2 arguments".
    advice : str
        A sentence that says how to correct the call.
    """

    def __init__(self, view: str, call: str, received: str, advice: str) -> None:
        super().__init__(view, call, received, advice)
        self.view, self.call, self.received, self.advice = view, call, received, advice

    def __str__(self) -> str:
        return f"expected {self.call} of adapt.{self.view}(dynamics), got {self.received}; {self.advice}"
