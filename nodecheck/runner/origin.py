"""The origin of an error: the innermost line of the layer's own code, never one of nodecheck."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType

from nodecheck.layers import LayerError
from nodecheck.runner.time_limit import TimeLimitExceeded

# Packages of nodecheck that hold layers, or code that runs inside them.
_OF_LAYERS = {"adapt", "mutants", "neural_ode", "targets"}
# Libraries that layers and nodecheck call alike: a line of theirs tells nothing about who called it wrongly.
_LIBRARIES = {"torch", "numpy", "scipy", "array_api_compat", *sys.stdlib_module_names}
_AUTOGRAD = "torch.autograd"
# A limit is reached wherever the code happens to be: a line of nodecheck is then no fault of it.
_LIMITS = (TimeLimitExceeded, MemoryError)


def origin(error: BaseException) -> str:
    """Return a sentence that names the innermost line of the layer; "" where the message says it all."""
    if isinstance(error, LayerError):
        return ""  # ours, about what the layer returned
    lines = list(walk_tb(error.__traceback__))
    named = [line for line in lines if _is_of_layer(line[0])] or _backward_pass(lines)
    if not named and isinstance(error, _LIMITS):
        return ""
    if not named:
        return "Raised in nodecheck itself, not in the layer: please report it."
    frame, number = named[-1]
    path = PurePath(frame.f_code.co_filename)
    return f"Raised in {frame.f_code.co_name} ({'/'.join(path.parts[-2:])}, line {number})."


def _backward_pass(lines: Sequence[tuple[FrameType, int]]) -> list[tuple[FrameType, int]]:
    """Return the line of autograd, where nodecheck called it and it raised by itself.

    It then carries out operations that the layer recorded, and there is no line of the layer to name.
    """
    ours = [k for k, (frame, _) in enumerate(lines) if _module(frame).split(".")[0] == "nodecheck"]
    beyond = lines[ours[-1] + 1 :] if ours else ()
    return [line for line in beyond if f"{_module(line[0])}.".startswith(f"{_AUTOGRAD}.")][:1]


def _is_of_layer(frame: FrameType) -> bool:
    """Return True for code that is neither nodecheck's own nor a library's.

    The module decides, not the file: generated code, such as the methods of a dataclass, has no file.
    """
    top, _, rest = _module(frame).partition(".")
    if top == "nodecheck":
        return rest.partition(".")[0] in _OF_LAYERS
    return top not in _LIBRARIES


def _module(frame: FrameType) -> str:
    """Return the name of the module that the code of a frame belongs to; "" if it has none."""
    return str(frame.f_globals.get("__name__", ""))
