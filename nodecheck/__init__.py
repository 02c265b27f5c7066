"""nodecheck tells whether a Neural ODE layer is right.

The names below are imported when they are first used, so that reading a report needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nodecheck._version import __version__ as __version__

if TYPE_CHECKING:
    from nodecheck import adapt
    from nodecheck.frontends.auditing import audit as audit
    from nodecheck.frontends.pytest.parametrize import parametrize as parametrize
    from nodecheck.frontends.running import check as check
    from nodecheck.frontends.running import load_run as load_run
    from nodecheck.frontends.running import run as run
    from nodecheck.layers import TorchLayer as TorchLayer
    from nodecheck.neural_ode import ODELayer as ODELayer
    from nodecheck.numerics.tableau import ButcherTableau as ButcherTableau
    from nodecheck.numerics.tableaus import TABLEAUS as TABLEAUS
    from nodecheck.own_model.audit import Audit as Audit
    from nodecheck.own_model.monitor import GradientMonitor as GradientMonitor
    from nodecheck.own_model.watched import watch as watch
    from nodecheck.results import Result as Result
    from nodecheck.results import Run as Run
    from nodecheck.results import Status as Status

_HOMES = {
    "Audit": "nodecheck.own_model.audit",
    "ButcherTableau": "nodecheck.numerics.tableau",
    "GradientMonitor": "nodecheck.own_model.monitor",
    "ODELayer": "nodecheck.neural_ode",
    "Result": "nodecheck.results",
    "Run": "nodecheck.results",
    "Status": "nodecheck.results",
    "TABLEAUS": "nodecheck.numerics.tableaus",
    "TorchLayer": "nodecheck.layers",
    "audit": "nodecheck.frontends.auditing",
    "check": "nodecheck.frontends.running",
    "load_run": "nodecheck.frontends.running",
    "parametrize": "nodecheck.frontends.pytest.parametrize",
    "run": "nodecheck.frontends.running",
    "watch": "nodecheck.own_model.watched",
}

__all__ = [  # noqa: RUF022
    "TorchLayer",
    "run",
    "check",
    "parametrize",
    "Audit",
    "audit",
    "GradientMonitor",
    "watch",
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
