"""The setting of a script: the size and the shape of its problem, and the steps by which it gets smaller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nodecheck.numerics.constants import SCRIPT_STEPS, SCRIPT_TOLERANCE

# The order in which a problem is reduced.
BATCH, STATE, STEPS, AUTONOMOUS, LINEAR = "batch", "state", "steps", "autonomous", "linear"
ORDER = (BATCH, STATE, STEPS, AUTONOMOUS, LINEAR)
LARGEST = 3  # members of the batch, and components of the state


@dataclass(frozen=True)
class Setting:
    """The problem y' = tanh(t A y) of a script, and how it is solved.

    Attributes
    ----------
    batch, state
        Number of members and of components.
    steps
        Number of steps of a fixed-step layer.
    tol
        Tolerance of an adaptive layer.
    autonomous, linear
        True if the factor t, or the tanh, is left out.
    t0, t1
        Interval.
    wrt
        Whose gradient is looked at: "y0" and "A".
    order
        The order that the layer is held to.
    power
        The exponent k of y' = c t^k, for scripts that integrate that.
    dtype
        Dtype of y0 and of the parameters.
    """

    batch: int = LARGEST
    state: int = LARGEST
    steps: int = SCRIPT_STEPS
    tol: float = SCRIPT_TOLERANCE
    autonomous: bool = False
    linear: bool = False
    t0: float = 0.3
    t1: float = 1.7
    wrt: tuple[str, ...] = ("y0", "A")
    order: int = 1
    power: int = 0
    dtype: str = "float64"


def smaller(setting: Setting, what: str, fewest: int = 1, fewest_steps: int = 1) -> Iterator[Setting]:
    """Yield settings that are smaller in one respect, the smallest first.

    Parameters
    ----------
    setting
        The setting.
    what
        One of `ORDER`.
    fewest
        The least number of components that the layer takes.
    fewest_steps
        The least number of steps.
    """
    if what == BATCH:
        yield from (replace(setting, batch=n) for n in range(1, setting.batch))
    elif what == STATE:
        counts = range(fewest, setting.state, fewest)
        yield from (replace(setting, state=n) for n in counts)
    elif what == STEPS:
        yield from (replace(setting, steps=n) for n in range(fewest_steps, setting.steps))
    elif what == AUTONOMOUS and not setting.autonomous:
        yield replace(setting, autonomous=True)
    elif what == LINEAR and not setting.linear:
        yield replace(setting, linear=True)
