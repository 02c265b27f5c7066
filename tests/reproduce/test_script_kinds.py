"""Each kind of script: short, without nodecheck, failing for a wrong layer and passing for the right one."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from nodecheck.numerics.constants import SCRIPT_LINES
from nodecheck.reproduce import attempts
from nodecheck.reproduce.kinds import accuracy, identities, modules, others, same
from nodecheck.reproduce.kinds.kind import Kind
from nodecheck.reproduce.search import Search, lines_of
from nodecheck.reproduce.setting import Setting
from nodecheck.reproduce.source import LayerSource
from nodecheck.reproduce.trial import run_script
from nodecheck.results import LayerCard, Outcome, Result, at_most

SAMPLES = Path(__file__).parents[1] / "samples"
FORMS = {
    "Heun": {},
    "checkpointed": {},
    "between": {},
    "at_times": {"output_times": True},
    "with_log_det": {"output": "log-det"},
    "by_tolerance": {"names": ("tol",)},
}
# The kind of script, the layer, and its fault.
CASES = [
    (identities.FINAL_STATE, "Heun", "extra step"),
    (identities.TIMES, "Heun", "extra step"),
    (identities.GRADIENT, "Heun", "gradient"),
    (identities.OUTPUTS, "at_times", "late outputs"),
    (accuracy.STATE, "Heun", "stage time"),
    (accuracy.STATE, "by_tolerance", "coarse"),
    (accuracy.GRADIENT, "Heun", "gradient"),
    (accuracy.STATES, "at_times", "stage time"),
    (accuracy.GRADIENT_OF_STATES, "at_times", "gradient"),
    (accuracy.TIME_GRADIENT, "between", "gradient of times"),
    (accuracy.SECOND_DERIVATIVE, "Heun", "graph lost"),
    (accuracy.LOG_DETERMINANT, "with_log_det", "log-determinant"),
    (accuracy.GRADIENT_OF_LOG_DET, "with_log_det", "gradient"),
    (others.RAISES, "Heun", "raises"),
    (others.MISSING, "Heun", "detached"),
    (others.NOT_FINITE, "Heun", "infinite"),
    (others.HIDES_NAN, "Heun", "without NaN"),
    (others.HIDES_NAN_BACKWARDS, "Heun", "gradient without NaN"),
    (others.OWN_DERIVATIVE, "Heun", "gradient"),
    (others.MEMORY, "checkpointed", "backpropagation"),
    (others.LEAK, "Heun", "leaks"),
    (same.AGAIN, "Heun", "noise"),
    (same.GRADIENT_AGAIN, "Heun", "gradient noise"),
    (same.INPUT, "Heun", "mutates y0"),
    (same.DATA, "Heun", "mutates data"),
    (same.PARAMETERS, "Heun", "mutates A"),
    (same.RANDOM, "Heun", "draws"),
    (same.ALONE, "Heun", "batch mean"),
    (same.GRADIENT_ALONE, "Heun", "gradient of the mean"),
    (same.OVERLAPPING, "Heun", "overwritten"),
    (same.OVERLAPPING_OF_ONE, "Heun", "overwritten"),
    (same.SECOND_BACKWARD, "Heun", "second pass"),
    (same.LINEAR, "Heun", "quadratic gradient"),
    (same.SMALL, "Heun", "small gradient lost"),
    (same.LARGE, "Heun", "gradient clipped"),
    (same.VMAP, "Heun", "transforms"),
    (same.FORWARD_MODE, "Heun", "transforms"),
    (same.NO_GRAD, "Heun", "no graph"),
    (same.IN_PLACE, "Heun", "output kept"),
    (same.KEPT, "Heun", "one buffer"),
    (same.TRAINED, "Heun", "trained"),
    (same.TRAINED_NO_GRAD, "Heun", "trained without a graph"),
    (same.TRAINED_GRADIENT, "Heun", "trained gradient"),
    (modules.DATA_GRADIENT, "Heun", "data"),
    (same.COMPUTED_STATE, "Heun", "computed state"),
    (modules.FROZEN, "Heun", "frozen"),
    (modules.FROZEN_WITHOUT, "Heun", "frozen differentiated"),
    (modules.FROZEN_STAYS, "Heun", "unfreezes"),
    (modules.UNUSED, "Heun", "unused"),
    (modules.UNUSED_BEFORE, "Heun", "unused first"),
    (modules.TIED, "Heun", "tied"),
    (modules.NESTED, "Heun", "nested"),
    (modules.COMPUTED, "Heun", "computed"),
    (modules.FLOAT32, "Heun", "double"),
    (modules.UNITS, "Heun", "clamped"),
    (modules.MEMBER_TIMES, "between", "one end for all"),
]
IDS = [f"{kind.name}, {layer}" for kind, layer, _ in CASES]
of_each_kind = pytest.mark.parametrize(("kind", "layer", "fault"), CASES, ids=IDS)


def source(layer, fault):
    """Return the lines of a sample layer with a fault."""
    form = LayerSource((), **FORMS[layer])
    times = "ts" if form.output_times else "t0, t1"
    build = f"build = lambda f, {times}, r: {layer}(f, {times}, r, {fault!r})"
    found = f"import sys; sys.path.insert(0, {str(SAMPLES)!r})"
    return LayerSource((found, f"from solvers_to_reproduce import {layer}", build), **FORMS[layer])


@functools.cache
def script(kind, layer, fault):
    """Return the script that a search of one kind finds for a sample layer."""
    result = Result(
        layer, "some-check", "neural", Outcome.MEASURED, "It is wrong", measurements=(at_most("x", 1, 0),)
    )
    card = LayerCard(layer, "samples", "n_steps", order=2, adjoint="discrete")
    search = Search(result, card, source(layer, fault), lambda text, _: run_script(text), 200.0)
    order = 5 if layer == "by_tolerance" else 2
    return search.of_kind(kind, Setting(order=order, tol=1e-6, linear=kind is modules.UNITS))


@of_each_kind
def test_a_script_of_each_kind_shows_the_fault(kind, layer, fault):
    assert run_script(script(kind, layer, fault)).fails


@of_each_kind
def test_a_script_of_each_kind_passes_the_right_layer(kind, layer, fault):
    text = script(kind, layer, fault)
    assert repr(fault) in text
    assert run_script(text.replace(repr(fault), "''")).passes


@of_each_kind
def test_a_script_of_each_kind_is_short_and_asserts(kind, layer, fault):
    text = script(kind, layer, fault)
    assert lines_of(text) <= SCRIPT_LINES
    assert isinstance(ast.parse(text).body[-1], ast.Assert)


@of_each_kind
def test_a_script_of_each_kind_imports_no_nodecheck(kind, layer, fault):
    nodes = list(ast.walk(ast.parse(script(kind, layer, fault))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert names <= {"sys", "gc", "torch", "solvers_to_reproduce"}


def test_every_kind_that_there_is_has_a_wrong_layer():
    values = [
        value for module in (identities, accuracy, others, same, modules) for value in vars(module).values()
    ]
    assert {value for value in values if isinstance(value, Kind)} == {kind for kind, _, _ in CASES}


def test_every_kind_that_there_is_belongs_to_a_check():
    used = {kind for kinds in attempts._KINDS.values() for kind in kinds} | {others.RAISES}
    assert used == {kind for kind, _, _ in CASES}
