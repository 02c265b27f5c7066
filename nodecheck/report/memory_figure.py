"""The memory of all layers in one figure: bytes against steps, coloured by growth law, with a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from nodecheck.report.limits import NAME
from nodecheck.report.numbers import number, shorten
from nodecheck.report.panels import Figure, Panel
from nodecheck.report.svg import COLOURS
from nodecheck.report.words import facts_of, layer_names
from nodecheck.results import Run, Series
from nodecheck.results.phrases import plural

# Plots as the checks name them, the device of each, and the end of the names of its facts.
_DEVICES = (("Memory", "CPU", ""), ("Memory on CUDA", "CUDA", " on cuda"))
_PHASES = ("peak of forward", "peak of backward")
_COLUMNS = ("saved by autograd", "between the passes", *_PHASES)
_MOST_NAMED = COLOURS  # curves; of more, a curve has the colour of its law, and the table has its name
_LONGEST_LAYER = 28  # characters, beside its law in a legend
_KIB = 1024  # bytes
_LAW = re.compile(r"O\([^)]*\)(?: or O\([^)]*\))*")
_UNDECIDED = "undecided"


def memory_figures(run: Run) -> list[Figure]:
    """Return the peaks of all layers on common axes, for CPU and CUDA; nothing for a single layer."""
    panels = []
    for plot, device, suffix in _DEVICES:
        laws = {name: _law(facts_of(run.of_layer(name)), suffix) for name in layer_names(run)}
        found = {label: _curves(run, plot, label) for label in _COLUMNS}
        for phase in _PHASES:
            if len(found[phase]) > 1:
                last = phase == _PHASES[-1]
                panels.append(_panel(phase, device, found, laws, with_table=last))
    return [Figure("Memory of all layers", _note(run), tuple(panels), open=True)] if panels else []


def _curves(run: Run, plot: str, label: str) -> dict[str, Series]:
    return {r.layer: s for r in run.results for s in r.series if (s.plot, s.label) == (plot, label)}


def _law(facts: Mapping[str, str], suffix: str) -> str:
    law = _LAW.match(facts.get(f"memory law{suffix}", ""))
    return law.group() if law else _UNDECIDED


def _panel(
    phase: str,
    device: str,
    found: Mapping[str, dict[str, Series]],
    laws: Mapping[str, str],
    *,
    with_table: bool,
) -> Panel:
    """Return one phase on one device; the last one has the table of all phases."""
    curves = found[phase]
    units = sorted({s.x_label for s in curves.values()})
    x_label = units[0] if len(units) == 1 else "steps; evaluations where adaptive"
    count = Counter(laws[name] for name in curves)

    def label(name: str) -> str:
        if len(curves) <= _MOST_NAMED:
            return f"{shorten(name, _LONGEST_LAYER)}, {laws[name]}"
        return f"{laws[name]}: {plural(count[laws[name]], 'layer')}"

    order = sorted(curves, key=lambda name: (laws[name] == _UNDECIDED, len(laws[name]), laws[name]))
    series = tuple(
        replace(curves[name], label=label(name), x_label=x_label, style="points") for name in order
    )
    rows = tuple(_row(name, found, laws[name]) for name in curves) if with_table else ()
    head = ("layer", "law", "at the end of", *(f"{c}, KiB" for c in _COLUMNS))
    return Panel("Memory", f"{phase.capitalize()}, {device}", "all layers", series, head=head, rows=rows)


def _row(name: str, found: Mapping[str, dict[str, Series]], law: str) -> tuple[str, ...]:
    first = next(found[phase][name] for phase in _PHASES if name in found[phase])
    values = (found[column].get(name) for column in _COLUMNS)
    ends = (f"{s.y[-1] / _KIB:.0f}" if s else "not measured" for s in values)
    return (shorten(name, NAME), law, f"{number(first.x[-1])} {first.x_label}", *ends)


def _note(run: Run) -> str:
    """Return the explanation of the figure, and the reason why CUDA is missing from it."""
    missing = facts_of(run.results).get("CUDA", "")
    note = (
        "Most bytes alive at once, against steps (evaluations of the field, where a layer chooses its steps "
        "itself), on log-log axes: flat is O(1), a line of slope one is O(n)."
    )
    return f"{note} CUDA: {missing}." if missing else note
