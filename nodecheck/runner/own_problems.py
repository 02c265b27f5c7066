"""Problems of the user's own: from a name to a problem, and the gate before it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from nodecheck.own_model.audit import Audit, Task
from nodecheck.own_model.gate import examine_field, examine_field_in_float64
from nodecheck.own_model.states import layout_of
from nodecheck.problems import OwnField, Problem, at_usual_outputs, from_module, is_own
from nodecheck.reference import Feature, ReferenceFailure, Sensitivity, features, sensitivity
from nodecheck.reference.blindness import blindness
from nodecheck.results.field_card import FieldCard
from nodecheck.results.phrases import plural
from nodecheck.runner.child_calls import Described
from nodecheck.targets.discovery import load_object
from nodecheck.targets.imports import TargetError, UsageError

__all__ = ["card_of_problem", "given_problems", "load_problem"]

_FORM = "a problem, `nodecheck.problems.from_module(name, module, y0, t0, t1)`, or a nodecheck.Audit"


def load_problem(target: str) -> Problem:
    """Return the problem that ``package.module:object`` or ``path/file.py:object`` names.

    Raises
    ------
    UsageError
        If the target is not written in one of the two forms, or names something else.
    TargetError
        If there is no such file, module or attribute, or its import raises.
    """
    found = load_object(target, "PROBLEM")
    try:
        return _as_problem(found)
    except (TypeError, ValueError) as error:
        message = f"in {target!r}: {error}"
        raise UsageError(message) from error


def given_problems(problems: Any) -> tuple[Problem, ...]:
    """Return one problem, or those of an iterable, as a tuple.

    Raises
    ------
    TypeError, ValueError
        If anything else is given, or a field is none that a check can be asked on.
    """
    several = isinstance(problems, Iterable) and not isinstance(problems, str)
    found = tuple(map(_as_problem, problems if several else (problems,)))
    for problem in found:
        require_field(problem)
    return found


def _as_problem(found: Any) -> Problem:
    """Return a problem, or the one of the field, the batch and the times of an audit."""
    if isinstance(found, Problem) and is_own(found):
        return found
    if isinstance(found, Audit):
        if isinstance(found.y0, tuple | list):
            message = "y0 must be one tensor, got a tuple of them; join them on one axis"
            raise TypeError(message)
        ends = found.t.detach().double()
        return from_module(found.name, found.dynamics, found.y0, float(ends[0]), float(ends[-1]))
    message = f"expected {_FORM}, got {type(found).__name__}; name the variable that holds it"
    raise TypeError(message)


def require_field(problem: Problem) -> None:
    """Raise a ValueError if a field is no function, or autograd does not differentiate it rightly."""
    task = _task(problem)
    findings = examine_field(task)
    if not any(found.blocks for found in findings):
        findings += examine_field_in_float64(task)
    if findings:
        first = findings[0]
        expected = "a function of (t, y) that autograd differentiates rightly, members apart"
        received = f"{first.kind}: {first.text}. {first.advice}"
        message = f"the field of {problem.name!r} must be {expected}, got {received}"
        raise ValueError(message)


def _task(problem: Problem) -> Task:
    """Return the field and the batch of a problem in the form of an audit."""
    own = problem.vector_field
    assert isinstance(own, OwnField)
    y0 = torch.tensor(problem.y0).reshape(-1, *own.shape)
    times = torch.tensor([problem.t0, problem.t1], dtype=torch.float64)
    return Task(own.module, y0, times, lambda _: torch.zeros(()), layout_of(y0), wrt_y0=False)


def card_of_problem(problem: Problem, target: str = "") -> FieldCard:
    """Return the card of a problem; what it cannot reveal takes its exact solution.

    Raises
    ------
    ReferenceFailure
        If it cannot be solved exactly.
    """
    own = problem.vector_field
    assert isinstance(own, OwnField)
    batch = len(problem.y0)
    members = f"{plural(batch, 'member')} of shape {own.shape}"
    count = plural(sum(p.size for p in problem.params.values()), "parameter")
    size = f"{members}, {count}, from t = {problem.t0:g} to {problem.t1:g}"
    return FieldCard(problem.name, target, size, blindness(problem))


def describe(targets: Sequence[str], *, outputs: bool) -> Described:
    """Return the cards of problems with their references, at output times too if `outputs`."""
    found = Described()
    for target in dict.fromkeys(targets):
        try:
            problem = load_problem(target)
            require_field(problem)
            card, references = card_of_problem(problem, target), _references(problem, outputs=outputs)
            found.cards[target], found.references[target] = card, references
        except UsageError as error:
            found.usage_errors[target] = str(error)
        except (TargetError, ReferenceFailure, ValueError) as error:
            found.load_errors[target] = str(error)
    return found


_Known = tuple[frozenset[Feature], Sensitivity | None]


def _references(problem: Problem, *, outputs: bool) -> bytes:
    """Return the references of a problem, and of the same at output times, pickled."""
    posed = (problem, at_usual_outputs(problem)) if outputs else (problem,)
    return pickle.dumps([_known(p) for p in posed])


def _known(problem: Problem) -> _Known:
    """Return the features and the reference of a problem; where its Jacobian jumps no check asks for it."""
    present = features(problem)
    return present, None if Feature.KINKED in present else sensitivity(problem)


def learn(problem: Problem, references: bytes) -> None:
    """Take the references of a problem that another process has computed."""
    known: list[_Known] = pickle.loads(references)
    for posed, (present, exact) in zip((problem, at_usual_outputs(problem)), known, strict=False):
        features.learn(posed, present)
        if exact is not None:
            sensitivity.learn(posed, exact)
