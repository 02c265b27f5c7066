"""Graphs that outlive their pass: what torch's complaint about them means for a layer."""

from __future__ import annotations

from nodecheck.layers.attempt import Refusal
from nodecheck.results import Evidence, at_most

# The beginning of what torch says, of whichever tensor; the rest is advice to whoever called backward.
_SECOND_TIME = "Trying to backward through the graph a second time"


def explain_kept_graph(refusal: Refusal) -> str:
    """Return the cause if a pass goes backward into the graph of an earlier one; "" if that is not it.

    Only of passes that do not raise by themselves: a layer may also walk its own graph twice within one pass.
    """
    if _SECOND_TIME not in str(refusal.error):
        return ""
    return (
        f"Something that is kept from an earlier pass is used in a later one with its autograd graph, which "
        f'the earlier backward pass has freed (torch: "{_SECOND_TIME}"): detach what is kept.'
    )


def of_kept_graph(refusal: Refusal) -> Evidence:
    """Return the evidence that a graph is kept from pass to pass; raise again what has another reason."""
    diagnosis = explain_kept_graph(refusal)
    if not diagnosis:
        raise refusal.error
    return Evidence((at_most("passes that raise after an earlier one", 1, 0, "passes"),), diagnosis)
