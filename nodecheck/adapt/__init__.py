"""What an adapter is made of: the `build` of a `nodecheck.TorchLayer`, for a layer of any shape.

Two families.  *Views of the dynamics* are modules that evaluate ``dynamics(t, y)`` under the signature that a
layer calls: each registers the dynamics, so ``parameters()`` finds its parameters, and can be copied and
pickled.  Views may be put around each other.  *Readings* turn ``t0, t1, n_steps`` into the grid or the step
size that a layer asks for, and what it returns into the final state.

=========================  ===========================================================================
the layer calls            give it
=========================  ===========================================================================
f(t, y), f(t[B], y)        ``dynamics`` as it is
f(y, t)                    ``swapped(dynamics)``
f(y)                       ``autonomous(dynamics)``, with `append_time` and `drop_time` around the layer
f(t, y, *params)           ``with_params(dynamics)``
f(t, y, theta)             ``with_flat_params(dynamics)``, with `flat_params` as theta
f(y, t, theta)             ``swapped(with_flat_params(dynamics))``
a subclass of Base         ``subclass(dynamics, Base)``
f on [0, 1] only           ``over_unit_interval(dynamics, t0, t1)``
=========================  ===========================================================================
"""

from nodecheck.adapt.readings import append_time, drop_time, flat_params, grid, last, step_size
from nodecheck.adapt.views import (
    autonomous,
    over_unit_interval,
    subclass,
    swapped,
    with_flat_params,
    with_params,
)

__all__ = [
    "append_time",
    "autonomous",
    "drop_time",
    "flat_params",
    "grid",
    "last",
    "over_unit_interval",
    "step_size",
    "subclass",
    "swapped",
    "with_flat_params",
    "with_params",
]
