"""The scope of what is looked at, as facts: a verdict reaches no further."""

from __future__ import annotations

from collections.abc import Sequence

from nodecheck.adapt.dropped import Dropped
from nodecheck.layers import Solve
from nodecheck.results import NOT_LOOKED_AT, SCOPE, SCOPE_BESIDES

# Told by the checks of the log-determinant, when they have decided.
WITH_LOG_DET = {SCOPE_BESIDES: "log-determinant"}


def scope_facts(
    solve: Solve, dropped: Sequence[Dropped], *, output_times: bool, equation: str = ""
) -> dict[str, str]:
    """Return the part of the output that checks see, and what else the layer is known to return.

    Parameters
    ----------
    solve
        A solve as the checks ask for it.
    dropped
        What the readings of the adapter dropped in it.
    output_times
        True if the states at output times are looked at, too.
    equation
        The kind of equations that are solved, where they are not y' = f(t, y).
    """
    others = [part.what for part in dropped if not part.appended]
    appended = "".join(f" without {part.what}" for part in dropped if part.appended)
    only = " only" if others else ""
    states = "states at output times" if output_times else "final state"
    of = f" of {equation}" if equation else ""
    scope = f"{states}{only}{appended}{of} ({solve.dtype}, {solve.device.upper()})"
    return {SCOPE: scope} | ({NOT_LOOKED_AT: " and ".join(others)} if others else {})
