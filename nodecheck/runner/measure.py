"""Runs one check on one layer: the only place that catches what a layer raises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from nodecheck.checks import Check
from nodecheck.layers import LayerUnderTest, TorchLayer
from nodecheck.options.profile import Profile
from nodecheck.problems import Problem
from nodecheck.reference import ReferenceFailure
from nodecheck.results import Evidence, Inconclusive, LayerCard, Outcome, Result, Skip, Unsupported
from nodecheck.runner.origin import origin
from nodecheck.runner.time_limit import time_limit

_T = TypeVar("_T")


class InProcess:
    """Measures layers in this process; a layer that hangs or crashes the interpreter takes it along.

    Only the runs of the layer measured last are kept.
    """

    def __init__(self, layers: Iterable[TorchLayer], profile: Profile, seed: int) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self._profile, self._seed = profile, seed
        self._current: LayerUnderTest | None = None

    def __call__(self, card: LayerCard, check: Check, problem: Problem | None) -> Result:
        """Return the result of a check."""
        if self._current is None or self._current.name != card.name:
            layer = self._layers[card.name_in_target]
            self._current = LayerUnderTest(
                layer, self._profile, self._seed, device=card.device, dtype=card.dtype, name=card.name
            )
        return measure(check, problem, self._current)


def measure(check: Check, problem: Problem | None, layer: LayerUnderTest) -> Result:
    """Run one check and turn whatever happens into a result; only Ctrl-C goes through."""
    clock = time.perf_counter()
    nothing = blank(layer.name, check, problem, layer.seed)
    try:
        with layer.backend.isolated(layer.seed), time_limit(layer.profile.seconds):
            evidence = check.measure(layer, problem and layer.rounded(problem))
    except (Inconclusive, ReferenceFailure) as error:
        result = replace(nothing, outcome=Outcome.INCONCLUSIVE, reason=str(error))
    except Unsupported as error:
        result = replace(nothing, outcome=Outcome.UNSUPPORTED, reason=str(error), facts=error.facts)
    except Skip as error:
        result = replace(nothing, outcome=Outcome.SKIPPED, reason=str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result = raised(nothing, check, error)
    else:
        result = measured_result(nothing, check, evidence)
    return replace(result, seconds=time.perf_counter() - clock)


def blank(layer: str, check: Check, problem: Problem | None, seed: int) -> Result:
    """Return the result of a check before anything is known."""
    return Result(
        layer=layer,
        check=check.id,
        problem=problem.name if problem is not None else "",
        outcome=Outcome.ERROR,
        title=check.title,
        theme=check.theme,
        kind=check.kind,
        cite=check.cite,
        seed=seed,
    )


def measured_result(nothing: Result, check: Check, evidence: Evidence) -> Result:
    """Return the result of a check that measured."""
    return replace(
        nothing,
        outcome=Outcome.MEASURED,
        measurements=evidence.measurements,
        diagnosis=evidence.diagnosis,
        series=evidence.series,
        facts=evidence.facts,
        metrics=evidence.metrics,
        title=check.title if all(m.holds for m in evidence.measurements) else check.failure_title,
    )


@dataclass(frozen=True)
class Raised:
    """An error as plain data: its type and message, and the innermost line of the layer's own code.

    `undecided` is True for a reason for no verdict, which is no error of the layer.
    """

    reason: str
    where: str
    undecided: bool = False


def raised_by(call: Callable[[], _T]) -> _T | Raised:
    """Return `call()`, or any error that it raised: a layer is behind it."""
    try:
        return call()
    except BaseException as error:
        return _described(error)


def raised(nothing: Result, check: Check, error: BaseException) -> Result:
    """Return the error result: what was raised, and the innermost line of the layer's own code."""
    found = _described(error)
    return replace(nothing, reason=found.reason, diagnosis=found.where, title=check.failure_title)


def _described(error: BaseException) -> Raised:
    if isinstance(error, Inconclusive):
        return Raised(str(error), "", undecided=True)
    return Raised(f"{type(error).__name__}: {error}".strip(), origin(error))
