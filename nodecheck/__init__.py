"""nodecheck tells whether a Neural ODE layer is right.

The names below are imported when they are first used, so that reading a report needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodecheck import adapt as adapt
    from nodecheck.layers import TorchLayer as TorchLayer
    from nodecheck.neural_ode import TABLEAUS as TABLEAUS
    from nodecheck.neural_ode import ButcherTableau as ButcherTableau
    from nodecheck.neural_ode import ODELayer as ODELayer
    from nodecheck.pytest_plugin.parametrize import parametrize as parametrize
    from nodecheck.results import Result as Result
    from nodecheck.results import Run as Run
    from nodecheck.results import Status as Status
    from nodecheck.results import load_run as load_run
    from nodecheck.runner import run as run

__version__ = "0.1.0"

_HOMES = {
    "ButcherTableau": "nodecheck.neural_ode",
    "ODELayer": "nodecheck.neural_ode",
    "Result": "nodecheck.results",
    "Run": "nodecheck.results",
    "Status": "nodecheck.results",
    "TABLEAUS": "nodecheck.neural_ode",
    "TorchLayer": "nodecheck.layers",
    "load_run": "nodecheck.results",
    "parametrize": "nodecheck.pytest_plugin.parametrize",
    "run": "nodecheck.runner",
}

__all__ = [  # noqa: RUF022
    "TorchLayer",
    "run",
    "parametrize",
    "ODELayer",
    "ButcherTableau",
    "TABLEAUS",
    "Run",
    "Result",
    "Status",
    "load_run",
    "adapt",
]


def __getattr__(name: str) -> Any:
    if name == "adapt":  # a part of its own, for the lines that make a layer testable
        return importlib.import_module("nodecheck.adapt")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
