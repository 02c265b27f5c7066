"""Parts of adapters: views of the dynamics, and helpers for times and outputs.

An adapter is the `build` of a `nodecheck.TorchLayer`, and has two kinds of parts.  *Views of the dynamics*
are modules that evaluate ``dynamics(t, y)`` under the signature that a layer calls.  A view registers the
dynamics, so that ``parameters()`` finds its parameters, and it can be copied and pickled.  A view may be put
around another view.  *Readings* turn ``t0, t1, n_steps`` into the grid or the step size that a layer expects,
and the output of a layer into the final state; `last`, `part` and `drop_time` record what they drop of it.

=========================  ===========================================================================
the layer calls            pass it
=========================  ===========================================================================
f(t, y), f(t[B], y)        ``dynamics`` itself
f(y, t)                    ``swapped(dynamics)``
f(y)                       ``autonomous(dynamics)``, with `append_time` and `drop_time` around the layer
f(t, y, *params)           ``with_params(dynamics)``
f(t, y, theta)             ``with_flat_params(dynamics)``, with `flat_params` as theta
f(y, t, theta)             ``swapped(with_flat_params(dynamics))``
a subclass of Base         ``subclass(dynamics, Base)``
f on [0, 1] only           ``over_unit_interval(dynamics, t0, t1)``
f(t, (y, l))               ``with_divergence(dynamics)``, for the log-determinant
a(t, q, v), a(t, q)        ``dynamics`` itself, with "second-order" (and "separable") in `supports`
a(q, v, t), a(q, t)        ``time_last(dynamics)``
f(t, (q, v))               ``first_order(dynamics)``, with "second-order" in `supports`
a(q), a(q, v)              ``with_clock(dynamics)``, with `append_clock` and `drop_clock`
=========================  ===========================================================================

The names are imported when they are first used, so that the errors can be handled without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nodecheck.adapt.errors import ViewCallError

if TYPE_CHECKING:
    from nodecheck.adapt.divergence import with_divergence
    from nodecheck.adapt.mechanics import append_clock, drop_clock, first_order, time_last, with_clock
    from nodecheck.adapt.parts import part
    from nodecheck.adapt.readings import (
        append_time,
        at_times,
        drop_time,
        flat_params,
        grid,
        grid_through,
        last,
        step_size,
    )
    from nodecheck.adapt.subclassing import subclass
    from nodecheck.adapt.views import autonomous, over_unit_interval, swapped, with_flat_params, with_params

_READINGS = (
    "append_time",
    "at_times",
    "drop_time",
    "flat_params",
    "grid",
    "grid_through",
    "last",
    "step_size",
)
_VIEWS = ("autonomous", "over_unit_interval", "swapped", "with_flat_params", "with_params")
_OF_SECOND_ORDER = ("append_clock", "drop_clock", "first_order", "time_last", "with_clock")
_HOMES = {
    **dict.fromkeys(_READINGS, "nodecheck.adapt.readings"),
    **dict.fromkeys(_VIEWS, "nodecheck.adapt.views"),
    **dict.fromkeys(_OF_SECOND_ORDER, "nodecheck.adapt.mechanics"),
    "part": "nodecheck.adapt.parts",
    "subclass": "nodecheck.adapt.subclassing",
    "with_divergence": "nodecheck.adapt.divergence",
}

__all__ = [
    "ViewCallError",
    "append_clock",
    "append_time",
    "at_times",
    "autonomous",
    "drop_clock",
    "drop_time",
    "first_order",
    "flat_params",
    "grid",
    "grid_through",
    "last",
    "over_unit_interval",
    "part",
    "step_size",
    "subclass",
    "swapped",
    "time_last",
    "with_clock",
    "with_divergence",
    "with_flat_params",
    "with_params",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
