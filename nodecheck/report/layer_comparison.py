"""The gradient work-precision of all layers of a run on common axes: error against evaluations, and bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nodecheck.report.gradient_accuracy import against_bytes, against_evaluations, shared_problem
from nodecheck.report.limits import LABEL
from nodecheck.report.numbers import number, shorten
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.svg import COLOURS
from nodecheck.report.words import WRONG_WORDS, layer_names, verdict
from nodecheck.results import Result, Run, Series
from nodecheck.results.phrases import plural

_KINDS: tuple[tuple[str, Callable[[Sequence[Result], str], Series | None]], ...] = (
    ("Against evaluations of the field", against_evaluations),
    ("Against bytes at the peak", against_bytes),
)
_NOTE = (
    "Error of the gradient for what it costs: further down and to the left is better. The largest relative "
    "error over all groups, on the problem {problem}. Evaluations are those of both passes."
)
_MOST_NAMED = 2 * COLOURS  # layers with a colour, or dashes, of their own
_OTHER = "other layers"


def comparison_figures(run: Run) -> list[Figure]:
    """Return the work-precision of all layers on common axes; nothing for a single layer."""
    problem = shared_problem(run)
    panels = []
    for title, measure in _KINDS:
        curves = {name: measure(run.of_layer(name), problem) for name in layer_names(run)}
        found = {name: curve for name, curve in curves.items() if curve is not None}
        if len(found) > 1:
            panels.append(_panel(run, title, problem, found))
    if not panels:
        return []
    missing = _missing(run, panels[0])
    return [
        Figure(
            "Gradient work-precision of all layers", _NOTE.format(problem=problem) + missing, tuple(panels)
        )
    ]


def _panel(run: Run, title: str, problem: str, found: dict[str, Series]) -> Panel:
    labels = _labels(run, tuple(found))
    series = tuple(replace(curve, label=labels[name]) for name, curve in found.items())
    return Panel(
        "Work-precision",
        title,
        "all layers",
        series,
        problem,
        palette=tuple(dict.fromkeys(_labels(run, layer_names(run)).values())),
        names=tuple(found),
        head=("layer", series[0].x_label, "relative error"),
        rows=tuple(_end(name, curve) for name, curve in found.items()),
    )


def _end(name: str, curve: Series) -> tuple[str, str, str]:
    """Return the most exact point of a curve."""
    error, cost = min(zip(curve.y, curve.x, strict=True))
    return shorten(name), f"{cost:.0f}", number(error)


def _labels(run: Run, names: Sequence[str]) -> dict[str, str]:
    """Return the label of each curve: its layer or, where colours are too few, what its layer belongs to."""
    if len(layer_names(run)) <= _MOST_NAMED:
        return {name: shorten(name, LABEL) for name in names}
    targets = {card.name: card.target for card in run.layers}
    several = len(set(targets.values())) > 1
    kinds = {name: targets.get(name, _OTHER) if several else _kind(run, name) for name in names}
    return {name: shorten(kind, LABEL) for name, kind in kinds.items()}


def _kind(run: Run, name: str) -> str:
    """Return the kind of a layer among others of its library."""
    if verdict(run, name).word in WRONG_WORDS:
        return "wrong"
    card = next((c for c in run.layers if c.name == name), None)
    if card is None:
        return _OTHER
    return f"{card.adjoint or 'no adjoint'} claimed, {'adaptive' if card.adaptive else 'fixed steps'}"


def _missing(run: Run, panel: Panel) -> str:
    """Return the number of layers whose evaluations are not known."""
    missing = len(layer_names(run)) - len(panel.series)
    if not missing:
        return ""
    return (
        f" Not known of {plural(missing, 'layer')}: no gradient to compare, or measured by an older version."
    )
